"""Load shedding: what waited too long before it reached a process is refused at once, the least urgent first.

The balancer stamps each request with when it came (`X-Request-Start: t=1700000000123`, `deploy/fleet/haproxy.cfg`); how
long it then waited for a free thread is the one sign of overload that a process can trust, however fast its machine.
Past `SHED_AFTER_SECONDS` lists and downloads get 503 `unavailable` with `Retry-After`, past twice that what reads and
stores, past four times decisions (whose callers fail closed). What a person's right depends on is never shed here:
consents and withdrawals, sharing switches, rights requests, acknowledgements, tokens, the portal, the desks, health.
Refusing costs a fraction of answering, so that the queue empties and everybody else is served in time.
"""

import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from access.rest.problems import problem
from gdpr_portal import metrics

LONGEST_BELIEVED_SECONDS = 60.0
"""A longer wait is a wrong clock: the balancer has given such a request up long ago."""
_UNITS = ((1e14, 1e6), (1e11, 1e3), (0.0, 1.0))
"""Microseconds, milliseconds or seconds since 1970, told apart by their size."""
_PATIENCE: tuple[tuple[str, re.Pattern[str], int | None], ...] = (
    ("rights", re.compile(
        r"(POST|PUT) /api/v1/(subjects/[^/]+/(consents|sharing/[^/]+)|requests(/.*)?|deliveries/.*)"
    ), None),
    ("decisions", re.compile(r"POST /api/v1/decisions(/batch)?"), 4),
    ("lists", re.compile(
        r"GET /api/(docs.*|v1/(schema|purposes|recipients|decisions/.*|audit/.*|records-of-processing"
        r"|requests(/[^/]+/archive)?))"
    ), 1),
    ("data", re.compile(r"\w+ /api/v1/.*"), 2),
)  # fmt: skip
"""A kind of request by its method and path, and how many times `SHED_AFTER_SECONDS` it waits; None waits for ever."""


def is_overdue(environ: Mapping[str, Any]) -> str | None:
    """The kind of a request that waited longer than its kind may; None for one to be answered."""
    if "HTTP_X_REQUEST_START" not in environ or not settings.SHED_AFTER_SECONDS:
        return None
    after = settings.SHED_AFTER_SECONDS
    waited = seconds_waited(environ["HTTP_X_REQUEST_START"], time.time())
    if waited <= after:
        return None
    kind, patience = _kind_of(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}")
    return kind if patience is not None and waited > patience * after else None


def seconds_waited(stamp: str, now: float) -> float:
    """How long ago `stamp` was; 0 for what is no time, lies ahead, or is too long ago to be true."""
    try:
        value = float(stamp.strip().removeprefix("t="))
    except ValueError:
        return 0.0
    unit = next((per_second for least, per_second in _UNITS if value >= least), 1.0)
    waited = now - value / unit
    return waited if 0 < waited <= LONGEST_BELIEVED_SECONDS else 0.0


def _kind_of(asked: str) -> tuple[str, int | None]:
    return next(((kind, patience) for kind, pattern, patience in _PATIENCE if pattern.fullmatch(asked)), ("page", None))


class SheddingMiddleware:
    """503 for what is overdue, counted by its kind. The last of the middleware: its answers carry what all carry."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        kind = is_overdue(request.META)
        if kind is None:
            return self.get_response(request)
        metrics.SHED.labels(kind).inc()
        return problem(503, "unavailable", "Too much is asked of this service now. Nothing was received.")
