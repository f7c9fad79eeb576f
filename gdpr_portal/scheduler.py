"""`python -m gdpr_portal.scheduler`: the sweeps of `gdpr_portal.celery.BEAT` are asked for, each in its time.

Celery's own beat with its schedule in memory, and without Django's apps: it sends names and knows nothing of the tasks,
so it needs half the memory. One per service is enough; two do no harm, because sweeps claim rows.
"""

import signal
import sys
from typing import Any

from celery.beat import Scheduler, Service
from django.conf import settings

from gdpr_portal import lifetimes, logs
from gdpr_portal.celery import app


def main() -> int:
    """Runs until SIGTERM or SIGINT."""
    logs.configure(settings.LOGGING)
    lifetimes.watch("scheduler", settings.RELEASE)
    service = Service(app, scheduler_cls=Scheduler)

    def stop(*_: Any) -> None:
        service.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    service.start()
    return 0


if __name__ == "__main__":
    sys.exit(main())
