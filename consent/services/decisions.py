"""Decisions: the facts gathered, the pure function asked, the verdict handed out. They change nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.utils import timezone

from access.models import Application
from consent.decide import Looked, Verdict, decide, given_to_us
from consent.services.facts import Question, gather, gather_one, gather_to_keep
from gdpr_portal.errors import DomainError, Gone, Missing, Refused
from subjects.models import Subject
from vault.services import subject_of

NOBODY = UUID(int=0)
"""Stands for a person who is not known: no row has this id."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict and the moment it was reached for."""

    verdict: Verdict
    evaluated_at: datetime
    valid_until: datetime

    @property
    def allowed(self) -> bool:
        return self.verdict.allowed

    @property
    def code(self) -> str:
        return self.verdict.code

    @property
    def basis(self) -> str | None:
        return self.verdict.basis

    @property
    def notice_version(self) -> int | None:
        return self.verdict.notice_version

    @property
    def fields(self) -> dict[str, str]:
        return self.verdict.fields

    @property
    def trace(self) -> tuple[Looked, ...]:
        return self.verdict.trace


def decide_for(
    *,
    application: Application | None,
    subject: Subject | None,
    purpose: str,
    recipient: str | None = None,
    fields: Sequence[str] = (),
    at: datetime | None = None,
    known_at: datetime | None = None,
) -> Decision:
    """The decision for a person already found. Without an application the purpose's own fields bound it (the portal).

    `at` is a past moment; an answer about the past holds for that very moment only. With `known_at` it is the answer
    that was known then (record time): what arrived later does not count.
    """
    question = Question(subject.id if subject else NOBODY, purpose, recipient, tuple(fields))
    return _decide([question], application=application, linked=None, at=at, known_at=known_at)[0]


def decide_many(
    *,
    application: Application,
    questions: Sequence[Question],
    at: datetime | None = None,
    known_at: datetime | None = None,
) -> list[Decision]:
    """The decisions in the order of the questions, by a constant number of statements; `at`, `known_at` as there.

    `Question.subject` is the application's own pairwise id; a person it does not know of is `unknown_subject`.
    """
    found = {question.subject: subject_of(application.id, question.subject) for question in questions}
    inner = [Question(found[asked.subject], asked.purpose, asked.recipient, asked.fields) for asked in questions]
    return _decide(inner, application=application, linked=application.id, at=at, known_at=known_at)


def decide_one(*, application: UUID, question: Question) -> Decision:
    """The decision on one question of an application now, as `decide_many` gives it, by one prepared statement."""
    moment = timezone.now()
    subject = subject_of(application, question.subject)
    inner = Question(subject, question.purpose, question.recipient, question.fields)
    verdict = decide(gather_one(inner, application=application, at=moment))
    return Decision(verdict, moment, verdict.valid_until)


def decide_to_keep(*, application: UUID, question: Question, lasts: timedelta) -> tuple[Decision, bool]:
    """As `decide_one`, and whether it holds for so long unless a row changes, or the contract ends (`facts`)."""
    moment = timezone.now()
    subject = subject_of(application, question.subject)
    inner = Question(subject, question.purpose, question.recipient, question.fields)
    facts, is_lasting = gather_to_keep(inner, application=application, at=moment, lasts=moment + lasts)
    verdict = decide(facts)
    return Decision(verdict, moment, verdict.valid_until), is_lasting


def to_store(decision: Decision) -> Verdict:
    """The verdict on giving us what the decision is about: what a third party gives is not shared with it."""
    return decide(given_to_us(decision.verdict.facts))


def refusal(code: str) -> DomainError:
    """The error a door answers with when this code decided: 404 and 410 where the API says so, else 403."""
    if code == "unknown_subject":
        return Missing()
    if code == "unknown_purpose":
        return Missing("unknown_purpose", DETAILS[code])
    if code == "erased":
        return Gone(code, DETAILS[code])
    return Refused(code, DETAILS[code])


def _decide(
    questions: Sequence[Question],
    *,
    application: Application | None,
    linked: UUID | None,
    at: datetime | None,
    known_at: datetime | None = None,
) -> list[Decision]:
    moment = at or timezone.now()
    asking = application.id if application else None
    facts = gather(questions, application=asking, linked=linked, at=moment, past=at is not None, known_at=known_at)
    verdicts = [decide(each) for each in facts]
    return [Decision(verdict, moment, at or verdict.valid_until) for verdict in verdicts]


DETAILS = {
    "erased": "The data of this person was erased.",
    "unknown_purpose": "No purpose has this name.",
    "purpose_not_approved": "This purpose is not approved.",
    "not_in_contract": "No approved data contract of this application covers it.",
    "restricted": "Processing of this person's data is restricted (Art. 18).",
    "objected": "The person objected to this purpose (Art. 21).",
    "consent_missing": "The person was never asked for consent.",
    "consent_refused": "The person refused consent.",
    "consent_withdrawn": "The person withdrew consent.",
    "consent_expired": "The consent has expired.",
    "consent_pending": "The consent awaits the authorisation of a parent (Art. 8).",
    "notice_outdated": "The wording changed materially since the person answered.",
    "sharing_off": "The person has not switched sharing with this recipient on.",
}
