"""The end of a request: complete only when every step is done or retained, then the receipt and the last notice."""

import hashlib
import json
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from access.services.mail import send_mail_later
from audit import services as audit
from erasure.models import Receipt, RightsRequest
from erasure.selectors import steps_of
from erasure.services import connector_steps, sources
from erasure.services.records import move_request
from gdpr_portal.failpoints import failpoint
from subjects.selectors import email_of
from subjects.services import lock_subject
from vault import services as vault
from vault.signing import sign_jws

FINISHED = frozenset({"done", "retained"})


def complete_if_done(*, request_id: UUID, actor: str) -> bool:
    """The request is completed if nothing is left to do; whether it is complete now."""
    with transaction.atomic():
        subject_id = RightsRequest.objects.values_list("subject_id", flat=True).get(pk=request_id)
        lock_subject(subject_id)
        request = RightsRequest.objects.select_for_update().get(pk=request_id)
        states = set(request.steps.values_list("state", flat=True))
        if request.state == "in_progress" and states and states <= FINISHED:
            complete(request, actor=actor)
            failpoint("erasure.before_completed")
        finished = request.state == "completed"
    if finished:
        failpoint("erasure.completed")
    return finished


def complete(request: RightsRequest, *, actor: str) -> None:
    """The request is completed, its receipt signed, the person told; in the caller's transaction."""
    request.completed_at = timezone.now()
    request.outcome = request.outcome or connector_steps.outcome_of(request) or "done"
    states = list(request.steps.values_list("state", flat=True))
    move_request(request, "completed", actor=actor, steps=len(states), retained=states.count("retained"))
    receipt = issue_receipt(request, actor=actor)
    _tell(request, receipt)


def issue_receipt(request: RightsRequest, *, actor: str) -> Receipt:
    """The outcome is signed (compact EdDSA JWS, RFC 7515, RFC 8037); nothing in it names the person."""
    steps = [
        {
            "kind": step.kind,
            "target": step.target,
            "state": step.state,
            "article": step.article,
            "until": step.until.isoformat() if step.until else None,
        }
        for step in steps_of(request)
    ]
    payload = {
        "type": "rights-request-receipt",
        "request": str(request.id),
        "right": request.right,
        "received_at": request.received_at.isoformat(),
        "completed_at": request.completed_at.isoformat() if request.completed_at else None,
        "outcome": request.outcome,
        "steps": steps,
        **connector_steps.verification(request),
        **sources.in_receipt(request),
    }
    jws = sign_jws(json.dumps(payload, sort_keys=True).encode(), typ="rights-receipt+jwt")
    receipt, _created = Receipt.objects.get_or_create(request=request, defaults={"jws": jws})
    audit.record(
        "receipt.issued",
        actor=actor,
        subject=request.subject.pseudonym,
        details={"request": str(request.id), "digest": f"sha256:{hashlib.sha256(receipt.jws.encode()).hexdigest()}"},
    )
    return receipt


def notice_place(request_id: UUID) -> vault.Place:
    """Where the address for the last notice lies, sealed by the service's own key, until that notice is sent."""
    return vault.Place("erasure_rightsrequest", "notice_to_sealed", str(request_id))


def _tell(request: RightsRequest, receipt: Receipt) -> None:
    """One last notice, to the address as it was when the request began; the sealed copy of it goes."""
    address = address_of(request)
    if request.notice_to_sealed is not None:
        request.notice_to_sealed = None
        request.save(update_fields=["notice_to_sealed"])
    if address is not None:
        send_mail_later(
            "request_completed",
            to=address,
            language=request.subject.language or "en",
            context={"reference": str(request.id), "right": request.get_right_display(), "receipt": receipt.jws},
        )


def address_of(request: RightsRequest) -> str | None:
    """Where the person can be written to; also while they are being erased, until the last notice."""
    if request.notice_to_sealed is not None:
        return vault.open_secret(notice_place(request.id), bytes(request.notice_to_sealed)).decode()
    return email_of(request.subject) if request.subject.erased_at is None else None
