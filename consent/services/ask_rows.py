"""How an ask of a third party ends, whoever ends it: one way, so that row and log never say different things."""

from datetime import datetime

from django.db.models import QuerySet
from django.utils import timezone

from audit.services import record
from consent.models import SharingAsk
from consent.states import ASK, move_in
from subjects.models import Subject

_EVENTS = {"accept": "accepted", "decline": "declined", "lapse": "lapsed"}


def open_ask(subject: Subject, recipient: str, purpose: str) -> SharingAsk | None:
    """The question that waits for the person's answer; none once its time is over. At most one waits."""
    return waiting(subject).filter(recipient=recipient, purpose=purpose).first()


def waiting(subject: Subject) -> QuerySet[SharingAsk]:
    """Every question that waits for the person, the oldest first. Lapsed ones a sweep has yet to mark are left out."""
    rows = SharingAsk.objects.filter(subject=subject, state=SharingAsk.State.ASKED, lapses_at__gt=timezone.now())
    return rows.select_related("application").order_by("asked_at", "pk")


def end_ask(*, ask: SharingAsk, event: str, actor: str, at: datetime, channel: str = "") -> SharingAsk:
    """The ask is over by `accept`, `decline` or `lapse`, and the log has it. Subject locked by the caller."""
    ask.state = move_in(ASK, ask.state, event)
    ask.answered_at = at
    ask.save(update_fields=["state", "answered_at"])
    details = {"ask": str(ask.pk), "recipient": ask.recipient, "application": ask.application.slug}
    record(
        f"ask.{_EVENTS[event]}", actor=actor, subject=ask.subject.pseudonym, purpose=ask.purpose,
        details=details if event == "lapse" else details | {"channel": channel},
    )  # fmt: skip
    return ask
