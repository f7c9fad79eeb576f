"""What the desk of the audit log shows."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from access import roles
from access.audit_desk import words
from audit import held, verifications, witnesses
from audit.models import Verification, Witness
from audit.selectors import last_checkpoint
from audit.sequencer import lag_seconds

DESKS = [roles.IRM, roles.QA]
POINTS = 12
_GROWTH = """
SELECT point.at, point.size FROM generate_series(1, %(points)s) step
CROSS JOIN LATERAL (SELECT at, size FROM audit_checkpoint WHERE size >= %(size)s::numeric * step / %(points)s
    ORDER BY size LIMIT 1) point ORDER BY point.size
"""


@dataclass(frozen=True)
class Told:
    """A verification in words: the tone, the sentence of the verdict, and each damage."""

    row: Verification
    tone: str
    overdue: bool

    @property
    def damages(self) -> list[dict[str, Any]]:
        """Which entry, and what happened to it."""
        found = (self.row.report or {}).get("damages", [])
        return [each | {"words": words.KINDS.get(each["kind"], each["kind"])} for each in found]

    @property
    def more(self) -> int:
        """Damages that are counted but not listed."""
        return (self.row.damages or 0) - len(self.damages)


@dataclass(frozen=True)
class Growth:
    """How far the log had got at a moment, and in percent of now."""

    at: datetime
    size: int
    percent: int


def desk() -> dict[str, Any]:
    """The start of the desk: checkpoint, who holds copies, holders outside, verifications, growth."""
    head = last_checkpoint()
    return {
        "head": head,
        "lag": round(lag_seconds()),
        "copies": [(words.HOLDERS[each.role], each) for each in held.standing(DESKS)],
        "holders": [_holder(row) for row in witnesses.configured()],
        "runs": [told(row) for row in Verification.objects.order_by("-asked_at")[:10]],
        "growth": growth(head.size) if head else [],
    }


def last_result() -> Told | None:
    """The last verification that came to its end."""
    row = verifications.last()
    return told(row) if row else None


def told(row: Verification) -> Told:
    """The verification as pages show it."""
    tone = "wait" if row.is_open else ("good" if row.holds else "bad")
    limit = timezone.now() - timedelta(hours=words.SINCE_ALARM_HOURS)
    return Told(row, tone, overdue=bool(row.finished_at and row.finished_at < limit))


def growth(size: int) -> list[Growth]:
    """A dozen checkpoints, evenly spread over the entries: when the log had reached each; found by index."""
    with connection.cursor() as cursor:
        cursor.execute(_GROWTH, {"points": POINTS, "size": size})
        return [Growth(at, reached, max(1, reached * 100 // size)) for at, reached in dict.fromkeys(cursor.fetchall())]


def _holder(row: Witness) -> dict[str, Any]:
    code = row.last_error
    tone = "bad" if code == witnesses.CONTRADICTION else ("wait" if code or not row.at else "good")
    return {"row": row, "name": words.HOLDERS[row.name], "tone": tone, "error": words.ERRORS.get(code, code)}
