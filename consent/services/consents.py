"""What a person answers to a purpose: given, refused, withdrawn, run out. Art. 4(11), 7, 8 and 9(2)(a)."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from access.models import Application
from audit.actors import system
from consent import hooks
from consent.models import ConsentEvent, Purpose, Standing
from consent.selectors import live_purpose, purpose_named
from consent.services.confirmations import ask_own, waits_for
from consent.services.deliveries import applications_for, queue_delivery
from consent.services.events import Act, NoticeSeen, write_event
from consent.services.objections import end_own_objection
from consent.services.proofs import end_proofs
from consent.services.reminders import reminder_window
from consent.services.sharing import record_sharing, stop_sharing
from consent.services.standing import rebuild_standing, standing_of, standing_row
from consent.states import Consent, answer, as_of
from gdpr_portal.errors import Invalid, WrongState
from gdpr_portal.prepared import Loaded, Prepared
from subjects.models import Subject
from subjects.selectors import ensure_not_erased
from subjects.services import lock_subject
from vault import ledger

__all__ = ["NoticeSeen", "end_proofs", "expire_due", "rebuild_standing", "record_consent", "standing_of"]

ACTIONS = ("give", "refuse", "withdraw")
_PERMITS = frozenset({Consent.GIVEN, Consent.PENDING})
"""What a restored backup must not put back once it was taken back (`vault.ledger`)."""
_TEXT = Prepared("""
SELECT notice.published_at, notice.retired_at
FROM consent_noticetext text JOIN consent_notice notice ON notice.id = text.notice_id
WHERE notice.purpose_id = %(purpose)s AND notice.version = %(version)s AND text.language = %(language)s
    AND text.digest = %(digest)s
""")
_AGAIN = Loaded(
    ConsentEvent,
    """WHERE subject_id = %(subject)s AND purpose = %(purpose)s AND recipient = '' AND state = %(state)s
    AND at = %(at)s ORDER BY seq LIMIT 1""",
)


@transaction.atomic
def record_consent(
    *,
    subject: Subject,
    purpose: str,
    action: str,
    notice: NoticeSeen | None = None,
    channel: str,
    explicit: bool = False,
    actor: str,
    application: Application | None = None,
    recipient: str = "",
    at: datetime | None = None,
) -> ConsentEvent:
    """The answer stands from `at` on (default now) and everybody it concerns will be told; returns its event.

    Idempotent: an answer that stands already, on the same wording, writes nothing and returns the event that stands.
    Giving needs the wording that was live at `at`, word for word: WrongState(`notice_outdated`). Refusing and
    withdrawing need none and are never refused for it (Art. 7(3)). Below the age of consent a giving waits as
    `pending` (Art. 8(1)), and so it does where the purpose asks for a confirmation by mail. A yes to a consent that
    ends soon renews it. With a `recipient` the answer is about sharing with it. A restriction (Art. 18) stops the use
    of data, not the person's word. Raises Gone(`erased`), Missing(`unknown_purpose`),
    Refused(`purpose_not_approved`), WrongState(`not_consent_based`), Invalid(`explicit_consent_required`, 422).
    """
    if action not in ACTIONS:
        raise Invalid("invalid_value", "There is no such act.", status=422)
    person = ensure_not_erased(lock_subject(subject.pk))
    act = Act(channel=channel, actor=actor, explicit=explicit, application=application, at=_moment(at))
    found = _purpose(purpose, action)
    if action == "give" and found.special_category and not explicit:
        raise Invalid("explicit_consent_required", "This purpose needs explicit consent (Art. 9(2)(a)).", status=422)
    seen = _require_wording(found, notice, act.at) if action == "give" else _known_wording(found, notice)
    if recipient:
        return record_sharing(
            subject=person, recipient=recipient, purpose=purpose, shared=action == "give", act=act, notice=seen
        )
    return _answered(person, found, action, act, seen)


def expire_due(limit: int = 500) -> int:
    """Consents whose validity has run out are marked expired and their sharing is off; returns how many.

    They permitted nothing any more since the moment they ran out: decisions look at the clock (EDPB 05/2020).
    """
    due = Standing.objects.filter(state=Consent.GIVEN, recipient="", expires_at__lte=timezone.now())
    rows = list(due.order_by("expires_at").values_list("subject_id", "purpose")[:limit])
    return sum(_expire(subject_id, purpose) for subject_id, purpose in rows)


def _answered(subject: Subject, purpose: Purpose, action: str, act: Act, notice: NoticeSeen | None) -> ConsentEvent:
    row = standing_row(subject, purpose.slug)
    if action == "give" and _has_run_out(row):  # a new yes must not find switches on that rested on one that ran out
        _expire(subject.pk, purpose.slug)
        row = standing_row(subject, purpose.slug)
    before = Consent(row.state) if row else Consent.NEVER_ASKED
    waits = waits_for(subject, purpose, act.at.date()) if action == "give" else frozenset()
    state = answer(before, action, of_age="parent" not in waits, confirmed="own" not in waits)
    standing = _same_answer(subject, purpose, state, act, notice, row)
    if standing is not None:
        ledger.flush_on_commit()
        if "own" in waits:
            ask_own(subject, standing)
        return standing
    expires_at = act.at + timedelta(days=purpose.validity_days) if state is Consent.GIVEN else None
    event, applied = write_event(
        subject=subject, purpose=purpose.slug, action=action, state=state, act=act, notice=notice, expires_at=expires_at
    )
    if applied and state is Consent.GIVEN:
        end_own_objection(subject=subject, purpose=purpose.slug, actor=act.actor)
    elif applied:
        _take_back(subject, purpose, before, act)
        if before in _PERMITS and state not in _PERMITS:
            ledger.record_change(ledger.WITHDRAWN, subject.pk, purpose.slug, "", at=act.at)
    if applied and "own" in waits:
        ask_own(subject, event)
    return event


def _take_back(subject: Subject, purpose: Purpose, before: Consent, act: Act) -> None:
    """What rested on the consent ends: sharing with every recipient, and use by every application (Art. 7(3))."""
    act = replace(act, at=timezone.now(), reason="consent_withdrawn")  # a late no stops what is on now
    stop_sharing(subject=subject, purpose=purpose.slug, act=act)
    if before is not Consent.GIVEN:
        return
    for application in applications_for(subject, purpose.slug):
        queue_delivery(
            application=application, subject=subject, type="consent.withdrawn", purpose=purpose.slug,
            fields=purpose.fields,
        )  # fmt: skip
    _tell_ended(subject)


def _tell_ended(subject: Subject) -> None:
    for tell in hooks.consent_ended:
        tell(subject)


@transaction.atomic
def _expire(subject_id: UUID, purpose: str) -> bool:
    subject = lock_subject(subject_id)
    standing = standing_row(subject, purpose)
    if standing is None or standing.expires_at is None or not _has_run_out(standing):
        return False
    act = Act(channel="clock", actor=system("worker"), at=standing.expires_at, reason="consent_expired")
    notice = NoticeSeen(standing.notice_version or 0, standing.notice_language, standing.notice_digest)
    state = answer(standing.state, "expire")
    write_event(subject=subject, purpose=purpose, action="expire", state=state, act=act, notice=notice)
    stop_sharing(subject=subject, purpose=purpose, act=replace(act, at=timezone.now()))
    _tell_ended(subject)
    return True


def _has_run_out(standing: Standing | None) -> bool:
    """Whether it is a consent past its validity that nobody has marked expired yet."""
    ends = standing.expires_at if standing and standing.state == Consent.GIVEN else None
    return ends is not None and ends <= timezone.now()


def _moment(at: datetime | None) -> datetime:
    now = timezone.now()
    if at is not None and at > now:
        raise Invalid("invalid_value", "Nobody answers in the future.", status=422)
    return at or now


def _purpose(slug: str, action: str) -> Purpose:
    """The purpose, resting on consent; to say no to, also one that has been retired since."""
    found = purpose_named(slug) if action != "give" else None
    purpose = found if found and found.published_at else live_purpose(slug)
    if purpose.lawful_basis != Purpose.Basis.CONSENT:
        raise WrongState("not_consent_based", "This purpose does not rest on consent.")
    return purpose


def _require_wording(purpose: Purpose, notice: NoticeSeen | None, at: datetime) -> NoticeSeen:
    """Exactly a text that was live at `at`: version, language and digest."""
    if notice is None or not any(since <= at and (until is None or until > at) for since, until in _live(purpose, notice)):
        raise WrongState("notice_outdated", "This is not the wording that is live.")
    return notice


def _known_wording(purpose: Purpose, notice: NoticeSeen | None) -> NoticeSeen | None:
    """What the person saw while saying no, noted if there ever was such a text."""
    return notice if notice and _TEXT.one(**_words(purpose, notice)) else None


def _live(purpose: Purpose, notice: NoticeSeen) -> list[tuple[datetime, datetime | None]]:
    """From when until when exactly this text was live; empty when there is no such text or it never was."""
    return [(since, until) for since, until in _TEXT.all(**_words(purpose, notice)) if since]


def _words(purpose: Purpose, notice: NoticeSeen) -> dict[str, Any]:
    return {"purpose": purpose.pk, "version": notice.version, "language": notice.language, "digest": notice.digest}


def _same_answer(
    subject: Subject, purpose: Purpose, state: Consent, act: Act, notice: NoticeSeen | None, row: Standing | None
) -> ConsentEvent | None:
    """The event that already says so: the one that stands (`row`), or one written for this very moment before."""
    again = _AGAIN.first(subject=subject.pk, purpose=purpose.slug, state=state.value, at=act.at)
    if again is not None:
        return again
    if row is None or row.since > act.at or row.state != state:
        return None
    same_wording = state not in _PERMITS or (notice is not None and row.notice_version == notice.version)
    stands = as_of(state, moment=act.at, expires_at=row.expires_at, version=None, newest_major=None) == state
    found = ConsentEvent.objects.filter(event=row.event).first() if same_wording and stands else None
    return None if found and _renews(purpose, found, act.at) else found


def _renews(purpose: Purpose, standing: ConsentEvent, at: datetime) -> bool:
    """Whether a yes again says more than the one that stands: it ends soon, or a parent gave it and the child is of
    age by now."""
    if standing.state != Consent.GIVEN:
        return False
    ends_soon = standing.expires_at is not None and standing.expires_at - reminder_window(purpose) <= at
    return ends_soon or standing.action == "authorise"
