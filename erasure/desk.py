"""What can be done at the desk of rights requests: each act with the roles that may do it. Doors call `do`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from access import roles
from access.models import Account
from erasure.models import RightsRequest, Step
from erasure.services import requests, steps
from gdpr_portal.errors import Invalid, Missing

REVIEWERS = frozenset({roles.IRM, roles.PRIVACY_OFFICER})
ANYBODY = roles.ALL

Given = Mapping[str, str]


@dataclass(frozen=True)
class Act:
    """Something that is done to a request, and by which roles."""

    roles: frozenset[str]
    do: Callable[[RightsRequest, Account, Given], Any]


def do(*, name: str, request_id: UUID, account: Account, given: Given) -> None:
    """The act is done. Raises `not_possible` for an act, a role or an input that does not fit, and what the act does.

    Anything that is missing or garbled in the form is told in the same words: the form of the desk sends neither.
    """
    act = ACTS.get(name)
    if act is None or not account.roles & act.roles:
        raise Invalid("not_possible", "That is not possible.")
    request = RightsRequest.objects.filter(pk=request_id).first()
    if request is None:
        raise Missing
    try:
        act.do(request, account, given)
    except (KeyError, ValueError):
        raise Invalid("not_possible", "That is not possible.") from None


def _step(request: RightsRequest, given: Given) -> UUID:
    step = Step.objects.filter(request=request, pk=UUID(given["step"])).first()
    if step is None:
        raise Missing
    return step.id


def _approve(request: RightsRequest, account: Account, given: Given) -> None:
    requests.approve_request(request_id=request.id, reviewer=account)


def _refuse(request: RightsRequest, account: Account, given: Given) -> None:
    requests.refuse_request(request_id=request.id, reviewer=account, reason_code=given["reason"])


def _extend(request: RightsRequest, account: Account, given: Given) -> None:
    requests.extend_request(request_id=request.id, reviewer=account, reason_code=given["reason"])


def _close_step(request: RightsRequest, account: Account, given: Given) -> None:
    steps.close_by_hand(step_id=_step(request, given), operator=account)


def _retry_step(request: RightsRequest, account: Account, given: Given) -> None:
    steps.retry(step_id=_step(request, given), operator=account)


ACTS: dict[str, Act] = {
    "approve": Act(REVIEWERS, _approve),
    "refuse": Act(REVIEWERS, _refuse),
    "extend": Act(REVIEWERS, _extend),
    "close_step": Act(ANYBODY, _close_step),
    "retry_step": Act(ANYBODY, _retry_step),
}
