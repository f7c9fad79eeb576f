"""What the desk keeps about a person's requests, as a Holding: conversation, comments; the rest is accountability."""

import base64
from collections import Counter
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from audit import actors
from erasure.models import AccessQuestion, Comment, IdentityCheck, IdentityEvidence, LegalHold, Message, RightsRequest
from erasure.services.comments import Noted, comments_about
from erasure.services.conversation import conversation
from erasure.services.files import opened_file
from erasure.services.identity_files import delete_evidence, evidence_place
from erasure.services.questions import words_of
from subjects.holdings import ExportScope, Going, Holding, Kept, Own, PlanLine
from subjects.models import Subject
from vault.services import subject_key

_MESSAGES = Own(Message.objects.defer("sealed"), owner="request__subject")
_COMMENTS = Own(Comment.objects.defer("sealed"), owner="request__subject")
_HOLDS = Own(LegalHold.objects.order_by("placed_at"))
_QUESTIONS = Own(AccessQuestion.objects.order_by("asked_at"))
_CHECKS = Own(
    IdentityCheck.objects.select_related("evidence").defer("evidence__sealed").order_by("question_id"),
    owner="request__subject",
)


class CasesHolding(Holding):
    """Messages and comments lose their words.

    That there was one, a question, an escalation or a hold stays, under random ids.
    """

    name = "cases"
    models = frozenset(
        {
            "erasure.Message", "erasure.Question", "erasure.Case", "erasure.ClockMark", "erasure.SecondOpinion",
            "erasure.LegalHold", "erasure.RetentionProposal", "erasure.AccessQuestion", "erasure.IdentityCheck",
            "erasure.IdentityEvidence", "erasure.EvidencePack", "erasure.Comment",
        }
    )  # fmt: skip

    def export(self, subject: Subject, scope: ExportScope) -> dict[str, Any]:
        if scope.portability:
            return {}
        rows = scope.together.rows
        talked = dict.fromkeys(row.request_id for row in rows(subject, _MESSAGES))
        requests = RightsRequest.objects.filter(pk__in=talked).order_by("received_at") if talked else ()
        noted = comments_about(subject) if rows(subject, _COMMENTS) else []
        return {
            "messages": [_message(request, each) for request in requests for each in conversation(request)],
            "comments": [_comment(each) for each in noted],
            "holds": [_hold(row) for row in rows(subject, _HOLDS)],
            "questions": [_question(row) for row in rows(subject, _QUESTIONS)],
            "identity_checks": [_identity(row) for row in rows(subject, _CHECKS)],
        }

    def plan(self, subject: Subject, kept: Kept) -> list[PlanLine]:
        if not self.residue(subject, kept):
            return []
        why = _("Only that and when we wrote stays, without anything that names you.")
        return [
            PlanLine(
                what=_("The messages between you and us, and our notes on your requests"),
                fate="goes",
                article="Art. 17(1)",
                why=why,
            )
        ]

    def goes(self, kept: Kept) -> Sequence[Going]:
        questions = AccessQuestion.objects.exclude(asked_sealed=None, answer_sealed=None)
        return (
            Going(questions, emptied={"asked_sealed": None, "answer_sealed": None}),
            Going(Message.objects.exclude(sealed=None), owner="request__subject", emptied={"sealed": None}),
            Going(Comment.objects.exclude(sealed=None), owner="request__subject", emptied={"sealed": None}),
            Going(IdentityEvidence.objects.all(), owner="check_row__request__subject"),
        )

    def erase_all(self, people: Sequence[UUID], kept: Kept) -> Counter[UUID]:
        """Evidence goes with the key it was sealed under, and that stands in the log."""
        return _drop_evidence(people) + super().erase_all(people, kept)


def _identity(row: IdentityCheck) -> dict[str, Any]:
    """A doubt about who asked; with the file handed in, as long as we have it."""
    file = getattr(row, "evidence", None)
    told = {"request": str(row.request_id), "doubt": row.doubt, "method": row.method, "outcome": row.outcome}
    if file is None:
        return told
    data = opened_file(subject_key(file.id), evidence_place(file), bytes(file.sealed))
    return told | {"file": base64.b64encode(data).decode(), "content_type": file.content_type}


def _drop_evidence(people: Sequence[UUID]) -> Counter[UUID]:
    requests = RightsRequest.objects.filter(subject__in=people, identity_checks__evidence__isnull=False).distinct()
    gone: Counter[UUID] = Counter()
    for row in requests.select_related("subject"):
        gone[row.subject_id] += delete_evidence(row, actor=actors.system("worker"), reason="erased")
    return gone


def _question(row: AccessQuestion) -> dict[str, Any]:
    asked, answer = words_of(row)
    answered = row.answered_at.isoformat() if row.answered_at else None
    about = {"entry": str(row.event), "at": row.asked_at.isoformat(), "text": asked, "state": row.state}
    return about | {"answered_at": answered, "answer": answer, "outcome": row.outcome}


def _message(request: RightsRequest, said: Any) -> dict[str, Any]:
    who = "you" if said.by_person else "controller"
    return {"request": str(request.id), "at": said.at.isoformat(), "by": who, "text": said.text}


def _comment(noted: Noted) -> dict[str, Any]:
    """The desk speaks with one voice: no member of staff is named (R40)."""
    return {"request": str(noted.row.request_id), "at": noted.at.isoformat(), "by": "controller", "text": noted.text}


def _hold(row: LegalHold) -> dict[str, Any]:
    lifted = row.lifted_at.isoformat() if row.lifted_at else None
    return {"reason": row.reason, "since": row.placed_at.isoformat(), "lifted_at": lifted}
