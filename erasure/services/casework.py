"""Who looks after a request, and putting right what was filed under a wrong name."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from access.models import Account
from access.services.mail import send_mail_later
from audit import actors
from erasure import rights
from erasure.models import Case, RightsRequest
from erasure.selectors import held_purposes
from erasure.services import addresses
from erasure.services.details import checked_details, purpose_named, sealed_details
from erasure.services.locking import locked_open_request
from erasure.services.records import record_request
from erasure.services.start import hold_at_once, is_in_undo_window, take_back_effects
from erasure.states import REQUEST, move
from gdpr_portal.errors import WrongState


def assign(*, request_id: UUID, to: Account, by: Account) -> Case:
    """This member of staff looks after the request from now on."""
    with transaction.atomic():
        request = locked_open_request(request_id)
        case, _made = Case.objects.update_or_create(request=request, defaults={"assignee": to})
        record_request(request, "request.assigned", actor=actors.staff(by.id), account=str(to.id))
    return case


def retype(*, request_id: UUID, reviewer: Account, right: str, details: Mapping[str, Any]) -> RightsRequest:
    """The request is one of another right, received when it was received and due when it was due (R15).

    It waits for a reviewer afterwards, unless it still waits to be verified; what held for the right it is not is over,
    and what holds at once for the one it is holds. Leave given for what it was is none for what it is, for which the
    reviewer vouches (`four_eyes`). The person is told (Art. 12(1)). Raises `wrong_state` once anything
    was done, `right_not_available`, and what is wrong with the details.
    """
    with transaction.atomic():
        request = locked_open_request(request_id)
        if request.state == "in_progress" and not is_in_undo_window(request):
            raise WrongState("wrong_state", "This request is being carried out already.")
        was, staff = request.right, actors.staff(reviewer.id)
        take_back_effects(request, actor=staff)
        is_back = request.state not in {"verifying", "in_review"}
        if is_back:
            move(request, "in_review", REQUEST)
        request.vouched_by, request.reviewer = reviewer, None
        _become(request, right, details)
        Case.objects.get_or_create(request=request, defaults={"filed_as": was})
        Case.objects.filter(request=request, filed_as="").update(filed_as=was)
        record_request(request, "request.retyped", actor=staff, was=was)
        if is_back:
            record_request(request, "request.in_review", actor=staff)
        hold_at_once(request, actor=staff)
        if right != was and request.state != "verifying":
            _tell(request, was)
    return request


def _tell(request: RightsRequest, was: str) -> None:
    """The person hears at once that we read their request in another way, and may say that they did not mean it."""
    context = {
        "reference": str(request.id),
        "right": request.right_label,
        "was": RightsRequest.Right(was).label,
    }
    for address in addresses.addresses_of(request):
        send_mail_later("request_retyped", to=address, language=addresses.language_of(request), context=context)


def _become(request: RightsRequest, right: str, details: Mapping[str, Any]) -> None:
    if right not in RightsRequest.Right.values:
        raise WrongState("wrong_state", "There is no such right.")
    clean = checked_details(request.subject, right, details)
    rights.require_available(right, named=purpose_named(clean), held=lambda: held_purposes(request.subject))
    request.right, request.purpose, request.needs_review = right, clean.get("purpose"), True
    request.details_sealed = sealed_details(request.subject, request.id, clean)
    try:
        with transaction.atomic():
            request.save()
    except IntegrityError:
        raise WrongState("wrong_state", "An erasure of this person is open already.") from None
