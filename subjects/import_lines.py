"""The lines of an import file (docs/import.md), read and shaped before anything is looked up. Knows no database.

One JSON object a line in UTF-8, at most 1 MiB each; blank lines are no lines. What is wrong is said by line number,
code and JSON pointer, never by value.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, Final

from access.rest.parsers import MOST_BYTES, parse
from gdpr_portal.errors import DomainError, Flaw, Invalid, step

MEMBERS: Final = frozenset({"identifiers", "data", "consents", "language", "country", "birth_date"})
LONGEST_IDENTIFIER: Final = 500
MOST_FLAWS: Final = 5
_PROFILE: Final = ("language", "country", "birth_date")
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_SKIPPED: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Line:
    """One person as the file gives them: of the right JSON types, nothing more is known."""

    number: int
    identifiers: dict[str, str]
    data: dict[str, dict[str, Any]]
    consents: list[Any]
    language: str | None = None
    country: str | None = None
    birth_date: str | None = None


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that did not come in, and why: (code, JSON pointer) of each flaw, five at most."""

    number: int
    flaws: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return f"line {self.number}: " + ", ".join(f"{code} {pointer}".strip() for code, pointer in self.flaws)


def bad_line(number: int, error: DomainError) -> BadLine:
    """The line, refused by this error; its message is left out, so that it need not be trusted to hold no value."""
    flaws = [(flaw.code, flaw.pointer) for flaw in error.errors] or [(error.code, "")]
    return BadLine(number, tuple(dict.fromkeys(flaws))[:MOST_FLAWS])


def raw_lines(stream: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Every line that is not blank, with its number from 1, without its end; too long a one is cut past the limit."""
    number = 0
    while body := stream.readline(MOST_BYTES + 2):
        number += 1
        if not body.endswith(b"\n"):
            _skip_the_rest(stream)
        if body.strip():
            yield number, body.rstrip(b"\r\n")


def _skip_the_rest(stream: IO[bytes]) -> None:
    while (rest := stream.readline(_SKIPPED)) and not rest.endswith(b"\n"):
        continue


def shaped(number: int, body: bytes) -> Line:
    """The line's members, each of its JSON type.

    Raises Invalid: `malformed_json`, `too_deep`, `too_large`, `missing_member`, `unknown_member`, `invalid_type`, and
    `invalid_value` for an identifier too long to be one and for a birth date that is no `YYYY-MM-DD`.
    """
    given = parse(body)
    flaws = _flaws(given) if isinstance(given, dict) else [_flaw("", "invalid_type")]
    if flaws:
        raise Invalid(flaws[0].code, errors=flaws)
    profile = {name: given.get(name) for name in _PROFILE}
    return Line(number, given["identifiers"], given.get("data", {}), given.get("consents", []), **profile)


def _flaws(given: dict[str, Any]) -> list[Flaw]:
    flaws = [_flaw(step(name), "unknown_member") for name in given if name not in MEMBERS]
    if "identifiers" not in given:
        return [*flaws, _flaw("/identifiers", "missing_member")]
    flaws += _identifier_flaws(given["identifiers"]) + _data_flaws(given.get("data", {}))
    if not isinstance(given.get("consents", []), list):
        flaws.append(_flaw("/consents", "invalid_type"))
    return flaws + _profile_flaws(given)


def _identifier_flaws(given: Any) -> list[Flaw]:
    if not isinstance(given, dict):
        return [_flaw("/identifiers", "invalid_type")]
    wrong = [_flaw(f"/identifiers{step(kind)}", "invalid_type") for kind in given if not isinstance(given[kind], str)]
    return wrong or [
        _flaw(f"/identifiers{step(kind)}", "invalid_value") for kind in given if len(given[kind]) > LONGEST_IDENTIFIER
    ]


def _data_flaws(given: Any) -> list[Flaw]:
    if not isinstance(given, dict):
        return [_flaw("/data", "invalid_type")]
    return [_flaw(f"/data{step(slug)}", "invalid_type") for slug in given if not isinstance(given[slug], dict)]


def _profile_flaws(given: dict[str, Any]) -> list[Flaw]:
    wrong = [name for name in _PROFILE if not isinstance(given.get(name), str | None)]
    flaws = [_flaw(f"/{name}", "invalid_type") for name in wrong]
    day = given.get("birth_date")
    if isinstance(day, str) and not _DAY.fullmatch(day):
        flaws.append(_flaw("/birth_date", "invalid_value"))
    return flaws


def _flaw(pointer: str, code: str) -> Flaw:
    return Flaw(pointer, code, code)
