"""`manage.py migrate`: Django's own, which never makes the service wait long for it.

A change of a table waits for every transaction that has looked at it, and everybody who comes afterwards waits behind
the change. Beside a backup, whose transaction is open for as long as it takes, that was an outage for as long. So each
lock is waited for shortly, less than the service itself waits for one, and what did not get it is tried again.
"""

import time
from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import OperationalError, connections
from psycopg import errors

LOCK_MS = 500
"""A quarter of what requests wait for a lock (`LOCK_TIMEOUT_MS`)."""
TRIES, PAUSE_SECONDS = 120, 5.0
"""Ten minutes, most of which the tables are everybody's."""
HOLDERS = (
    "What was applied stands: end the transaction that is open for so long (docs/runbook.md, "
    "'A transaction stays open') and run it again."
)


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        for attempt in range(TRIES):
            if attempt:
                self.stderr.write("A table is in use by a long transaction; tried again.")
                time.sleep(PAUSE_SECONDS)
            try:
                return self._once(*args, **options)
            except OperationalError as error:
                if not isinstance(error.__cause__, errors.LockNotAvailable):
                    raise
        raise CommandError(f"A table was in use for {TRIES * PAUSE_SECONDS / 60:.0f} minutes. {HOLDERS}")

    def _once(self, *args: Any, **options: Any) -> None:
        connection = connections[options["database"]]
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, false)", [f"{LOCK_MS}ms"])
        try:
            super().handle(*args, **options)
        finally:
            if not connection.in_atomic_block:
                connection.close()  # the limit with it
