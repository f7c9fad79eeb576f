"""Moments as RFC 3339 section 5.6 writes them; a pure module, ground for every floor.

`T` and `Z` in either case, any number of fractional digits (a microsecond is kept, the rest cut off), an offset always,
and a leap second where UTC can have one: it is read as the second after it, as PostgreSQL does.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

_INSTANT: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)T((?:[01]\d|2[0-3]):[0-5]\d):([0-5]\d|60)(?:\.(\d+))?(Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)",
    re.ASCII | re.IGNORECASE,
)


def read_instant(text: str) -> datetime:
    """The moment in UTC; ValueError when `text` is not RFC 3339 or lies outside the years 1 to 9999."""
    found = _INSTANT.fullmatch(text)
    if found is None:
        raise ValueError("not a time of RFC 3339")
    day, minute, second, fraction, offset = found.groups()
    leap = second == "60"
    microseconds = (fraction or "")[:6].ljust(6, "0")
    whole = f"{day}T{minute}:{'59' if leap else second}.{microseconds}{offset.upper().replace('Z', '+00:00')}"
    try:
        moment = datetime.fromisoformat(whole).astimezone(UTC)
        return _after_the_leap(moment) if leap else moment
    except OverflowError:
        raise ValueError("outside the years 1 to 9999") from None


def _after_the_leap(last: datetime) -> datetime:
    """The first second of the next month; ValueError where no leap second can be (RFC 3339 section 5.7)."""
    after = last.replace(microsecond=0) + timedelta(seconds=1)
    if (after.day, after.hour, after.minute, after.second) != (1, 0, 0, 0):
        raise ValueError("no leap second can be there")
    return after
