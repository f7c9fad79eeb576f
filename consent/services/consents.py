"""What a person answers to a purpose: given, refused, withdrawn, run out. Art. 4(11), 7, 8 and 9(2)(a)."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from access.models import Application
from audit.actors import system
from consent import hooks
from consent.models import ConsentEvent, Notice, Purpose, Standing
from consent.selectors import require_live
from consent.services.confirmations import ask_own, of_age, waits_for
from consent.services.deliveries import CONCERNED, applications_for, queue_delivery
from consent.services.events import Act, NoticeSeen, write_event
from consent.services.objections import STANDS, end_own_objection
from consent.services.proofs import end_proofs
from consent.services.reminders import reminder_window
from consent.services.sharing import SHARED_WITH, record_sharing, stop_sharing
from consent.services.standing import rebuild_standing, standing_of, standing_row
from consent.states import Consent, answer, as_of
from gdpr_portal.errors import Invalid, WrongState
from gdpr_portal.prepared import Joined
from subjects.models import Subject
from subjects.selectors import ensure_not_erased
from subjects.services import lock_known_subject, lock_subject
from vault import ledger

__all__ = [
    "NoticeSeen", "end_answers_of_a_child", "end_proofs", "expire_due", "rebuild_standing", "record_consent",
    "record_consent_of", "standing_of",
]  # fmt: skip

ACTIONS = ("give", "refuse", "withdraw")
_PERMITS = frozenset({Consent.GIVEN, Consent.PENDING})
"""What a restored backup must not put back once it was taken back (`vault.ledger`)."""
_LOOK = Joined(
    {"purpose": Purpose, "standing": Standing},
    [
        "text.id IS NOT NULL", "notice.published_at", "notice.retired_at",
        f"EXISTS ({SHARED_WITH})",
        f"EXISTS (SELECT FROM access_application {CONCERNED})",
        f"EXISTS (SELECT FROM consent_objection {STANDS})",
        """EXISTS (SELECT FROM consent_consentevent event WHERE event.subject_id = %(subject)s
            AND event.purpose = %(purpose)s AND event.recipient = '' AND event.at = %(at)s)""",
    ],
    """FROM (SELECT) AS one LEFT JOIN consent_purpose purpose ON purpose.slug = %(purpose)s
    LEFT JOIN consent_standing standing ON standing.subject_id = %(subject)s AND standing.purpose = %(purpose)s
        AND standing.recipient = ''
    LEFT JOIN consent_notice notice ON notice.purpose_id = purpose.id AND notice.version = %(version)s::bigint
    LEFT JOIN consent_noticetext text ON text.notice_id = notice.id AND text.language = %(language)s
        AND text.digest = %(digest)s""",
)  # fmt: skip
"""All an answer is judged by, as it stands with the person locked."""


@dataclass(frozen=True)
class _Seen:
    """What there was when a person answered: the purpose, what stood, the words they name, who rests on it."""

    purpose: Purpose | None
    standing: Standing | None
    is_text: bool
    live_since: datetime | None
    live_until: datetime | None
    is_shared: bool
    concerns_somebody: bool
    is_objected_to: bool
    spoke_at_this_moment: bool


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
    _require_act(action)
    act = partial(Act, channel=channel, actor=actor, explicit=explicit, application=application)
    return _record(lock_subject(subject.pk), purpose, action, notice, recipient, act, at)


def record_consent_within(
    *,
    pairwise: UUID,
    application: Application,
    purpose: str,
    action: str,
    notice: NoticeSeen | None = None,
    channel: str,
    explicit: bool = False,
    actor: str,
    recipient: str = "",
) -> ConsentEvent:
    """As `record_consent`, of the person the application knows by this id, in the caller's transaction, which an error
    has to undo. Raises Missing for any other id."""
    _require_act(action)
    act = partial(Act, channel=channel, actor=actor, explicit=explicit, application=application)
    person = lock_known_subject(application=application, pairwise=pairwise)
    return _record(person, purpose, action, notice, recipient, act, None)


record_consent_of = transaction.atomic(record_consent_within)
"""The same in a transaction of its own."""


def expire_due(limit: int = 500) -> int:
    """Consents whose validity has run out are marked expired and their sharing is off; returns how many.

    They permitted nothing any more since the moment they ran out: decisions look at the clock (EDPB 05/2020).
    """
    of_each = {"purpose__in": Purpose.objects.values("slug")}  # of each by the index `standing_to_end`
    due = Standing.objects.filter(state=Consent.GIVEN, recipient="", expires_at__lte=timezone.now(), **of_each)
    rows = list(due.order_by("expires_at").values_list("subject_id", "purpose")[:limit])
    return sum(_expire(subject_id, purpose) for subject_id, purpose in rows)


def _record(
    person: Subject,
    slug: str,
    action: str,
    notice: NoticeSeen | None,
    recipient: str,
    acting: Callable[..., Act],
    at: datetime | None,
) -> ConsentEvent:
    """The answer is judged and written. The person is locked."""
    ensure_not_erased(person)
    act = acting(at=_moment(at), is_of_the_past=at is not None)
    seen = _look(person, slug, notice, act.at)
    purpose = _purpose(seen.purpose, action)
    if action == "give" and purpose.special_category and not act.explicit:
        raise Invalid("explicit_consent_required", "This purpose needs explicit consent (Art. 9(2)(a)).", status=422)
    wording = _wording(seen, action, notice, act.at)
    if recipient:
        return record_sharing(
            subject=person, recipient=recipient, purpose=slug, shared=action == "give", act=act, notice=wording
        )
    return _answered(person, purpose, seen, action, act, wording)


def _look(person: Subject, slug: str, notice: NoticeSeen | None, at: datetime) -> _Seen:
    version, language, digest = (notice.version, notice.language, notice.digest) if notice else (None, "", "")
    found = _LOOK.one(subject=person.pk, purpose=slug, version=version, language=language, digest=digest, at=at)
    return _Seen(*found)


def _answered(
    subject: Subject, purpose: Purpose, seen: _Seen, action: str, act: Act, notice: NoticeSeen | None
) -> ConsentEvent:
    row = seen.standing
    if action == "give" and _has_run_out(row):  # a new yes must not find switches on that rested on one that ran out
        _expire(subject.pk, purpose.slug)
        row = standing_row(subject, purpose.slug)
    elif action == "give" and row and seen.is_shared and _is_outdated(row, act.at):
        stop_sharing(subject=subject, purpose=purpose.slug, act=_now(act, reason="notice_outdated"))
    before = Consent(row.state) if row else Consent.NEVER_ASKED
    waits = waits_for(subject, purpose, act.at.date()) if action == "give" else frozenset()
    state = answer(before, action, of_age="parent" not in waits, confirmed="own" not in waits)
    standing = _same_answer(subject, purpose, seen, state, act, notice, row)
    if standing is not None:
        ledger.flush_on_commit()
        if "own" in waits:
            ask_own(subject, standing)
        return standing
    expires_at = act.at + timedelta(days=purpose.validity_days) if state is Consent.GIVEN else None
    event, applied = write_event(
        subject=subject, purpose=purpose.slug, action=action, state=state, act=act, notice=notice, expires_at=expires_at
    )
    if applied and state is Consent.GIVEN and seen.is_objected_to:
        end_own_objection(subject=subject, purpose=purpose.slug, actor=act.actor)
    elif applied and state is not Consent.GIVEN:
        _take_back(subject, purpose, seen, before, act)
        if before in _PERMITS and state not in _PERMITS:
            ledger.record_change(ledger.WITHDRAWN, subject.pk, purpose.slug, "", at=event.at)
    if applied and "own" in waits:
        ask_own(subject, event)
    return event


def _take_back(subject: Subject, purpose: Purpose, seen: _Seen, before: Consent, act: Act) -> None:
    """What rested on the consent ends: sharing with every recipient, and use by every application (Art. 7(3))."""
    act = _now(act, reason="consent_withdrawn")  # a late no stops what is on now
    if seen.is_shared:
        stop_sharing(subject=subject, purpose=purpose.slug, act=act)
    if before is not Consent.GIVEN:
        return
    for application in applications_for(subject, purpose.slug) if seen.concerns_somebody else ():
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
    _end(subject, standing, at=standing.expires_at)
    return True


def end_answers_of_a_child(subject: Subject) -> None:
    """No yes stands that the person gave alone below the age of consent (Art. 8(1)); the person is locked.

    For when the date of birth comes to be known after the yes. They are asked again, and a parent with them.
    """
    for standing in Standing.objects.filter(subject=subject, recipient="", state=Consent.GIVEN).order_by("purpose"):
        if not of_age(subject, standing.since.date()):
            _end(subject, standing, at=timezone.now())


def _end(subject: Subject, standing: Standing, *, at: datetime) -> None:
    act = Act(channel="clock", actor=system("worker"), at=at, reason="consent_expired", is_of_the_past=True)
    notice = NoticeSeen(standing.notice_version or 0, standing.notice_language, standing.notice_digest)
    state, purpose = answer(standing.state, "expire"), standing.purpose
    write_event(subject=subject, purpose=purpose, action="expire", state=state, act=act, notice=notice)
    stop_sharing(subject=subject, purpose=purpose, act=_now(act))
    _tell_ended(subject)


def _has_run_out(standing: Standing | None) -> bool:
    """Whether it is a consent past its validity that nobody has marked expired yet."""
    ends = standing.expires_at if standing and standing.state == Consent.GIVEN else None
    return ends is not None and ends <= timezone.now()


def _is_outdated(standing: Standing, at: datetime) -> bool:
    """Whether the person is asked again: what was shared on the old wording, they are asked about anew as well."""
    asks_again = Notice.objects.filter(purpose__slug=standing.purpose, is_major=True, published_at__lte=at)
    return asks_again.filter(version__gt=standing.notice_version or 0).exists()


def _moment(at: datetime | None) -> datetime:
    now = timezone.now()
    if at is not None and at > now:
        raise Invalid("invalid_value", "Nobody answers in the future.", status=422)
    return at or now


def _now(act: Act, **more: Any) -> Act:
    return replace(act, at=timezone.now(), is_of_the_past=False, **more)


def _require_act(action: str) -> None:
    if action not in ACTIONS:
        raise Invalid("invalid_value", "There is no such act.", status=422)


def _purpose(found: Purpose | None, action: str) -> Purpose:
    """The purpose, resting on consent; to say no to, also one that has been retired since."""
    retired = found if found and found.published_at and action != "give" else None
    purpose = retired or require_live(found)
    if purpose.lawful_basis != Purpose.Basis.CONSENT:
        raise WrongState("not_consent_based", "This purpose does not rest on consent.")
    return purpose


def _wording(seen: _Seen, action: str, notice: NoticeSeen | None, at: datetime) -> NoticeSeen | None:
    """To say yes to, exactly a text that was live at `at`: version, language and digest. What the person saw while
    saying no is noted if there ever was such a text."""
    if action != "give":
        return notice if seen.is_text else None
    since, until = seen.live_since, seen.live_until
    if not seen.is_text or since is None or since > at or (until is not None and until <= at):
        raise WrongState("notice_outdated", "This is not the wording that is live.")
    return notice


def _same_answer(
    subject: Subject,
    purpose: Purpose,
    seen: _Seen,
    state: Consent,
    act: Act,
    notice: NoticeSeen | None,
    row: Standing | None,
) -> ConsentEvent | None:
    """The event that already says so: the one that stands (`row`), or one written for this very moment before."""
    if seen.spoke_at_this_moment:
        events = ConsentEvent.objects.filter(subject=subject, purpose=purpose.slug, recipient="", state=state)
        again = events.filter(at=act.at).first()
        if again is not None:
            return again
    if row is None or row.state != state or (act.is_of_the_past and row.since > act.at):
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
