"""Reads per application, purpose, field and day, counted out of the audit log (never beside it).

Chosen over counting in the transaction of the read: there, everybody reading the same field on the same day would wait
for the same row. The log already has every read in its own transaction; a sweep adds up what is new in it, and a page
adds what is newer still, so that a read shows up at once and none is counted twice. The place counted up to is
`(xid, ordinal)`, taken only below the oldest running transaction: nothing can commit before it any more.
"""

from datetime import datetime
from typing import Any

from django.db import connection, transaction

from consent.models import Finding, ReadMark
from consent.qa.matrix import Key, Reads
from consent.services.findings import open_finding

BATCH = 5_000
_NEW = """
SELECT e.xid, e.ordinal, e.at, e.details ->> 'application' AS application, e.purpose, e.fields FROM audit_event e
WHERE e.action = 'data.read' AND (e.xid, e.ordinal) > (%(xid)s::xid8, %(ordinal)s)
    {bound} ORDER BY e.xid, e.ordinal LIMIT %(batch)s
"""
_SETTLED = "AND e.xid < pg_snapshot_xmin(pg_current_snapshot())"
_COUNTED = """
SELECT e.application, e.purpose, f.field, (e.at AT TIME ZONE 'UTC')::date AS day, count(*) AS reads,
    count(*) FILTER (WHERE NOT EXISTS (SELECT 1 FROM consent_datacontract c
        JOIN access_application a ON a.id = c.application_id JOIN consent_purpose p ON p.id = c.purpose_id
        WHERE a.slug = e.application AND p.slug = e.purpose AND f.field = ANY(c.fields) AND c.published_at <= e.at
            AND (c.retired_at IS NULL OR c.retired_at > e.at) AND (c.expires_at IS NULL OR c.expires_at > e.at))
    ) AS uncovered,
    max(e.at) AS last_at
FROM new e CROSS JOIN LATERAL unnest(e.fields) AS f (field)
WHERE e.application IS NOT NULL AND e.purpose IS NOT NULL GROUP BY 1, 2, 3, 4
"""
_ROLL_UP = f"""
WITH new AS MATERIALIZED ({_NEW.format(bound=_SETTLED)}), counted AS ({_COUNTED}), kept AS (
    INSERT INTO consent_fieldread AS r (application, purpose, field, day, reads, uncovered, last_at)
    SELECT * FROM counted ORDER BY 1, 2, 3, 4
    ON CONFLICT (application, purpose, field, day) DO UPDATE SET reads = r.reads + excluded.reads,
        uncovered = r.uncovered + excluded.uncovered, last_at = greatest(r.last_at, excluded.last_at))
SELECT (SELECT count(*) FROM new), (SELECT array_agg(ARRAY[application, purpose, field]) FROM counted
    WHERE uncovered > 0), l.xid::text, l.ordinal
FROM (SELECT xid, ordinal FROM new ORDER BY xid DESC, ordinal DESC LIMIT 1) l
"""  # noqa: S608 - constants of this module only
_IN_WINDOW = f"""
WITH new AS MATERIALIZED ({_NEW.format(bound="")}), counted AS ({_COUNTED}), every AS (
    SELECT application, purpose, field, reads, uncovered, last_at FROM consent_fieldread WHERE day >= %(since)s::date
    UNION ALL SELECT application, purpose, field, reads, uncovered, last_at FROM counted WHERE day >= %(since)s::date)
SELECT application, purpose, field, sum(reads)::bigint, sum(uncovered)::bigint, max(last_at)
FROM every GROUP BY 1, 2, 3
"""  # noqa: S608


@transaction.atomic
def roll_up(*, batch: int = BATCH) -> int:
    """The next reads of the log are counted; returns how many events. Nothing is counted twice, whoever runs it.

    A read that no contract covered opens a finding. Two sweeps at once: the second finds the mark taken and leaves.
    """
    ReadMark.objects.get_or_create(pk=1)
    mark = ReadMark.objects.select_for_update(skip_locked=True).filter(pk=1).first()
    if mark is None:
        return 0
    rows = _rows(_ROLL_UP, {"xid": str(mark.xid), "ordinal": mark.ordinal, "batch": batch})
    if not rows:
        return 0
    events, uncovered, xid, ordinal = rows[0]
    ReadMark.objects.filter(pk=1).update(xid=int(xid), ordinal=ordinal)
    for application, purpose, field in uncovered or []:
        open_finding(kind=Finding.Kind.UNCOVERED_READ, application=application, purpose=purpose, field=field)
    return int(events)


def reads_since(since: datetime) -> dict[Key, Reads]:
    """Reads from the day of `since` on (UTC), what the sweep has not counted yet included (up to `BATCH` events)."""
    mark = ReadMark.objects.filter(pk=1).first() or ReadMark()
    parameters = {"xid": str(mark.xid), "ordinal": mark.ordinal, "batch": BATCH, "since": since}
    return {Key(*row[:3]): Reads(*row[3:]) for row in _rows(_IN_WINDOW, parameters)}


def _rows(statement: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())
