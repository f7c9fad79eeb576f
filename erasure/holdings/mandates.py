"""Who acted in a person's name, as a Holding: exported with the document, erased to the dates and decisions."""

import base64
from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _

from erasure.models import Mandate, MandateLink
from erasure.services.mandate_words import representative_of
from erasure.services.mandates import opened_document
from subjects.holdings import ExportScope, Going, Holding, Kept, Own, PlanLine
from subjects.models import Subject

_MANDATES = Own(Mandate.objects.defer("document_sealed").order_by("recorded_at"))


class MandatesHolding(Holding):
    """Mandates lose name, address and document; that there was one, of which kind and how it was decided, stays.

    The archive has the name of who acted, for it is about the person, and the document; the address of the
    representative is theirs and stays out (Art. 15(4)).
    """

    name = "mandates"
    models = frozenset({"erasure.Mandate", "erasure.MandateLink"})

    def export(self, subject: Subject, scope: ExportScope) -> dict[str, Any]:
        rows = [] if scope.portability else scope.together.rows(subject, _MANDATES)
        return {"mandates": [_exported(row) for row in rows]} if rows else {}

    def plan(self, subject: Subject, kept: Kept) -> list[PlanLine]:
        if not self.residue(subject, kept):
            return []
        why = _("Only that and when there was a mandate stays, without anything that names you or them.")
        return [
            PlanLine(what=_("Who acted in your name, and their mandate"), fate="goes", article="Art. 17(1)", why=why)
        ]

    def goes(self, kept: Kept) -> Sequence[Going]:
        words = Mandate.objects.exclude(words_sealed=None, document_sealed=None)
        return (
            Going(MandateLink.objects.all(), owner="mandate__subject"),
            Going(words, emptied={"words_sealed": None, "document_sealed": None}),
        )


def _exported(row: Mandate) -> dict[str, Any]:
    who, document = representative_of(row), opened_document(row)
    told = {
        "kind": row.kind,
        "state": row.state,
        "recorded_at": row.recorded_at.isoformat(),
        "valid_until": row.valid_until.isoformat() if row.valid_until else None,
        "representative": who.name if who is not None else None,
    }
    if document is None:
        return told
    return told | {"document": base64.b64encode(document).decode(), "content_type": row.content_type}
