"""Decisions are counted per application, purpose, code and minute; the log gets the sums (law.md R64).

A decision gives out no data, so it is not an entry of its own. One statement a request adds to rows of the minute, in
a slot of the connection's own, so that processes do not wait for each other; its commit does not wait for the disk
(`synchronous_commit`): a crash of the database may lose the counts of its last half second, a crash of ours none.

Single decisions answered in front of Django are gathered first, and written every `WRITE_SECONDS` and at an orderly
end: there a process killed with -9 loses that much of its counts (docs/decisions/0040). They belong to the minute they
were made in, and while the database is away they wait.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from threading import Lock

from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from audit import actors
from audit.services import Entry, record_many

Key = tuple[str, str, str, datetime]
"""Application, purpose, code, and a moment in the minute."""

SLOTS = 16
WRITE_SECONDS = 0.25
SETTLED = timedelta(minutes=2)
MOST_ENTRIES = 5000
_ADD = """
WITH quick AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
INSERT INTO consent_decisioncount AS kept (application, purpose, code, minute, slot, count)
SELECT c.application, coalesce(p.slug, ''), c.code, date_trunc('minute', c.at), pg_backend_pid() %% %s, sum(c.count)
FROM quick, jsonb_to_recordset(%s::jsonb) AS c (application text, purpose text, code text, at timestamptz, count bigint)
LEFT JOIN consent_purpose p ON p.slug = c.purpose
GROUP BY 1, 2, 3, 4 ORDER BY 4, 1, 2, 3
ON CONFLICT (minute, application, purpose, code, slot) DO UPDATE SET count = kept.count + excluded.count
"""
_TAKE = """
WITH taken AS (DELETE FROM consent_decisioncount WHERE id IN (
    SELECT id FROM consent_decisioncount WHERE minute < %s ORDER BY minute, id LIMIT %s FOR UPDATE SKIP LOCKED)
    RETURNING application, purpose, code, minute, count)
SELECT minute, application, purpose, code, sum(count)::bigint FROM taken GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
"""


def count_decisions(*, application: str, outcomes: Iterable[tuple[str, str]]) -> None:
    """The outcomes (purpose, code) are added to the present minute. What is no purpose of ours is counted as none."""
    now = timezone.now()
    _add({(application, purpose, code, now): number for (purpose, code), number in Counter(outcomes).items()})


def _add(counts: Mapping[Key, int]) -> None:
    names = ("application", "purpose", "code", "at")
    rows = [dict(zip(names, key, strict=True)) | {"count": number} for key, number in counts.items()]
    with connection.cursor() as cursor:
        cursor.execute(_ADD, [SLOTS, json.dumps(rows, default=datetime.isoformat)])


class Gathered:
    """Counts of this process that are not written yet. Of many threads."""

    def __init__(self) -> None:
        self._counts: Counter[Key] = Counter()
        self._lock = Lock()

    def add(self, *, application: str, purpose: str, code: str, at: datetime, number: int = 1) -> None:
        """So many decisions more; `purpose` is one of ours, or empty."""
        with self._lock:
            self._counts[application, purpose, code, at.replace(second=0, microsecond=0)] += number

    def write(self) -> int:
        """All of them stand in the database; returns how many kinds. When it cannot be reached they are kept."""
        counts = self.take()
        if not counts:
            return 0
        try:
            _add(counts)
        except DatabaseError:
            with self._lock:
                self._counts.update(counts)
            raise
        return len(counts)

    def take(self) -> Counter[Key]:
        """What is gathered, here no more."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
        return counts


gathered = Gathered()


@transaction.atomic
def flush_counts() -> int:
    """The sums of minutes that are over stand in the log as `decision.counted`, and here no more; returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, [timezone.now() - SETTLED, MOST_ENTRIES])
        sums = cursor.fetchall()
    record_many([_entry(*row) for row in sums])
    return len(sums)


def _entry(minute: datetime, application: str, purpose: str, code: str, count: int) -> Entry:
    at = minute.strftime("%Y-%m-%dT%H:%MZ")
    details: dict[str, str | int] = {"application": application, "code": code, "count": count, "minute": at}
    actor = actors.application(application)
    return Entry(action="decision.counted", actor=actor, purpose=purpose or None, details=details)
