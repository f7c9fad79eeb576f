"""A third party asks a person for a share (docs/decisions/0007): they accept, decline, or are silent, which is a no.

The asking application learns the state of its own ask and nothing else: whatever stands in the way, it is answered as
always, and the person is simply not written to. No word of the third party reaches the person: they read what was
approved of the purpose and the recipient.
"""

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from access.models import Application
from access.services.mail import send_mail_later
from audit import actors
from audit.services import record
from consent.models import ConsentEvent, SharingAsk
from consent.selectors import live_purpose, live_recipients
from consent.services.ask_rows import end_ask, open_ask, waiting
from consent.services.sharing import set_sharing
from consent.services.standing import sharing_verdict, state_of
from consent.states import Consent
from gdpr_portal.errors import DomainError, Missing, WrongState
from subjects.models import Subject
from subjects.selectors import email_of, ensure_not_erased
from subjects.services import lock_subject

MOST_WRITTEN_ABOUT = 3
"""Questions waiting at once about which a person is written to; further ones wait in the portal without a mail."""
_SAID_NO = frozenset({"restricted", "objected", "consent_refused", "consent_withdrawn", "consent_pending"})
"""The person (or their parents) has spoken on the purpose: no mail urges them to think again."""


@transaction.atomic
def ask_for_share(
    *, application: Application, subject: Subject, recipient: str, purpose: str
) -> tuple[SharingAsk, bool]:
    """The question waits for the person, who was written to; the flag is False when it waited already.

    Only a third party's own application for its own live recipient of a live purpose: Missing otherwise. Raises
    WrongState(`already_shared`), WrongState(`asked_before`) for ASK_AGAIN_DAYS after a no, DomainError(`throttled`)
    over ASKS_PER_DAY, Gone after an erasure.
    """
    person = ensure_not_erased(lock_subject(subject.pk))
    _require_own(application, recipient, purpose)
    standing = open_ask(person, recipient, purpose)
    if standing is not None:
        return standing, False
    now = timezone.now()
    _require_unanswered(person, recipient, purpose, now)
    _require_allowance(application, now)
    _lapse_own(person, recipient, purpose, now)
    ask = SharingAsk.objects.create(
        subject=person, application=application, recipient=recipient, purpose=purpose, asked_at=now,
        lapses_at=now + timedelta(days=settings.ASK_LAPSES_DAYS),
    )  # fmt: skip
    is_told = _write(person, purpose)
    record(
        "ask.made", actor=actors.application(application.slug), subject=person.pseudonym, purpose=purpose,
        details={"ask": str(ask.pk), "recipient": recipient, "application": application.slug, "told": is_told},
    )  # fmt: skip
    return ask, True


def ask_of(*, application: Application, subject: Subject, recipient: str, purpose: str) -> SharingAsk:
    """The application's newest ask of the person for this share. Raises Missing when it made none, Gone if erased."""
    ensure_not_erased(subject)
    rows = SharingAsk.objects.filter(application=application, subject=subject, recipient=recipient, purpose=purpose)
    found = rows.order_by("-asked_at", "-pk").first()
    if found is None:
        raise Missing()
    return found


def state_told(ask: SharingAsk) -> str:
    """The state as it stands now: past its time a question has lapsed, whether or not a sweep has been by."""
    is_over = ask.state == SharingAsk.State.ASKED and ask.lapses_at <= timezone.now()
    return SharingAsk.State.LAPSED.value if is_over else ask.state


@transaction.atomic
def answer_ask(*, subject: Subject, ask_id: UUID, accept: bool, channel: str, actor: str) -> SharingAsk:
    """The person's word on the question: sharing is on (as by its switch), or the no is remembered.

    Declining always succeeds while the question waits. Accepting raises WrongState with the deciding code when the
    purpose is not allowed for the person now; the question goes on waiting. Raises Missing for another person's, and
    WrongState(`wrong_state`) once it is over.
    """
    person = ensure_not_erased(lock_subject(subject.pk))
    if not SharingAsk.objects.filter(pk=ask_id, subject=person).exists():
        raise Missing()
    ask = waiting(person).filter(pk=ask_id).first()
    if ask is None:
        raise WrongState("wrong_state", "This question is not open any more.")
    if not accept:
        return end_ask(ask=ask, event="decline", actor=actor, at=timezone.now(), channel=channel)
    set_sharing(
        subject=person, recipient=ask.recipient, purpose=ask.purpose, shared=True, channel=channel, actor=actor
    )  # ends the ask too
    ask.refresh_from_db()
    return ask


def lapse_due(limit: int = 500) -> int:
    """Questions nobody answered in time have lapsed; returns how many."""
    due = SharingAsk.objects.filter(state=SharingAsk.State.ASKED, lapses_at__lte=timezone.now())
    return sum(_lapse(*ids) for ids in due.order_by("lapses_at").values_list("pk", "subject_id")[:limit])


@transaction.atomic
def _lapse(ask_id: UUID, subject_id: UUID) -> bool:
    lock_subject(subject_id)
    now = timezone.now()
    ask = SharingAsk.objects.filter(pk=ask_id, state=SharingAsk.State.ASKED, lapses_at__lte=now).first()
    if ask is not None:
        end_ask(ask=ask, event="lapse", actor=actors.system("worker"), at=ask.lapses_at)
    return ask is not None


def _lapse_own(subject: Subject, recipient: str, purpose: str, now: datetime) -> None:
    """What is past its time and no sweep has marked makes room: one row may be open."""
    row = SharingAsk.objects.filter(subject=subject, recipient=recipient, purpose=purpose, state=SharingAsk.State.ASKED)
    for ask in row.filter(lapses_at__lte=now):
        end_ask(ask=ask, event="lapse", actor=actors.system("worker"), at=ask.lapses_at)


def _require_own(application: Application, recipient: str, purpose: str) -> None:
    own = live_recipients(live_purpose(purpose)).filter(slug=recipient, application=application)
    if not application.is_third_party or not own.exists():
        raise Missing("not_found", "This is no recipient of yours for the purpose.")


def _require_unanswered(subject: Subject, recipient: str, purpose: str, now: datetime) -> None:
    """Sharing is off, and neither a no nor silence nor a switching off is younger than ASK_AGAIN_DAYS."""
    if state_of(subject, purpose, recipient) is Consent.GIVEN:
        raise WrongState("already_shared", "The person shares with you already.")
    since = now - timedelta(days=settings.ASK_AGAIN_DAYS)
    where = {"subject": subject, "recipient": recipient, "purpose": purpose}
    asked = SharingAsk.objects.filter(**where, lapses_at__gt=since).exclude(state=SharingAsk.State.ACCEPTED)
    no = [max(row.answered_at or row.lapses_at, row.asked_at) for row in asked]
    withdrawn = ConsentEvent.objects.filter(**where, action="withdraw", at__gt=since)
    if any(moment > since for moment in no) or withdrawn.exists():
        raise WrongState("asked_before", "The person has been asked and it was a no; do not ask again yet.")


def _require_allowance(application: Application, now: datetime) -> None:
    """One after another for each application (its row is locked, in a way that lets deliveries go on)."""
    Application.objects.select_for_update(no_key=True).get(pk=application.pk)
    day = SharingAsk.objects.filter(application=application, asked_at__gt=now - timedelta(days=1))
    if day.count() >= settings.ASKS_PER_DAY:
        raise DomainError("throttled", "No more asks in 24 hours.", status=429)


def _write(subject: Subject, purpose: str) -> bool:
    """The person was told by mail that a question waits, unless they have spoken already or many wait."""
    address = email_of(subject)
    quiet = waiting(subject).count() > MOST_WRITTEN_ABOUT or sharing_verdict(subject, purpose, None) in _SAID_NO
    if address is None or quiet:
        return False
    context = {"days": settings.ASK_LAPSES_DAYS}
    send_mail_later("share_asked", to=address, language=subject.language or "en", context=context)
    return True
