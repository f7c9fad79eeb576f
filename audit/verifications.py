"""Verifying the whole log as a job: asked for with one click, carried out by a worker, its progress and result in rows.

A worker claims the row under a lease, which every sign of progress renews; one that died is taken over, and after
`MOST_ATTEMPTS` the run says so itself. What was found is recorded (`audit.verified`) with the result, in one
transaction: a verification that nobody can see did not happen.
"""

import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Q
from django.utils import timezone

from audit import actors, selectors
from audit.models import Verification
from audit.services import record
from audit.verify import Report, verify
from audit.vocabulary import JSON
from gdpr_portal.wake import wake

LEASE = timedelta(seconds=60)
PROGRESS_SECONDS = 1.0
MOST_ATTEMPTS = 3
MOST_KEPT = 200
"""Damages kept with the row; the count is of all."""

_PROGRESS = "UPDATE audit_verification SET checked = %s, lease_until = %s WHERE id = %s AND fence = %s"


def ask(*, actor: str, held: Sequence[str] = ()) -> Verification:
    """A verification of the whole log waits for a worker; without held checkpoints, the one already waiting will do."""
    with transaction.atomic():
        if not held:
            waiting = Verification.objects.filter(state=Verification.State.QUEUED, held=[]).first()
            if waiting is not None:
                return waiting
        row = Verification.objects.create(asked_by=actor, asked_at=timezone.now(), held=list(held))
        wake("audit.tasks.verify", str(row.pk))
    return row


def ask_due() -> Verification | None:
    """A verification was asked for if the last one is older than the settings allow."""
    if settings.AUDIT_VERIFY_HOURS <= 0 or selectors.latest_size() == 0:
        return None
    since = timezone.now() - timedelta(hours=settings.AUDIT_VERIFY_HOURS)
    recent = Q(asked_at__gte=since) | Q(state__in=[Verification.State.QUEUED, Verification.State.RUNNING])
    return None if Verification.objects.filter(recent).exists() else ask(actor=actors.system("scheduler"))


def last() -> Verification | None:
    """The last verification that came to its end."""
    done = Verification.objects.filter(state=Verification.State.DONE)
    return done.order_by("-finished_at").first()


def sweep() -> int:
    """What waits or was left behind by a worker that died is carried out; returns how many."""
    return sum(run(pk) for pk in _due().order_by("asked_at").values_list("pk", flat=True))


def run(verification_id: UUID) -> bool:
    """The verification is finished; False when another worker has it or nothing is to be done."""
    row = _claim(verification_id)
    if row is None:
        return False
    if row.attempts > MOST_ATTEMPTS:
        return _settle(row, {"state": Verification.State.FAILED, "finished_at": timezone.now()}, None)
    with _Progress(row) as progress:
        report = verify(held=row.held, progress=progress)
    changes = {
        "state": Verification.State.DONE, "finished_at": timezone.now(), "checked": report.size,
        "damages": report.found, "report": as_dict(report, most=MOST_KEPT),
    }  # fmt: skip
    return _settle(row, changes, report)


def as_dict(report: Report, *, most: int | None = None) -> dict[str, Any]:
    """The report as JSON."""
    return {
        "holds": report.holds,
        "size": report.size,
        "root": report.root.hex(),
        "checkpoints": report.checkpoints,
        "held": report.held,
        "retired": report.retired,
        "found": report.found,
        "damages": [asdict(damage) for damage in report.damages[:most]],
    }


def _due() -> Any:
    left = Q(state=Verification.State.RUNNING, lease_until__lt=timezone.now())
    return Verification.objects.filter(Q(state=Verification.State.QUEUED) | left)


def _claim(verification_id: UUID) -> Verification | None:
    now = timezone.now()
    changes = {
        "state": Verification.State.RUNNING, "lease_until": now + LEASE, "fence": F("fence") + 1,
        "attempts": F("attempts") + 1, "started_at": now, "checked": 0, "expected": selectors.latest_size(),
    }  # fmt: skip
    if not _due().filter(pk=verification_id).update(**changes):
        return None
    return Verification.objects.get(pk=verification_id)


def _settle(row: Verification, changes: dict[str, Any], report: Report | None) -> bool:
    with transaction.atomic():
        mine = Verification.objects.filter(pk=row.pk, fence=row.fence, state=Verification.State.RUNNING)
        if not mine.update(lease_until=None, **changes):
            return False
        if report is not None:
            _record(row, report)
    return True


def _record(row: Verification, report: Report) -> None:
    details: dict[str, JSON] = {
        "verification": str(row.pk), "size": report.size, "root": report.root.hex(),
        "verdict": "holds" if report.holds else "damaged", "damages": report.found, "held": report.held,
        "retired": report.retired,
    }  # fmt: skip
    record("audit.verified", actor=row.asked_by, details=details)


class _Progress:
    """Tells the row how far it is, over a connection of its own: the other one reads a single snapshot."""

    def __init__(self, row: Verification) -> None:
        self._row, self._told, self._other = row, time.monotonic(), connection.copy()

    def __enter__(self) -> "_Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self._other.close()

    def __call__(self, checked: int) -> None:
        if time.monotonic() - self._told < PROGRESS_SECONDS:
            return
        self._told = time.monotonic()
        with self._other.cursor() as cursor:
            cursor.execute(_PROGRESS, [checked, timezone.now() + LEASE, self._row.pk, self._row.fence])
