"""What stands beside a person's answers: confirmations by mail, reminders, the browser's signal, scans of forms."""

import base64
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from consent.models import Confirmation, ConsentProof, PrivacySignal, Reminder
from consent.services.paper import opened_proof
from subjects.holdings import ExportScope, Going, Holding, Kept, Own, PlanLine
from subjects.models import Subject

GOES = (Confirmation, Reminder, PrivacySignal)
_SIGNALS = Own(PrivacySignal.objects.all())
_WORDS = Own(Confirmation.objects.order_by("created_at"))
_REMINDERS = Own(Reminder.objects.order_by("at"))
_SCANS = Own(ConsentProof.objects.filter(sealed__isnull=False).defer("sealed").order_by("added_at"))


class EvidenceHolding(Holding):
    """A parent's address and name are another person's: the archive says when one agreed, not who (Art. 15(4)).

    Scans go with an erasure; the digest of one stays with the event it proves, and ends with it.
    """

    name = "consent_evidence"
    models = frozenset({"consent.Confirmation", "consent.Reminder", "consent.PrivacySignal", "consent.ConsentProof"})

    def export(self, subject: Subject, scope: ExportScope) -> dict[str, Any]:
        if scope.portability:
            return {}
        rows = scope.together.rows
        told = {
            "confirmations": [_word(row) for row in rows(subject, _WORDS)],
            "reminders": [_reminder(row) for row in rows(subject, _REMINDERS)],
            "scans": [_scan(row) for row in rows(subject, _SCANS)],
            "privacy_signal": [
                {"signal": "Sec-GPC", "at": _iso(row.at), "switched_off": row.switched_off}
                for row in rows(subject, _SIGNALS)
            ],
        }  # fmt: skip
        return {name: rows for name, rows in told.items() if rows}

    def plan(self, subject: Subject, kept: Kept) -> list[PlanLine]:
        lines = []
        if any(model.objects.filter(subject=subject).exists() for model in GOES):
            what = _("Confirmations and reminders by mail, and the privacy signal of your browser")
            lines.append(PlanLine(what, "goes", "Art. 17(1)"))
        if _SCANS.of([subject]).exists():
            lines.append(PlanLine(_("Scans of consent forms you signed on paper"), "goes", "Art. 17(1)"))
        return lines

    def goes(self, kept: Kept) -> Sequence[Going]:
        scans = ConsentProof.objects.filter(sealed__isnull=False)
        return *(Going(model._default_manager.all()) for model in GOES), Going(scans, emptied={"sealed": None})


def _word(row: Confirmation) -> dict[str, Any]:
    return {
        "by": row.kind, "purpose": row.purpose, "event": str(row.event), "state": row.state, "method": row.method,
        "asked_at": _iso(row.created_at), "mails": row.mails, "confirmed_at": _iso(row.confirmed_at),
    }  # fmt: skip


def _reminder(row: Reminder) -> dict[str, Any]:
    return {"about": row.kind, "event": str(row.event), "at": _iso(row.at)}


def _scan(row: ConsentProof) -> dict[str, Any]:
    return {
        "event": str(row.event), "added_at": _iso(row.added_at), "content_type": row.content_type,
        "digest": row.digest, "content_base64": base64.b64encode(opened_proof(row)).decode(),
    }  # fmt: skip


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
