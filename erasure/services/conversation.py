"""What desk and person write to each other about a request; a question to the person lets the clock stand.

Everything is sealed under the person's key. The mail that tells of a message holds none of it. The clock stands from
the recorded question to its answer and by nothing else (Art. 12(6); EDPB Guidelines 01/2022, no 157); a question that
comes after the due date stops nothing.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from access.models import Account
from access.services.mail import send_mail_later
from audit import actors
from consent.services.deliveries import keep_trying
from erasure.models import MailLink, Message, Question, RightsRequest
from erasure.services.addresses import address_of, language_of
from erasure.services.links import link_to, link_to_message
from erasure.services.locking import locked_open_request
from erasure.services.records import record_request
from gdpr_portal.errors import Gone, Invalid, WrongState
from subjects.selectors import ensure_not_erased
from vault import services as vault

LONGEST = 5000


@dataclass(frozen=True)
class Said:
    """A message as both sides read it; the desk speaks with one voice, no member of staff is named (R40)."""

    id: UUID
    by_person: bool
    at: datetime
    text: str
    asks: str


def write_to_person(*, request_id: UUID, author: Account, text: str) -> Message:
    """The person can read the message in the portal and was told by mail that there is one."""
    with transaction.atomic():
        request = locked_open_request(request_id)
        message = _written(request, text, author=author)
        _tell(request, "message_from_desk", link="" if _signs_in(request) else link_to_message(message))
    return message


def ask_person(*, request_id: UUID, author: Account, kind: str, text: str) -> Question:
    """The person is asked, and the clock stands until they answer; one question at a time.

    Raises `invalid_value` for a kind that may not stop a clock, `wrong_state` while another question is open.
    """
    if kind not in Question.Kind.values:
        raise Invalid("invalid_value", "Only a doubt about identity or scope may stop the clock.", status=422)
    with transaction.atomic():
        request = locked_open_request(request_id)
        if request.questions.filter(answered_at=None).exists():
            raise WrongState("wrong_state", "A question is still open.")
        message = _written(request, text, author=author)
        stops = message.at <= request.due_at
        question = Question.objects.create(
            request=request, kind=kind, message=message, asked_at=message.at, stops_clock=stops
        )
        staff = actors.staff(author.id)
        record_request(request, "question.asked", actor=staff, kind=kind, question=question.pk, stops=stops)
        _tell(request, "question_asked", link="" if _signs_in(request) else link_to(question), stops=stops)
    return question


def _signs_in(request: RightsRequest) -> bool:
    """Whether the person reads it in the portal; who cannot sign in does so by a link to the address they were verified
    by (Art. 12(2))."""
    return request.verified_by == RightsRequest.VerifiedBy.ACCOUNT and request.subject.account_id is not None


def write_to_desk(*, request: RightsRequest, text: str) -> Message:
    """The desk can read the message; an open question is answered by it, and the clock goes on."""
    with transaction.atomic():
        locked = locked_open_request(request.pk)
        message = _written(locked, text, author=None)
        answer_question(locked, actor=actors.SUBJECT, at=message.at)
    return message


def answer_question(request: RightsRequest, *, actor: str, at: datetime) -> None:
    """The open question, if there is one, is answered; request locked by the caller."""
    question = request.questions.filter(answered_at=None).first()
    if question is not None:
        _close(request, question, actor=actor, at=at)


def withdraw_question(*, request_id: UUID, author: Account) -> None:
    """The open question is off the table without an answer; the clock goes on from here."""
    with transaction.atomic():
        request = locked_open_request(request_id)
        question = request.questions.filter(answered_at=None).first()
        if question is None:
            raise WrongState("wrong_state", "No question is open.")
        _close(request, question, actor=actors.staff(author.id), at=timezone.now())


def _close(request: RightsRequest, question: Question, *, actor: str, at: datetime) -> None:
    """The due date is later by exactly the time between question and answer."""
    question.answered_at = at
    question.save(update_fields=["answered_at"])
    MailLink.objects.filter(question=question).delete()
    stood = at - question.asked_at
    if question.stops_clock:
        request.due_at += stood
        request.save(update_fields=["due_at"])
        keep_trying(request=request.id, until=request.due_at)
    record_request(
        request,
        "question.answered",
        actor=actor,
        kind=question.kind,
        question=question.pk,
        seconds=int(stood.total_seconds()) if question.stops_clock else 0,
        due_on=request.due_at.date().isoformat(),
    )


def _written(request: RightsRequest, text: str, *, author: Account | None) -> Message:
    words = text.strip()
    if not words or len(words) > LONGEST:
        raise Invalid(
            "invalid_value", "A message has 1 to %(longest)s characters.", status=422, params={"longest": LONGEST}
        )
    ensure_not_erased(request.subject)  # nothing is written any more that its erasure would have to come back for
    message = Message(request=request, author=author, by_person=author is None, at=timezone.now())
    message.sealed = vault.subject_key(request.subject_id).seal(message_place(message), words.encode())
    message.save(force_insert=True)
    actor = actors.SUBJECT if author is None else actors.staff(author.id)
    record_request(request, "message.sent", actor=actor, message=str(message.id))
    return message


def message_place(message: Message) -> vault.Place:
    """Where a message lies, for the seal."""
    return vault.Place("erasure_message", "sealed", str(message.id))


def conversation(request: RightsRequest) -> list[Said]:
    """The messages of a request, opened, oldest first; without their words once the person is erased."""
    rows = request.messages.select_related("question").order_by("at", "id")
    held = list(rows)
    try:
        return vault.open_cells(request.subject_id, held, lambda: list(rows.all()), _all_said) if held else []
    except Gone:
        return []


def _all_said(key: vault.SubjectKey, rows: list[Message]) -> list[Said]:
    return [_said(row, key) for row in rows if row.sealed is not None]


def said_in(message: Message) -> Said:
    """The words of one message, opened. Raises Gone once the person was erased."""
    return _said(message, vault.subject_key(message.request.subject_id))


def _said(row: Message, key: vault.SubjectKey) -> Said:
    question: Any = getattr(row, "question", None)
    text = key.open(message_place(row), bytes(row.sealed or b"")).decode()
    return Said(row.id, row.by_person, row.at, text, question.kind if question else "")


def _tell(request: RightsRequest, kind: str, **more: str | bool) -> None:
    address = address_of(request)
    if address is not None:
        context = {"reference": str(request.id), "right": request.right_label} | more
        send_mail_later(kind, to=address, language=language_of(request), context=context)
