"""What can go wrong, as exceptions to act on. No message holds a personal value: the service sends none."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class PortalError(Exception):
    """Anything this library raises."""


@dataclass(frozen=True)
class Flaw:
    """What is wrong with one member of the body: a JSON pointer (RFC 6901), a stable code, a sentence."""

    pointer: str
    code: str
    detail: str

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> "Flaw":
        """As the service told it; members a later version adds are ignored."""
        return cls(*(str(told.get(name, "")) for name in ("pointer", "code", "detail")))


class Problem(PortalError):
    """A refusal of the service (RFC 9457). Act on `code`; tell support the `request_id`."""

    def __init__(self, status: int, body: Mapping[str, Any], request_id: str = "", retry_after: float | None = None):
        self.status = status
        self.code = str(body.get("code", "unknown"))
        self.title = str(body.get("title", ""))
        self.detail = str(body.get("detail", ""))
        self.errors = tuple(Flaw.of(each) for each in body.get("errors") or ())
        self.request_id = request_id
        self.retry_after = retry_after
        where = ", ".join(f"{flaw.pointer}: {flaw.code}" for flaw in self.errors)
        super().__init__(f"{status} {self.code}: {self.detail}{f' ({where})' if where else ''} [{request_id}]")


class NotFound(Problem):
    """404: no such thing, or none this application may know of."""


class Erased(Problem):
    """410: the person was erased, the archive or the cursor has expired; `code` says which."""


class Conflict(Problem):
    """409: something stands in the way, such as `notice_outdated` or `not_ready`."""


class Refused(Problem):
    """403: the scope is missing, or the deciding `code` of a decision."""


class Throttled(Problem):
    """429: too many requests, also after waiting as asked."""


class AuthenticationFailed(PortalError):
    """The client credentials were not taken, or the token is refused even when new (RFC 6749 section 5.2)."""


class Unreachable(PortalError):
    """No answer, or none that can be read, after all tries. The act may have happened; its key makes repeating safe."""


class NotVerified(PortalError):
    """A notice whose signature, time or form does not hold. Answer it with 400 and do nothing."""


KINDS: dict[int, type[Problem]] = {403: Refused, 404: NotFound, 409: Conflict, 410: Erased, 429: Throttled}


def problem(status: int, body: Mapping[str, Any], request_id: str, retry_after: float | None) -> Problem:
    """The exception for an answer of the service."""
    return KINDS.get(status, Problem)(status, body, request_id, retry_after)
