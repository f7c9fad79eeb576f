"""Mails about consents that stand: before one ends by itself, and when a child whose parent agreed comes of age.

Each goes out once for an event; a row says so, in the transaction that queues the mail. Neither mail asks for an act:
without one the first consent ends on its day, and the second stands, now the child's own to keep or withdraw.
"""

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from access.services.mail import send_mail_later
from audit.actors import system
from audit.services import record
from consent.models import Confirmation, ConsentEvent, Purpose, Reminder, Standing
from consent.services.confirmations import language_of, of_age, root_of
from consent.services.standing import sharing_verdict
from consent.states import Consent
from subjects.models import Restriction, Subject
from subjects.selectors import email_of
from subjects.services import lock_subject

LOOK_AGAIN = timedelta(hours=6)
"""How often a child's date of birth is looked at: it lies sealed, so that no query can sort by it."""
TEMPLATES = {Reminder.Kind.ENDING: "consent_ending", Reminder.Kind.OF_AGE: "consent_of_age"}


def reminder_window(purpose: Purpose) -> timedelta:
    """How long before its end a consent can be renewed and its person is reminded: the setting, at most a quarter of
    the time it stands."""
    return min(timedelta(days=settings.CONSENT_REMINDER_DAYS), timedelta(days=purpose.validity_days) / 4)


def remind_ending(limit: int = 200) -> int:
    """Whoever has a consent that ends soon has a mail about it on its way; returns how many."""
    return sum(_remind(subject_id, event) for subject_id, event in _ending(timezone.now())[:limit])


def tell_of_age(limit: int = 200) -> int:
    """Whoever came of age since a parent agreed for them has a mail on its way (Art. 8(1)); returns how many."""
    now = timezone.now()
    parents = Confirmation.objects.filter(kind=Confirmation.Kind.PARENT, state=Confirmation.State.CONFIRMED)
    unseen = parents.filter(Q(looked_at=None) | Q(looked_at__lt=now - LOOK_AGAIN), subject__erased_at=None)
    told = Reminder.objects.filter(event=OuterRef("event"), kind=Reminder.Kind.OF_AGE)
    due = unseen.exclude(Exists(told)).order_by(F("looked_at").asc(nulls_first=True))[:limit]
    return sum(_look_at(row) for row in due)


def _ending(now: datetime) -> list[tuple[UUID, UUID]]:
    """(person, event) of what ends within its purpose's window, the soonest first."""
    found: list[tuple[UUID, UUID]] = []
    for purpose in Purpose.objects.filter(lawful_basis=Purpose.Basis.CONSENT, state="live"):
        rows = _standing(purpose, now).filter(expires_at__lte=now + reminder_window(purpose)).order_by("expires_at")
        found += rows.values_list("subject_id", "event")[:1000]
    return found


def _standing(purpose: Purpose, now: datetime) -> QuerySet[Standing]:
    told = Reminder.objects.filter(event=OuterRef("event"), kind=Reminder.Kind.ENDING)
    restricted = Restriction.objects.filter(subject=OuterRef("subject"), lifted_at=None)
    rows = Standing.objects.filter(purpose=purpose.slug, recipient="", state=Consent.GIVEN, expires_at__gt=now)
    return rows.filter(subject__erased_at=None).exclude(Exists(told)).exclude(Exists(restricted))


@transaction.atomic
def _remind(subject_id: UUID, event: UUID) -> bool:
    """Looked at again under the lock. What is not in force is marked without a mail: nobody is asked to renew it."""
    subject = lock_subject(subject_id)
    row = Standing.objects.filter(subject=subject, event=event, state=Consent.GIVEN).first()
    if row is None or subject.erased_at is not None:
        return False
    in_force = sharing_verdict(subject, row.purpose, None) == "allowed"
    return _tell(subject, row.purpose, event, Reminder.Kind.ENDING, by_mail=in_force)


@transaction.atomic
def _look_at(row: Confirmation) -> bool:
    subject = lock_subject(row.subject_id)
    Confirmation.objects.filter(pk=row.pk).update(looked_at=timezone.now())
    if subject.erased_at is not None or not of_age(subject, timezone.now().date()):
        return False
    return _tell(subject, row.purpose, row.event, Reminder.Kind.OF_AGE, by_mail=_is_standing(row))


def _is_standing(row: Confirmation) -> bool:
    standing = Standing.objects.filter(subject=row.subject_id, purpose=row.purpose, recipient="").first()
    if standing is None or standing.state != Consent.GIVEN:
        return False
    return root_of(ConsentEvent.objects.get(event=standing.event)) == row.event


def _tell(subject: Subject, purpose: str, event: UUID, kind: Reminder.Kind, *, by_mail: bool) -> bool:
    _row, created = Reminder.objects.get_or_create(
        event=event, kind=kind, defaults={"subject": subject, "at": timezone.now()}
    )
    address = email_of(subject) if created and by_mail else None
    if address is None:
        return False
    context = {"link": f"{settings.BASE_URL}/consent"}
    send_mail_later(TEMPLATES[kind], to=address, language=language_of(subject), context=context)
    details = {"event": str(event), "kind": kind.value}
    record("consent.reminded", actor=system("worker"), subject=subject.pseudonym, purpose=purpose, details=details)
    return True
