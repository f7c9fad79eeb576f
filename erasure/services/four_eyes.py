"""What one member of staff says alone destroys nothing and hands nothing out (docs/decisions/0070).

A member of staff *vouches* for a request that rests on their word: a letter they recorded, a right they said it is, a
person they identified, a mandate of the public form they accepted. Where carrying it out takes away what is held
(`RightsRequest.DESTROYS`), another lets it go on, or the person says so themselves, signed in. The database refuses the
rest (`request_four_eyes`).
"""

from django.db.models import Q
from django.utils.translation import gettext_noop

from access.models import Account
from erasure.models import RightsRequest
from gdpr_portal.errors import Refused

WAITS = Q(state="in_review", right__in=RightsRequest.DESTROYS, vouched_by__isnull=False)
"""The requests that wait for a second person, in a query."""


def waits(request: RightsRequest) -> bool:
    """Whether a second person has to let the request go on first."""
    return (
        request.right in RightsRequest.DESTROYS
        and request.vouched_by_id is not None
        and request.reviewer_id in {None, request.vouched_by_id}
    )


def require_another(request: RightsRequest, reviewer: Account) -> None:
    """Raises `four_eyes` for who vouches for what the request destroys."""
    if request.right in RightsRequest.DESTROYS and request.vouched_by_id == reviewer.pk:
        raise another()


def another() -> Refused:
    """What whoever acted already is told."""
    return Refused("four_eyes", gettext_noop("A second person has to approve."))
