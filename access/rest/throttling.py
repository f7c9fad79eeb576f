"""How much an application may ask in a minute, counted in the database so that every process counts together.

One short statement a request, on its own; its commit does not wait for the disk, as a crash of the database may forget
half a second of counting. The window starts with the first request in it and lasts `WINDOW_SECONDS`.
"""

from dataclasses import dataclass
from uuid import UUID

from django.db import connection

from access.models import Application

WINDOW_SECONDS = 60

_COUNT = """
WITH quick AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
INSERT INTO access_throttlewindow AS w (application_id, window_started_at, used)
SELECT %(application)s::uuid, clock_timestamp(), %(number)s::int FROM quick
ON CONFLICT (application_id) DO UPDATE SET
    used = CASE WHEN w.window_started_at > clock_timestamp() - %(window)s * interval '1 second'
        THEN w.used + excluded.used ELSE excluded.used END,
    window_started_at = CASE WHEN w.window_started_at > clock_timestamp() - %(window)s * interval '1 second'
        THEN w.window_started_at ELSE clock_timestamp() END
RETURNING used, extract(epoch FROM window_started_at + %(window)s * interval '1 second' - clock_timestamp())
"""


@dataclass(frozen=True)
class Allowance:
    """What is left of the window. `reset_seconds` is when it ends, at least 1."""

    quota: int
    used: int
    reset_seconds: int

    @property
    def exceeded(self) -> bool:
        return self.used > self.quota

    def headers(self) -> dict[str, str]:
        """`RateLimit-Policy` and `RateLimit` (IETF draft-ietf-httpapi-ratelimit-headers)."""
        left = max(0, self.quota - self.used)
        return {
            "RateLimit-Policy": f'"default";q={self.quota};w={WINDOW_SECONDS}',
            "RateLimit": f'"default";r={left};t={self.reset_seconds}',
        }


def count_request(application: Application) -> Allowance:
    """One more request of the application is counted, over all processes."""
    used, left = add_requests(application.pk, 1)
    return Allowance(application.requests_per_minute, used, whole_seconds(left))


def add_requests(application: UUID, number: int) -> tuple[int, float]:
    """So many more are counted; returns how many there are in the window now, and the seconds until it ends."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, {"application": application, "number": number, "window": WINDOW_SECONDS})
        used, left = cursor.fetchone()
    return used, float(left)


def whole_seconds(left: float) -> int:
    """As announced: at least 1."""
    return max(1, min(WINDOW_SECONDS, round(left)))
