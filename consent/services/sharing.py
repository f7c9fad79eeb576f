"""Sharing with third parties: off for everybody until the person switches it on, recipient by recipient."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.db import transaction
from django.utils import timezone

from access.models import Application
from audit.services import record
from consent.models import ConsentEvent, Delivery, Purpose, Recipient, Standing
from consent.selectors import live_notice, live_purpose, live_recipients, purposes_of_catalogue
from consent.services.decisions import DETAILS
from consent.services.deliveries import in_flight, queue_delivery, wait_for
from consent.services.events import Act, NoticeSeen, write_event
from consent.services.standing import sharing_verdict, state_of
from consent.states import Consent, answer
from gdpr_portal.errors import Missing, WrongState
from subjects.models import Subject
from subjects.selectors import ensure_not_erased
from subjects.services import link_application, lock_subject


@dataclass(frozen=True, kw_only=True)
class SharingRow:
    """One toggle: a recipient of a purpose, whether data is shared, and what became of the last notice to it."""

    recipient: str
    purpose: str
    shared: bool = False
    since: datetime | None = None
    delivery: Delivery | None = None

    @property
    def last_delivery(self) -> dict[str, object] | None:
        if self.delivery is None:
            return None
        told = self.delivery
        return {"state": told.state, "at": told.closed_at or told.sent_at or told.created_at}


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
    for what is no recipient of the purpose, Gone after an erasure. Switching off always succeeds (Art. 7(3)).
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
    told = _last_deliveries(subject)
    live = {purpose.slug for purpose in purposes_of_catalogue()}
    pairs = [(slug, each.slug) for each in live_recipients() for slug in each.purposes if slug in live]
    return [_row(recipient, purpose, standings, told) for purpose, recipient in sorted(pairs)]


def sharing_row(subject: Subject, recipient: str, purpose: str) -> SharingRow:
    """The one toggle as it stands."""
    standings = {(row.recipient, row.purpose): row for row in Standing.objects.filter(subject=subject)}
    return _row(recipient, purpose, standings, _last_deliveries(subject))


def stop_sharing(*, subject: Subject, purpose: str, act: Act, recipients: Sequence[str] | None = None) -> list[str]:
    """Sharing for the purpose is off with the recipients named, or with all; who was on is told. Subject locked.

    One event and one notice for each that was on; returns their slugs. The answer to the person waits, after the
    commit, for notices that start such sharing and are on the wire at this moment.
    """
    on = Standing.objects.filter(subject=subject, purpose=purpose, state=Consent.GIVEN).exclude(recipient="")
    if recipients is not None:
        on = on.filter(recipient__in=recipients)
    slugs = sorted(on.values_list("recipient", flat=True))
    for slug in slugs:
        _switch(subject, slug, purpose, "withdraw", act, None)
    calls = in_flight(subject_id=subject.pk, purpose=purpose, recipients=slugs)
    if calls:
        transaction.on_commit(partial(wait_for, calls))
    return slugs


@transaction.atomic
def _set(
    *, subject: Subject, recipient: str, purpose: str, shared: bool, act: Act, notice: NoticeSeen | None = None
) -> tuple[SharingRow, ConsentEvent | None]:
    person = ensure_not_erased(lock_subject(subject.pk))
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
    delivery = _tell(subject, recipient, purpose, "sharing.started" if started else "sharing.stopped")
    details = {"recipient": recipient, "channel": act.channel, "delivery": str(delivery.pk) if delivery else None}
    record(
        "sharing.started" if started else "sharing.stopped", actor=act.actor, subject=subject.pseudonym,
        purpose=purpose, details=details if started or not act.reason else details | {"reason": act.reason},
    )  # fmt: skip
    return event


def _tell(subject: Subject, recipient: str, purpose: str, type: str) -> Delivery | None:
    """The notice, queued; None for a recipient that has no application here and is told by hand."""
    found = Recipient.objects.select_related("application").filter(slug=recipient).first()
    if found is None or found.application is None:
        return None
    link_application(subject=subject, application=found.application)
    fields = Purpose.objects.filter(slug=purpose).values_list("fields", flat=True).first() or []
    return queue_delivery(
        application=found.application, subject=subject, type=type, purpose=purpose, fields=fields, recipient=recipient
    )


def _last_deliveries(subject: Subject) -> dict[tuple[str, str | None], Delivery]:
    rows = Delivery.objects.filter(subject=subject, type__startswith="sharing.").exclude(recipient="")
    return {(row.recipient, row.purpose): row for row in rows.order_by("sequence")}


def _row(
    recipient: str,
    purpose: str,
    standings: dict[tuple[str, str], Standing],
    told: dict[tuple[str, str | None], Delivery],
) -> SharingRow:
    standing = standings.get((recipient, purpose))
    return SharingRow(
        recipient=recipient, purpose=purpose, shared=standing is not None and standing.state == Consent.GIVEN,
        since=standing.since if standing else None, delivery=told.get((recipient, purpose)),
    )  # fmt: skip
