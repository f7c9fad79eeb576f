"""Status callbacks to OpenDSR controllers (section 8.5): claim, call, settle; retried with growing pauses for 30 days.

An older status that was tried once gives way to a newer one of the same request: late news would be wrong news.
"""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from audit import actors
from audit import services as audit
from consent import webhook
from consent.services import leases
from consent.services.sending import GIVE_UP, instant, pause_seconds
from erasure.models import OpenDsrCallback
from erasure.opendsr.messages import VERSION
from erasure.services import opendsr
from erasure.services.opendsr_signer import identity
from erasure.services.sweeping import each
from erasure.states import CALLBACK, move
from gdpr_portal import breakers
from gdpr_portal.errors import Missing, Unavailable
from gdpr_portal.failpoints import failpoint

SWEEP_SECONDS = 60.0
"""So long one sweep goes on; the next one has the rest."""


@dataclass(frozen=True)
class Claimed:
    """A callback this worker may send until its lease ends."""

    id: UUID
    fence: int
    url: str
    body: bytes


def send_due(limit: int = 50) -> int:
    """Up to `limit` callbacks that are due were tried; returns how many. None while nothing can be signed."""
    ids = list(due().order_by("next_at").values_list("pk", flat=True)[:limit])
    if ids:
        try:
            identity()
        except (Missing, Unavailable):
            return 0
    return each(ids, send, aside=OpenDsrCallback, seconds=SWEEP_SECONDS)


def send(callback_id: UUID) -> bool:
    """The callback was tried, if it was due and nobody else is at it."""
    claimed = claim(callback_id)
    if claimed is None:
        return False
    failpoint("erasure.opendsr.messages.claimed")
    headers = {"Content-Type": "application/json", **identity().headers(claimed.body)}
    outcome = webhook.post(
        claimed.url, claimed.body, headers, bool(settings.WEBHOOK_LOOPBACK_ALLOWED),
        timeout_seconds=float(settings.WEBHOOK_TIMEOUT_SECONDS),
    )  # fmt: skip
    failpoint("erasure.opendsr.messages.called")
    settle(claimed, outcome)
    return True


def due() -> QuerySet[OpenDsrCallback]:
    """What can be claimed: its time has come and no lease holds it."""
    now = timezone.now()
    return OpenDsrCallback.objects.filter(leases.free(now), state__in=["queued", "sending"], next_at__lte=now)


def claim(callback_id: UUID) -> Claimed | None:
    """The callback is ours for the lease, or None: not due, another's, or overtaken by a newer status."""
    with transaction.atomic():
        rows = due().filter(pk=callback_id).select_related("about__application", "about__request__subject")
        row = rows.select_for_update(skip_locked=True, of=("self",)).first()
        if row is None:
            return None
        is_late = bool(row.attempts) and _is_overtaken(row)
        if not is_late and (pause := webhook.pause_seconds(row.url, row.created_at)):
            row.next_at, row.last_error = timezone.now() + timedelta(seconds=pause), breakers.OPEN
            row.save(update_fields=["next_at", "last_error"])
            return None
        if row.state == "queued":
            move(row, "sending", CALLBACK)
        if is_late:
            _close(row, "abandoned", reason="overtaken")
            return None
        row.attempts += 1
        row.fence += 1
        row.lease_until = leases.ends(timezone.now())
        row.save()
        return Claimed(row.id, row.fence, row.url, _body(row))


def settle(claimed: Claimed, outcome: webhook.Outcome) -> None:
    """The row says what came of the call; nothing when the lease was lost."""
    with transaction.atomic():
        rows = OpenDsrCallback.objects.select_for_update(of=("self",))
        row = rows.select_related("about__application", "about__request__subject").get(pk=claimed.id)
        if row.fence != claimed.fence or row.state != "sending":
            return
        if outcome.accepted:
            _close(row, "sent")
        elif timezone.now() - row.created_at >= GIVE_UP:
            _close(row, "abandoned", reason=outcome.code)
        else:
            move(row, "queued", CALLBACK)
            row.lease_until, row.last_error = None, outcome.code
            row.next_at = timezone.now() + timedelta(seconds=pause_seconds(row.attempts, outcome.retry_after))
            row.save()


def _is_overtaken(row: OpenDsrCallback) -> bool:
    newer = OpenDsrCallback.objects.filter(about=row.about_id, url=row.url, created_at__gt=row.created_at)
    return newer.exists()


def _body(row: OpenDsrCallback) -> bytes:
    about = row.about
    body = {
        "controller_id": about.application.slug,
        "expected_completion_time": instant(opendsr.expected_at(about)),
        "status_callback_url": row.url,
        "subject_request_id": str(about.subject_request_id),
        "request_status": row.status,
        "api_version": VERSION,
        "results_url": opendsr.results_url(about) if row.status == opendsr.COMPLETED else None,
    }
    return json.dumps(body, separators=(",", ":")).encode()


def _close(row: OpenDsrCallback, to: str, *, reason: str = "") -> None:
    move(row, to, CALLBACK)
    row.lease_until = row.next_at = None
    row.last_error, row.closed_at = reason, timezone.now()
    row.save()
    about = row.about
    details: dict[str, Any] = {
        "request": str(about.request_id or about.id), "application": about.application.slug, "state": row.status,
        "attempt": row.attempts,
    }  # fmt: skip
    if reason:
        details["reason"] = reason
    subject = about.request.subject.pseudonym if about.request is not None else None
    action = "opendsr.told" if to == "sent" else "opendsr.untold"
    audit.record(action, actor=actors.system("worker"), subject=subject, details=details)
