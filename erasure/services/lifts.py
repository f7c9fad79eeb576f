"""Ending a restriction: the person is told first, then it ends, and recipients are told (Art. 18(3), 19)."""

from uuid import UUID

from django.db import transaction

from access.models import Account
from access.services.mail import send_mail_later
from audit import actors
from audit import services as audit
from consent.services.by_hand import queue_by_hand, shared_by_hand
from consent.services.deliveries import affected_applications, queue_delivery
from erasure.plans import has_endpoint
from gdpr_portal.errors import Missing, WrongState
from subjects import services as subjects
from subjects.models import Restriction, Subject
from subjects.selectors import email_of, is_restricted
from subjects.services import lock_subject


def announce(*, subject: Subject, restriction_id: UUID, by: Account, by_post: bool = False) -> Restriction:
    """The person is told that the restriction will end; it does not yet. Once, however often this is called.

    Who has no e-mail address is written to by post, and the reviewer says so (`by_post`): nobody counts as told whom
    nothing reached. Raises `no_address` for them otherwise.
    """
    with transaction.atomic():
        lock_subject(subject.pk)
        restriction = _standing(subject, restriction_id)
        if restriction.lift_announced_at is not None:
            return restriction
        address = email_of(subject)
        if address is None and not by_post:
            raise WrongState("no_address", "We have no e-mail address: write by post, and say here that you did.")
        restriction = subjects.announce_lift(restriction=restriction)
        audit.record(
            "restriction.lift_announced",
            actor=actors.staff(by.id),
            subject=subject.pseudonym,
            details={
                "ground": restriction.ground,
                "request": str(restriction.request) if restriction.request else None,
            },
        )
        if address is not None:
            context = {"reference": str(restriction.request or restriction.id)}
            send_mail_later("restriction_ends", to=address, language=subject.language or "en", context=context)
    return restriction


def lift(*, subject: Subject, restriction_id: UUID, by: Account) -> Restriction:
    """The restriction has ended, and with the last one every recipient is told.

    Raises `not_announced` before the person was told.
    """
    with transaction.atomic():
        lock_subject(subject.pk)
        restriction = _standing(subject, restriction_id)
        if restriction.lift_announced_at is None:
            raise WrongState("not_announced", "The person is told before a restriction is lifted.")
        subjects.lift_restriction(
            subject=subject,
            actor=actors.staff(by.id),
            request=restriction.request,
            ground=restriction.ground,
            reason="settled",
        )
        if not is_restricted(subject):
            _tell_recipients(subject, restriction)
        restriction.refresh_from_db()
    return restriction


def _tell_recipients(subject: Subject, restriction: Restriction) -> None:
    """Whoever was told of it; not while another restriction keeps the data from use (Art. 19)."""
    for application in filter(has_endpoint, affected_applications(subject)):
        queue_delivery(application=application, subject=subject, type="restriction.lifted", request=restriction.request)
    for recipient, purpose in shared_by_hand(subject):
        queue_by_hand(subject=subject, recipient=recipient, purpose=purpose, type="restriction.lifted")


def _standing(subject: Subject, restriction_id: UUID) -> Restriction:
    claimed = Restriction.objects.filter(ground__in=Restriction.CLAIMED)  # the others end with their request
    row = claimed.select_for_update().filter(pk=restriction_id, subject=subject, lifted_at=None).first()
    if row is None:
        raise Missing
    return row
