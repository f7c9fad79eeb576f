"""Notices to applications and third parties (Art. 19): queued in the act's own transaction, closed by their answer."""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from access.models import Application
from audit import actors
from audit.services import record
from consent.models import ConsentEvent, Delivery, Recipient
from consent.models.governance import ReviewState
from consent.services.sending import close, in_flight, payload, reference_place, send_due, send_one, wait_for
from consent.states import OUTCOMES, move
from gdpr_portal.errors import Invalid, Missing, WrongState
from gdpr_portal.prepared import Loaded, Prepared
from gdpr_portal.wake import wake
from subjects.models import Subject
from subjects.selectors import reference_for
from subjects.services import lock_subject
from vault.services import Place, open_cell, open_secret, seal_secret, subject_key

__all__ = [
    "acknowledge", "affected_applications", "applications_for", "data_of", "delivery_for", "evidence_of",
    "holding_applications", "in_flight", "payload", "queue_delivery", "send_due", "send_one", "third_parties_of",
    "wait_for",
]  # fmt: skip

TYPES = frozenset(
    {
        "consent.withdrawn", "sharing.stopped", "sharing.started", "erasure.requested", "rectification.made",
        "restriction.set", "restriction.lifted", "access.requested",
    }
)  # fmt: skip

CONCERNED = """WHERE EXISTS (SELECT FROM subjects_applicationlink link WHERE link.application_id = access_application.id
        AND link.subject_id = %(subject)s)
    AND EXISTS (SELECT FROM consent_datacontract held JOIN consent_purpose purpose ON purpose.id = held.purpose_id
        WHERE held.application_id = access_application.id AND held.state = 'live' AND purpose.slug = %(purpose)s)
    AND EXISTS (SELECT FROM access_webhookendpoint told WHERE told.application_id = access_application.id)
    AND (NOT access_application.is_third_party OR EXISTS (SELECT FROM consent_recipient own
        JOIN consent_consentevent event ON event.recipient = own.slug AND event.subject_id = %(subject)s
        WHERE own.application_id = access_application.id AND event.action = 'give'))"""
_CONCERNED = Loaded(Application, f"{CONCERNED} ORDER BY slug")
_LAST = Prepared("""
SELECT coalesce(max(sequence), 0) FROM consent_delivery
WHERE application_id = %(application)s AND subject_id = %(subject)s
""")


@transaction.atomic
def queue_delivery(
    *,
    application: Application,
    subject: Subject,
    type: str,
    purpose: str | None = None,
    fields: Sequence[str] = (),
    request: UUID | None = None,
    due_at: datetime | None = None,
    until: datetime | None = None,
    recipient: str = "",
) -> Delivery:
    """The notice waits in its row for a worker, numbered next for this person and receiver, and a worker was woken.

    It is tried for 30 days, and longer when `until` is later. Locks the subject (lock it first when you lock more).
    Without an endpoint it waits until there is one. The
    receiver's own customer number is sealed into the row, so that it can be told even after an erasure here.
    """
    if type not in TYPES:
        raise Invalid("invalid_value", "There is no such notice.", status=422)
    person = lock_subject(subject.pk)
    now = timezone.now()
    delivery = Delivery(
        application=application, subject=person, type=type, purpose=purpose, fields=list(fields), request=request,
        due_at=due_at, until=until, recipient=recipient, next_at=now, sequence=_next_sequence(application, person),
    )  # fmt: skip
    delivery.reference_sealed = sealed_reference(delivery)
    delivery.save(force_insert=True)
    _record("delivery.queued", delivery, actors.system("worker"), request=str(request) if request else None)
    wake("consent.tasks.send", str(delivery.pk))
    return delivery


def keep_trying(*, request: UUID, until: datetime) -> int:
    """What is under way for the request is tried until then, and 30 days at least; returns how many notices.

    In the transaction of whoever moves the date and says so in the log, with the person locked.
    """
    return Delivery.objects.filter(request=request, state__in=["queued", "sending"]).update(until=until)


@transaction.atomic
def acknowledge(
    *,
    application: Application,
    delivery_id: UUID,
    outcome: str,
    evidence: Mapping[str, Any],
    data: Mapping[str, Any],
) -> Delivery:
    """The delivery is closed with the receiver's word, and `consent.hooks.delivery_closed` has heard it.

    Idempotent: the same outcome again changes nothing. Whatever the order, the receiver is believed: before our own
    note of the sending, after its due date (`late` in the log), after we gave up. Raises Missing for a delivery of
    somebody else, WrongState(`already_closed`) for another outcome.
    """
    if outcome not in OUTCOMES:
        raise Invalid("invalid_value", "There is no such outcome.", status=422)
    subject_id = delivery_for(application=application, delivery_id=delivery_id).subject_id
    lock_subject(subject_id)
    delivery = Delivery.objects.select_for_update().get(pk=delivery_id)
    if delivery.outcome:
        return _same_again(delivery, outcome)
    move(delivery.state, outcome)
    delivery.outcome = outcome
    _keep_words(delivery, evidence, data)
    _record(
        "delivery.acknowledged", delivery, actors.application(application.slug), outcome=outcome,
        evidence_digest=(delivery.evidence or {}).get("digest"), late=_is_late(delivery),
    )  # fmt: skip
    close(delivery, outcome)
    return delivery


def delivery_for(*, application: Application, delivery_id: UUID) -> Delivery:
    """The delivery, if it is addressed to this application; Missing otherwise."""
    delivery = Delivery.objects.select_related("application", "subject").filter(pk=delivery_id, application=application)
    found = delivery.first()
    if found is None:
        raise Missing()
    return found


def evidence_of(delivery: Delivery) -> dict[str, Any]:
    """What the receiver gave as evidence, opened; empty when it gave none."""
    if delivery.evidence_sealed is None:
        return {}
    return dict(json.loads(open_secret(words_place(delivery, "evidence_sealed"), bytes(delivery.evidence_sealed))))


def data_of(delivery: Delivery) -> dict[str, Any]:
    """What the receiver holds about the person, as it answered (Art. 15(3)); empty when it gave nothing.

    Sealed under the person's own key: raises `Gone` once they are erased.
    """
    cell = open_cell(delivery.subject_id, words_place(delivery, "data_sealed"), delivery, "data_sealed")
    return {} if cell is None else dict(json.loads(cell))


_HOLDERS = """
SELECT held.subject_id, contract.application_id FROM subjects_personalvalue held
    JOIN subjects_valuepurpose link ON link.value_id = held.id
    JOIN consent_purpose purpose ON purpose.slug = link.purpose
    JOIN consent_datacontract contract ON contract.purpose_id = purpose.id AND contract.state = %(live)s
    JOIN access_application ours ON ours.id = contract.application_id AND NOT ours.is_third_party
    WHERE held.subject_id = ANY(%(people)s::uuid[]){linked}
UNION SELECT event.subject_id, recipient.application_id FROM consent_consentevent event
    JOIN consent_recipient recipient ON recipient.slug = event.recipient AND recipient.application_id IS NOT NULL
    WHERE event.subject_id = ANY(%(people)s::uuid[]) AND event.action = 'give' AND event.recipient <> ''{shared}
"""
_LINKED = """
UNION SELECT link.subject_id, link.application_id FROM subjects_applicationlink link
    JOIN access_application ours ON ours.id = link.application_id AND NOT ours.is_third_party
    WHERE link.subject_id = ANY(%(people)s::uuid[])
    AND EXISTS (SELECT FROM consent_datacontract contract
        WHERE contract.application_id = link.application_id AND contract.state = %(live)s)
    AND EXISTS (SELECT FROM access_webhookendpoint told WHERE told.application_id = link.application_id)
"""
_HOLDING = Prepared(_HOLDERS.format(linked="", shared=""))
_AFFECTED = Prepared(_HOLDERS.format(linked="", shared="") + _LINKED)
_AFFECTED_BY = Prepared(
    _HOLDERS.format(
        linked=" AND link.purpose = ANY(%(purposes)s::text[])", shared=" AND event.purpose = ANY(%(purposes)s::text[])"
    )
)


def affected_applications(subject: Subject) -> list[Application]:
    """Whom it concerns when something becomes of the whole person, by slug: every application with a live contract for
    a purpose their data is linked to, every third party that sharing was ever on for, and every application with a
    contract and an endpoint, on or off, that registered the person. That last one has a record of its own, whatever
    lies here. A third party that sharing was never on for is not told, whatever its contract: it was given nothing, and
    what people ask of us is none of its business (Art. 5(1)(c), 19)."""
    return affected_applications_of([subject.pk])[subject.pk]


def holding_applications(subject: Subject) -> list[Application]:
    """Of these, who was given data that lies here, by slug: who may be told which of it is gone (Art. 5(1)(c))."""
    pairs = _HOLDING.all(people=[subject.pk], live=ReviewState.LIVE)
    return _by_slug(pairs)


def affected_by(subject: Subject, purposes: Collection[str]) -> list[Application]:
    """Of these, who holds it for one of the purposes, by slug."""
    pairs = _AFFECTED_BY.all(people=[subject.pk], live=ReviewState.LIVE, purposes=sorted(purposes))
    return _by_slug(pairs)


def _by_slug(pairs: Iterable[Sequence[Any]]) -> list[Application]:
    return sorted(Application.objects.filter(pk__in=[pk for _person, pk in pairs]), key=attrgetter("slug"))


def affected_applications_of(people: Sequence[UUID]) -> dict[UUID, list[Application]]:
    """The same of each of these people, by two statements at most."""
    pairs = _AFFECTED.all(people=list(people), live=ReviewState.LIVE)
    ids = {application for _person, application in pairs}
    known = Application.objects.in_bulk(ids) if ids else {}
    found: dict[UUID, list[Application]] = {person: [] for person in people}
    for person, application in pairs:
        found[person].append(known[application])
    return {person: sorted(own, key=attrgetter("slug")) for person, own in found.items()}


def third_parties_of(subject: Subject, purpose: str) -> list[Application]:
    """Every third party that sharing for this purpose was ever on for, by slug; those with an application."""
    shared = ConsentEvent.objects.filter(subject=subject, purpose=purpose, action="give").exclude(recipient="")
    recipients = Recipient.objects.filter(slug__in=shared.values("recipient"), application__isnull=False)
    return list(Application.objects.filter(pk__in=recipients.values("application")).order_by("slug"))


def applications_for(subject: Subject, purpose: str) -> list[Application]:
    """The applications with a live contract for the purpose that know the person and can be told, by slug; of third
    parties those that sharing was ever on for."""
    return _CONCERNED.all(subject=subject.pk, purpose=purpose)


def _next_sequence(application: Application, subject: Subject) -> int:
    [(last,)] = _LAST.all(application=application.pk, subject=subject.pk)
    return int(last) + 1


def sealed_reference(delivery: Delivery) -> bytes | None:
    """The receiver's own customer number of the person, sealed for the row; None after an erasure or without one."""
    if delivery.subject.erased_at is not None:
        return None
    reference = reference_for(delivery.application, delivery.subject)
    return seal_secret(reference_place(delivery.pk), reference.encode()) if reference else None


def _same_again(delivery: Delivery, outcome: str) -> Delivery:
    if delivery.outcome != outcome:
        raise WrongState("already_closed", "This delivery was closed with another outcome.")
    return delivery


def _keep_words(delivery: Delivery, evidence: Mapping[str, Any], data: Mapping[str, Any]) -> None:
    """What the receiver wrote may name the person: kept sealed, beside its digest; after an erasure only the digest."""
    alive = delivery.subject.erased_at is None  # with something kept by law there is still a key, but nobody to give to
    if evidence:
        delivery.evidence = {"digest": "sha256:" + hashlib.sha256(_words(evidence)).hexdigest()}
    if evidence and alive:
        delivery.evidence_sealed = seal_secret(words_place(delivery, "evidence_sealed"), _words(evidence))
    if data and alive:
        key = subject_key(delivery.subject_id)
        delivery.data_sealed = key.seal(words_place(delivery, "data_sealed"), _words(data))


def _words(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")


def _is_late(delivery: Delivery) -> bool:
    return delivery.due_at is not None and timezone.now() > delivery.due_at


def words_place(delivery: Delivery, column: str) -> Place:
    """Where what the receiver wrote lies."""
    return Place("consent_delivery", column, str(delivery.pk))


def _record(action: str, delivery: Delivery, actor: str, **details: Any) -> None:
    record(
        action, actor=actor, subject=delivery.subject.pseudonym, purpose=delivery.purpose,
        details={
            "delivery": str(delivery.pk), "application": delivery.application.slug, "type": delivery.type,
            "recipient": delivery.recipient, "sequence": delivery.sequence, **details,
        },
    )  # fmt: skip
