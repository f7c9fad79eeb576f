"""Values against the collection components they are collected by: each judged by its type, all flaws said at once."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from consent.models import Component
from consent.selectors import components
from gdpr_portal.errors import Flaw, Invalid
from subjects.validation import value_of_type

_SLUG = re.compile(r"[A-Za-z0-9_-]{1,50}", re.ASCII)


def checked(values: Mapping[str, Any]) -> dict[str, str | None]:
    """The values as they are stored (normalised; None stays None).

    Raises `Invalid("invalid_value")` (422) with a pointer to each value that does not fit; never with the value.
    """
    return checked_by(components(values), values)


def checked_by(known: Mapping[str, Component], values: Mapping[str, Any]) -> dict[str, str | None]:
    """As `checked`, by components already loaded."""
    ready: dict[str, str | None] = {}
    flaws: list[Flaw] = []
    for field, value in values.items():
        try:
            ready[field] = None if value is None else _fitting(known, field, value)
        except ValueError as error:
            flaws.append(Flaw(f"/values/{field}", "invalid_value", str(error)))
    if flaws:
        raise Invalid("invalid_value", "Values do not fit their fields.", status=422, errors=flaws)
    return ready


def _fitting(known: Mapping[str, Component], field: str, value: Any) -> str:
    component = known.get(field)
    if component is None:
        raise ValueError("This field is not approved for collection.")
    return value_of_type(value, component.value_type, component.max_length)


def known_fields(names: Iterable[str]) -> list[str]:
    """Those of the names that are components, sorted: what callers sent besides may be anything, even personal."""
    slugs = [name for name in names if _SLUG.fullmatch(name)]
    return sorted(Component.objects.filter(slug__in=slugs).values_list("slug", flat=True)) if slugs else []
