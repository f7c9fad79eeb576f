"""Lengths of time and reasons of failure in words, and bars of a chart in whole units. Pure but for the language."""

import math
from typing import Any

from django.utils.formats import localize
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

LONGEST = 30 * 86400.0
"""Seconds at which a bar is full; its length is logarithmic, from one second on."""
BAR = 100
_UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"))

FAILURES = {
    "timeout": gettext_lazy("It did not answer in time"),
    "name_unknown": gettext_lazy("Its name is not known"),
    "connect_failed": gettext_lazy("No connection"),
    "tls_failed": gettext_lazy("Its certificate does not hold"),
    "broken_answer": gettext_lazy("Its answer cannot be read"),
    "address_not_allowed": gettext_lazy("Its address is not a public one"),
    "address_malformed": gettext_lazy("Its address cannot be read"),
    "https_only": gettext_lazy("Its address is not https"),
    "port_not_allowed": gettext_lazy("Its port is not allowed"),
    "restricted": gettext_lazy("The person's data is restricted at the moment"),
    "http_410": gettext_lazy("It said that the address is gone (410)"),
}


def duration(seconds: float | None) -> str:
    """A length of time in its largest unit, to one place; "not yet" for what has not come."""
    if seconds is None:
        return "-"
    if math.isinf(seconds):
        return _("not yet")
    for size, unit in _UNITS:
        if seconds >= size:
            return _in(unit, round(seconds / size, 1))
    return _("%(count)s s") % {"count": f"{max(0.0, seconds):.2g}"}


def _in(unit: str, count: float) -> str:
    number = localize(count if count % 1 else int(count))
    whole = 1 if count == 1 else 2
    forms = {
        "day": ngettext("%(count)s day", "%(count)s days", whole),
        "hour": ngettext("%(count)s hour", "%(count)s hours", whole),
        "minute": ngettext("%(count)s minute", "%(count)s minutes", whole),
    }
    return forms[unit] % {"count": number}


def bar(seconds: float) -> int:
    """The length of a bar, 1 to BAR: logarithmic from 1 s to 30 days, full for what has not come."""
    if math.isinf(seconds):
        return BAR
    share = math.log1p(max(0.0, seconds)) / math.log1p(LONGEST)
    return max(1, min(BAR, round(share * BAR)))


def failure(code: str) -> Any:
    """Why the last try failed, in words; a status as its number."""
    if code.startswith("http_") and code not in FAILURES:
        return _("It answered with status %(status)s") % {"status": code.removeprefix("http_")}
    return FAILURES.get(code, code)
