"""What a caller gives about a person, checked and normalised before anything is looked up. Knows no database."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

from django.utils import timezone

from gdpr_portal.errors import Flaw, Invalid, step
from subjects import normalise, validation


@dataclass(frozen=True)
class Profile:
    """What is known of a person besides identifiers; None where nothing was given."""

    language: str | None = None
    country: str | None = None
    birth_date: date | None = None


def checked_identifiers(identifiers: Mapping[str, str]) -> dict[str, str]:
    """The identifiers in their normal form, by kind.

    Raises Invalid: 400 `unknown_member` for a kind nobody knows, 422 `invalid_value` for none at all and for what
    cannot be an identifier; every flaw is named by its pointer.
    """
    unknown = [kind for kind in identifiers if kind not in normalise.KINDS]
    if unknown:
        strange = [Flaw(f"/identifiers{step(kind)}", "unknown_member", "No such kind.") for kind in unknown]
        raise Invalid("unknown_member", "There are identifiers of an unknown kind.", errors=strange)
    flaws: list[Flaw] = []
    normal: dict[str, Any] = {}
    for kind in sorted(identifiers):
        flaw = _take(normal, kind, partial(normalise.identifier, kind, identifiers[kind]), "/identifiers/")
        flaws += [flaw] if flaw else []
    if not identifiers:
        flaws = [Flaw("/identifiers", "invalid_value", "At least one identifier is needed.")]
    _refuse(flaws)
    return normal


def checked_profile(language: str | None, country: str | None, birth_date: date | str | None) -> Profile:
    """The profile in its normal form. Raises Invalid (422 `invalid_value`) with a pointer for each flaw."""
    today = timezone.now().date()
    checks: dict[str, Callable[[], object]] = {}
    if language is not None:
        checks["language"] = lambda: validation.language(language)
    if country is not None:
        checks["country"] = lambda: validation.country(country)
    if birth_date is not None:
        checks["birth_date"] = lambda: validation.birth_date(birth_date, today=today)
    normal: dict[str, object] = {}
    flaws = [flaw for name, check in checks.items() if (flaw := _take(normal, name, check, "/"))]
    _refuse(flaws)
    return Profile(**normal)  # type: ignore[arg-type]  # each check returns its own member's type


def _take(into: dict[str, object], name: str, check: Callable[[], object], parent: str) -> Flaw | None:
    try:
        into[name] = check()
    except ValueError as error:
        return Flaw(f"{parent}{name}", "invalid_value", str(error))
    return None


def _refuse(flaws: list[Flaw]) -> None:
    if flaws:
        raise Invalid("invalid_value", "Some of it does not fit.", status=422, errors=flaws)
