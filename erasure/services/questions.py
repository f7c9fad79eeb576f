"""Questioning an access: asked on the page of accesses, answered by the desk within a month (Art. 12(3), 15(1)(c)).

The words on both sides are sealed under the person's key and go with it; that there was a question stays.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from access.models import Account
from access.services.accounts import account_email
from access.services.mail import send_mail_later
from audit import actors
from audit.selectors import events
from audit.services import record
from audit.vocabulary import JSON
from erasure.models import AccessQuestion
from erasure.services.clock import deadline_for
from erasure.services.escalations import CLOCK, desk_accounts
from gdpr_portal.errors import Gone, Invalid, Missing, WrongState
from subjects.hooks import Questioned
from subjects.models import Subject
from subjects.selectors import email_of, ensure_not_erased
from subjects.services import lock_subject
from vault import services as vault

LONGEST = 2000
MARKS = (50, 80, 100)
TONES = {"open": "wait", "in_work": "wait", "answered": "good"}


def question_access(*, subject: Subject, event: UUID, text: str) -> AccessQuestion:
    """The desk owes the person an answer about this access; asking about it once more changes nothing.

    Raises `Missing` for an entry that is not an access to this person's data, `Invalid` for words that do not fit.
    """
    words = _words(text)
    with transaction.atomic():
        locked = ensure_not_erased(lock_subject(subject.pk))
        accessed = access_entry(locked, event)
        known = AccessQuestion.objects.filter(subject=locked, event=event).first()
        if known is not None:
            return known
        now = timezone.now()
        row = AccessQuestion(subject=locked, event=event, asked_at=now, due_at=deadline_for(now).due_at)
        row.application = accessed.partition(":")[2] if accessed.startswith("application:") else ""
        row.asked_sealed = _seal(row, "asked_sealed", words)
        row.save(force_insert=True)
        _record(row, "access.questioned", actors.SUBJECT, due_on=row.due_at.date().isoformat())
    return row


def access_entry(subject: Subject, event: UUID) -> str:
    """Who accessed the person's data by this entry of the log. Raises `Missing` when it is no such entry."""
    found = events(subject=subject.pseudonym, action="data.read").filter(pk=event).first()
    if found is None:
        raise Missing()
    return str(found.actor)


def take_up(*, question_id: UUID, by: Account) -> AccessQuestion:
    """This member of staff looks into it from now on."""
    with transaction.atomic():
        row = _locked_open(question_id)
        row.owner, row.state = by, AccessQuestion.State.IN_WORK
        row.save(update_fields=["owner", "state"])
        _record(row, "access.taken_up", actors.staff(by.pk), owner=str(by.pk))
    return row


def explain(*, question_id: UUID, by: Account, text: str, outcome: str) -> AccessQuestion:
    """The person can read the answer in the portal and was told by mail that there is one."""
    words = _words(text)
    if outcome not in AccessQuestion.Outcome.values:
        raise Invalid("invalid_value", "Say whether the access was in order.", status=422)
    with transaction.atomic():
        row = _locked_open(question_id)
        row.answer_sealed = _seal(row, "answer_sealed", words)
        row.state, row.outcome, row.answered_at = AccessQuestion.State.ANSWERED, outcome, timezone.now()
        row.owner = row.owner or by
        row.save()
        late = row.answered_at > row.due_at
        _record(row, "access.explained", actors.staff(by.pk), outcome=outcome, late=late)
        _tell_person(row)
    return row


def reveal(*, question: AccessQuestion, to: Account) -> tuple[str, str]:
    """(question, answer), opened for the desk; that it was opened is in the log."""
    said = words_of(question)
    if any(said):
        with transaction.atomic():
            record(
                "data.revealed", actor=actors.staff(to.pk), subject=question.subject.pseudonym,
                details={"case": str(question.pk), "reason": "question", "count": sum(map(bool, said))},
            )  # fmt: skip
    return said


def words_of(question: AccessQuestion) -> tuple[str, str]:
    """(question, answer), opened; empty where there is none or the person was erased."""
    again = AccessQuestion.objects.filter(pk=question.pk).get
    try:
        return vault.open_cells(question.subject_id, question, again, _said)
    except Gone:
        return "", ""


def _said(key: vault.SubjectKey, row: AccessQuestion) -> tuple[str, str]:
    return _open(key, row, "asked_sealed"), _open(key, row, "answer_sealed")


def described(subject: Subject, events: Sequence[UUID]) -> Mapping[UUID, Questioned]:
    """For each access, where it can be questioned and what came of it (`subjects.hooks.register_questions`)."""
    asked = {row.event: row for row in AccessQuestion.objects.filter(subject=subject, event__in=events)}
    return {event: _described(event, asked.get(event)) for event in events}


def escalate_questions(limit: int = 200) -> int:
    """The desk is told at 50, 80 and 100 % of the period, once each; returns how many marks were made now."""
    standing = AccessQuestion.objects.filter(~Q(state="answered"), mark__lt=MARKS[-1]).order_by("due_at")
    return sum(_mark(pk) for pk in standing.values_list("pk", flat=True)[:limit])


def _mark(question_id: UUID) -> bool:
    with transaction.atomic():
        row = AccessQuestion.objects.select_for_update(of=("self",)).get(pk=question_id)
        used = 100 * (timezone.now() - row.asked_at) / max(row.due_at - row.asked_at, timedelta(seconds=1))
        reached = max((mark for mark in MARKS if mark <= used), default=0)
        if not row.is_open or reached <= row.mark:
            return False
        row.mark = reached
        row.save(update_fields=["mark"])
        _record(row, "access.escalated", CLOCK, mark=reached, due_on=row.due_at.date().isoformat())
        context = {"reference": str(row.pk), "mark": reached, "due": row.due_at}
        for account in desk_accounts():
            send_mail_later("question_escalated", to=account_email(account), language=account.language, context=context)
    return True


def _described(event: UUID, row: AccessQuestion | None) -> Questioned:
    url = reverse("access_question", args=[event])
    if row is None:
        return Questioned(url)
    answer = words_of(row)[1] if row.state == AccessQuestion.State.ANSWERED else ""
    return Questioned(url, str(row.get_state_display()), TONES[row.state], answer)


def _locked_open(question_id: UUID) -> AccessQuestion:
    row = AccessQuestion.objects.select_for_update(of=("self",)).filter(pk=question_id).first()
    if row is None:
        raise Missing()
    if not row.is_open:
        raise WrongState("wrong_state", "This question has been answered.")
    ensure_not_erased(row.subject)
    return row


def _words(text: str) -> str:
    words = text.strip()
    if not words or len(words) > LONGEST or "\0" in words:
        raise Invalid("invalid_value", "Write 1 to %(longest)s characters.", status=422, params={"longest": LONGEST})
    return words


def words_place(row: AccessQuestion, column: str) -> vault.Place:
    """The cells of question and answer."""
    return vault.Place("erasure_accessquestion", column, str(row.pk))


def _seal(row: AccessQuestion, column: str, words: str) -> bytes:
    return vault.subject_key(row.subject_id).seal(words_place(row, column), words.encode())


def _open(key: vault.SubjectKey, row: AccessQuestion, column: str) -> str:
    sealed = getattr(row, column)
    return "" if sealed is None else key.open(words_place(row, column), bytes(sealed)).decode()


def _record(row: AccessQuestion, action: str, actor: str, **details: JSON) -> None:
    about = {"question": str(row.pk), "event": str(row.event), **details}
    record(action, actor=actor, subject=row.subject.pseudonym, details=about)


def _tell_person(row: AccessQuestion) -> None:
    address = email_of(row.subject)
    if address is not None:
        context = {"reference": str(row.pk)}
        send_mail_later("access_explained", to=address, language=row.subject.language or "en", context=context)
