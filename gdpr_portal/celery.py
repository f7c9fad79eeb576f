"""The worker's side of the frame: how jobs are carried, and which sweeps find what was lost.

Rows are the truth (docs/house.md). Celery only wakes: every task takes an id, claims its row under a lease and settles
it, so a task may run twice, late or never without harm. `acks_late` and `reject_on_worker_lost` keep most hints; the
sweeps below find the rest.
"""

import os
import time
from contextlib import ExitStack
from typing import Any

from celery import Celery, Task
from celery.signals import setup_logging, task_failure, task_postrun, task_prerun, worker_init
from kombu import Exchange, Queue
from kombu.transport import TRANSPORT_ALIASES

from gdpr_portal import clocks, traces
from gdpr_portal.queues import QUEUE, QUEUES, SWEEPS

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gdpr_portal.settings")
TRANSPORT_ALIASES["pgmq"] = "gdpr_portal.broker:Transport"


class OnTime(Task):
    """A task that a worker whose clock is ahead leaves to others: the rows and the sweeps have it done."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return None if clocks.is_too_early() else super().__call__(*args, **kwargs)


app: Celery[Any] = Celery("gdpr_portal", task_cls=OnTime)


def sweep(task: str, seconds: float) -> dict[str, Any]:
    """One line of the schedule. A hint older than its period is dropped: the next one does its work."""
    return {"task": task, "schedule": seconds, "options": {"expires": max(seconds, 2), "queue": SWEEPS}}


BEAT: dict[str, dict[str, Any]] = {
    "erasure": sweep("erasure.tasks.sweep", 2),
    "opendsr": sweep("erasure.tasks.sweep_opendsr", 5),
    "transfers": sweep("erasure.tasks.sweep_transfers", 5),
    "clock": sweep("erasure.tasks.keep_the_clock", 60),
    "periods": sweep("erasure.tasks.end_periods", 3600),
    "deliveries": sweep("consent.tasks.sweep_deliveries", 2),
    "expiry": sweep("consent.tasks.expire", 60),
    "publication": sweep("consent.tasks.publish_due", 15),
    "counts": sweep("consent.tasks.sweep_counts", 30),
    "mail": sweep("access.tasks.send_mail", 10),
    "values": sweep("subjects.tasks.verify_data", 6 * 3600),
    "ledger": sweep("vault.tasks.write_lines", 10),
    "keys": sweep("vault.tasks.settle_keys", 60),
    "housekeeping": sweep("access.tasks.purge", 600),
    "audit": sweep("audit.tasks.sweep", 10),
}
"""The schedule: name -> task. Add a line for every sweep an app has."""


def transport_options(broker_url: str) -> dict[str, Any]:
    """What the broker in use needs; short and few attempts, because a hint is not worth a person's wait."""
    once = {
        "max_retries": 1,
        "interval_start": 0,
        "interval_step": 0.1,
        "interval_max": 0.1,
        "connect_retries_timeout": 1,
    }
    if broker_url.startswith("pgmq"):
        from gdpr_portal.broker import OPTIONS

        return once | OPTIONS
    return once | {"confirm_publish": True, "connect_timeout": 1, "read_timeout": 10, "write_timeout": 1}


@app.add_defaults
def configuration() -> dict[str, Any]:
    """The configuration, read from Django's settings when it is first needed."""
    from django.conf import settings

    return {
        "broker_url": settings.BROKER_URL,
        "broker_transport_options": transport_options(settings.BROKER_URL),
        "broker_connection_timeout": 1,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_heartbeat": 0 if settings.BROKER_URL.startswith("pgmq") else 30,
        "broker_pool_limit": 2,
        "result_backend": None,
        "result_expires": None,
        "task_ignore_result": True,
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_acks_on_failure_or_timeout": True,
        "task_default_queue": QUEUE,
        "task_queues": [Queue(name, Exchange(name), routing_key=name) for name in QUEUES],
        "task_default_delivery_mode": "persistent",
        "task_time_limit": 240,
        "task_soft_time_limit": 200,
        "task_serializer": "json",
        "accept_content": ["json"],
        "worker_prefetch_multiplier": 1,
        "worker_enable_remote_control": False,
        "worker_send_task_events": False,
        "worker_cancel_long_running_tasks_on_connection_loss": True,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "enable_utc": True,
        "timezone": "UTC",
        "beat_schedule": BEAT,
        "beat_max_loop_interval": 2,
    }


app.autodiscover_tasks()


@setup_logging.connect
def keep_our_logging(**kwargs: Any) -> None:
    """Django has configured logging already; Celery finds a receiver here and leaves it alone."""


@worker_init.connect
def watch_the_worker(**kwargs: Any) -> None:
    """The worker's life is in its numbers."""
    from django.conf import settings

    from gdpr_portal.lifetimes import watch

    watch("worker", settings.RELEASE)
    if settings.TRACES_URL:
        traces.start("worker", url=settings.TRACES_URL, ratio=settings.TRACES_RATIO, release=settings.RELEASE)


@task_prerun.connect
def note_the_time(task: Any, **kwargs: Any) -> None:
    """When the step began is kept with its request."""
    task.request.began = time.perf_counter()
    task.request.span = ExitStack()
    task.request.span.enter_context(traces.span(f"task {task.name}"))


@task_failure.connect
def tell_of_tampering(exception: BaseException, **kwargs: Any) -> None:
    """A cell that did not open ended the step: the audit log and the alert say so, whoever was to open it."""
    from vault.services import report_if_tampered

    report_if_tampered(exception)


@task_postrun.connect
def count_the_step(task: Any, state: str, **kwargs: Any) -> None:
    """The step is counted by how it ended, and timed."""
    from gdpr_portal import metrics

    if (current := getattr(task.request, "span", None)) is not None:
        current.close()
    metrics.TASKS.labels(task.name, (state or "unknown").lower()).inc()
    if (began := getattr(task.request, "began", None)) is not None:
        metrics.TASK_SECONDS.labels(task.name).observe(time.perf_counter() - began)
