"""What this app holds about people: their answers, and the notices about them that others were sent."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce, Length
from django.utils import timezone
from django.utils.translation import gettext as _

from consent.models import ConsentEvent, Delivery, HandNotice, Objection, SharingAsk, Standing
from consent.services.deliveries import data_of, evidence_of
from subjects.holdings import ExportScope, Going, Holding, Kept, Own, PlanLine, register
from subjects.models import Subject

_EVENTS = Own(ConsentEvent.objects.order_by("at", "seq"))
_STANDING = Own(Standing.objects.order_by("purpose"))
_OBJECTIONS = Own(Objection.objects.order_by("since"))
_ANSWERED = Coalesce(Length("evidence_sealed"), 0) + Coalesce(Length("data_sealed"), 0)
_DELIVERIES = Own(Delivery.objects.select_related("application").order_by("created_at"), weight=_ANSWERED)
_BY_HAND = Own(HandNotice.objects.order_by("created_at"))
_ASKS = Own(SharingAsk.objects.order_by("asked_at"))


class ConsentsHolding(Holding):
    """Answers, standing and objections. Of all that, the bare events and periods are kept as proof, by a random id."""

    name = "consents"
    models = frozenset({"consent.ConsentEvent", "consent.Standing", "consent.Objection"})

    def export(self, subject: Subject, scope: ExportScope) -> dict[str, Any]:
        if scope.portability:
            return {}
        together = scope.together
        return {
            "standing": [_standing(row) for row in together.rows(subject, _STANDING)],
            "history": together.table(subject, _EVENTS, _event),
            "objections": [
                {"purpose": row.purpose, "since": _iso(row.since), "ended_at": _iso(row.ended_at)}
                for row in together.rows(subject, _OBJECTIONS)
            ],
        }

    def plan(self, subject: Subject, kept: Kept) -> list[PlanLine]:
        lines = []
        if self.residue(subject, kept):
            lines.append(PlanLine(_("What you answered, as it stands, and your objections"), "goes", "Art. 17(1)"))
        if any(model.objects.filter(subject=subject).exists() for model in (ConsentEvent, Objection)):
            until = timezone.now() + timedelta(days=settings.PROOF_RETENTION_DAYS)
            why = _("We must be able to prove that you agreed and when you withdrew. No name is left on it.")
            what = _("The bare record of which wording you agreed to or refused and when, and when you objected")
            lines.append(PlanLine(what, "stays", "Art. 17(3)(e)", until=until, why=why))
        return lines

    def goes(self, kept: Kept) -> Sequence[Going]:
        """After an erasure there is nothing left to object to but what a law keeps."""
        objections = Objection.objects.filter(ended_at=None)
        return Going(Standing.objects.all()), Going(objections, emptied={"ended_at": timezone.now()})


class DeliveriesHolding(Holding):
    """Notices to applications and third parties. The rows prove who was told; what in them names anybody goes."""

    name = "deliveries"
    models = frozenset({"consent.Delivery", "consent.HandNotice"})

    def export(self, subject: Subject, scope: ExportScope) -> dict[str, Any]:
        if scope.portability:
            return {}
        notes = scope.together.rows(subject, _BY_HAND)
        by_hand = {"told_by_hand": [_by_hand(note) for note in notes]} if notes else {}
        return {"told": scope.together.table(subject, _DELIVERIES, _told), **by_hand}

    def plan(self, subject: Subject, kept: Kept) -> list[PlanLine]:
        if not any(model.objects.filter(subject=subject).exists() for model in (Delivery, HandNotice)):
            return []
        why = _("Random ids and times only: they prove that others were told about your rights.")
        until = timezone.now() + timedelta(days=settings.PROOF_RETENTION_DAYS)
        what = _("The record of who was told about you, and when")
        return [PlanLine(what, "stays", "Art. 17(3)(e)", until=until, why=why)]

    def goes(self, kept: Kept) -> Sequence[Going]:
        empty = {"reference_sealed": None, "evidence_sealed": None, "data_sealed": None}
        return (Going(_naming(), emptied=empty),)


class AsksHolding(Holding):
    """What third parties asked of the person, and what they answered. Nothing of it stays."""

    name = "asks"
    models = frozenset({"consent.SharingAsk"})

    def export(self, subject: Subject, scope: ExportScope) -> dict[str, Any]:
        rows = [] if scope.portability else scope.together.rows(subject, _ASKS)
        return {"asked": [_ask(row) for row in rows]} if rows else {}

    def plan(self, subject: Subject, kept: Kept) -> list[PlanLine]:
        if not self.residue(subject, kept):
            return []
        return [PlanLine(_("What third parties asked you for, and your answers"), "goes", "Art. 17(1)")]

    def goes(self, kept: Kept) -> Sequence[Going]:
        return (Going(SharingAsk.objects.all()),)


def register_all() -> None:
    """All take part in every export and erasure."""
    register(ConsentsHolding())
    register(DeliveriesHolding())
    register(AsksHolding())


def _naming() -> QuerySet[Delivery]:
    """Deliveries that still hold words of or about a person. The receiver's own number of an erasure notice that is
    yet to leave is not counted: without it the receiver could not find whom to erase (Art. 19); it goes once sent."""
    unsent = Q(type="erasure.requested", state__in=["queued", "sending"])
    words = Q(evidence_sealed__isnull=False) | Q(data_sealed__isnull=False)
    return Delivery.objects.filter(words | (Q(reference_sealed__isnull=False) & ~unsent))


def _standing(row: Standing) -> dict[str, Any]:
    told = {"purpose": row.purpose, "state": row.state, "since": _iso(row.since), "expires_at": _iso(row.expires_at)}
    return told | ({"recipient": row.recipient} if row.recipient else {})


def _event(event: ConsentEvent) -> dict[str, Any]:
    names = ("purpose", "recipient", "action", "state", "channel", "explicit", "notice_version", "notice_language")
    told: dict[str, Any] = {name: getattr(event, name) for name in names}
    return told | {
        "event": str(event.event), "at": _iso(event.at), "expires_at": _iso(event.expires_at),
        "recorded_at": _iso(event.recorded_at), "notice_digest": event.notice_digest,
    }  # fmt: skip


def _told(row: Delivery) -> dict[str, Any]:
    return {
        "receiver": row.application.name, "type": row.type, "purpose": row.purpose, "fields": list(row.fields),
        "state": row.state, "queued_at": _iso(row.created_at), "told_at": _iso(row.sent_at),
        "confirmed_at": _iso(row.closed_at), "outcome": row.outcome or None,
        "evidence": evidence_of(row), "data": data_of(row),
    }  # fmt: skip


def _by_hand(note: HandNotice) -> dict[str, Any]:
    names = ("recipient", "type", "purpose", "state")
    times = {"queued_at": note.created_at, "told_at": note.told_at, "confirmed_at": note.closed_at}
    return {name: getattr(note, name) for name in names} | {name: _iso(at) for name, at in times.items()}


def _ask(row: SharingAsk) -> dict[str, Any]:
    names = ("recipient", "purpose", "state")
    times = {"asked_at": row.asked_at, "lapses_at": row.lapses_at, "answered_at": row.answered_at}
    return {name: getattr(row, name) for name in names} | {name: _iso(at) for name, at in times.items()}


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
