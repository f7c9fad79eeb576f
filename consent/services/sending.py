"""The road of a delivery to its receiver: claim, call, settle; and its one way of being closed.

Claim: a conditional change of the row under a lease, with a fence that rises. Call: no transaction is open. Settle:
only the holder of the fence. A worker that dies anywhere leaves a row that the next sweep takes up when the lease ends;
the receiver sees the same `webhook-id` again, which is why it must be idempotent (Standard Webhooks).

A notice that starts sharing asks at the claim, with the person locked, whether sharing is still on. Whoever stops it
locks the person too, and its answer waits for the calls under way (`in_flight`, `wait_for`): once somebody has been
told that sharing is off, no notice that starts it leaves any more (Art. 7(3), threat T49).
"""

import json
import logging
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import zip_longest
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import OperationalError, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone
from standardwebhooks import Webhook

from access.models import Application, WebhookEndpoint
from access.services.applications import webhook_secrets
from audit.actors import system
from audit.services import record
from consent import hooks, webhook
from consent.models import Delivery
from consent.services import leases
from consent.services.standing import sharing_verdict
from consent.states import move
from gdpr_portal import breakers, metrics
from gdpr_portal.errors import Missing
from gdpr_portal.failpoints import failpoint
from subjects.selectors import pairwise_of
from subjects.services import lock_subject
from vault.services import Place, open_secret, report_if_tampered

GIVE_UP = timedelta(days=30)
FIRST_PAUSE_SECONDS = 2.0
LONGEST_PAUSE_SECONDS = 6 * 3600.0
LONGEST_ASKED_PAUSE_SECONDS = 24 * 3600.0
JITTER = 0.2
RESTRICTED_PAUSE = timedelta(minutes=15)
SET_ASIDE = timedelta(minutes=1)
_POLL_SECONDS = 0.02
log = logging.getLogger(__name__)
_dice = random.SystemRandom()


@dataclass(frozen=True, kw_only=True)
class Claimed:
    """A delivery this worker may send until its lease ends; `started` is the worker's own monotonic clock."""

    id: UUID
    fence: int
    url: str
    body: bytes
    headers: dict[str, str]
    started: float


def send_due(limit: int = 50) -> int:
    """Up to `limit` due deliveries were tried; returns how many. Safe in any number of workers at once."""
    return sum(_send_one_of_many(delivery_id) for delivery_id in _in_turn(limit))


def _in_turn(limit: int) -> list[UUID]:
    """What is due, each application's first, then each one's second: a flood for one holds up no other."""
    waiting = due(timezone.now())
    owed = Application.objects.filter(Exists(waiting.filter(application=OuterRef("pk")))).values_list("pk", flat=True)
    receivers = list(owed)
    _dice.shuffle(receivers)
    share = -(-limit // max(1, len(receivers)))
    lists = [
        waiting.filter(application=each).order_by("next_at").values_list("pk", flat=True)[:share]
        for each in receivers[:limit]
    ]
    return [each for turn in zip_longest(*lists) for each in turn if each is not None][:limit]


def _send_one_of_many(delivery_id: UUID) -> bool:
    """One that cannot even be put together is set aside for a while, with the reason in its row: the others go on."""
    try:
        claimed = claim(delivery_id)
    except Exception as error:  # the edge of a sweep: whatever is wrong with this row, it holds up nobody else's
        log.warning("delivery set aside", extra={"delivery": str(delivery_id), "error": type(error).__name__})
        report_if_tampered(error)
        again = timezone.now() + SET_ASIDE
        due(timezone.now()).filter(pk=delivery_id).update(next_at=again, last_error=type(error).__name__[:80])
        return False
    return claimed is not None and _carry(claimed)


def send_one(delivery_id: UUID) -> bool:
    """The delivery was tried, if it was due and nobody else is at it."""
    claimed = claim(delivery_id)
    return claimed is not None and _carry(claimed)


def _carry(claimed: Claimed) -> bool:
    failpoint("consent.delivery.claimed")
    outcome = call(claimed)
    failpoint("consent.delivery.called")
    settle(claimed, outcome)
    failpoint("consent.delivery.settled")
    return True


def due(now: datetime) -> QuerySet[Delivery]:
    """What can be claimed: its time has come, no lease holds it, and its receiver has an endpoint that is on."""
    return Delivery.objects.filter(
        leases.free(now),
        state__in=["queued", "sending"], next_at__lte=now, application__enabled=True,
        application__endpoint__disabled_at__isnull=True, application__endpoint__isnull=False,
    )  # fmt: skip


def claim(delivery_id: UUID) -> Claimed | None:
    """The delivery is ours for the lease, or None: not due, somebody else's, or overtaken by the person's will."""
    failpoint("consent.delivery.before_claim")
    started = time.monotonic()
    try:
        with transaction.atomic():
            delivery = _locked_if_due(delivery_id)
            if delivery is None or not _may_leave(delivery) or not _may_be_called(delivery):
                return None
            return _take(delivery, started)
    except OperationalError:  # the person is locked for longer than LOCK_TIMEOUT_MS: the next sweep tries again
        return None


def call(claimed: Claimed) -> webhook.Outcome:
    """The call was made, within what is left of its time since the claim. No transaction may be open."""
    left = settings.WEBHOOK_TIMEOUT_SECONDS - (time.monotonic() - claimed.started)
    if left <= 0:
        return webhook.Outcome(error="timeout")
    allow_loopback = bool(settings.WEBHOOK_LOOPBACK_ALLOWED)
    return webhook.post(claimed.url, claimed.body, claimed.headers, allow_loopback, timeout_seconds=left)


@transaction.atomic
def settle(claimed: Claimed, outcome: webhook.Outcome) -> None:
    """The row says what came of the call: `sent`, `queued` again with its next time, or `abandoned`.

    Abandoned after 30 days, but of a request not before it is due. Nothing changes when the lease was lost, or the
    receiver has acknowledged meanwhile (its time of sending is noted).
    """
    given_up = not outcome.accepted and _subject_if_given_up(claimed.id)
    delivery = Delivery.objects.select_for_update().get(pk=claimed.id)
    if delivery.fence != claimed.fence:
        return
    if outcome.accepted:
        _accept(delivery, outcome)
    elif delivery.state == "sending" and given_up:
        _record("delivery.abandoned", delivery, attempt=delivery.attempts, reason=outcome.code)
        close(delivery, "abandon", error=outcome.code)
    elif delivery.state == "sending":
        _retry(delivery, outcome, claimed.url)


def close(delivery: Delivery, event: str, *, error: str = "") -> None:
    """The delivery has ended by `event`: its reference is gone, whoever registered in `consent.hooks` was told.

    In the caller's transaction, with subject and delivery locked. Raises `WrongState`.
    """
    delivery.state = move(delivery.state, event)
    delivery.closed_at = timezone.now()
    delivery.reference_sealed = delivery.lease_until = delivery.next_at = None
    delivery.last_error = error or delivery.last_error
    delivery.save()
    for told in hooks.delivery_closed:
        told(delivery)


def in_flight(*, subject_id: UUID, purpose: str, recipients: Sequence[str]) -> list[tuple[UUID, float]]:
    """The calls that may be starting such sharing at this moment, and for how many seconds at most. Subject locked."""
    now = timezone.now()
    began = timedelta(seconds=settings.STEP_LEASE_SECONDS)
    longest = timedelta(seconds=settings.WEBHOOK_TIMEOUT_SECONDS)
    rows = Delivery.objects.filter(
        subject_id=subject_id, purpose=purpose, recipient__in=recipients, type="sharing.started", state="sending"
    ).values_list("pk", "lease_until")
    ends = [(pk, (lease - began + longest - now).total_seconds()) for pk, lease in rows if lease]
    return [(pk, seconds) for pk, seconds in ends if seconds > 0]


def wait_for(calls: Sequence[tuple[UUID, float]]) -> None:
    """None of the calls is under way any more. After the commit: nothing is locked while this waits."""
    if not calls:
        return
    ids, longest = [pk for pk, _ in calls], max(seconds for _, seconds in calls)
    for _ in range(int(longest / _POLL_SECONDS) + 1):
        if not Delivery.objects.filter(pk__in=ids, state="sending").exists():
            return
        time.sleep(_POLL_SECONDS)


def pause_seconds(attempts: int, retry_after: float | None = None) -> float:
    """How long to leave the receiver alone after that many tries: 2 s doubling up to 6 h, each 20 % more or less.

    Ten tries fall in the first hour. A longer pause the receiver asks for (`Retry-After`) is kept, up to a day.
    """
    pause = min(FIRST_PAUSE_SECONDS * 2.0 ** min(attempts - 1, 30), LONGEST_PAUSE_SECONDS)
    pause *= _dice.uniform(1 - JITTER, 1 + JITTER)
    return max(pause, min(retry_after or 0.0, LONGEST_ASKED_PAUSE_SECONDS))


def payload(delivery: Delivery) -> bytes:
    """The body as it is signed: the same bytes at every try. It names fields and never holds a value of them."""
    body = {
        "type": delivery.type,
        "timestamp": instant(delivery.created_at),
        "data": {
            "delivery": str(delivery.pk),
            "sequence": delivery.sequence,
            "request": str(delivery.request) if delivery.request else None,
            "purpose": delivery.purpose,
            "subject": str(pairwise_of(delivery.application, delivery.subject)),
            "reference": reference_of(delivery),
            "fields": list(delivery.fields),
            "due_at": instant(delivery.due_at) if delivery.due_at else None,
        },
    }
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()


def signed_headers(delivery_id: UUID, body: bytes, secrets: Sequence[str], at: datetime) -> dict[str, str]:
    """The headers of Standard Webhooks: one signature for each secret that is valid now, so that one can be changed."""
    message = str(delivery_id)
    signatures = [Webhook(secret).sign(message, at, body.decode()) for secret in secrets]
    return {
        "webhook-id": message,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
        "Content-Type": "application/json",
        "User-Agent": f"gdpr-portal/{settings.VERSION}",
    }


def instant(moment: datetime) -> str:
    """RFC 3339 in UTC, microseconds only where there are any."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def reference_place(delivery_id: UUID) -> Place:
    return Place("consent_delivery", "reference_sealed", str(delivery_id))


def reference_of(delivery: Delivery) -> str | None:
    """The customer number the receiver gave the person, opened; None when it gave none."""
    if delivery.reference_sealed is None:
        return None
    return open_secret(reference_place(delivery.pk), bytes(delivery.reference_sealed)).decode()


def _locked_if_due(delivery_id: UUID) -> Delivery | None:
    """The row, locked; with the person locked before it when a share is about to start."""
    seen = Delivery.objects.filter(pk=delivery_id).values_list("subject_id", "type").first()
    if seen is None:
        raise Missing()
    if seen[1] == "sharing.started":
        lock_subject(seen[0])
    rows = due(timezone.now()).filter(pk=delivery_id).select_related("application", "subject")
    return rows.select_for_update(skip_locked=True, of=("self",)).first()


def _may_leave(delivery: Delivery) -> bool:
    """False, and the row says so, when a share must not start: off by now (cancelled) or restricted (later)."""
    if delivery.type != "sharing.started":
        return True
    code = sharing_verdict(delivery.subject, delivery.purpose or "", delivery.recipient)
    if code == "restricted":
        delivery.next_at = timezone.now() + RESTRICTED_PAUSE
        delivery.last_error = code
        delivery.save(update_fields=["next_at", "last_error"])
    elif code != "allowed":
        close(delivery, "cancel", error=code)
    return code == "allowed"


def _may_be_called(delivery: Delivery) -> bool:
    """False, and the row waits on, when its receiver's breaker is open; it was not tried and counts no attempt."""
    pause = webhook.pause_seconds(delivery.application.endpoint.url, delivery.created_at)
    if pause:
        delivery.next_at = timezone.now() + timedelta(seconds=pause)
        delivery.last_error = breakers.OPEN
        delivery.save(update_fields=["next_at", "last_error"])
    return not pause


def _take(delivery: Delivery, started: float) -> Claimed:
    now = timezone.now()
    if delivery.lease_until is not None:
        metrics.LEASE_EXPIRIES.labels("delivery").inc()
    delivery.state = move(delivery.state, "claim")
    delivery.attempts += 1
    delivery.fence += 1
    delivery.lease_until = leases.ends(now)
    delivery.save(update_fields=["state", "attempts", "fence", "lease_until"])
    body = payload(delivery)
    return Claimed(
        id=delivery.pk, fence=delivery.fence, url=delivery.application.endpoint.url, body=body, started=started,
        headers=signed_headers(delivery.pk, body, webhook_secrets(delivery.application), now),
    )  # fmt: skip


def tried_until(created_at: datetime, until: datetime | None) -> datetime:
    """The last moment at which what was queued then is put off once more."""
    return max(created_at + GIVE_UP, until or created_at)


def _subject_if_given_up(delivery_id: UUID) -> bool:
    """Whether its time is over; the person is locked then, as closing asks for, and nobody gives it more time."""
    if not _is_over(delivery_id):
        return False
    lock_subject(Delivery.objects.values_list("subject_id", flat=True).get(pk=delivery_id))
    return _is_over(delivery_id)


def _is_over(delivery_id: UUID) -> bool:
    created_at, until = Delivery.objects.values_list("created_at", "until").get(pk=delivery_id)
    return timezone.now() >= tried_until(created_at, until)


def _accept(delivery: Delivery, outcome: webhook.Outcome) -> None:
    delivery.sent_at = delivery.sent_at or timezone.now()
    delivery.last_error = ""
    if delivery.state == "sending":
        delivery.state = move(delivery.state, "accept")
        delivery.lease_until = delivery.next_at = delivery.reference_sealed = None
    delivery.save()
    _record("delivery.sent", delivery, attempt=delivery.attempts, status=outcome.status)


def _retry(delivery: Delivery, outcome: webhook.Outcome, url: str) -> None:
    now = timezone.now()
    delivery.state = move(delivery.state, "retry")
    delivery.lease_until = None
    delivery.next_at = now + timedelta(seconds=pause_seconds(delivery.attempts, outcome.retry_after))
    delivery.last_error = outcome.code
    delivery.save()
    _record("delivery.failed", delivery, attempt=delivery.attempts, status=outcome.status, reason=outcome.code)
    if outcome.status == 410:
        _switch_off(delivery, url)


def _switch_off(delivery: Delivery, url: str) -> None:
    """410 Gone: the receiver wants no more at this address. Its deliveries wait until it sets another."""
    endpoint = WebhookEndpoint.objects.filter(pk=delivery.application_id, url=url, disabled_at=None)
    if endpoint.update(disabled_at=timezone.now()):
        slug = delivery.application.slug
        record("endpoint.removed", actor=system("worker"), details={"application": slug, "reason": "http_410"})


def _record(action: str, delivery: Delivery, **details: Any) -> None:
    record(
        action, actor=system("worker"), subject=delivery.subject.pseudonym, purpose=delivery.purpose,
        details={
            "delivery": str(delivery.pk), "application": delivery.application.slug, "type": delivery.type,
            "recipient": delivery.recipient, "sequence": delivery.sequence, **details,
        },
    )  # fmt: skip
