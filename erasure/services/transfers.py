"""Sending an archive to another controller (Art. 20(2)): asked for, stopped, ended; and what of it the person has.

The road of the bytes is `erasure.services.pushing`. The request is not completed while its transfer is under way, and
whoever has the archive sent on can still collect it: chunks stay until both are over, or the archive expires.
"""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_noop

from access.models import Account
from access.services.mail import send_mail_later
from audit import actors
from audit import services as audit
from erasure.models import Archive, Destination, RightsRequest, Transfer
from erasure.selectors import steps_of
from erasure.services import finish, four_eyes
from erasure.services.addresses import address_of, language_of
from erasure.services.archives import forget
from erasure.services.locking import locked_request
from erasure.states import LIVE_TRANSFER, OPEN_REQUEST, TRANSFER, move
from gdpr_portal.errors import Gone, Missing, WrongState
from gdpr_portal.wake import wake

WORKER = actors.system("worker")


def ask_transfer(*, request: RightsRequest, destination_id: UUID, actor: str) -> Transfer:
    """The archive of the request will be sent there once it is built; what the desk proposed meanwhile is dropped.

    Raises Missing for a destination that is none (any more), `not_portability`, `wrong_state` while another transfer
    is under way or after the request ended without an archive, `expired` when the archive has gone.
    """
    with transaction.atomic():
        request = locked_request(request.id)
        destination = _sendable(request, destination_id)
        if (proposed := _locked_proposal(request)) is not None:
            end(proposed, request, "stopped", actor=actor)
        now = timezone.now()
        transfer = Transfer.objects.create(request=request, destination=destination, asked_at=now, next_at=now)
        _record(transfer, "transfer.asked", actor)
        wake("erasure.tasks.push", str(transfer.id))
    return transfer


def propose_transfer(*, request: RightsRequest, destination_id: UUID, by: Account) -> Transfer:
    """Somebody at the desk says that the person wants it sent there; a second has to agree. Raises as `ask_transfer`,
    and `wrong_state` where one is proposed already."""
    with transaction.atomic():
        request = locked_request(request.id)
        destination = _sendable(request, destination_id)
        if _locked_proposal(request) is not None:
            raise WrongState("wrong_state", gettext_noop("A proposal is open already."))
        transfer = Transfer.objects.create(
            request=request, destination=destination, state="proposed", asked_by=by, asked_at=timezone.now()
        )
        _record(transfer, "transfer.proposed", actors.staff(by.id))
    return transfer


def agree_transfer(*, request: RightsRequest, by: Account) -> Transfer:
    """What another proposed will be sent. Raises `four_eyes` for who proposed it, and as `ask_transfer`."""
    with transaction.atomic():
        request = locked_request(request.id)
        transfer = _locked_proposal(request)
        if transfer is None:
            raise WrongState("wrong_state", gettext_noop("Nothing is proposed."))
        if transfer.asked_by_id == by.pk:
            raise four_eyes.another()
        _sendable(request, transfer.destination_id)
        move(transfer, "waiting", TRANSFER)
        transfer.agreed_by, transfer.next_at = by, timezone.now()
        transfer.save(update_fields=["state", "agreed_by", "next_at"])
        _record(transfer, "transfer.asked", actors.staff(by.id))
        wake("erasure.tasks.push", str(transfer.id))
    return transfer


def _sendable(request: RightsRequest, destination_id: UUID) -> Destination:
    """Where the archive of the request, whose row is locked, goes; raises as `ask_transfer`."""
    destination = _feasible(destination_id)
    if request.right != RightsRequest.Right.PORTABILITY:
        raise WrongState("not_portability", gettext_noop("Only what portability gives is sent to others."))
    if request.state not in {*OPEN_REQUEST, "completed"}:
        raise WrongState("wrong_state", gettext_noop("This request has ended."))
    if live_transfer(request) is not None:
        raise WrongState("wrong_state", gettext_noop("It is being sent already."))
    _require_sendable(request)
    return destination


def _locked_proposal(request: RightsRequest) -> Transfer | None:
    return Transfer.objects.select_for_update().filter(request=request, state="proposed").first()


def stop_transfer(*, request: RightsRequest, actor: str) -> None:
    """Nothing more of it is sent, or nothing at all of what was proposed; what the other side has by then is theirs to
    delete. `wrong_state` without any."""
    with transaction.atomic():
        request = locked_request(request.id)
        rows = Transfer.objects.select_for_update().filter(request=request, state__in=["proposed", *LIVE_TRANSFER])
        stopped = list(rows)
        if not stopped:
            raise WrongState("wrong_state", gettext_noop("Nothing is being sent."))
        for transfer in stopped:
            end(transfer, request, "stopped", actor=actor)


def live_transfer(request: RightsRequest) -> Transfer | None:
    """The transfer of a request that is under way."""
    return Transfer.objects.filter(request=request, state__in=LIVE_TRANSFER).first()


def last_transfer(request: RightsRequest) -> Transfer | None:
    """The transfer asked for last, whatever came of it; not one that is only proposed."""
    return request.transfers.select_related("destination").exclude(state="proposed").order_by("-asked_at").first()


def transfers_proposed() -> QuerySet[Transfer]:
    """What waits for a second person, of people who are still here."""
    return Transfer.objects.filter(state="proposed", request__subject__erased_at=None)


def proposed_transfer(request: RightsRequest) -> Transfer | None:
    """What one at the desk proposed to send, and a second has to agree to."""
    return transfers_proposed().filter(request=request).select_related("destination", "asked_by").first()


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
