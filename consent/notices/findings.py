"""What a check has found in a notice. Pure.

`BLOCK` keeps the notice from being submitted and approved; `WARN` is for the reviewer, who reads it and says so.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import astuple, dataclass

import rfc8785

BLOCK, WARN = "block", "warn"


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Finding:
    """One thing found: `where` is a heading or a place in words, `quote` the words themselves, `source` the rule."""

    language: str
    code: str
    where: str
    quote: str = ""
    reason: str = ""
    source: str = ""
    severity: str = WARN

    @property
    def label(self) -> str:
        """What the audit log keeps of it: `de:urgency`."""
        return f"{self.language}:{self.code}"

    def __str__(self) -> str:
        said = f" “{self.quote}”" if self.quote else ""
        return f"{self.language}, {self.where}:{said} {self.reason} ({self.source})"


def blocking(findings: Iterable[Finding]) -> list[Finding]:
    """Those that keep a notice from review."""
    return [finding for finding in findings if finding.severity == BLOCK]


def warning(findings: Iterable[Finding]) -> list[Finding]:
    """Those that a reviewer acknowledges."""
    return [finding for finding in findings if finding.severity == WARN]


def digest_of(findings: Iterable[Finding]) -> str:
    """What an acknowledgement is bound to: exactly these findings, in whatever order; empty when there are none."""
    rows = sorted([str(part) for part in astuple(finding)] for finding in findings)
    return f"sha256:{hashlib.sha256(rfc8785.dumps(rows)).hexdigest()}" if rows else ""
