"""How much an application may ask in a minute, and in a second where it has such a limit too.

Counted in the database, so that every process counts together.

One short statement a request, on its own; its commit does not wait for the disk, as a crash of the database may forget
half a second of counting. A window starts with the first request in it and lasts `WINDOW_SECONDS`, or one second.
"""

from dataclasses import dataclass
from uuid import UUID

from django.db import connection

from access.models import Application

WINDOW_SECONDS = 60

_COUNT = """
WITH quick AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
INSERT INTO access_throttlewindow AS w
    (application_id, window_started_at, used, second_started_at, used_in_second)
SELECT %(application)s::uuid, clock_timestamp(), %(number)s::int, clock_timestamp(), %(number)s::int FROM quick
ON CONFLICT (application_id) DO UPDATE SET
    used = CASE WHEN w.window_started_at > clock_timestamp() - %(window)s * interval '1 second'
        THEN w.used + excluded.used ELSE excluded.used END,
    window_started_at = CASE WHEN w.window_started_at > clock_timestamp() - %(window)s * interval '1 second'
        THEN w.window_started_at ELSE clock_timestamp() END,
    used_in_second = CASE WHEN w.second_started_at > clock_timestamp() - interval '1 second'
        THEN w.used_in_second + excluded.used_in_second ELSE excluded.used_in_second END,
    second_started_at = CASE WHEN w.second_started_at > clock_timestamp() - interval '1 second'
        THEN w.second_started_at ELSE clock_timestamp() END
RETURNING used, used_in_second,
    extract(epoch FROM window_started_at + %(window)s * interval '1 second' - clock_timestamp())
"""


@dataclass(slots=True)
class Allowance:
    """What is left of the window. `reset_seconds` is when it ends, at least 1; `burst` is the quota of a second."""

    quota: int
    used: int
    reset_seconds: int
    burst: int | None = None
    used_in_second: int = 0

    @property
    def exceeded(self) -> bool:
        return self.used > self.quota or self._is_burst

    @property
    def retry_seconds(self) -> int:
        """When to come back after `exceeded`."""
        return self.reset_seconds if self.used > self.quota else 1

    @property
    def _is_burst(self) -> bool:
        return self.burst is not None and self.used_in_second > self.burst

    def headers(self) -> dict[str, str]:
        """`RateLimit-Policy` and `RateLimit` (IETF draft-ietf-httpapi-ratelimit-headers)."""
        policy = f'"default";q={self.quota};w={WINDOW_SECONDS}'
        left = f'"default";r={max(0, self.quota - self.used)};t={self.reset_seconds}'
        if self.burst is not None:
            policy += f', "burst";q={self.burst};w=1'
            left += f', "burst";r={max(0, self.burst - self.used_in_second)};t=1'
        return {"RateLimit-Policy": policy, "RateLimit": left}


def count_request(application: Application) -> Allowance:
    """One more request of the application is counted, over all processes."""
    used, in_second, left = add_requests(application.pk, 1)
    return Allowance(
        application.requests_per_minute, used, whole_seconds(left), application.requests_per_second, in_second
    )


def add_requests(application: UUID, number: int) -> tuple[int, int, float]:
    """So many more are counted; returns how many there are in the window and in the second now, and the seconds until
    the window ends."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, {"application": application, "number": number, "window": WINDOW_SECONDS})
        used, in_second, left = cursor.fetchone()
    return used, in_second, float(left)


def whole_seconds(left: float) -> int:
    """As announced: at least 1."""
    return max(1, min(WINDOW_SECONDS, round(left)))
