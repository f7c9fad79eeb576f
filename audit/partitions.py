"""The months of the table of events: made ahead, found by their bounds, never missing (a default one takes the rest).

The app role makes months by `audit_make_partition`, which belongs to the owner; only the owner itself can drop one.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime

from django.db import connection

AHEAD = 3
DEFAULT = "audit_event_default"

_MISSING = """
SELECT month::date FROM generate_series(0, %s) step
CROSS JOIN LATERAL (SELECT date_trunc('month', now() AT TIME ZONE 'UTC') + step * interval '1 month' AS month) made
WHERE to_regclass('public.audit_event_' || to_char(month, 'YYYY_MM')) IS NULL
"""
_ALL = """
SELECT part.relname FROM pg_inherits
JOIN pg_class part ON part.oid = inhrelid WHERE inhparent = 'public.audit_event'::regclass ORDER BY part.relname
"""


@dataclass(frozen=True)
class Partition:
    """One month of events; the first one also holds everything before it."""

    name: str
    month: date

    @property
    def label(self) -> str:
        """The month as `2026-11`."""
        return f"{self.month:%Y-%m}"

    @property
    def ends(self) -> datetime:
        """The first moment that is not in it."""
        return datetime(self.month.year + self.month.month // 12, self.month.month % 12 + 1, 1, tzinfo=UTC)


def ensure() -> int:
    """This month and the next ones stand; returns how many were made now. One cheap query when there are none."""
    with connection.cursor() as cursor:
        cursor.execute(_MISSING, [AHEAD])
        missing = [month for (month,) in cursor.fetchall()]
        for month in missing:
            cursor.execute("SELECT audit_make_partition(%s)", [month])
    return len(missing)


def partitions() -> list[Partition]:
    """The months there are, oldest first, without the default one."""
    with connection.cursor() as cursor:
        cursor.execute(_ALL)
        names = [name for (name,) in cursor.fetchall() if name != DEFAULT]
    return [Partition(name, datetime.strptime(name[-7:], "%Y_%m").date()) for name in names]  # noqa: DTZ007  a month


def months_before(moment: datetime, months: int) -> datetime:
    """The first of the month so many months before the one of this moment."""
    count = moment.year * 12 + moment.month - 1 - months
    return datetime(count // 12, count % 12 + 1, 1, tzinfo=UTC)
