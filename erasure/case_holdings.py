"""What the desk keeps about a person's requests, as a Holding: the conversation; the rest is accountability."""

import base64
from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from audit import actors
from erasure.models import AccessQuestion, IdentityCheck, IdentityEvidence, LegalHold, Message, RightsRequest
from erasure.services.conversation import conversation
from erasure.services.files import opened_file
from erasure.services.identity_files import delete_evidence, evidence_place
from erasure.services.questions import words_of
from subjects.holdings import ExportScope, PlanLine
from subjects.models import Subject
from vault.services import subject_key

Kept = Mapping[str, frozenset[str]]


class CasesHolding:
    """Messages lose their words; that there was a question, an escalation or a hold stays, under random ids."""

    name = "cases"
    models = frozenset(
        {
            "erasure.Message", "erasure.Question", "erasure.Case", "erasure.ClockMark", "erasure.SecondOpinion",
            "erasure.LegalHold", "erasure.RetentionProposal", "erasure.AccessQuestion", "erasure.IdentityCheck",
            "erasure.IdentityEvidence", "erasure.EvidencePack",
        }
    )  # fmt: skip

    def export(self, subject: Subject, scope: ExportScope) -> dict[str, Any]:
        if scope.portability:
            return {}
        requests = RightsRequest.objects.filter(subject=subject).order_by("received_at")
        said = [_message(request, each) for request in requests for each in conversation(request)]
        holds = LegalHold.objects.filter(subject=subject).order_by("placed_at")
        questions = AccessQuestion.objects.filter(subject=subject).order_by("asked_at")
        return {
            "messages": said,
            "holds": [_hold(row) for row in holds],
            "questions": [_question(row) for row in questions],
            "identity_checks": [_identity(row) for row in _identity_checks(subject)],
        }

    def plan(self, subject: Subject, kept: Kept) -> list[PlanLine]:
        if not self.residue(subject, kept):
            return []
        why = _("Only that and when we wrote stays, without anything that names you.")
        return [PlanLine(what=_("The messages between you and us"), fate="goes", article="Art. 17(1)", why=why)]

    def erase(self, subject: Subject, kept: Kept) -> int:
        asked = _questions_with_words(subject).update(asked_sealed=None, answer_sealed=None)
        return asked + _with_words(subject).update(sealed=None) + _drop_evidence(subject)

    def residue(self, subject: Subject, kept: Kept) -> int:
        files = IdentityEvidence.objects.filter(check_row__request__subject=subject).count()
        return files + _with_words(subject).count() + _questions_with_words(subject).count()


def _identity_checks(subject: Subject) -> QuerySet[IdentityCheck]:
    return IdentityCheck.objects.filter(request__subject=subject).select_related("evidence").order_by("question_id")


def _identity(row: IdentityCheck) -> dict[str, Any]:
    """A doubt about who asked; with the file handed in, as long as we have it."""
    file = getattr(row, "evidence", None)
    told = {"request": str(row.request_id), "doubt": row.doubt, "method": row.method, "outcome": row.outcome}
    if file is None:
        return told
    data = opened_file(subject_key(file.id), evidence_place(file), bytes(file.sealed))
    return told | {"file": base64.b64encode(data).decode(), "content_type": file.content_type}


def _drop_evidence(subject: Subject) -> int:
    requests = RightsRequest.objects.filter(subject=subject, identity_checks__evidence__isnull=False).distinct()
    actor = actors.system("worker")
    return sum(delete_evidence(row, actor=actor, reason="erased") for row in requests.select_related("subject"))


def _with_words(subject: Subject) -> QuerySet[Message]:
    return Message.objects.filter(request__subject=subject).exclude(sealed=None)


def _questions_with_words(subject: Subject) -> QuerySet[AccessQuestion]:
    return AccessQuestion.objects.filter(subject=subject).exclude(asked_sealed=None, answer_sealed=None)


def _question(row: AccessQuestion) -> dict[str, Any]:
    asked, answer = words_of(row)
    answered = row.answered_at.isoformat() if row.answered_at else None
    about = {"entry": str(row.event), "at": row.asked_at.isoformat(), "text": asked, "state": row.state}
    return about | {"answered_at": answered, "answer": answer, "outcome": row.outcome}


def _message(request: RightsRequest, said: Any) -> dict[str, Any]:
    who = "you" if said.by_person else "controller"
    return {"request": str(request.id), "at": said.at.isoformat(), "by": who, "text": said.text}


def _hold(row: LegalHold) -> dict[str, Any]:
    lifted = row.lifted_at.isoformat() if row.lifted_at else None
    return {"reason": row.reason, "since": row.placed_at.isoformat(), "lifted_at": lifted}
