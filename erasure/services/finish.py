"""The end of a request: complete only when every step is done or retained, then the receipt and the last notice."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from access.models import Application
from access.services.mail import Mail, send_mails_later
from audit import services as audit
from consent.models import Purpose
from consent.wording import title_in
from erasure.models import Receipt, RightsRequest, Step, Transfer
from erasure.outcomes import OUTCOMES
from erasure.services import checking, connector_steps, leftovers, sources
from erasure.services.addresses import addresses_with, is_here, language_of
from erasure.services.copy_links import Waiting, copies_waiting
from erasure.services.joint_order import erasure_waiting_for
from erasure.services.locking import locked_requests
from erasure.services.mandate_words import end_mandate
from erasure.services.records import move_request, request_entry
from erasure.states import LIVE_TRANSFER, REQUEST, move
from gdpr_portal.failpoints import failpoint
from subjects.selectors import emails_of, retained_of
from vault.signing import sign_jws

FINISHED = frozenset({"done", "retained"})


def done(request_ids: Sequence[UUID]) -> list[UUID]:
    """Those of the requests under way that have steps and of which nothing is left to do."""
    left = Step.objects.filter(request_id__in=request_ids).exclude(state__in=FINISHED).values("request_id")
    sending = Transfer.objects.filter(request_id__in=request_ids, state__in=LIVE_TRANSFER).values("request_id")
    rows = RightsRequest.objects.filter(pk__in=request_ids, state="in_progress", steps__isnull=False)
    rows = rows.exclude(pk__in=left).exclude(pk__in=sending)
    return list(rows.order_by("pk").values_list("pk", flat=True).distinct())


def complete_if_done(*, request_id: UUID, actor: str) -> None:
    """The request is completed if nothing is left to do."""
    if done([request_id]):  # no lock to see that
        complete_all([request_id], actor=actor)


def complete_all(request_ids: Sequence[UUID], *, actor: str) -> None:
    """Those of the requests of which nothing is left to do are completed, in one transaction."""
    with transaction.atomic():
        requests = locked_requests(request_ids)
        completed = [requests[request_id] for request_id in done(request_ids)]
        _complete(completed, actor=actor)
        _end_what_waits([row.subject_id for row in completed if row.right == "erasure"], actor=actor)
        for _request in completed:
            failpoint("erasure.before_completed")
    if completed:
        failpoint("erasure.completed")


def _end_what_waits(erased: Sequence[UUID], *, actor: str) -> None:
    """What waited for a reviewer for these erased people, whose rows are locked, ends: nothing is left to decide about,
    and what it was about, sealed under their key, nobody can read any more."""
    if not erased:
        return
    waiting = RightsRequest.objects.filter(subject__in=erased, state="in_review").order_by("pk")
    rows = list(locked_requests(waiting.values_list("pk", flat=True)).values())
    for row in rows:
        row.outcome = "nothing_held"
        move_request(row, "in_progress", actor=actor)
    if rows:
        _complete(rows, actor=actor)


def complete(request: RightsRequest, *, actor: str) -> None:
    """The request is completed, its receipt signed, the person told; in the caller's transaction."""
    _complete([request], actor=actor)


@dataclass(frozen=True)
class _End:
    """A request as it ends: its receipt, what the log says, and whom to tell."""

    request: RightsRequest
    receipt: Receipt
    entries: Sequence[audit.Entry]
    addresses: Sequence[str]
    """The person's, empty when there is none, and then the representative's."""
    language: str
    steps: Sequence[Step]


def _complete(requests: Sequence[RightsRequest], *, actor: str) -> None:
    own: dict[UUID, list[Step]] = {row.id: [] for row in requests}
    for step in Step.objects.filter(request_id__in=own).order_by("position", "kind", "target"):
        own[step.request_id].append(step)
    late = _last_look([row for row in requests if row.right == "erasure"])
    now, sent = timezone.now(), _transferred(requests)
    here = [row.subject_id for row in requests if is_here(row)]
    emails = emails_of(here) if here else {}
    ends = [_end(row, own[row.id], now, emails.get(row.subject_id), sent[row.id], actor=actor) for row in requests]
    for outcome in {row.outcome for row in requests}:
        ids = [row.id for row in requests if row.outcome == outcome]
        RightsRequest.objects.filter(pk__in=ids).update(
            state=requests[0].state, completed_at=now, outcome=outcome, notice_to_sealed=None
        )  # fmt: skip
    audit.record_many([*late, *(entry for end in ends for entry in end.entries)])
    _keep([end.receipt for end in ends])
    for end in ends:
        if end.request.mandate_id is not None:
            end_mandate(end.request, actor=actor)
    send_mails_later(_notices(ends))


def _last_look(erasures: Sequence[RightsRequest]) -> list[audit.Entry]:
    """Nothing came back while others were waited for."""
    kept = retained_of([row.subject_id for row in erasures]) if erasures else {}
    return leftovers.clear(erasures, kept)


def _end(
    request: RightsRequest,
    steps: Sequence[Step],
    now: datetime,
    email: str | None,
    sent: Sequence[Transfer],
    *,
    actor: str,
) -> _End:
    """The request as it is when completed, unsaved; `email` is the person's own, of one who is still here."""
    request.completed_at = now
    request.outcome = request.outcome or connector_steps.outcome_of(request, steps) or "done"
    retained = sum(step.state == "retained" for step in steps)
    addresses = addresses_with(request, lambda: email)
    language = language_of(request)
    request.notice_to_sealed = None
    move(request, "completed", REQUEST)
    ended = request_entry(request, "request.completed", actor=actor, steps=len(steps), retained=retained)
    receipt = _signed(request, steps, sent)
    return _End(request, receipt, [ended, _issued(receipt, actor)], addresses, language, steps)


def issue_receipt(request: RightsRequest, *, steps: Sequence[Step], actor: str) -> Receipt:
    """The receipt is issued again, with all of it, when something came after the end: an archive sent on."""
    receipt = _signed(request, steps, _transferred([request])[request.id])
    _keep([receipt])
    audit.record_many([_issued(receipt, actor)])
    return receipt


def _keep(receipts: Sequence[Receipt]) -> None:
    Receipt.objects.bulk_create(receipts, update_conflicts=True, unique_fields=["request"], update_fields=["jws"])


def _issued(receipt: Receipt, actor: str) -> audit.Entry:
    digest = f"sha256:{hashlib.sha256(receipt.jws.encode()).hexdigest()}"
    details = {"request": str(receipt.request_id), "digest": digest}
    subject = receipt.request.subject.pseudonym
    return audit.Entry(action="receipt.issued", actor=actor, subject=subject, details=details)


def _signed(request: RightsRequest, steps: Sequence[Step], sent: Sequence[Transfer]) -> Receipt:
    """The outcome, signed (compact EdDSA JWS, RFC 7515, RFC 8037), unsaved; nothing in it names the person."""
    told = [
        {
            "kind": step.kind,
            "target": step.target,
            "state": step.state,
            "article": step.article,
            "until": step.until.isoformat() if step.until else None,
        }
        for step in steps
    ]
    payload = {
        "type": "rights-request-receipt",
        "request": str(request.id),
        "right": request.right,
        "received_at": request.received_at.isoformat(),
        "completed_at": request.completed_at.isoformat() if request.completed_at else None,
        "outcome": request.outcome,
        "steps": told,
        **connector_steps.verification(request, steps),
        **_sent_on(sent),
        **sources.in_receipt(request, steps),
        **checking.in_receipt(request),
    }
    jws = sign_jws(json.dumps(payload, sort_keys=True).encode(), typ="rights-receipt+jwt")
    return Receipt(request=request, jws=jws)


def _transferred(requests: Sequence[RightsRequest]) -> dict[UUID, list[Transfer]]:
    """What came of sending the archives of these requests on; one statement for those that have archives."""
    found: dict[UUID, list[Transfer]] = {row.id: [] for row in requests}
    if copies := [row for row in requests if row.right in sources.COPIES]:
        rows = Transfer.objects.filter(request__in=copies).exclude(state__in=["proposed", *LIVE_TRANSFER])
        for row in rows.select_related("destination").order_by("asked_at"):
            found[row.request_id].append(row)
    return found


def _sent_on(rows: Sequence[Transfer]) -> dict[str, Any]:
    """What the receipt says of sending it on, with the other controller's own signed word (Art. 20(2))."""
    sent = [
        {
            "transfer": str(row.id),
            "destination": row.destination.slug,
            "state": row.state,
            "at": row.ended_at.isoformat() if row.ended_at else None,
            "bytes": row.size_bytes,
            "digest": row.digest or None,
            "acknowledgement": row.acknowledgement or None,
            "reason": row.last_error or None,
        }
        for row in rows
    ]
    return {"transfers": sent} if sent else {}


def _notices(ends: Sequence[_End]) -> list[Mail]:
    """The last notices; what they tell beside the requests themselves is read for all at once."""
    copies = [end.request for end in ends if end.request.right in sources.COPIES]
    names, waiting, givers = _purposes_kept(ends), copies_waiting(copies), _givers(copies)
    return [
        mail
        for end in ends
        for mail in _notice(end, names, waiting.get(end.request.id), givers.get(end.request.id, ""))
    ]


def _notice(end: _End, names: Mapping[str, dict[str, str]], copy: Waiting | None, giver: str) -> list[Mail]:
    """One last notice, to the addresses as they were when the request began; the sealed copy of them has gone.

    Who was erased has nothing but this mail: it says what came of it, and what stays by which law until when. `copy`
    waits for the person alone; `giver` is the application that collects it for them.
    """
    request = end.request
    context = {
        "reference": str(request.id),
        "right": request.right_label,
        "outcome": OUTCOMES.get(request.outcome, ""),
        "kept": [
            {"purpose": title_in(names[step.target], end.language), "article": step.article, "until": step.until}
            for step in _kept(end)
        ],
        "proof_until": _proof_until(end),
        "receipt": end.receipt.jws,
        "copy_from": giver,
        "erasure_waits": any(end.addresses) and erasure_waiting_for(request),
    }
    own = {"link": copy.link, "copy_until": copy.until} if copy is not None else {}
    to = [(end.addresses[0], own), *((other, {}) for other in end.addresses[1:])]
    files = {"receipt.jws": end.receipt.jws}
    return [Mail("request_completed", address, end.language, context | more, files) for address, more in to if address]


def _givers(copies: Sequence[RightsRequest]) -> dict[UUID, str]:
    """The names of the applications that collect copies, by request; one statement, and none when people do."""
    asked = {row.id: row.application_id for row in copies if row.application_id is not None}
    names = dict(Application.objects.filter(pk__in=asked.values()).values_list("pk", "name")) if asked else {}
    return {request: names[application] for request, application in asked.items()}


def _kept(end: _End) -> list[Step]:
    """What a law keeps after the erasure (Art. 17(3)), a step for each purpose."""
    return [step for step in end.steps if step.kind == Step.Kind.RETENTION]


def _proof_until(end: _End) -> datetime | None:
    """The last day of what is kept after an erasure without a name (`consent.services.proofs.end_proofs`)."""
    request = end.request
    if request.right != "erasure" or request.completed_at is None:
        return None
    kept = [step.until for step in _kept(end) if step.until]
    return max([request.completed_at + timedelta(days=settings.PROOF_RETENTION_DAYS), *kept])


def _purposes_kept(ends: Sequence[_End]) -> dict[str, dict[str, str]]:
    """The titles of the purposes that something is kept for; one statement, and none when nothing is."""
    slugs = {step.target for end in ends for step in _kept(end)}
    return dict(Purpose.objects.filter(slug__in=slugs).values_list("slug", "titles")) if slugs else {}
