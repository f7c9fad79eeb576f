"""The statutory clock of Art. 12(3): one calendar month from receipt, by Regulation (EEC, Euratom) No 1182/71.

The period ends with the same day of the month that follows; where that day does not exist, with the last day of it
(Art. 3(2)(c)); where it is a Saturday, Sunday or public holiday, with the end of the next working day (Art. 3(4)).
An extension gives two further months, counted from the same receipt (Art. 12(3), second sentence).
Pure: dates come in, dates go out.
"""

from collections.abc import Container
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import holidays as holiday_calendars
from dateutil.relativedelta import relativedelta
from django.utils.formats import date_format
from django.utils.translation import gettext as _

MONTHS = 1
MONTHS_EXTENDED = 3
SATURDAY = 5


@dataclass(frozen=True)
class Deadline:
    """A due day: `raw` by the calendar alone, `due` moved to a working day, and why it was moved."""

    raw: date
    due: date
    due_at: datetime
    month_end: bool
    months: int = MONTHS

    def because(self) -> str:
        """The date in a sentence, in the active language."""
        due, raw = date_format(self.due), date_format(self.raw)
        if self.due == self.raw and not self.month_end:
            if self.months == MONTHS_EXTENDED:
                return _("Due %(due)s, three calendar months after receipt.") % {"due": due}
            return _("Due %(due)s, one calendar month after receipt.") % {"due": due}
        if self.due == self.raw:
            return _("Due %(due)s, the last day of that month.") % {"due": due}
        if self.raw.weekday() >= SATURDAY:
            day = date_format(self.raw, "l")
            return _("Due %(due)s because %(raw)s is a %(day)s.") % {"due": due, "raw": raw, "day": day}
        return _("Due %(due)s because %(raw)s is a public holiday.") % {"due": due, "raw": raw}


def deadline(received_at: datetime, *, zone: ZoneInfo, holidays: Container[date], months: int = MONTHS) -> Deadline:
    """The last moment to answer what was received at `received_at` (aware); `due_at` is in UTC, to the second."""
    received = received_at.astimezone(zone).date()
    raw = received + relativedelta(months=months)
    due = next_working_day(raw, holidays)
    due_at = datetime.combine(due, time(23, 59, 59), tzinfo=zone).astimezone(UTC)
    return Deadline(raw=raw, due=due, due_at=due_at, month_end=raw.day != received.day, months=months)


def internal_due(received_at: datetime, due_at: datetime, *, days: int, zone: ZoneInfo) -> datetime:
    """When the desk means to have answered, in UTC: so many days of `zone` before `due_at`, same time of day.

    Never before receipt, and never after `due_at`. No law knows it: a date of the house, to be early by.
    """
    wanted = (due_at.astimezone(zone) - timedelta(days=days)).astimezone(UTC)
    return min(due_at, max(received_at, wanted))


def next_working_day(day: date, holidays: Container[date]) -> date:
    """The day itself, or the first after it that is neither weekend nor holiday."""
    while day.weekday() >= SATURDAY or day in holidays:
        day += timedelta(days=1)
    return day


@cache
def calendar(name: str) -> Container[date]:
    """The public holidays of a country or of its subdivision (`DE`, `DE-BE`), by the `holidays` library."""
    country, _dash, subdivision = name.partition("-")
    return holiday_calendars.country_holidays(country, subdiv=subdivision or None)
