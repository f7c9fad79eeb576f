"""The one way to hold a request: its person first, then the row (docs/house.md)."""

from collections.abc import Iterable
from uuid import UUID

from erasure.models import RightsRequest
from erasure.states import OPEN_REQUEST
from gdpr_portal.errors import Missing, WrongState
from subjects.services import lock_subject, lock_subjects


def locked_request(request_id: UUID) -> RightsRequest:
    """The request, it and its person locked in the caller's transaction; Missing when there is none."""
    subject_id = RightsRequest.objects.filter(pk=request_id).values_list("subject_id", flat=True).first()
    if subject_id is None:
        raise Missing
    lock_subject(subject_id)
    return RightsRequest.objects.select_for_update().get(pk=request_id)


def locked_requests(request_ids: Iterable[UUID]) -> dict[UUID, RightsRequest]:
    """These requests, first all their people locked and then they, each in the order of ids; `subject` is the row."""
    ids = list(request_ids)
    people = lock_subjects(RightsRequest.objects.filter(pk__in=ids).values_list("subject_id", flat=True))
    rows = {row.pk: row for row in RightsRequest.objects.select_for_update().filter(pk__in=ids).order_by("pk")}
    for row in rows.values():
        row.subject = people[row.subject_id]
    return rows


def locked_open_request(request_id: UUID) -> RightsRequest:
    """The same, and it has not ended; `wrong_state` otherwise."""
    request = locked_request(request_id)
    if request.state not in OPEN_REQUEST:
        raise WrongState("wrong_state", "This request has ended.")
    return request
