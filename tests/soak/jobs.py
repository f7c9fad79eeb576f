"""A process that works as the worker does: `N` on a line of its input, and N jobs are done; it answers `done`.

Every job is a task of the schedule, run by Celery's own tracer in this process (`apply`), every fifth with a rights
request of its own to carry through, whose hint goes to the broker and stays there. What is garbage is collected after
each batch: a leak is what is still held then.
"""

import gc
import os
import secrets
import sys
from itertools import cycle

import django


def main() -> None:
    django.setup()
    from django.conf import settings

    from access.models import Application
    from gdpr_portal.celery import BEAT, app
    from gdpr_portal.lifetimes import watch
    from tests.conftest import make_person
    from tests.crashes.world import file

    app.finalize(auto=True)
    app.loader.import_default_modules()
    watch("worker", settings.RELEASE)
    shop = Application.objects.get(slug="shop")
    tasks = cycle(sorted({str(line["task"]) for line in BEAT.values()} - {"access.tasks.purge"}))
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    out.write("ready\n")
    out.flush()
    for line in sys.stdin:
        for number in range(int(line)):
            if number % 5 == 0:
                file(make_person(f"s{secrets.token_hex(6)}", shop), "access")
            app.tasks[next(tasks)].apply(throw=True)
        gc.collect()
        out.write("done\n")
        out.flush()


if __name__ == "__main__":
    main()
