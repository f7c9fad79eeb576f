"""Requests by letter and in somebody else's name: recorded at the desk, or sent by the public form (law.md R27)."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import transaction

from access.models import Account
from access.services.mail import left_to_the_sweep, send_mail_later
from audit import actors
from erasure.models import Mandate, RightsRequest
from erasure.services.details import details_from_words
from erasure.services.joint import Wishes, file_together
from erasure.services.mandate_words import Representative
from erasure.services.mandates import add_mandate, tell_person
from erasure.services.nobody import nobody
from gdpr_portal.errors import DomainError
from subjects.models import Subject
from subjects.selectors import ensure_not_erased, subject_by_email
from subjects.services import lock_subject

MOST_WAITING = 3
"""Mandates from the public form that wait for a reviewer at a time, per person: nobody fills the desk's queue."""


@dataclass(frozen=True)
class Shown:
    """What a representative shows: which kind of mandate, who they are, until when, and the document itself."""

    kind: str
    who: Representative
    document: bytes
    valid_until: date | None = None


def record_on_behalf(
    *,
    subject: Subject,
    wishes: Wishes,
    shown: Shown,
    reviewer: Account | None = None,
    received_at: datetime | None = None,
) -> list[RightsRequest]:
    """The requests wait for the mandate to be looked at, their clocks run, the person is told. All of them or none.

    Raises what `add_mandate` and `file_together` raise.
    """
    actor = actors.REPRESENTATIVE if reviewer is None else actors.staff(reviewer.id)
    with transaction.atomic():
        subject = ensure_not_erased(lock_subject(subject.pk))
        mandate = add_mandate(
            subject=subject,
            kind=shown.kind,
            who=shown.who,
            document=shown.document,
            valid_until=shown.valid_until,
            recorded_by=reviewer,
        )
        filed = file_together(
            subject=subject,
            wishes=wishes,
            verified_by=RightsRequest.VerifiedBy.NONE,
            actor=actor,
            received_at=received_at,
            mandate=mandate,
        )
        tell_person(mandate)
    return filed


def record_letter(
    *,
    subject: Subject,
    wishes: Wishes,
    reviewer: Account,
    received_at: datetime | None = None,
) -> list[RightsRequest]:
    """What the person asked for by letter is filed by a reviewer who is sure that it is them (Art. 12(6)).

    What takes away what is held waits for a second person (`four_eyes`).
    """
    return file_together(
        subject=subject,
        wishes=wishes,
        verified_by=RightsRequest.VerifiedBy.DOCUMENT,
        actor=actors.staff(reviewer.id),
        received_at=received_at,
        vouched_by=reviewer,
    )


def ask_for_somebody(*, email: str, right: str, words: Mapping[str, Any], shown: Shown, language: str) -> None:
    """From the public form: known or not, the page is the same, and so is the mail to the representative.

    Nothing tells an unproven stranger whether somebody is known here, the time it takes neither (T11); a file that
    cannot be kept is refused by the form before, for everybody alike.
    """
    with transaction.atomic():
        subject = subject_by_email(email)
        send_mail_later("mandate_received", to=shown.who.email, language=language, context={})
    details = _details(subject, right, words)
    if subject is None or details is None:
        with nobody() as unknown:  # to seal and store a file takes time
            record_on_behalf(subject=unknown, wishes=[("access", {})], shown=shown)
        return
    with suppress(DomainError), left_to_the_sweep():  # erased meanwhile, or a right that the basis does not give
        record_on_behalf(subject=subject, wishes=[(right, details)], shown=shown)


def _details(subject: Subject | None, right: str, words: Mapping[str, Any]) -> dict[str, Any] | None:
    """What is asked, of somebody known of whom not too much waits; None where nothing is recorded."""
    if subject is None or _too_many(subject):
        return None
    with suppress(DomainError):
        return details_from_words(subject, right, words)
    return None


def _too_many(subject: Subject) -> bool:
    waiting = Mandate.objects.filter(subject=subject, state="waiting", recorded_by=None)
    return waiting.count() >= MOST_WAITING
