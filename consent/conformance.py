"""What the conformance kit attests, read strictly: the payload of the JWS that an application hands in.

    {"format": 1, "kit": "0.1.0", "application": "<client id>", "release": "<what was tested>", "portal": "<sandbox>",
     "started_at": "<RFC 3339>", "finished_at": "<RFC 3339>",
     "checks": [{"name": "stops_after_withdrawal", "passed": true, "reason": ""}, ...]}

The kit says what it saw, the service judges: an attestation passes when every check of `CHECKS` is in it and passed,
so one that leaves a check out does not. Words for people are the desk's (`consent.qa.words`); names and reasons are
codes, so that no value of a person fits in.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NoReturn

from gdpr_portal.errors import Invalid

TYP = "gdpr-conformance+jws"
CHECKS = (
    "stops_after_withdrawal",
    "honours_restriction",
    "erases_in_time",
    "repeated_notice_once",
    "older_notice_ignored",
    "wrong_signature_refused",
    "altered_body_refused",
    "stale_notice_refused",
    "unsigned_notice_refused",
    "either_secret_accepted",
)
"""What an application shows, in the order of the desk; the kit has the same names (clients/conformance)."""

_MEMBERS = {"format", "kit", "application", "release", "portal", "started_at", "finished_at", "checks"}
_MOST_CHECKS = 100
_CODE = re.compile(r"[a-z][a-z0-9_]{0,59}", re.ASCII)
_PLAIN = re.compile(r"[A-Za-z0-9._:/+=()\[\]-]{0,200}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Attested:
    """One run of the kit. `checks` maps the name of a check to why it failed, empty when it passed."""

    kit: str
    application: str
    release: str
    portal: str
    finished_at: datetime
    checks: Mapping[str, str]

    @property
    def failed(self) -> list[str]:
        """The checks that failed, by name."""
        return [name for name, reason in self.checks.items() if reason]

    @property
    def missing(self) -> list[str]:
        """The checks that should be there and are not."""
        return missing(self.checks)

    @property
    def passed(self) -> bool:
        """Whether everything was looked at and was as it should be."""
        return not self.failed and not self.missing


def missing(checks: Mapping[str, str]) -> list[str]:
    """The checks of this service that the attestation does not have."""
    return [name for name in CHECKS if name not in checks]


def read(payload: bytes) -> Attested:
    """The attestation. Raises `Invalid("invalid_value")` (422) for whatever is not exactly one."""
    try:
        found = json.loads(payload)
    except (ValueError, RecursionError):
        _bad("It is not JSON.")
    if not isinstance(found, dict) or found.keys() != _MEMBERS or found["format"] != 1:
        _bad("It is not an attestation of format 1.")
    begun, finished = _moment(found["started_at"]), _moment(found["finished_at"])
    if begun > finished:
        _bad("It ended before it began.")
    return Attested(
        kit=_plain(found["kit"], 40, needed=True),
        application=_plain(found["application"], 80, needed=True),
        release=_plain(found["release"], 80),
        portal=_plain(found["portal"], 200, needed=True),
        finished_at=finished,
        checks=_checks(found["checks"]),
    )


def _checks(given: Any) -> dict[str, str]:
    if not isinstance(given, list) or not 1 <= len(given) <= _MOST_CHECKS:
        _bad(f"There are 1 to {_MOST_CHECKS} checks.")
    found = dict(map(_check, given))
    if len(found) != len(given):
        _bad("A check stands in it twice.")
    return found


def _check(given: Any) -> tuple[str, str]:
    if not isinstance(given, dict) or given.keys() != {"name", "passed", "reason"}:
        _bad("A check has a name, passed and a reason.")
    name, passed, reason = given["name"], given["passed"], given["reason"]
    if not isinstance(passed, bool) or not _is_code(name) or not (reason == "" if passed else _is_code(reason)):
        _bad("Names and reasons are codes; a reason stands where a check did not pass, and only there.")
    return name, reason


def _is_code(value: Any) -> bool:
    return isinstance(value, str) and _CODE.fullmatch(value) is not None


def _plain(value: Any, longest: int, *, needed: bool = False) -> str:
    if not isinstance(value, str) or not _PLAIN.fullmatch(value) or len(value) > longest or (needed and not value):
        _bad("Versions, the application and the portal are plain words without blanks.")
    return value


def _moment(value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        _bad("A moment is RFC 3339.")
    if moment.tzinfo is None:
        _bad("A moment has a time zone.")
    return moment.astimezone(UTC)


def _bad(detail: str) -> NoReturn:
    raise Invalid("invalid_value", detail, status=422)
