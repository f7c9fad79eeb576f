"""How long a withdrawal takes to reach everybody: measured from rows, by one statement, however many there are.

From the moment the withdrawal was written (before its commit, so that no figure is too small) to *told* (the receiver
answered 2xx, or an operator told it) and to *stopped* (the receiver's `done` or `nothing_held`, or its confirmation to
the operator). What has not come yet counts as longer than everything that has: a percentile that falls among the
unconfirmed is not a number but "not yet". A receiver's refusal or failure is no confirmation.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

WINDOWS = (7, 30, 90)
QUANTILES = (0.5, 0.9, 0.99, 1.0)
_STATEMENT = """
WITH stops AS (
    SELECT application.slug AS application, delivery.recipient, delivery.created_at,
        extract(epoch FROM delivery.sent_at - delivery.created_at)::float8 AS told,
        CASE WHEN delivery.state = 'acknowledged'
            THEN extract(epoch FROM delivery.closed_at - delivery.created_at)::float8 END AS stopped
    FROM consent_delivery AS delivery JOIN access_application AS application ON application.id = delivery.application_id
    WHERE delivery.type IN ('sharing.stopped', 'consent.withdrawn')
        AND delivery.created_at >= %(since)s AND delivery.created_at <= %(until)s
    UNION ALL
    SELECT '', recipient, created_at, extract(epoch FROM told_at - created_at)::float8,
        CASE WHEN state = 'confirmed' THEN extract(epoch FROM closed_at - created_at)::float8 END
    FROM consent_handnotice
    WHERE type = 'sharing.stopped' AND state <> 'cancelled'
        AND created_at >= %(since)s AND created_at <= %(until)s
)
SELECT application, recipient, count(*), count(coalesce(told, stopped)), count(stopped),
    extract(epoch FROM %(until)s - min(created_at) FILTER (WHERE stopped IS NULL))::float8,
    percentile_disc(%(quantiles)s::float8[]) WITHIN GROUP (
        ORDER BY coalesce(least(told, stopped), 'Infinity')),
    percentile_disc(%(quantiles)s::float8[]) WITHIN GROUP (ORDER BY coalesce(stopped, 'Infinity'))
FROM stops GROUP BY application, recipient ORDER BY application, recipient
"""


@dataclass(frozen=True, slots=True)
class Latency:
    """One receiver in one window. Seconds; infinite where the quantile falls among what has not come yet."""

    application: str
    recipient: str
    stops: int
    told: int
    confirmed: int
    oldest_open: float | None
    told_after: tuple[float, ...]
    stopped_after: tuple[float, ...]

    @property
    def unconfirmed(self) -> int:
        return self.stops - self.confirmed

    @property
    def untold(self) -> int:
        return self.stops - self.told


def latencies(days: int, now: datetime | None = None) -> list[Latency]:
    """Every receiver of a withdrawal of the last `days`, by application and recipient."""
    until = now or timezone.now()
    wanted: dict[str, Any] = {"since": until - timedelta(days=days), "until": until, "quantiles": list(QUANTILES)}
    with connection.cursor() as cursor:
        cursor.execute(_STATEMENT, wanted)
        return [_latency(row) for row in cursor.fetchall()]


def _latency(row: tuple[Any, ...]) -> Latency:
    *plain, told, stopped = row
    values: list[Any] = [*plain, tuple(told), tuple(stopped)]
    return Latency(*values)
