"""Processors of ours that speak OpenDSR: asked from rows, followed by status and callbacks; the step says how it is.

The step waits from its beginning, as for any notice. Whom it is about lies sealed in the step until the processor has
accepted, so that an erasure here need not wait for anybody. A signed status only ever moves a call forward.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from access.models import Application
from audit import actors
from audit import services as audit
from consent import webhook
from consent.services import leases
from consent.services.sending import instant, pause_seconds, tried_until
from erasure.models import OpenDsrCall, OpenDsrProcessor, Step
from erasure.opendsr import client as opendsr_client
from erasure.opendsr.client import STATUSES, Peer, Said
from erasure.services import sources
from erasure.services.connectors import opened_identities, seal_identities
from erasure.services.locking import locked_request
from erasure.services.records import move_step
from erasure.services.sweeping import each
from erasure.states import CALL, move
from gdpr_portal import breakers
from gdpr_portal.errors import Invalid, Refused
from gdpr_portal.failpoints import failpoint
from gdpr_portal.wake import wake
from vault import services as vault

POLL = timedelta(hours=1)
FRESH = timedelta(days=1)
"""How long a discovery is believed."""
OPEN = ("queued", "sending")
SWEEP_SECONDS = 60.0
"""So long one sweep goes on; the next one has the rest."""


@dataclass(frozen=True)
class Claimed:
    """A call this worker may make until its lease ends; `body` is empty once it was accepted."""

    id: UUID
    fence: int
    processor: OpenDsrProcessor
    peer: Peer
    body: bytes
    accepted: bool
    problem: str = ""


def set_processor(*, application: Application, base_url: str, token: str, actor: str) -> OpenDsrProcessor:
    """The application is asked by OpenDSR from now on, after its discovery was checked.

    Raises Invalid: `invalid_value` for an address nothing may be sent to, else what is wrong with the discovery.
    """
    base_url = base_url.rstrip("/")
    if webhook.check(base_url, bool(settings.WEBHOOK_LOOPBACK_ALLOWED)) or urlsplit(base_url).query:
        raise Invalid("invalid_value", "Nothing can be sent to this address.", status=422)
    row = OpenDsrProcessor(application=application, base_url=base_url, domain=urlsplit(base_url).hostname or "")
    row.token_sealed = vault.seal_secret(token_place(row), token.encode())
    found = opendsr_client.discover(_peer(row))
    if not found.error and not (found.kinds and found.identities):
        found = replace(found, error="discovery_incomplete")  # it would be asked for nothing, or about nobody
    if found.error:
        raise Invalid(found.error, f"The discovery was not accepted: {found.error}.", status=422)
    with transaction.atomic():
        _note(row, found)
        row.save()
        details: dict[str, Any] = {"application": application.slug, "count": len(found.kinds)}
        audit.record("opendsr.processor_set", actor=actor, details=details)
    return row


def token_place(row: OpenDsrProcessor) -> vault.Place:
    """Where our token for the processor lies, for the seal."""
    return vault.Place("erasure_opendsrprocessor", "token_sealed", str(row.application_id))


def processor_for(application: Application, right: str) -> OpenDsrProcessor | None:
    """How this application is asked for this right by OpenDSR, if it is."""
    row = OpenDsrProcessor.objects.filter(application=application, application__enabled=True).first()
    return row if row is not None and right in row.kinds else None


def prepare(step: Step) -> None:
    """The step waits, with whom it is about sealed in it; unsaved, in the transaction that writes it."""
    seal_identities(step)
    step.state = "waiting"


def queue(steps: Iterable[Step]) -> None:
    """Every saved step that was prepared has its call in a row; in the same transaction."""
    now = timezone.now()
    prepared = [step for step in steps if step.kind == Step.Kind.NOTIFY and step.delivery is None]
    calls = [OpenDsrCall(step=step, processor=_processor(step), created_at=now, next_at=now) for step in prepared]
    OpenDsrCall.objects.bulk_create(calls)
    if calls:
        wake("erasure.tasks.sweep_opendsr")


def call_due(limit: int = 50) -> int:
    """Up to `limit` calls that are due were made; returns how many."""
    ids = list(due().order_by("next_at").values_list("pk", flat=True)[:limit])
    return each(ids, call, aside=OpenDsrCall, seconds=SWEEP_SECONDS)


def call(step_id: UUID) -> bool:
    """The call was made, if it was due and nobody else is at it."""
    claimed = claim(step_id)
    if claimed is None:
        return False
    failpoint("erasure.opendsr_call.claimed")
    said = _made(claimed)
    failpoint("erasure.opendsr_call.called")
    settle(claimed, said)
    return True


def due() -> QuerySet[OpenDsrCall]:
    """What can be claimed: its time has come, and no lease holds it."""
    now = timezone.now()
    return OpenDsrCall.objects.filter(leases.free(now), state__in=OPEN, next_at__lte=now)


def claim(step_id: UUID) -> Claimed | None:
    """The call is ours for the lease, or None: not due, another's, or settled by hand meanwhile."""
    with transaction.atomic():
        rows = due().filter(pk=step_id).select_related("processor__application", "step__request")
        row = rows.select_for_update(skip_locked=True, of=("self",)).first()
        if row is None:
            return None
        is_over = row.step.state != "waiting"
        if not is_over and (pause := webhook.pause_seconds(row.processor.base_url, row.created_at)):
            row.next_at, row.last_error = timezone.now() + timedelta(seconds=pause), breakers.OPEN
            row.save(update_fields=["next_at", "last_error"])
            return None
        if row.state == "queued":
            move(row, "sending", CALL)
        if is_over:
            _close(row)
            return None
        row.attempts += 1
        row.fence += 1
        row.lease_until = leases.ends(timezone.now())
        row.save()
        return _claimed(row)


def settle(claimed: Claimed, said: Said) -> None:
    """Row and step say what came of the call; nothing when the lease was lost."""
    with transaction.atomic():
        row, step = _locked(claimed.id)
        if row is None or row.fence != claimed.fence or row.state != "sending":
            return
        if said.status:
            _heard(row, step, said.status)
        elif said.final or (row.accepted_at is None and timezone.now() >= _last_try(row, step)):
            _end(row, step, "failed", said.error)
        if row.state == "sending":
            move(row, "queued", CALL)
            row.lease_until, row.last_error = None, said.error
            pause = POLL if said.status else timedelta(seconds=pause_seconds(row.attempts, said.retry_after))
            row.attempts = 0 if said.status else row.attempts
            row.next_at = timezone.now() + pause
        row.save()


def called_back(*, step_id: UUID, body: bytes, headers: Mapping[str, str], told: Any) -> None:
    """What a processor says by itself counts, once it is shown to be its word (section 8.8); repeating changes nothing.

    `told` reads the body, which nobody does before the signature holds. Raises Refused(`not_genuine`), the same for an
    unknown id, another's signature and a callback about something else; Invalid for an unknown status.
    """
    known = OpenDsrCall.objects.select_related("processor__application").filter(pk=step_id).first()
    peer = _peer(known.processor) if known is not None else None
    if peer is None or not opendsr_client.is_genuine(peer, body, headers, timezone.now()):
        raise Refused("not_genuine", "This is not a callback of that processor.")
    said = told(body)
    if not isinstance(said, dict) or said.get("request_status") not in STATUSES:
        raise Invalid("invalid_value", "There is no such status.")
    if said.get("status_callback_url") != callback_url(step_id) or said.get("subject_request_id") != str(step_id):
        raise Refused("not_genuine", "This is not a callback of that processor.")
    with transaction.atomic():
        row, step = _locked(step_id)
        if row is not None and row.state in OPEN:
            _heard(row, step, str(said["request_status"]))
            row.save()


def callback_url(step_id: UUID) -> str:
    """Where a processor tells us how it stands with a step."""
    return f"{settings.BASE_URL}/api/opendsr/v2/callbacks/{step_id}"


# --- one turn -------------------------------------------------------------------------------------------------------
def _made(claimed: Claimed) -> Said:
    if claimed.problem:
        return Said(error=claimed.problem, final=True)
    peer = claimed.peer
    if claimed.processor.checked_at is None or claimed.processor.checked_at < timezone.now() - FRESH:
        found = opendsr_client.discover(peer)
        if found.error:
            return Said(error=found.error)
        _note(claimed.processor, found)
        claimed.processor.save(update_fields=["certificate", "identities", "kinds", "checked_at"])
        peer = _peer(claimed.processor)
    if claimed.accepted:
        return opendsr_client.poll(peer, str(claimed.id))
    return opendsr_client.ask(peer, claimed.body, str(claimed.id))


def _claimed(row: OpenDsrCall) -> Claimed:
    peer, accepted = _peer(row.processor), row.accepted_at is not None
    body = b"" if accepted else _body(row)
    problem = "" if accepted or body else "no_identity_in_common"
    return Claimed(row.step_id, row.fence, row.processor, peer, body, accepted, problem)


def _body(row: OpenDsrCall) -> bytes:
    known, slug = opened_identities(row.step), row.processor.application.slug
    found = {"email": known.get("email"), "controller_customer_id": known.get(f"{slug}_customer_id")}
    return opendsr_client.request_body(
        subject_request_id=str(row.step_id), kind=row.step.request.right,
        submitted_at=instant(row.step.request.received_at),
        identities={name: min(values) for name, values in found.items() if values},
        supported=row.processor.identities, callback_url=callback_url(row.step_id),
    )  # fmt: skip


def _peer(row: OpenDsrProcessor) -> Peer:
    token = vault.open_secret(token_place(row), bytes(row.token_sealed)).decode()
    return Peer(
        base_url=row.base_url, domain=row.domain, token=token, certificate=row.certificate,
        allow_loopback=bool(settings.WEBHOOK_LOOPBACK_ALLOWED),
        timeout_seconds=float(settings.WEBHOOK_TIMEOUT_SECONDS),
    )  # fmt: skip


def _note(row: OpenDsrProcessor, found: opendsr_client.Discovered) -> None:
    row.certificate, row.checked_at = found.certificate, timezone.now()
    row.identities, row.kinds = list(found.identities), list(found.kinds)


def _processor(step: Step) -> OpenDsrProcessor:
    return OpenDsrProcessor.objects.get(application__slug=step.target)


def _locked(step_id: UUID) -> tuple[OpenDsrCall | None, Step]:
    """The call and its step, person, request and step locked before it."""
    request = locked_request(Step.objects.values_list("request_id", flat=True).get(pk=step_id))
    step = Step.objects.select_for_update().get(pk=step_id)
    step.request = request
    return OpenDsrCall.objects.select_for_update().filter(pk=step_id).first(), step


def _last_try(row: OpenDsrCall, step: Step) -> datetime:
    """Until then somebody who does not answer is asked on."""
    return tried_until(row.created_at, step.request.due_at)


# --- what was heard -------------------------------------------------------------------------------------------------
def _heard(row: OpenDsrCall, step: Step, status: str) -> None:
    """The status counts when it is a later one: callbacks and answers may come in any order."""
    if row.accepted_at is None:
        row.accepted_at = timezone.now()
        step.identities_sealed = None
        step.save(update_fields=["identities_sealed"])
    if row.status and STATUSES.index(status) <= STATUSES.index(row.status):
        return
    row.status = status
    if status == "completed":
        _end(row, step, "done", "")
    elif status == "cancelled":
        _end(row, step, "failed", "cancelled")


def _end(row: OpenDsrCall, step: Step, to: str, reason: str) -> None:
    _close(row)
    if step.state != "waiting":
        return
    step.identities_sealed = None
    step.settled_at, step.last_error = timezone.now(), reason
    details = {"outcome": "done"} if to == "done" else {"reason": reason}
    move_step(step, to, actor=actors.application(step.target), **details)
    sources.go_on(step.request)
    wake("erasure.tasks.advance", str(step.request_id))


def _close(row: OpenDsrCall) -> None:
    move(row, "closed", CALL)
    row.lease_until = row.next_at = None
    row.save()
