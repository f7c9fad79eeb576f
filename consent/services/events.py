"""Writing down what a person answered: the event, the standing derived from it and the audit entry, in one place."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django.utils import timezone

from access.models import Application
from audit.services import NAMED, Entry, named
from consent.models import ConsentEvent
from consent.states import Consent
from gdpr_portal.prepared import Prepared
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
    is_of_the_past: bool = False
    """Whether `at` was told us, by paper or an import. Else it is now, and not before what stands: a person speaks in
    order, whatever the clock says of the process that hears the next word."""


_NAMES = {
    "give": "given", "refuse": "refused", "withdraw": "withdrawn", "expire": "expired", "confirm": "confirmed",
    "authorise": "authorised",
}  # fmt: skip


_EVENT = (
    "event", "subject_id", "purpose", "recipient", "action", "state", "notice_version", "notice_language",
    "notice_digest", "channel", "explicit", "actor", "application_id", "at", "expires_at", "confirms", "recorded_at",
)  # fmt: skip
_STANDS = ("state", "expires_at", "notice_version", "notice_language", "notice_digest", "event")
"""Columns a standing has of its event, besides whose and what it is."""
_WRITE = f"""
WITH spoken AS (
    SELECT CASE WHEN %(is_of_the_past)s::boolean THEN %(at)s::timestamptz ELSE greatest(%(at)s::timestamptz, (
        SELECT max(held.at) FROM consent_consentevent held WHERE held.subject_id = %(subject_id)s
            AND held.purpose = %(purpose)s AND held.recipient = %(recipient)s)) END AS at
), written AS (
    INSERT INTO consent_consentevent ({", ".join(_EVENT)})
    VALUES ({", ".join("(SELECT at FROM spoken)" if name == "at" else f"%({name})s" for name in _EVENT)})
    RETURNING seq
), stands AS (
    INSERT INTO consent_standing AS held (subject_id, purpose, recipient, since, {", ".join(_STANDS)})
    SELECT %(subject_id)s::uuid, %(purpose)s, %(recipient)s, (SELECT at FROM spoken), %(state)s,
        %(expires_at)s::timestamptz, %(notice_version)s::int, %(notice_language)s, %(notice_digest)s, %(event)s::uuid
    WHERE NOT EXISTS (SELECT FROM consent_consentevent newer WHERE newer.subject_id = %(subject_id)s
        AND newer.purpose = %(purpose)s AND newer.recipient = %(recipient)s AND newer.at > (SELECT at FROM spoken))
    ON CONFLICT (subject_id, purpose, recipient)
        DO UPDATE SET since = excluded.since, {", ".join(f"{name} = excluded.{name}" for name in _STANDS)}
    RETURNING 1
){{audited}}
SELECT (SELECT seq FROM written), EXISTS (SELECT FROM stands), (SELECT at FROM spoken)
"""  # noqa: S608 - constants of this module only
"""The event, and the standing unless an answer of a later moment stands; of one moment the one written last stands.

The subject is locked, so that no event of theirs is written between the statement's snapshot and its end.
"""
_WRITE_SWITCH = Prepared(_WRITE.format(audited=""))
_WRITE_ANSWER = Prepared(_WRITE.format(audited=f", audited AS ({NAMED})"))


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
    event = ConsentEvent(
        event=uuid4(), recorded_at=timezone.now(), subject=subject, purpose=purpose, recipient=recipient, action=action,
        state=state, channel=act.channel, explicit=act.explicit, actor=act.actor, application=act.application,
        at=act.at, expires_at=expires_at, notice_version=notice.version if notice else None,
        notice_language=notice.language if notice else "", notice_digest=notice.digest if notice else "",
        confirms=confirms,
    )  # fmt: skip
    values: dict[str, Any] = {name: getattr(event, name) for name in _EVENT}
    values |= {"state": str(state), "is_of_the_past": act.is_of_the_past}
    if recipient:
        row = _WRITE_SWITCH.one(**values)
    else:
        row = _WRITE_ANSWER.one(**values, **named(entry_of(event)))
    assert row is not None  # one row, always
    event.seq, applied, event.at = row
    event._state.adding, event._state.db = False, "default"
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
