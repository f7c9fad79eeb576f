"""Decisions answered in front of Django are counted in the database by a thread of its own (docs/decisions/0040)."""

import logging
import threading
import time
from multiprocessing.util import Finalize

from django.db import Error as DatabaseError
from django.db import connection

from consent.services.counting import WRITE_SECONDS, gathered
from gdpr_portal.errors import kind_of

log = logging.getLogger(__name__)


def write_counts_on() -> None:
    """What is gathered is written from now on in a thread of its own, and once more at an orderly end."""
    Finalize(None, _write_counts, exitpriority=20)
    threading.Thread(target=_write_on, name="decision-counts", daemon=True).start()


def _write_on() -> None:
    while True:
        time.sleep(WRITE_SECONDS)
        _write_counts()


def _write_counts() -> None:
    try:
        connection.close_if_unusable_or_obsolete()
        gathered.write()
    except DatabaseError as error:  # they are kept, and written when it is back
        log.warning("decisions not counted yet", extra={"error": kind_of(error)})
        connection.close()
