"""Third parties without a connection: what they have to be told waits in a row for an operator (Art. 19).

As with a delivery, what starts sharing is told only while it is on: asked once more, the person locked, at the moment
the operator says that they are telling it.
"""

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from access import roles
from access.models import Account
from audit import actors
from audit.services import record
from consent.models import ConsentEvent, HandNotice, Recipient
from consent.services.standing import sharing_verdict
from consent.states import HAND, move_in
from gdpr_portal.errors import Missing, Refused, WrongState
from subjects.models import Subject
from subjects.services import lock_subject

TELLERS = frozenset({roles.OPERATOR, roles.IRM})


def queue_by_hand(*, subject: Subject, recipient: str, purpose: str, type: str) -> HandNotice:
    """The notice waits for an operator; a start that nobody has told yet is cancelled by a stop. Subject locked."""
    if type == "sharing.stopped":
        starts = HandNotice.objects.filter(subject=subject, recipient=recipient, purpose=purpose, state="waiting")
        for start in starts.filter(type="sharing.started"):
            _cancel(start, "sharing_off")
    notice = HandNotice.objects.create(
        subject=subject, recipient=recipient, purpose=purpose, type=type, created_at=timezone.now()
    )
    _record("queued", notice, actors.system("worker"))
    return notice


def tell_by_hand(*, notice_id: UUID, actor: Account) -> HandNotice:
    """The operator is telling it now. Repeating it changes nothing.

    Raises `WrongState` with the deciding code when a share must not start (any more): then it is cancelled, or waits
    while the person's data is restricted. `Refused("role_missing")` but for operators and IRM.
    """
    with transaction.atomic():
        notice = _locked(notice_id, actor)
        if notice.state in {"told", "confirmed"}:
            return notice
        code = _verdict(notice)
        if code == "allowed":
            return _move(notice, "tell", actor, told_at=timezone.now())
        if code != "restricted" and notice.state == "waiting":
            _cancel(notice, code)
    raise WrongState(code, "Sharing is not on: do not tell it.")


@transaction.atomic
def confirm_by_hand(*, notice_id: UUID, actor: Account) -> HandNotice:
    """The recipient has confirmed to the operator. Idempotent; raises WrongState before it was told."""
    notice = _locked(notice_id, actor)
    if notice.state == "confirmed":
        return notice
    return _move(notice, "confirm", actor, closed_at=timezone.now())


def recipients_by_hand(subject: Subject, purpose: str) -> list[str]:
    """Third parties without a connection that sharing for this purpose was ever on with, by slug."""
    return _by_hand([subject.pk], ConsentEvent.objects.filter(purpose=purpose))[subject.pk]


def recipients_by_hand_of(people: Sequence[UUID]) -> dict[UUID, list[str]]:
    """Of each of these people the third parties without a connection that sharing with was ever on, by slug: they are
    told by hand (Art. 19). One statement."""
    return _by_hand(people, ConsentEvent.objects.all())


def shared_by_hand(subject: Subject) -> list[tuple[str, str]]:
    """(recipient, purpose) of every third party without a connection that sharing was ever on with, by slug."""
    unconnected = Recipient.objects.filter(application__isnull=True).values("slug")
    shared = ConsentEvent.objects.filter(subject=subject, action="give", recipient__in=unconnected)
    return list(shared.values_list("recipient", "purpose").order_by("recipient", "purpose").distinct())


def _by_hand(people: Sequence[UUID], events: QuerySet[ConsentEvent]) -> dict[UUID, list[str]]:
    unconnected = Recipient.objects.filter(application__isnull=True).values("slug")
    shared = events.filter(subject__in=people, action="give", recipient__in=unconnected)
    found: dict[UUID, list[str]] = {person: [] for person in people}
    for person, slug in shared.values_list("subject_id", "recipient").order_by("recipient").distinct():
        found[person].append(slug)
    return found


def _verdict(notice: HandNotice) -> str:
    if notice.state == "cancelled":
        return "sharing_off"
    if notice.type != "sharing.started":
        return "allowed"
    return sharing_verdict(notice.subject, notice.purpose, notice.recipient)


def _locked(notice_id: UUID, actor: Account) -> HandNotice:
    if not actor.roles & TELLERS:
        raise Refused("role_missing", "Only operators and IRM tell recipients.")
    subject_id = HandNotice.objects.filter(pk=notice_id).values_list("subject_id", flat=True).first()
    if subject_id is None:
        raise Missing()
    lock_subject(subject_id)
    return HandNotice.objects.select_for_update(of=("self",)).select_related("subject").get(pk=notice_id)


def _move(notice: HandNotice, event: str, actor: Account, **times: object) -> HandNotice:
    notice.state = move_in(HAND, notice.state, event)
    notice.by = actor
    for name, value in times.items():
        setattr(notice, name, value)
    notice.save()
    _record(notice.state, notice, actors.staff(actor.pk))
    return notice


def _cancel(notice: HandNotice, reason: str) -> None:
    notice.state = move_in(HAND, notice.state, "cancel")
    notice.closed_at = timezone.now()
    notice.save(update_fields=["state", "closed_at"])
    _record("cancelled", notice, actors.system("worker"), reason=reason)


def _record(event: str, notice: HandNotice, actor: str, **details: str) -> None:
    about = {"notice": str(notice.pk), "recipient": notice.recipient, "type": notice.type}
    record(
        f"hand_notice.{event}", actor=actor, subject=notice.subject.pseudonym, purpose=notice.purpose,
        details=about | details,
    )  # fmt: skip
