"""The bytes of a leaf: RFC 8785 canonical JSON of the event, exactly these nine members, absent ones null.

    {"action","actor","at","details","fields","id","purpose","request_id","subject"}

`at` is RFC 3339 in UTC with six digits and `Z`; ids are lower-case UUIDs; numbers are integers below 2**53.
Promised to old data: the members and their form never change. A new member would be a new version of the log.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import rfc8785

COLUMNS = """e.id::text, to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), e.action, e.actor,
    e.subject::text, e.request_id, e.purpose, e.fields, e.details::text"""
"""The event's columns in the order of `MEMBERS`, as SQL over `audit_event e`; text, so that every value loads."""

MEMBERS = ("id", "at", "action", "actor", "subject", "request_id", "purpose", "fields", "details")


class NotCanonical(ValueError):
    """The row holds what no leaf can: it was not written by `record`."""


def timestamp(moment: datetime) -> str:
    """RFC 3339, UTC, microseconds always written: `2026-11-23T10:15:00.000000Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def leaf_bytes(columns: Sequence[Any]) -> bytes:
    """The exact bytes that are hashed and shown as proof, from the columns `COLUMNS` selects."""
    event = dict(zip(MEMBERS, columns, strict=True))
    try:
        event["details"] = json.loads(event["details"])
        return rfc8785.dumps(event)
    except ValueError as error:
        raise NotCanonical(str(error)) from error
