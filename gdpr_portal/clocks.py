"""A worker whose clock is ahead of the database's carries nothing out: whatever waits for a time would come too early.

Undo windows of erasures, what a law keeps for a time, the time applications have to answer: rows say when each ends,
and workers ask their own clock whether it has. One that is behind is late and does no harm; another is in time.

A web process whose clock is off either way takes no traffic (`/readyz`): it would date what people say, and its
tokens would end too late or too early.
"""

import logging
import time
from datetime import timedelta

from django.db import Error as DatabaseError
from django.db import connection
from django.utils import timezone

log = logging.getLogger(__name__)

MOST = timedelta(minutes=1)
"""So far ahead a clock may be: the shortest wait that ends in something irrevocable is of hours."""
ASKED_SECONDS = 30.0
_asked: tuple[float, timedelta] | None = None


def ahead() -> timedelta:
    """By how much this machine's clock is ahead of the database's; negative where it is behind.

    Raises `DatabaseError`.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        found: timedelta = timezone.now() - cursor.fetchone()[0]
    return found


def agree() -> bool:
    """Whether this machine's clock and the database's are less than a minute apart. Raises `DatabaseError`."""
    return abs(ahead()) <= MOST


def is_too_early() -> bool:
    """Whether this process has to leave its work to others; the database is asked every half minute at most.

    A database that does not answer says nothing of clocks: the work meets it by itself.
    """
    global _asked
    now = time.monotonic()
    if _asked is None or now - _asked[0] >= ASKED_SECONDS:
        try:
            _asked = now, ahead()
        except DatabaseError:
            connection.close_if_unusable_or_obsolete()
            return False
        if _asked[1] > MOST:
            log.error("this clock is ahead of the database's: nothing is carried out", extra={"by": str(_asked[1])})
    return _asked[1] > MOST


def forget() -> None:
    """The next one asks the database."""
    global _asked
    _asked = None
