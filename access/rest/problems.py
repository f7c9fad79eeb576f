"""Every refusal of the API as `application/problem+json` (RFC 9457), in one place.

`type` is the address of the list of codes, `code` the stable name clients act on; `errors` tells by JSON pointer
(RFC 6901) what is wrong with which member. Sentences are ours: those of the libraries repeat the input.
"""

import json
import logging
from collections.abc import Iterable, Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import BadRequest, PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.core.signals import got_request_exception
from django.db import DataError, InterfaceError, InternalError, OperationalError
from django.http import Http404, HttpResponse, UnreadablePostError
from rest_framework import exceptions as rest

from access.rest.codes import TITLES
from gdpr_portal.errors import DomainError, Flaw, Invalid, Missing, Unavailable, kind_of
from vault.services import report_if_tampered

log = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
RETRY_SECONDS = 2
"""How long a client is asked to wait when something this service depends on is down."""
SLOW_DOWN_SECONDS = 300
"""How long a client is asked to wait that was throttled, where nobody says more exactly: so long apart are mails."""
WAITS = {429: SLOW_DOWN_SECONDS, 503: RETRY_SECONDS}
"""Status -> what `Retry-After` says unless it is given."""
LOCK_NOT_AVAILABLE = "55P03"
"""SQLSTATE of a lock that was waited for in vain; the database is well."""

NOT_FOUND = Missing()


def problem(
    status: int, code: str, detail: str, *, errors: Iterable[Flaw] = (), headers: Mapping[str, str] | None = None
) -> HttpResponse:
    """The answer for one code; 429 and 503 say when to come back."""
    body: dict[str, Any] = {
        "type": f"{settings.BASE_URL}/api/docs/problems#{code}",
        "title": TITLES.get(code) or code.replace("_", " ").capitalize(),
        "status": status,
        "detail": detail,
        "code": code,
    }
    flaws = [{"pointer": flaw.pointer, "code": flaw.code, "detail": flaw.detail} for flaw in errors]
    if flaws:
        body["errors"] = flaws
    response = HttpResponse(json.dumps(body, ensure_ascii=False).encode(), status=status, content_type=CONTENT_TYPE)
    if status in WAITS:
        response["Retry-After"] = str(WAITS[status])
    for name, value in (headers or {}).items():
        response[name] = value
    return response


def problem_response(error: DomainError) -> HttpResponse:
    """The answer for an error of the services, also outside the REST framework."""
    return problem(error.status, error.code, error.message, errors=error.errors, headers=error.headers)


def unavailable() -> HttpResponse:
    """The answer while the database or the vault is down."""
    return problem_response(Unavailable("unavailable", "The service cannot answer now. Nothing was received."))


def internal_error() -> HttpResponse:
    """The answer when something went wrong that nobody expected; what was under way is undone."""
    return problem(500, "internal_error", "Something went wrong here. It is logged under the id in X-Request-Id.")


def handle(error: Exception, context: Mapping[str, Any]) -> HttpResponse:
    """The answer for whatever a view raised; what nobody expected is logged and says nothing of itself."""
    report_if_tampered(error)
    if isinstance(error, DomainError):
        return problem_response(error)
    if getattr(error.__cause__, "sqlstate", "") == LOCK_NOT_AVAILABLE:
        log.info("somebody else's work holds what this needs")
        return problem(503, "unavailable", "Somebody else's work on the same is not done yet. Nothing was received.")
    if isinstance(error, OperationalError | InterfaceError | InternalError):
        log.warning("database not available", extra={"error": kind_of(error)})
        return unavailable()
    if isinstance(error, rest.APIException):
        return _of_framework(error)
    return _of_django(error) or _unexpected(error, context)


def _of_framework(error: rest.APIException) -> HttpResponse:
    if isinstance(error, rest.NotAuthenticated | rest.AuthenticationFailed):
        return _unauthenticated(error)
    if isinstance(error, rest.Throttled):
        wait = str(max(1, int(getattr(error, "wait", None) or 1)))
        return problem(429, "throttled", "Too many requests at once.", headers={"Retry-After": wait})
    if isinstance(error, rest.MethodNotAllowed):
        return problem(405, "method_not_allowed", "This address does not know the method.")
    for kind, status, code, detail in _FRAMEWORK:
        if isinstance(error, kind):
            return problem(status, code, detail)
    return problem(error.status_code, str(getattr(error, "default_code", "error")), "The request was refused.")


_FRAMEWORK: list[tuple[type[rest.APIException], int, str, str]] = [
    (rest.NotFound, 404, NOT_FOUND.code, NOT_FOUND.message),
    (rest.NotAcceptable, 406, "not_acceptable", "None of the formats in Accept is on offer here."),
    (rest.UnsupportedMediaType, 415, "unsupported_media_type", "Bodies are JSON in UTF-8, not compressed."),
    (rest.ParseError, 400, "malformed_json", "The body is not JSON."),
    (rest.PermissionDenied, 403, "scope_missing", "The token does not carry the scope this needs."),
    (rest.ValidationError, 422, "invalid_value", "A value does not fit."),
]


def _unauthenticated(error: rest.APIException) -> HttpResponse:
    challenge = getattr(error, "challenge", None) or 'Bearer realm="api"'
    return problem(401, "invalid_token", "A live bearer token is needed.", headers={"WWW-Authenticate": str(challenge)})


def _of_django(error: Exception) -> HttpResponse | None:
    if isinstance(error, Http404):
        return problem_response(NOT_FOUND)
    if isinstance(error, PermissionDenied):
        return problem(403, "forbidden", "This is not allowed.")
    if isinstance(error, RequestDataTooBig):
        return problem(413, "too_large", "The body is larger than 1 MiB.")
    if isinstance(error, SuspiciousOperation | BadRequest | UnreadablePostError):
        return problem_response(Invalid("malformed_request", "The request cannot be read."))
    if isinstance(error, DataError):
        # The last net: a value no column can hold must have been refused by a serializer before.
        log.error("a value reached the database that it cannot hold", exc_info=error)
        return problem(422, "invalid_value", "A value does not fit.")
    return None


def _unexpected(error: Exception, context: Mapping[str, Any]) -> HttpResponse:
    request = context.get("request")
    got_request_exception.send(sender=problem, request=getattr(request, "_request", request))
    log.error("unexpected error", exc_info=error)
    return internal_error()
