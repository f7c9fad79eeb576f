"""The one way to hold a request: its person first, then the row (docs/house.md)."""

from uuid import UUID

from erasure.models import RightsRequest
from erasure.states import OPEN_REQUEST
from gdpr_portal.errors import Missing, WrongState
from subjects.services import lock_subject


def locked_request(request_id: UUID) -> RightsRequest:
    """The request, it and its person locked in the caller's transaction; Missing when there is none."""
    subject_id = RightsRequest.objects.filter(pk=request_id).values_list("subject_id", flat=True).first()
    if subject_id is None:
        raise Missing
    lock_subject(subject_id)
    return RightsRequest.objects.select_for_update().get(pk=request_id)


def locked_open_request(request_id: UUID) -> RightsRequest:
    """The same, and it has not ended; `wrong_state` otherwise."""
    request = locked_request(request_id)
    if request.state not in OPEN_REQUEST:
        raise WrongState("wrong_state", "This request has ended.")
    return request
