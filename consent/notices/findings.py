"""What a check has found in a notice. Pure, but for the language in force when it is put into words.

`BLOCK` keeps the notice from being submitted and approved; `WARN` is for the reviewer, who reads it and says so.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass
from types import MappingProxyType

import rfc8785
from django.utils.translation import gettext, gettext_noop

from consent.notices.text import OPENING, TITLE

BLOCK, WARN = "block", "warn"
WHOLE = gettext_noop("the whole notice")
_PLACES = frozenset({OPENING, TITLE, WHOLE})


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Finding:
    """One thing found: `where` is a heading or a place, `quote` the words themselves, `source` the rule.

    `reason` is the msgid of a sentence, `about` what is put into it.
    """

    language: str
    code: str
    where: str
    quote: str = ""
    reason: str = ""
    about: tuple[tuple[str, str | int], ...] = ()
    source: str = ""
    severity: str = WARN

    @property
    def label(self) -> str:
        """What the audit log keeps of it: `de:pressure`."""
        return f"{self.language}:{self.code}"

    @property
    def words(self) -> str:
        """The reason, in the language in force."""
        return gettext(self.reason) % dict(self.about)

    @property
    def place(self) -> str:
        """Where it stands, for reading."""
        return gettext(self.where) if self.where in _PLACES else self.where

    def __str__(self) -> str:
        said = f" “{self.quote}”" if self.quote else ""
        return f"{self.language}, {self.place}:{said} {self.words} ({self.source})"


def found(
    language: str, code: str, where: str, reason: str, source: str, *, quote: str = "", severity: str = WARN,
    about: Mapping[str, str | int] = MappingProxyType({}),
) -> Finding:  # fmt: skip
    """One finding; `about` is put into its reason."""
    return Finding(
        language=language, code=code, where=where, quote=quote, reason=reason, about=tuple(about.items()),
        source=source, severity=severity,
    )  # fmt: skip


def blocking(findings: Iterable[Finding]) -> list[Finding]:
    """Those that keep a notice from review."""
    return [finding for finding in findings if finding.severity == BLOCK]


def warning(findings: Iterable[Finding]) -> list[Finding]:
    """Those that a reviewer acknowledges."""
    return [finding for finding in findings if finding.severity == WARN]


def digest_of(findings: Iterable[Finding]) -> str:
    """What an acknowledgement is bound to: exactly these findings, in whatever order; empty when there are none."""
    rows = sorted(rfc8785.dumps([str(part) for part in astuple(finding)]) for finding in findings)
    return f"sha256:{hashlib.sha256(b''.join(rows)).hexdigest()}" if rows else ""
