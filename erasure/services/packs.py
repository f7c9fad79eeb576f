"""Evidence packs about a person or a period: what a regulator checks offline (Art. 5(2), 31, 58(1)(e)).

A ZIP with a signed manifest. About a person: consents with their wordings' digests, requests, receipts, who was told,
holds, and every event of the log about them with its proof. About a period: the requests begun in it with their states
and deadlines, counts, and the log's events about them. People stand in both under the pseudonyms of the log; no
personal value is opened for either, so both can be made after an erasure too.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from access.models import Account
from audit import actors
from audit import selectors as audit_log
from audit.models import AuditEvent
from audit.services import record
from consent.models import ConsentEvent, Delivery, Objection, Standing
from erasure.models import EvidencePack, LegalHold, Receipt, RightsRequest
from erasure.services import evidence
from erasure.services.evidence import FORMAT, HOW_TO_CHECK, as_json
from gdpr_portal.errors import Invalid, Missing, Refused, WrongState
from subjects.models import Restriction, Retention, Subject
from vault.signing import jwks

MOST_EVENTS = 5_000
"""More than so many entries are asked for by shorter periods."""
OF_PERIODS = r"^(request|step|receipt|question|opinion|hold|erasures|evidence|restriction|breach|period)\."
"""What of the log belongs to a period's pack: how rights were served, not who read what."""
README = """Evidence about {about}

manifest.json, manifest.jws   every file with its SHA-256, signed by the service (RFC 7515, detached)
requests.json     rights requests: when received and due, extended, when and how answered, late or not
counts.json       the same in numbers
timeline.json     the events of the audit log, in order
proofs/           one file an event: the exact bytes hashed, the hashes to the root, the signed checkpoint (RFC 9162)
not_proven.json   events so new that no checkpoint covers them yet; ask for the pack again in a few seconds
receipts/         the signed receipts of requests that were completed
checkpoint.txt, audit-vkey.txt, jwks.json   compare the keys with /.well-known/audit-vkey and /.well-known/jwks.json
consents.json     about a person: every answer, what stands, objections, restrictions, holds, retentions, who was told

People appear by the random pseudonym of the audit log; no name, address or other value of anybody is in the pack.

"""


# --- asking and agreeing ---------------------------------------------------------------------------------------------
def ask_about_person(*, pseudonym: UUID, reason: str, by: Account) -> EvidencePack:
    """A pack about the person known to the log by this pseudonym waits for a second person. Raises Missing, Invalid."""
    subject = Subject.objects.filter(pseudonym=pseudonym).first()
    if subject is None:
        raise Missing()
    return _ask(by, reason, subject=subject)


def ask_about_period(*, since: datetime, until: datetime, reason: str, by: Account) -> EvidencePack:
    """A pack about a period can be fetched. `since` inclusive, `until` exclusive. Raises Invalid."""
    if since >= until:
        raise Invalid("invalid_value", "A period ends after it begins.", status=422)
    return _ask(by, reason, since=since, until=until)


def _ask(by: Account, reason: str, **about: Any) -> EvidencePack:
    if reason not in EvidencePack.Reason.values:
        raise Invalid("invalid_value", "A pack needs a reason from the list.", status=422)
    with transaction.atomic():
        pack = EvidencePack.objects.create(reason=reason, asked_by=by, asked_at=timezone.now(), **about)
        period = {name: about[name].isoformat() for name in ("since", "until") if name in about}
        _record(pack, "evidence.asked", by, **period)
    return pack


def agree(*, pack_id: UUID, by: Account) -> EvidencePack:
    """The pack about a person can be fetched. Raises `four_eyes` for who asked, `wrong_state` when it was agreed."""
    try:
        with transaction.atomic():
            pack = _locked(pack_id)
            if pack.may_be_fetched:
                raise WrongState("wrong_state", "This pack needs nobody's agreement.")
            pack.agreed_by, pack.agreed_at = by, timezone.now()
            pack.save(update_fields=["agreed_by", "agreed_at"])
            _record(pack, "evidence.agreed", by)
    except IntegrityError:
        raise Refused("four_eyes", "Whoever asks cannot agree as well.") from None
    return pack


def fetch(*, pack_id: UUID, by: Account) -> bytes:
    """The ZIP as things stand now; that it was fetched, and its SHA-256, are in the log. Raises `wrong_state`."""
    with transaction.atomic():
        pack = _locked(pack_id)
        if not pack.may_be_fetched:
            raise WrongState("wrong_state", "A second person has to agree first.")
        events = _events(pack)
        data = evidence.zipped(evidence.signed(_files(pack, events)))
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        _record(pack, "evidence.fetched", by, digest=digest, count=len(events))
    return data


def _locked(pack_id: UUID) -> EvidencePack:
    pack = EvidencePack.objects.select_for_update().filter(pk=pack_id).first()
    if pack is None:
        raise Missing()
    return pack


def _record(pack: EvidencePack, action: str, by: Account, **details: Any) -> None:
    subject = Subject.objects.get(pk=pack.subject_id).pseudonym if pack.subject_id else None
    known = {"pack": str(pack.pk), "reason": pack.reason}
    record(action, actor=actors.staff(by.pk), subject=subject, details=known | details)


# --- what is in it ---------------------------------------------------------------------------------------------------
def _events(pack: EvidencePack) -> list[AuditEvent]:
    if pack.subject_id is not None:
        about = audit_log.events(subject=Subject.objects.get(pk=pack.subject_id).pseudonym)
    else:
        about = audit_log.events(since=pack.since, until=pack.until).filter(action__regex=OF_PERIODS)
    found = list(about[: MOST_EVENTS + 1])
    if len(found) > MOST_EVENTS:
        raise Invalid("too_large", "There are too many entries for one pack: ask for a shorter period.", status=422)
    return list(reversed(found))


def _files(pack: EvidencePack, events: list[AuditEvent]) -> dict[str, bytes]:
    requests = _requests(pack)
    rows = list(requests.select_related("subject"))
    proofs, missing = evidence.proofs(events)
    own = {"consents.json": as_json(_consents(pack.subject_id))} if pack.subject_id is not None else {}
    return {
        "README.txt": (README.format(about=_about(pack)) + HOW_TO_CHECK).encode(),
        "pack.json": as_json(_head(pack)),
        "requests.json": as_json([_request(row) for row in rows]),
        "counts.json": as_json(_counts(rows)),
        "timeline.json": as_json([evidence.event(row) for row in events]),
        "not_proven.json": as_json(missing),
        "jwks.json": as_json(jwks()),
        "audit-vkey.txt": evidence.vkey(),
        "checkpoint.txt": audit_log.latest_checkpoint().note.encode() if audit_log.latest_size() else b"",
        **proofs,
        **own,
        **{f"receipts/{row.request_id}.jws": row.jws.encode() for row in Receipt.objects.filter(request__in=rows)},
        **evidence.programs(),
    }


def _requests(pack: EvidencePack) -> QuerySet[RightsRequest]:
    if pack.subject_id is not None:
        return RightsRequest.objects.filter(subject_id=pack.subject_id).order_by("received_at", "id")
    return RightsRequest.objects.filter(received_at__gte=pack.since, received_at__lt=pack.until).order_by(
        "received_at", "id"
    )


def _about(pack: EvidencePack) -> str:
    if pack.subject_id is not None:
        return f"the person {Subject.objects.get(pk=pack.subject_id).pseudonym}"
    return f"{pack.since} to {pack.until}"


def _head(pack: EvidencePack) -> dict[str, Any]:
    about = {"since": pack.since, "until": pack.until} if pack.subject_id is None else {"person": _about(pack)}
    return {"format": FORMAT, "pack": pack.pk, "reason": pack.reason, "made_at": timezone.now(), **about}


def _request(row: RightsRequest) -> dict[str, Any]:
    return evidence.facts(row) | {"subject": row.subject.pseudonym, "late": _is_late(row)}


def _is_late(row: RightsRequest) -> bool:
    """Whether it was answered after its deadline, or is open past it."""
    return (row.completed_at or timezone.now()) > row.due_at and row.state not in {"withdrawn", "expired_unverified"}


def _counts(rows: Iterable[RightsRequest]) -> dict[str, Any]:
    every = list(rows)
    return {
        "requests": len(every),
        "by_right": Counter(row.right for row in every),
        "by_state": Counter(row.state for row in every),
        "extended": sum(row.extended for row in every),
        "late": sum(map(_is_late, every)),
    }


def _consents(subject: UUID) -> dict[str, Any]:
    """Answers and what followed from them, by codes, digests and times."""
    answers = ("event", "purpose", "recipient", "action", "state", "channel", "explicit", "at", "recorded_at")
    wording = ("notice_version", "notice_language", "notice_digest", "expires_at")
    told = ("id", "application__slug", "type", "purpose", "state", "created_at", "sent_at", "closed_at", "outcome")
    held = ("purpose", "fields", "article", "citation", "since", "until", "ended_at")
    return {
        "answers": _of(ConsentEvent, subject, "at", *answers, *wording),
        "standing": _of(Standing, subject, "purpose", "purpose", "recipient", "state", "since", "expires_at", "event"),
        "objections": _of(Objection, subject, "since", "purpose", "since", "ended_at"),
        "restrictions": _of(Restriction, subject, "since", "ground", "since", "lifted_at"),
        "holds": _of(LegalHold, subject, "placed_at", "reason", "placed_at", "lifted_at"),
        "retained": _of(Retention, subject, "since", *held),
        "told": _of(Delivery, subject, "created_at", *told),
    }


def _of(model: Any, subject: UUID, order: str, *names: str) -> list[dict[str, Any]]:
    return list(model.objects.filter(subject=subject).order_by(order, "pk").values(*names))
