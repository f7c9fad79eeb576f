"""How the zone of a time is called where people read it: as their language calls it, else by its distance to UTC."""

from datetime import date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

NAMES = {
    "UTC": _("UTC"),
    "WET": _("WET"),
    "WEST": _("WEST"),
    "CET": _("CET"),
    "CEST": _("CEST"),
    "EET": _("EET"),
    "EEST": _("EEST"),
}
"""The zones of the Union, by their abbreviation in the tz database. Of the others' some mean two zones (IST)."""


class NamedZone(ZoneInfo):
    """A zone whose times say their zone in the reader's language (`T` in a format, `tzname()`)."""

    def tzname(self, moment: datetime | None, /) -> str | None:
        """`MEZ`, `CET`, or `UTC+5:30` where no name is common; None without a moment where it depends on one."""
        short = super().tzname(moment)
        if short is None or short in NAMES:
            return str(NAMES[short]) if short else None
        return f"UTC{_distance(super().utcoffset(moment))}"


def controllers_zone() -> NamedZone:
    """The zone of every time that people read: pages, mails and copies (`CONTROLLER_TIME_ZONE`)."""
    return _named(settings.CONTROLLER_TIME_ZONE)


def today() -> date:
    """The day it is where the controller is: the same on a page and in a worker, whose own times are in UTC."""
    return timezone.localdate(timezone=controllers_zone())


@cache
def _named(key: str) -> NamedZone:
    """Read once: of a zone that is not `ZoneInfo` itself Python keeps nothing, and reads its file every time."""
    return NamedZone(key)


def _distance(offset: timedelta | None) -> str:
    """`+1`, `-3:30`, or nothing at the meridian."""
    minutes = int((offset or timedelta()).total_seconds()) // 60
    if minutes == 0:
        return ""
    hours, rest = divmod(abs(minutes), 60)
    return f"{'+' if minutes > 0 else '-'}{hours}" + (f":{rest:02}" if rest else "")
