"""Tell a worker that a row waits. Ground floor: everyone may import it.

The row is the promise and a sweep the guarantee (docs/house.md): a hint that is lost costs a few seconds, never work.
So a broker that is down is a warning in the log and nothing to the person who asked.
"""

import logging
import time

from celery import current_app
from django.db import transaction

from gdpr_portal import metrics

log = logging.getLogger(__name__)

PAUSE_SECONDS = 5.0
"""After a broker did not answer it is left alone for this long, so that requests do not queue up behind it."""

_paused_until = 0.0


def wake(task_name: str, *args: str | int) -> None:
    """The named task is asked for once the transaction under way has committed; not at all when it rolls back.

    `args` are references of rows, never values: they pass through the broker in clear. Raises nothing for a broker
    that is down.
    """
    transaction.on_commit(lambda: _send(task_name, args))


def _send(task_name: str, args: tuple[str | int, ...]) -> None:
    global _paused_until
    if time.monotonic() < _paused_until:
        return
    try:
        current_app.send_task(task_name, args=args, retry=False, ignore_result=True)
    except Exception as error:  # every transport has its own family of errors, and none may reach the request
        _paused_until = time.monotonic() + PAUSE_SECONDS
        metrics.BROKER_FAILURES.inc()
        log.warning(
            "broker down, the sweep will find the row", extra={"task": task_name, "error": type(error).__name__}
        )
