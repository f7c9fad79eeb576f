"""What rights requests themselves hold about a person: what was asked for, and archives that wait to be collected."""

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _

from erasure.models import AnswerFile, AnswerPiece, ArchiveChunk, CheckedText, RightsRequest, SourceAnswer
from erasure.services.details import opened_details
from erasure.services.joint_order import COPIES
from erasure.states import OPEN_REQUEST
from subjects.holdings import ExportScope, Going, Holding, Kept, Own, PlanLine
from subjects.models import Subject

REQUESTS = Own(RightsRequest.objects.order_by("received_at"))


class RequestsHolding(Holding):
    """The requests: their course stays as accountability (Art. 5(2)), what they said in words goes."""

    name = "rights_requests"
    models = frozenset(
        {
            "erasure.RightsRequest", "erasure.Step", "erasure.Receipt", "erasure.WithheldRows", "erasure.KeptRow",
            "erasure.ConnectorCheck", "erasure.ConnectorCommit", "erasure.JointCase", "erasure.Transfer",
            "erasure.OpenDsrRequest", "erasure.OpenDsrCallback", "erasure.OpenDsrCall",
            "erasure.SourceAnswer", "erasure.AnswerFile", "erasure.AnswerPiece", "erasure.CheckedText",
        }
    )  # fmt: skip

    def export(self, subject: Subject, scope: ExportScope) -> dict[str, Any]:
        if scope.portability:
            return {}
        rows = scope.together.rows(subject, REQUESTS)
        return {"requests": [_exported(row) for row in rows]} if rows else {}

    def plan(self, subject: Subject, kept: Kept) -> list[PlanLine]:
        if not RightsRequest.objects.filter(subject=subject).exists():
            return []
        what, why = _("What your requests said"), _("Only dates and outcomes stay, without anything that names you.")
        return [PlanLine(what=what, fate="goes", article=None, until=None, why=why)]

    def goes(self, kept: Kept) -> Sequence[Going]:
        words = RightsRequest.objects.exclude(details_sealed=None)
        answers = SourceAnswer.objects.exclude(sealed=None)
        undecided, decided = CheckedText.objects.filter(decision=""), CheckedText.objects.exclude(sealed=None)
        return (
            Going(words, emptied={"details_sealed": None}),  # a code that was sent still fits: its request is answered
            Going(AnswerFile.objects.all(), owner="answer__step__request__subject"),
            Going(AnswerPiece.objects.all(), owner="step__request__subject"),
            Going(answers, owner="step__request__subject", emptied={"sealed": None}),
            Going(undecided, owner="step__request__subject"),
            Going(decided, owner="step__request__subject", emptied={"sealed": None}),
        )


class ArchivesHolding(Holding):
    """Archives not yet collected."""

    name = "archives"
    models = frozenset({"erasure.Archive", "erasure.ArchiveChunk"})

    def export(self, subject: Subject, scope: ExportScope) -> dict[str, Any]:
        return {}

    def plan(self, subject: Subject, kept: Kept) -> list[PlanLine]:
        lines = []
        if RightsRequest.objects.filter(subject=subject, right__in=COPIES, state__in=OPEN_REQUEST).exists():
            what, why = _("A copy you asked for that is not ready yet"), _("Wait for it first, if you want to have it.")
            lines.append(PlanLine(what=what, fate="goes", article=None, until=None, why=why))
        if self.residue(subject, kept):
            what, why = _("Archives waiting for you"), _("Collect them before, if you want to keep them.")
            lines.append(PlanLine(what=what, fate="goes", article=None, until=None, why=why))
        return lines

    def goes(self, kept: Kept) -> Sequence[Going]:
        return (Going(ArchiveChunk.objects.all(), owner="archive__request__subject"),)


def _exported(row: RightsRequest) -> dict[str, Any]:
    return {
        "request": str(row.id),
        "right": row.right,
        "state": row.state,
        "received_at": row.received_at.isoformat(),
        "due_at": row.due_at.isoformat(),
        "completed_at": row.completed_at.isoformat() if row.completed_at else None,
        "outcome": row.outcome or None,
        "reason": row.reason_code or None,
        "details": opened_details(row),
    }
