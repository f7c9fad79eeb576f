"""Decisions are counted per application, purpose, code and minute; the log gets the sums (law.md R64).

A decision gives out no data, so it is not an entry of its own. One statement a request adds to rows of the minute, in
a slot of the connection's own, so that processes do not wait for each other; its commit does not wait for the disk
(`synchronous_commit`): a crash of the database may lose the counts of its last half second, a crash of ours none.
"""

import json
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.utils import timezone

from audit import actors
from audit.services import Entry, record_many

SLOTS = 16
SETTLED = timedelta(minutes=2)
MOST_ENTRIES = 5000
_ADD = """
WITH quick AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
INSERT INTO consent_decisioncount AS kept (application, purpose, code, minute, slot, count)
SELECT %s, coalesce(p.slug, ''), c.code, date_trunc('minute', %s::timestamptz), pg_backend_pid() %% %s, sum(c.count)
FROM quick, jsonb_to_recordset(%s::jsonb) AS c (purpose text, code text, count bigint)
LEFT JOIN consent_purpose p ON p.slug = c.purpose
GROUP BY coalesce(p.slug, ''), c.code ORDER BY 2, 3
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
    counted = [
        {"purpose": purpose, "code": code, "count": number} for (purpose, code), number in Counter(outcomes).items()
    ]
    with connection.cursor() as cursor:
        cursor.execute(_ADD, [application, timezone.now(), SLOTS, json.dumps(counted)])


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
