"""The feed of changes is read by a thread of its own, and what this process changes itself counts at once (0051)."""

import logging
import re
import threading
from uuid import UUID

from django.db import connection

from access.rest.converters import IdConverter
from consent.services.replica import replica
from gdpr_portal.errors import kind_of
from gdpr_portal.quick import remembered

log = logging.getLogger(__name__)

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_OF_ONE = re.compile(f"/api/v1/subjects/({IdConverter.regex})/", re.ASCII)
_BINDS_NOBODY_KNOWN = re.compile("/api/v1/(?!requests)|/oauth/")


def follow_on() -> None:
    """From now on the feed is read, as often as the bound asks for."""
    threading.Thread(target=_follow_on, name="decision-changes", daemon=True).start()


def acted(method: str, path: str) -> None:
    """A request was answered that may have changed what decisions rest on; here that counts from now on.

    Of one person, when the path names one as its application knows them: what is remembered for that application.
    Of anybody, for rights requests and everything that people and staff do in the browser. Other processes, and other
    applications, see it within the bound.
    """
    if method in SAFE:
        return
    found = _OF_ONE.match(path)
    if found is not None:
        replica.forget(UUID(found[1]).bytes)
    elif not _BINDS_NOBODY_KNOWN.match(path):
        replica.behind()


def _follow_on() -> None:
    told = False
    while True:
        try:
            connection.close_if_unusable_or_obsolete()
            replica.follow()
            remembered.count_said()
            told = False
        except Exception as error:  # the edge of a thread: without it everything is asked of the database, for good
            if not told:
                log.warning("decisions are not remembered", extra={"error": kind_of(error)})
            told = True
            connection.close()
        replica.wait()
