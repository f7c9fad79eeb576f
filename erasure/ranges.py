"""Parts of a file by HTTP (RFC 9110, sections 13.1.5 and 14): which bytes an answer has. Pure.

One range is honoured. Several, another unit and what is no range at all are answered with the whole, as the RFC allows.
"""

import re
from dataclasses import dataclass

_ONE = re.compile(r"bytes=[ \t]*(\d{0,19})-(\d{0,19})[ \t]*", re.ASCII | re.IGNORECASE)


class Unsatisfiable(Exception):
    """The range begins behind the end (416)."""


@dataclass(frozen=True)
class Part:
    """Bytes `start` to before `end` of `size`."""

    start: int
    end: int
    size: int

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left out."""
        return self.end - self.start == self.size

    @property
    def content_range(self) -> str:
        """As `Content-Range` says it."""
        return f"bytes {self.start}-{self.end - 1}/{self.size}"


def asked_part(wanted: str, if_range: str, *, etag: str, size: int) -> Part | None:
    """The part that `Range` asks for, None for the whole: also when `If-Range` names another state than `etag`.

    `etag` is a strong one, and only the very same does; a date never does. Raises Unsatisfiable.
    """
    one = _ONE.fullmatch(wanted)
    if one is None or (if_range and if_range.strip() != etag):
        return None
    first, last = one.groups()
    if not first:
        return _suffix(int(last), size) if last else None
    if last and int(last) < int(first):
        return None
    if int(first) >= size:
        raise Unsatisfiable
    return Part(int(first), min(int(last) + 1, size) if last else size, size)


def _suffix(length: int, size: int) -> Part:
    if not length or not size:
        raise Unsatisfiable
    return Part(max(0, size - length), size, size)
