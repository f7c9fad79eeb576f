"""The numbers of the doors, for Prometheus; no label holds anything that came from outside."""

import os
from pathlib import Path

# The files of all processes lie here; the library reads the variable when it is imported.
Path(os.environ.get("PROMETHEUS_MULTIPROC_DIR", ".")).mkdir(mode=0o700, parents=True, exist_ok=True)

from prometheus_client import Counter, Histogram  # noqa: E402

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

REQUESTS = Counter("portal_http_requests_total", "Requests answered.", ["route", "method", "outcome"])
SECONDS = Histogram(
    "portal_http_request_seconds",
    "Seconds until the answer began.",
    ["route", "method"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)


def observe_request(*, route: str, method: str, outcome: str, seconds: float) -> None:
    """The request is counted and timed."""
    REQUESTS.labels(route, method, outcome).inc()
    SECONDS.labels(route, method).observe(seconds)
