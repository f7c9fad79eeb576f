"""Telling a receiver once more, at once, because somebody at the desk says so."""

from uuid import UUID

from django.db import transaction
from django.utils import timezone

from access import roles
from access.models import Account, WebhookEndpoint
from audit import actors
from audit.services import record
from consent.models import Delivery
from consent.services.deliveries import sealed_reference
from consent.states import move
from gdpr_portal.errors import Missing, Refused, WrongState
from gdpr_portal.wake import wake
from subjects.services import lock_subject

RENEWERS = frozenset({roles.OPERATOR, roles.IRM})
LIKE_QUEUED = frozenset({"queued", "sending"})


@transaction.atomic
def tell_again(*, delivery_id: UUID, actor: Account) -> Delivery:
    """The notice is tried now: one that waits for its time, one nobody confirmed, or one that was given up.

    The same `webhook-id` goes out, so that a receiver that has it knows it (Standard Webhooks). A start of sharing is
    looked at again before it leaves, as ever. After its time one try is made. Raises `WrongState`: `already_closed`
    once the receiver spoke, `under_way` while it is being sent, `no_live_endpoint`; `Refused` but for operator and IRM.
    """
    if not actor.roles & RENEWERS:
        raise Refused("role_missing", "Only operators and IRM can have it told again.")
    delivery = _locked(delivery_id)
    before, now = delivery.state, timezone.now()
    if delivery.lease_until is not None and delivery.lease_until > now:
        raise WrongState("under_way", "It is being sent at this moment.")
    if not WebhookEndpoint.objects.filter(application=delivery.application_id, disabled_at=None).exists():
        raise WrongState("no_live_endpoint", "The receiver has no address that is in use.")
    if before not in LIKE_QUEUED:
        delivery.state = move(before, "again")
        delivery.reference_sealed = sealed_reference(delivery)
    delivery.next_at, delivery.closed_at = now, None
    delivery.save(update_fields=["state", "reference_sealed", "next_at", "closed_at"])
    record(
        "delivery.renewed", actor=actors.staff(actor.pk), subject=delivery.subject.pseudonym, purpose=delivery.purpose,
        details={
            "delivery": str(delivery.pk), "application": delivery.application.slug, "type": delivery.type,
            "recipient": delivery.recipient, "sequence": delivery.sequence, "attempt": delivery.attempts, "was": before,
        },
    )  # fmt: skip
    wake("consent.tasks.send", str(delivery.pk))
    return delivery


def _locked(delivery_id: UUID) -> Delivery:
    subject_id = Delivery.objects.filter(pk=delivery_id).values_list("subject_id", flat=True).first()
    if subject_id is None:
        raise Missing()
    lock_subject(subject_id)
    rows = Delivery.objects.select_for_update(of=("self",)).select_related("application", "subject")
    return rows.get(pk=delivery_id)
