"""Writing to the log: in the act's own transaction, or not at all (Art. 5(2)). There is no off switch."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.transaction import TransactionManagementError
from django.utils import timezone

from audit import vocabulary
from audit.vocabulary import JSON
from gdpr_portal.context import request_id
from gdpr_portal.prepared import Prepared

COLUMNS = "at, action, actor, subject, request_id, purpose, fields, details"
_NAMES = [f"audit_{name}" for name in COLUMNS.split(", ")]
INSERT = f"INSERT INTO audit_event ({COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s::text[], %s::jsonb)"  # noqa: S608  constants only
"""One event; usable as `WITH audited AS (... RETURNING id)` in the very statement that reads. Parameters: `row()`.

Id, transaction and ordinal are given by the database: the app role may not name them."""
NAMED = f"""INSERT INTO audit_event ({COLUMNS}) VALUES (%(audit_at)s, %(audit_action)s, %(audit_actor)s,
    %(audit_subject)s, %(audit_request_id)s, %(audit_purpose)s, %(audit_fields)s::text[], %(audit_details)s::jsonb)"""  # noqa: S608  constants only
"""The same for `gdpr_portal.prepared`. Parameters: `named()`."""
_RECORD = Prepared(f"{NAMED} RETURNING id")

_INSERT_MANY = f"""
INSERT INTO audit_event ({COLUMNS})
SELECT {COLUMNS} FROM ROWS FROM (jsonb_to_recordset(%s::jsonb) AS (at timestamptz, action text, actor text,
    subject uuid, request_id text, purpose text, fields text[], details jsonb)) WITH ORDINALITY AS entry
ORDER BY ordinality RETURNING id, ordinal
"""  # noqa: S608  constants only


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One act to record. `subject` is the person's audit pseudonym, never the subject's id."""

    action: str
    actor: str
    subject: UUID | None = None
    purpose: str | None = None
    fields: Sequence[str] = ()
    details: Mapping[str, JSON] = field(default_factory=dict)


def record(
    action: str,
    *,
    actor: str,
    subject: UUID | None = None,
    purpose: str | None = None,
    fields: Sequence[str] = (),
    details: Mapping[str, JSON] | None = None,
) -> UUID:
    """The act is in the log if, and only if, the caller's transaction commits. Returns the event's id.

    Raises `TransactionManagementError` outside `transaction.atomic()` and `vocabulary.OutsideVocabulary` for an
    action, detail or value the vocabulary does not know.
    """
    entry = Entry(action=action, actor=actor, subject=subject, purpose=purpose, fields=fields, details=details or {})
    _require_transaction()
    [(event,)] = _RECORD.all(**named(entry))
    return UUID(str(event))


def record_many(entries: Sequence[Entry]) -> list[UUID]:
    """All the acts are in the log, in the order given, by one statement. Returns their ids. Raises as `record`."""
    _require_transaction()
    now = timezone.now()
    rows = [row(entry, at=now) for entry in entries]
    if not rows:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_INSERT_MANY, [json.dumps([_as_record(values) for values in rows])])
        return [event for event, _ in sorted(cursor.fetchall(), key=itemgetter(1))]


def row(entry: Entry, *, at: datetime | None = None) -> tuple[Any, ...]:
    """The parameters of `INSERT` for one entry, checked against the vocabulary."""
    vocabulary.check(entry.action, entry.actor, entry.purpose, entry.fields, entry.details)
    request = request_id.get() or ""
    if not vocabulary.REQUEST_ID.fullmatch(request):
        raise vocabulary.OutsideVocabulary("the request id holds other characters than A-Z a-z 0-9 . _ -")
    details = json.dumps(dict(entry.details), default=list)
    return (
        at or timezone.now(), entry.action, entry.actor, entry.subject, request, entry.purpose,
        list(entry.fields), details,
    )  # fmt: skip


def named(entry: Entry, *, at: datetime | None = None) -> dict[str, Any]:
    """The parameters of `NAMED` for one entry, checked against the vocabulary."""
    return dict(zip(_NAMES, row(entry, at=at), strict=True))


def _as_record(values: tuple[Any, ...]) -> dict[str, Any]:
    at, action, actor, subject, request, purpose, fields, details = values
    return {
        "at": at.isoformat(), "action": action, "actor": actor,
        "subject": subject and str(subject), "request_id": request, "purpose": purpose, "fields": fields,
        "details": json.loads(details),
    }  # fmt: skip


def _require_transaction() -> None:
    if not connection.in_atomic_block:
        raise TransactionManagementError("An audit event is written in the transaction of its act: none is open.")
