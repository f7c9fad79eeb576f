"""The numbers of the processes, for Prometheus; no label holds anything that came from outside or names a person.

Ground floor: everyone may import it, as it stands on nothing of ours. What the rows say (how old the oldest work is,
whose confirmation is missing) is measured where it is asked for, by `gdpr_portal.measures`.
"""

import os
import re
import socket
from functools import cache
from pathlib import Path

# The files of all processes lie here; the library reads the variable when it is imported.
Path(os.environ.get("PROMETHEUS_MULTIPROC_DIR", ".")).mkdir(mode=0o700, parents=True, exist_ok=True)

from prometheus_client import Counter, Gauge, Histogram, values  # noqa: E402

HOST = re.sub(r"[^A-Za-z0-9.-]", "-", socket.gethostname())


_own = {"name": f"{HOST}-{os.getpid()}"}
os.register_at_fork(after_in_child=lambda: _own.update(name=f"{HOST}-{os.getpid()}"))


def identity() -> str:
    """This process among all that share the folder: in containers each counts its processes from 1."""
    return _own["name"]


if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
    values.ValueClass = values.MultiProcessValue(identity)  # type: ignore[no-untyped-call]

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

REQUESTS = Counter("portal_http_requests_total", "Requests answered.", ["route", "method", "outcome"])
SECONDS = Histogram(
    "portal_http_request_seconds",
    "Seconds until the answer began.",
    ["route", "method"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
READY = Gauge(
    "portal_ready_check", "1 while this check of /readyz passes, by its last answer.", ["check"],
    multiprocess_mode="mostrecent",
)  # fmt: skip

SHED = Counter("portal_requests_shed_total", "Requests refused because they had waited too long, by kind.", ["kind"])

REPLICA_ANSWERS = Counter(
    "portal_replica_decisions_total",
    "Decisions of a process that remembers them: remembered, asked (of the database), or asked as it was behind.",
    ["outcome"],
)
REPLICA_READ_AT = Gauge(
    "portal_replica_read_timestamp_seconds", "When the feed was last read by the process that read it longest ago.",
    ["process"], multiprocess_mode="livemin",
)  # fmt: skip

TASKS = Counter("portal_tasks_total", "Steps of the worker that ended.", ["task", "outcome"])
TASK_SECONDS = Histogram(
    "portal_task_seconds", "Seconds a step of the worker took.", ["task"],
    buckets=(0.01, 0.05, 0.25, 1.0, 5.0, 30.0, 120.0),
)  # fmt: skip
BROKER_FAILURES = Counter("portal_broker_failures_total", "Hints the broker did not take; the rows wait for a sweep.")
BREAKERS_OPEN = Gauge(
    "portal_breakers_open", "Dependencies that this process leaves alone for a while, by kind.", ["kind"],
    multiprocess_mode="livemax",
)  # fmt: skip
BREAKER_OPENED = Counter("portal_breaker_opened_total", "Breakers that opened, by kind of dependency.", ["kind"])
LEASE_EXPIRIES = Counter("portal_lease_expiries_total", "Claims taken over after a worker's lease ended.", ["kind"])

DECRYPT_FAILURES = Counter("portal_decrypt_failures_total", "Cells that did not open.", ["table", "column"])
FACTOR_FAILURES = Counter("portal_second_factor_failures_total", "Second factors refused.", ["factor", "reason"])

STARTS = Counter("portal_process_starts_total", "Processes that began their work.", ["process", "version"])
RECYCLED = Counter("portal_worker_recycled_total", "Processes that ended in order, by why.", ["process", "reason"])
MEMORY = Gauge(
    "portal_process_resident_bytes", "Memory of a process that is there now.", ["process", "version"],
    multiprocess_mode="liveall",
)  # fmt: skip

MEMORY_LIMIT = Gauge(
    "portal_process_memory_limit_bytes",
    "Memory the container of a process may have, where there is a limit.",
    ["process", "version"],
    multiprocess_mode="liveall",
)


def observe_request(*, route: str, method: str, outcome: str, seconds: float) -> None:
    """The request is counted and timed."""
    answered, timed = _series(route, method, outcome)
    answered.inc()
    timed.observe(seconds)


@cache
def _series(route: str, method: str, outcome: str) -> tuple[Counter, Histogram]:
    """As many as there are templates, methods and outcomes; the library keeps each for good too."""
    return REQUESTS.labels(route, method, outcome), SECONDS.labels(route, method)
