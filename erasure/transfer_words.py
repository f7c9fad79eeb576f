"""A portability archive on its way to another controller, in plain words for the pages. Nothing here decides."""

from dataclasses import dataclass
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from erasure.models import Destination, RightsRequest, Transfer
from erasure.services.destinations import offered
from erasure.services.transfers import last_transfer
from erasure.states import LIVE_TRANSFER, OPEN_REQUEST

OUR_FAULT = _("Something went wrong here. We are looking into it.")
WHY_FAILED: dict[str, Any] = {
    "digest_differs": _("What arrived there was not what we sent."),
    "upload_elsewhere": _("It wanted the data at another place than the one we approved."),
    "address_not_allowed": _("Its address is not one that data may be sent to."),
    "retired": _("We do not send data there any more."),
    "expired": _("The time in which your copy is kept was over."),
    "erased": _("Your data was erased before."),
    "withdrawn": _("The request ended before."),
    "Tampered": OUR_FAULT,
    "WorkerLost": OUR_FAULT,
}
REFUSED = _("It refused to take the data.")
UNREACHABLE = _("It could not be reached, or did not answer as it should, until the time was over.")


@dataclass(frozen=True)
class Sending:
    """What a page says of sending a request's archive on: how far it is, and what can be chosen."""

    row: Transfer | None
    label: Any
    tone: str
    why: Any
    is_live: bool
    may_ask: bool
    feasible: list[Destination]
    others: list[Destination]

    @property
    def percent(self) -> int:
        """How much of it the destination holds, in whole per cent."""
        return percent_of(self.row) if self.row is not None else 0


def sending(request: RightsRequest) -> Sending | None:
    """How sending this request's archive on stands; None for rights that give nothing to send on."""
    if request.right != RightsRequest.Right.PORTABILITY:
        return None
    row, places = last_transfer(request), offered()
    is_live = row is not None and row.state in LIVE_TRANSFER
    label, tone = _state(row) if row is not None else ("", "plain")
    return Sending(
        row=row,
        label=label,
        tone=tone,
        why=_why(row) if row is not None and row.state == "failed" else "",
        is_live=is_live,
        may_ask=not is_live and _is_sendable(request),
        feasible=[place for place in places if not place.obstacle],
        others=[place for place in places if place.obstacle],
    )


def may_be_sent(request: RightsRequest) -> bool:
    """Whether there is a second step: another controller could receive it directly."""
    found = sending(request)
    return found is not None and found.may_ask and bool(found.feasible)


def percent_of(row: Transfer) -> int:
    """How much of it the destination holds, in whole per cent; 100 only when it is all."""
    return row.offset * 100 // row.size_bytes if row.size_bytes else 0


def _state(row: Transfer) -> tuple[Any, str]:
    if row.state == "waiting" and not row.offset:
        return _("Waiting to be sent"), "wait"
    if row.state in LIVE_TRANSFER:
        return _("Sending, %(percent)s %%") % {"percent": percent_of(row)}, "wait"
    return {
        "received": (_("Received there"), "good"),
        "failed": (_("Could not be sent"), "bad"),
        "stopped": (_("Stopped"), "plain"),
    }[row.state]


def _why(row: Transfer) -> Any:
    if row.last_error in WHY_FAILED:
        return WHY_FAILED[row.last_error]
    return REFUSED if row.last_error.startswith(("http_4", "http_3")) else UNREACHABLE


def _is_sendable(request: RightsRequest) -> bool:
    """Whether the archive will be there, or is: not collected and not expired."""
    archive = request.archive
    if archive is None or not archive.complete:
        return request.state in OPEN_REQUEST
    return archive.collected_at is None and archive.expires_at is not None and archive.expires_at > timezone.now()
