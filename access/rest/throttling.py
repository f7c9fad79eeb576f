"""How much an application may ask in a minute, counted in the database so that every process counts together.

One short statement a request, on its own. The window starts with the first request in it and lasts `WINDOW_SECONDS`.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import connection
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from access.models import Application

if TYPE_CHECKING:
    from rest_framework.views import APIView  # the framework itself imports this module

WINDOW_SECONDS = 60

_COUNT = """
INSERT INTO access_throttlewindow AS w (application_id, window_started_at, used)
VALUES (%(application)s, clock_timestamp(), 1)
ON CONFLICT (application_id) DO UPDATE SET
    used = CASE WHEN w.window_started_at > clock_timestamp() - %(window)s * interval '1 second'
        THEN w.used + 1 ELSE 1 END,
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
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, {"application": application.pk, "window": WINDOW_SECONDS})
        used, left = cursor.fetchone()
    return Allowance(application.requests_per_minute, used, max(1, min(WINDOW_SECONDS, round(float(left)))))


class ApplicationThrottle(BaseThrottle):
    """429 `throttled` past the application's own limit; the view announces what is left."""

    allowance: Allowance | None = None

    def allow_request(self, request: Request, view: "APIView") -> bool:
        if not isinstance(request.user, Application):
            return True
        self.allowance = count_request(request.user)
        view.allowance = self.allowance
        return not self.allowance.exceeded

    def wait(self) -> float | None:
        return float(self.allowance.reset_seconds) if self.allowance else None
