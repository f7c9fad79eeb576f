"""JSON as the contract allows it (RFC 8259, I-JSON RFC 7493): what is ambiguous elsewhere is refused here.

Limits: 1 MiB, 20 levels of nesting. Refused: NaN and Infinity, numbers beyond a double, lone surrogates, NUL, a
member name twice, other media types, other character sets than UTF-8.
"""

import json
import math
from collections.abc import Iterator, Mapping
from typing import IO, Any, NoReturn

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest
from django.http.request import UnreadablePostError
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.parsers import BaseParser

from gdpr_portal.errors import DomainError, Invalid

MOST_BYTES = 1024 * 1024
MOST_LEVELS = 20


class StrictJSONParser(BaseParser):
    """Bodies of `application/json` for the REST framework."""

    media_type = "application/json"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        return parse(stream.read(MOST_BYTES + 1))


def raw_body(request: HttpRequest) -> bytes:
    """The bytes of the body, however it was sent; 413 `too_large` past 1 MiB, whatever Content-Length says."""
    if not (request.META.get("CONTENT_LENGTH") or "0").isdecimal():
        raise Invalid("malformed_request", "Content-Length is not a number.")
    if not hasattr(request, "_body") and _is_chunked(request):
        # Django reads nothing without Content-Length; what is read here is what its `body` gives from now on.
        request._body = request.META["wsgi.input"].read(MOST_BYTES + 1)
    try:
        body = request.body
    except RequestDataTooBig:
        raise too_large() from None
    except UnreadablePostError:
        raise Invalid("malformed_request", "The body ended before it was complete.") from None
    if len(body) > MOST_BYTES:
        raise too_large()
    return body


def _is_chunked(request: HttpRequest) -> bool:
    return (
        not request.META.get("CONTENT_LENGTH") and "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower()
    )


def too_large() -> DomainError:
    return Invalid("too_large", "The body is larger than 1 MiB.", status=413)


def require_json(content_type: str, content_encoding: str) -> None:
    """Nothing for `application/json`, in UTF-8 if it says so, and not compressed (RFC 9110 section 15.5.16);
    `UnsupportedMediaType` for everything else."""
    if content_encoding.strip().lower() not in {"", "identity"}:
        raise UnsupportedMediaType(content_encoding)
    kind, _, parameters = content_type.partition(";")
    names = [part.strip().lower().replace('"', "") for part in parameters.split(";") if part.strip()]
    if kind.strip().lower() != "application/json" or any(name != "charset=utf-8" for name in names):
        raise UnsupportedMediaType(kind)


def parse(body: bytes) -> Any:
    """The value of the body; 400 `malformed_json` or `too_deep`, 413 `too_large`."""
    if len(body) > MOST_BYTES:
        raise too_large()
    try:
        value = json.loads(body.decode("utf-8"), object_pairs_hook=_members, parse_constant=_no_constant)
    except RecursionError:
        raise _too_deep() from None
    except ValueError:
        raise _malformed("The body is not JSON in UTF-8.") from None
    for scalar in _scalars(value):
        _check(scalar)
    return value


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _malformed("A member name stands twice in one object.")
    return members


def _no_constant(_: str) -> NoReturn:
    raise _malformed("NaN and Infinity are not JSON.")


def _scalars(value: Any) -> Iterator[Any]:
    """Every name, text and number; 400 `too_deep` once a level too many shows. Without recursion of its own."""
    waiting = [(value, 1)]
    while waiting:
        current, level = waiting.pop()
        if not isinstance(current, dict | list):
            yield current
            continue
        if level > MOST_LEVELS:
            raise _too_deep()
        if isinstance(current, dict):
            yield from current
            current = list(current.values())
        waiting.extend((item, level + 1) for item in current)


def _check(scalar: Any) -> None:
    if isinstance(scalar, float) and not math.isfinite(scalar):
        raise _malformed("A number is too large.")
    if not isinstance(scalar, str) or (scalar.isascii() and "\0" not in scalar):
        return
    if "\0" in scalar or any("\ud800" <= letter <= "\udfff" for letter in scalar):
        raise _malformed("A text holds NUL or half a character.")


def _malformed(message: str) -> Invalid:
    return Invalid("malformed_json", message)


def _too_deep() -> Invalid:
    return Invalid("too_deep", f"The body is nested deeper than {MOST_LEVELS} levels.")
