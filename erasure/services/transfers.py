"""Sending an archive to another controller (Art. 20(2)): asked for, stopped, ended; and what of it the person has.

The road of the bytes is `erasure.services.pushing`. The request is not completed while its transfer is under way, and
whoever has the archive sent on can still collect it: chunks stay until both are over, or the archive expires.
"""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_noop

from access.models import Account
from access.services.mail import send_mail_later
from audit import actors
from audit import services as audit
from erasure.models import Archive, Destination, RightsRequest, Transfer
from erasure.selectors import steps_of
from erasure.services import finish
from erasure.services.addresses import address_of, language_of
from erasure.services.archives import forget
from erasure.services.locking import locked_request
from erasure.states import LIVE_TRANSFER, OPEN_REQUEST, TRANSFER, move
from gdpr_portal.errors import Gone, Missing, WrongState
from gdpr_portal.wake import wake

WORKER = actors.system("worker")


def ask_transfer(*, request: RightsRequest, destination_id: UUID, actor: str, by: Account | None = None) -> Transfer:
    """The archive of the request will be sent there once it is built; `by` is who asked for the person at the desk.

    Raises Missing for a destination that is none (any more), `not_portability`, `wrong_state` while another transfer
    is under way or after the request ended without an archive, `expired` when the archive has gone.
    """
    with transaction.atomic():
        request = locked_request(request.id)
        destination = _feasible(destination_id)
        if request.right != RightsRequest.Right.PORTABILITY:
            raise WrongState("not_portability", gettext_noop("Only what portability gives is sent to others."))
        if request.state not in {*OPEN_REQUEST, "completed"}:
            raise WrongState("wrong_state", gettext_noop("This request has ended."))
        if live_transfer(request) is not None:
            raise WrongState("wrong_state", gettext_noop("It is being sent already."))
        _require_sendable(request)
        now = timezone.now()
        transfer = Transfer.objects.create(
            request=request, destination=destination, asked_by=by, asked_at=now, next_at=now
        )
        _record(transfer, "transfer.asked", actor)
        wake("erasure.tasks.push", str(transfer.id))
    return transfer


def stop_transfer(*, request: RightsRequest, actor: str) -> None:
    """Nothing more of it is sent; what the other side has by then is theirs to delete. `wrong_state` without any."""
    with transaction.atomic():
        request = locked_request(request.id)
        transfer = Transfer.objects.select_for_update().filter(request=request, state__in=LIVE_TRANSFER).first()
        if transfer is None:
            raise WrongState("wrong_state", gettext_noop("Nothing is being sent."))
        end(transfer, request, "stopped", actor=actor)


def live_transfer(request: RightsRequest) -> Transfer | None:
    """The transfer of a request that is under way."""
    return Transfer.objects.filter(request=request, state__in=LIVE_TRANSFER).first()


def last_transfer(request: RightsRequest) -> Transfer | None:
    """The transfer asked for last, whatever came of it."""
    return request.transfers.select_related("destination").order_by("-asked_at").first()


def end(transfer: Transfer, request: RightsRequest, to: str, *, actor: str, reason: str = "") -> None:
    """The transfer has ended; in the caller's transaction, with person, request and transfer locked.

    Its lease is void, so that a worker still at it cannot settle. The person is told, the request goes on, and a
    receipt given before is signed anew with what has come of it.
    """
    move(transfer, to, TRANSFER)
    transfer.fence += 1
    transfer.lease_until = transfer.next_at = None
    transfer.last_error = reason
    transfer.ended_at = timezone.now()
    transfer.save()
    _forget_collected(request)
    _record(transfer, f"transfer.{to}", actor, **_details(transfer, reason))
    if request.state == "completed":
        finish.issue_receipt(request, steps=list(steps_of(request)), actor=actor)
    _tell(transfer, request)
    wake("erasure.tasks.advance", str(request.id))


def _details(transfer: Transfer, reason: str) -> dict[str, Any]:
    if transfer.state == "received":
        return {"digest": transfer.digest, "bytes": transfer.size_bytes}
    return {"reason": reason} if reason else {}


def _feasible(destination_id: UUID) -> Destination:
    rows = Destination.objects.filter(pk=destination_id, obstacle="", approved_at__isnull=False, retired_at=None)
    found = rows.first()
    if found is None:
        raise Missing
    return found


def _require_sendable(request: RightsRequest) -> None:
    """The archive is not built yet, or is there; locked, so that it is not collected meanwhile."""
    archive = Archive.objects.select_for_update().filter(request=request, number=0).first()
    if archive is None or not archive.complete:
        if request.state == "completed":
            raise Gone("expired", "This archive has expired.")
        return
    over = archive.expires_at is None or archive.expires_at <= timezone.now()
    if over or archive.collected_at is not None or not archive.chunks.exists():
        raise Gone("expired", "This archive has expired.")


def _forget_collected(request: RightsRequest) -> None:
    archive = Archive.objects.select_for_update().filter(request=request, number=0, collected_at__isnull=False).first()
    if archive is not None:
        forget(archive)


def _tell(transfer: Transfer, request: RightsRequest) -> None:
    address = address_of(request)
    if address is None or transfer.state == "stopped":
        return
    context = {"reference": str(request.id), "received": transfer.state == "received"}
    context["destination"] = transfer.destination.name
    send_mail_later("transfer_ended", to=address, language=language_of(request), context=context)


def _record(transfer: Transfer, action: str, actor: str, **details: Any) -> None:
    known = {
        "request": str(transfer.request_id), "transfer": str(transfer.id), "destination": transfer.destination.slug,
    }  # fmt: skip
    audit.record(action, actor=actor, subject=transfer.request.subject.pseudonym, details=known | details)
