"""Writing down what a person answered: the event, the standing derived from it and the audit entry, in one place."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from access.models import Application
from audit.services import Entry, record_many
from consent.models import ConsentEvent
from consent.services.standing import apply_event
from consent.states import Consent
from subjects.models import Subject


@dataclass(frozen=True)
class NoticeSeen:
    """The wording somebody says the person saw: version, language, and `sha256:` + hex of its exact bytes."""

    version: int
    language: str
    digest: str


@dataclass(frozen=True, kw_only=True)
class Act:
    """How and by whom an answer was given: the evidence of Art. 7(1) that does not stand in the answer itself."""

    channel: str
    actor: str
    at: datetime
    explicit: bool = False
    application: Application | None = None
    reason: str = ""


_NAMES = {
    "give": "given", "refuse": "refused", "withdraw": "withdrawn", "expire": "expired", "confirm": "confirmed",
    "authorise": "authorised",
}  # fmt: skip


def write_event(
    *,
    subject: Subject,
    purpose: str,
    action: str,
    state: Consent,
    act: Act,
    notice: NoticeSeen | None = None,
    recipient: str = "",
    expires_at: datetime | None = None,
    confirms: UUID | None = None,
) -> tuple[ConsentEvent, bool]:
    """The event stands in the history, the standing follows it and the log has it; subject locked by the caller.

    The flag is False when a later answer already stands, so that this one changes history only.
    """
    event = ConsentEvent.objects.create(
        subject=subject, purpose=purpose, recipient=recipient, action=action, state=state, channel=act.channel,
        explicit=act.explicit, actor=act.actor, application=act.application, at=act.at, expires_at=expires_at,
        notice_version=notice.version if notice else None, notice_language=notice.language if notice else "",
        notice_digest=notice.digest if notice else "", confirms=confirms,
    )  # fmt: skip
    applied = apply_event(event)
    if not recipient:
        record_many([entry_of(event)])
    return event, applied


def entry_of(event: ConsentEvent) -> Entry:
    """What the audit log says of the answer: its evidence, never its reasons."""
    details: dict[str, str | int | bool | None] = {"event": str(event.event)}
    if event.action != "expire":
        details["channel"] = event.channel
    if event.action in {"give", "refuse"}:
        details |= {
            "notice_version": event.notice_version,
            "notice_digest": event.notice_digest,
            "language": event.notice_language,
        }
    if event.action == "give":
        details["explicit"] = event.explicit
    if event.confirms:
        details["confirms"] = str(event.confirms)
    if event.state == Consent.PENDING:
        details["state"] = event.state
    return Entry(
        action=f"consent.{_NAMES[event.action]}", actor=event.actor, subject=event.subject.pseudonym,
        purpose=event.purpose, details=details,
    )  # fmt: skip
