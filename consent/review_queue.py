"""What waits for whom: one queue of everything written, under review, approved or set to go live."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _

from access.models import Account
from consent.fitness import Item
from consent.models import Delegation
from consent.models.governance import ReviewState
from consent.services import delegations
from consent.services.review_rows import every_item


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """An item and for whom it waits: `person` when for one, `stands_in` when that one is absent until `back_at`."""

    item: Item
    since: datetime
    whom: str
    person: Account | None = None
    stands_in: Account | None = None
    back_at: datetime | None = None
    yours: bool = False


def queue(*, asking: Account, states: tuple[str, ...], **where: object) -> list[Waiting]:
    """Items in these states, the longest waiting first; what waits for whoever asks is marked `yours`."""
    absent = {each.principal_id: each for each in delegations.standing(timezone.now())}
    found = [_waiting(item, asking, absent) for item in every_item(state__in=states, **where)]
    return sorted(found, key=lambda each: each.since)


def _waiting(item: Item, asking: Account, absent: dict[UUID, Delegation]) -> Waiting:
    since = item.approved_at or item.submitted_at or item.created_at
    match item.state:
        case ReviewState.DRAFT:
            return Waiting(
                item=item, since=since, whom=_("its author"), person=item.author, yours=item.author_id == asking.pk
            )
        case ReviewState.IN_REVIEW if item.assigned_to is not None:
            return _assigned(item, item.assigned_to, since, asking, absent)
        case ReviewState.SCHEDULED:
            return Waiting(item=item, since=since, whom=_("its moment"))
        case _:
            return Waiting(item=item, since=since, whom=_("any reviewer"), yours=item.author_id != asking.pk)


def _assigned(item: Item, person: Account, since: datetime, asking: Account, absent: dict[UUID, Delegation]) -> Waiting:
    away = absent.get(person.pk)
    deputy = away.deputy if away and away.deputy_id != item.author_id else None
    return Waiting(
        item=item, since=since, whom=_("a reviewer"), person=person, stands_in=deputy,
        back_at=away.ends_at if away else None, yours=asking.pk in {person.pk, deputy.pk if deputy else None},
    )  # fmt: skip
