"""The one family of errors the services raise; every door translates it in one place.

Ground floor: everyone may import it. A `code` is stable and tested; a `message` is for people and never holds a
personal value. `errors` lists what is wrong with which member of the input, by JSON pointer (RFC 6901).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db import InterfaceError, InternalError, OperationalError
from django.utils.translation import gettext

_PLAIN_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)


def step(name: object) -> str:
    """One step of a JSON pointer; empty for a name that may itself be somebody's data."""
    return f"/{name}" if isinstance(name, int) or _PLAIN_NAME.fullmatch(str(name)) else ""


@dataclass(frozen=True)
class Flaw:
    """One member of the input and what is wrong with it."""

    pointer: str
    code: str
    detail: str


class DomainError(Exception):
    """A refusal with a stable code. `status` is the HTTP status the doors answer with (RFC 9110)."""

    status = 400
    headers: Mapping[str, str] = {}
    """What the answer carries besides."""

    def __init__(
        self,
        code: str,
        message: str = "",
        *,
        status: int | None = None,
        errors: Sequence[Flaw] = (),
        params: Mapping[str, object] | None = None,
    ) -> None:
        """A `message` with `params` is written as for gettext: "At most %(longest)s characters."."""
        super().__init__(code, message)
        self.code, self.params = code, params
        self._sentence = message or code.replace("_", " ").capitalize() + "."
        self.errors = tuple(errors)
        if status is not None:
            self.status = status

    @property
    def message(self) -> str:
        """The sentence in English, for programs and logs."""
        return self._sentence % self.params if self.params else self._sentence

    @property
    def in_words(self) -> str:
        """The sentence in the reader's language, where the catalogues know it (gdpr_portal/admin_words.py)."""
        sentence = gettext(self._sentence)
        return sentence % self.params if self.params else sentence

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class Invalid(DomainError):
    """The input cannot be read (400) or does not fit (`status=422`)."""

    status = 400


class Refused(DomainError):
    """Understood and not allowed."""

    status = 403


class Missing(DomainError):
    """Unknown, or not to be known of by whoever asks: the same answer for both."""

    status = 404

    def __init__(self, code: str = "not_found", message: str = "There is nothing here under this id.") -> None:
        super().__init__(code, message)


class WrongState(DomainError):
    """In conflict with what stands."""

    status = 409


class Gone(DomainError):
    """Was here, and has been erased or has expired."""

    status = 410


class Unavailable(DomainError):
    """Something this service depends on is down; nothing was received. Doors add `Retry-After`."""

    status = 503


def is_unavailability(error: BaseException | None) -> bool:
    """Whether something this service depends on is down, rather than something being wrong.

    `InternalError` too: it is how PgBouncer tells that the server behind it was lost (tests/fleet).
    """
    return isinstance(error, OperationalError | InterfaceError | InternalError | Unavailable)


def kind_of(error: BaseException) -> str:
    """The name of its class for logs; of an error of the database the driver's own, which says more than Django's:
    `ReadOnlySqlTransaction`, `TooManyConnections`, `DiskFull`."""
    return type(error.__cause__ if hasattr(error.__cause__, "sqlstate") else error).__name__


def last_line(error: BaseException) -> str:
    """What libpq said last, but for its guesses (behind a tab): it names host, port and user, and never a password."""
    said = [line for line in str(error).splitlines() if line.strip() and not line.startswith("\t")]
    return " ".join(said[-1].split()) if said else kind_of(error)
