"""Sharing with third parties: off for everybody until the person switches it on, recipient by recipient."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.db import transaction
from django.utils import timezone

from access.models import Application
from audit.services import record
from consent.models import ConsentEvent, Delivery, HandNotice, Purpose, Recipient, Standing
from consent.selectors import live_notice, live_purpose, live_recipients, purposes_of_catalogue
from consent.services.ask_rows import end_ask, open_ask
from consent.services.by_hand import queue_by_hand
from consent.services.decisions import DETAILS
from consent.services.deliveries import in_flight, queue_delivery, wait_for
from consent.services.events import Act, NoticeSeen, write_event
from consent.services.standing import sharing_verdict, state_of
from consent.states import Consent, answer
from gdpr_portal.errors import Missing, Refused, WrongState
from gdpr_portal.prepared import Prepared
from subjects.models import Subject
from subjects.selectors import ensure_not_erased
from subjects.services import link_application, lock_subject
from vault import ledger

AS_DELIVERY = {"waiting": "queued", "told": "sent", "confirmed": "acknowledged", "cancelled": "cancelled"}
"""A notice given by hand, in the states of a delivery."""
SHARED_WITH = """
SELECT recipient FROM consent_standing
WHERE subject_id = %(subject)s AND purpose = %(purpose)s AND state = 'given' AND recipient <> ''
"""
_SHARED_WITH = Prepared(SHARED_WITH)


@dataclass(frozen=True, kw_only=True)
class SharingRow:
    """One toggle: a recipient of a purpose, whether data is shared, and what became of the last notice to it.

    `by_hand` is the last notice to a recipient without a connection; one of the two is there once it was switched.
    """

    recipient: str
    purpose: str
    shared: bool = False
    since: datetime | None = None
    delivery: Delivery | None = None
    by_hand: HandNotice | None = None

    @property
    def last_delivery(self) -> dict[str, object] | None:
        """The state in the words of a delivery, and since when."""
        if self.delivery is not None:
            told = self.delivery
            return {"state": told.state, "at": told.closed_at or told.sent_at or told.created_at}
        if self.by_hand is not None:
            note = self.by_hand
            return {"state": AS_DELIVERY[note.state], "at": note.closed_at or note.told_at or note.created_at}
        return None


def set_sharing(
    *,
    subject: Subject,
    recipient: str,
    purpose: str,
    shared: bool,
    channel: str,
    actor: str,
    application: Application | None = None,
) -> SharingRow:
    """Sharing is as the person switched it, and the recipient's notice is queued; what stands already stays so.

    Switching on needs the purpose to be allowed for the person now: WrongState with the deciding code. Raises Missing
    for what is no recipient of the purpose, Gone after an erasure. Switching off always succeeds (Art. 7(3)). A third
    party's own application switches nothing on, Refused(`must_ask`): it asks the person (`consent.services.asks`).
    """
    return _set(
        subject=subject, recipient=recipient, purpose=purpose, shared=shared,
        act=Act(channel=channel, actor=actor, application=application, at=timezone.now()),
    )[0]  # fmt: skip


def record_sharing(
    *, subject: Subject, recipient: str, purpose: str, shared: bool, act: Act, notice: NoticeSeen | None
) -> ConsentEvent:
    """As `set_sharing`, with the wording that was seen; returns the event that stands afterwards."""
    row, event = _set(subject=subject, recipient=recipient, purpose=purpose, shared=shared, act=act, notice=notice)
    if event is None:
        standing = Standing.objects.filter(subject=subject, purpose=purpose, recipient=row.recipient).first()
        if standing is None:
            raise WrongState("sharing_off", "Sharing with this recipient was never on.")
        event = ConsentEvent.objects.get(event=standing.event)
    return event


def sharing_rows(subject: Subject) -> list[SharingRow]:
    """Every recipient of every live purpose, by purpose and recipient, off unless the person switched it on."""
    standings = {(row.recipient, row.purpose): row for row in Standing.objects.filter(subject=subject)}
    told = _last_notices(subject)
    live = {purpose.slug for purpose in purposes_of_catalogue()}
    pairs = [(slug, each.slug) for each in live_recipients() for slug in each.purposes if slug in live]
    return [_row(recipient, purpose, standings, told) for purpose, recipient in sorted(pairs)]


def sharing_row(subject: Subject, recipient: str, purpose: str) -> SharingRow:
    """The one toggle as it stands."""
    standings = {(row.recipient, row.purpose): row for row in Standing.objects.filter(subject=subject)}
    return _row(recipient, purpose, standings, _last_notices(subject))


def stop_sharing(*, subject: Subject, purpose: str, act: Act, recipients: Sequence[str] | None = None) -> list[str]:
    """Sharing for the purpose is off with the recipients named, or with all; who was on is told. Subject locked.

    One event and one notice for each that was on; returns their slugs. The answer to the person waits, after the
    commit, for notices that start such sharing and are on the wire at this moment.
    """
    on = {recipient for (recipient,) in _SHARED_WITH.all(subject=subject.pk, purpose=purpose)}
    slugs = sorted(on if recipients is None else on.intersection(recipients))
    for slug in slugs:
        _switch(subject, slug, purpose, "withdraw", act, None)
    calls = in_flight(subject_id=subject.pk, purpose=purpose, recipients=slugs) if slugs else []
    if calls:
        transaction.on_commit(partial(wait_for, calls))
    return slugs


@transaction.atomic
def _set(
    *, subject: Subject, recipient: str, purpose: str, shared: bool, act: Act, notice: NoticeSeen | None = None
) -> tuple[SharingRow, ConsentEvent | None]:
    person = ensure_not_erased(lock_subject(subject.pk))
    _require_not_its_own_word(act, recipient, shared)
    _require_recipient(person, recipient, purpose, shared)
    is_on = state_of(person, purpose, recipient) is Consent.GIVEN
    event = None
    if shared:
        _require_allowed(person, purpose)
    if shared and not is_on:
        event = _switch(person, recipient, purpose, "give", act, notice or _wording(person, purpose))
    elif is_on and not shared:
        stop_sharing(subject=person, purpose=purpose, act=act, recipients=[recipient])
    return sharing_row(person, recipient, purpose), event


def _require_recipient(subject: Subject, recipient: str, purpose: str, shared: bool) -> None:
    """A live recipient of a live purpose; or, to switch off, one that was on whatever became of it since."""
    if not shared and state_of(subject, purpose, recipient) is Consent.GIVEN and recipient:
        return
    if not recipient or not live_recipients(live_purpose(purpose)).filter(slug=recipient).exists():
        raise Missing("not_found", "This is not a recipient of the purpose.")


def _require_not_its_own_word(act: Act, recipient: str, shared: bool) -> None:
    """A third party has the person's yes from the person, never from itself; it may pass on a no to its own share."""
    if act.application is None or not act.application.is_third_party:
        return
    if shared:
        raise Refused("must_ask", "A third party asks the person for a share.")
    if not Recipient.objects.filter(slug=recipient, application=act.application).exists():
        raise Missing("not_found", "This is not a recipient of the purpose.")


def _require_allowed(subject: Subject, purpose: str) -> None:
    code = sharing_verdict(subject, purpose, None)
    if code != "allowed":
        raise WrongState(code, DETAILS.get(code, ""))


def _wording(subject: Subject, purpose: str) -> NoticeSeen | None:
    """The live wording of the purpose at the moment of the switch, as evidence of what was in force."""
    try:
        text = live_notice(live_purpose(purpose), subject.language)
    except Missing:
        return None
    return NoticeSeen(text.notice.version, text.language, text.digest)


def _switch(
    subject: Subject, recipient: str, purpose: str, action: str, act: Act, notice: NoticeSeen | None
) -> ConsentEvent:
    state = answer(state_of(subject, purpose, recipient), action)
    event, _ = write_event(
        subject=subject, purpose=purpose, recipient=recipient, action=action, state=state, act=act, notice=notice
    )
    started = action == "give"
    if not started:
        ledger.record_change(ledger.WITHDRAWN, subject.pk, purpose, recipient, at=event.at)
    if started:
        _settle_ask(subject, recipient, purpose, act)
    told = _tell(subject, recipient, purpose, "sharing.started" if started else "sharing.stopped")
    details = {"recipient": recipient, "channel": act.channel, "delivery": str(told.pk)}
    record(
        "sharing.started" if started else "sharing.stopped", actor=act.actor, subject=subject.pseudonym,
        purpose=purpose, details=details if started or not act.reason else details | {"reason": act.reason},
    )  # fmt: skip
    return event


def _settle_ask(subject: Subject, recipient: str, purpose: str, act: Act) -> None:
    """Switching on answers the question that waits for it."""
    ask = open_ask(subject, recipient, purpose)
    if ask is not None:
        end_ask(ask=ask, event="accept", actor=act.actor, at=act.at, channel=act.channel)


def _tell(subject: Subject, recipient: str, purpose: str, type: str) -> Delivery | HandNotice:
    """The notice, queued: for a worker, or for an operator when the recipient has no application here."""
    found = Recipient.objects.select_related("application").filter(slug=recipient).first()
    if found is None or found.application is None:
        return queue_by_hand(subject=subject, recipient=recipient, purpose=purpose, type=type)
    link_application(subject=subject, application=found.application)
    fields = Purpose.objects.filter(slug=purpose).values_list("fields", flat=True).first() or []
    return queue_delivery(
        application=found.application, subject=subject, type=type, purpose=purpose, fields=fields, recipient=recipient
    )


_Told = dict[tuple[str, str | None], Delivery | HandNotice]


def _last_notices(subject: Subject) -> _Told:
    """The newest notice about each share."""
    rows = Delivery.objects.filter(subject=subject, type__startswith="sharing.").exclude(recipient="")
    told: _Told = {(row.recipient, row.purpose): row for row in rows.order_by("sequence")}
    for note in HandNotice.objects.filter(subject=subject).order_by("created_at", "pk"):
        before = told.get((note.recipient, note.purpose))
        if before is None or before.created_at <= note.created_at:
            told[note.recipient, note.purpose] = note
    return told


def _row(
    recipient: str,
    purpose: str,
    standings: dict[tuple[str, str], Standing],
    told: _Told,
) -> SharingRow:
    standing, last = standings.get((recipient, purpose)), told.get((recipient, purpose))
    return SharingRow(
        recipient=recipient, purpose=purpose, shared=standing is not None and standing.state == Consent.GIVEN,
        since=standing.since if standing else None, delivery=last if isinstance(last, Delivery) else None,
        by_hand=last if isinstance(last, HandNotice) else None,
    )  # fmt: skip
