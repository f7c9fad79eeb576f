"""What is left of people who are erased: looked for when everything of ours is done, and again before complete is said.

Between a place's step and the end others may still be at work: an answer that was on its way, a worker that died and
came back. What they wrote goes when it is found; complete is never said while something is left.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from audit import actors
from audit import services as audit
from erasure.models import RightsRequest
from gdpr_portal.errors import WrongState
from subjects.holdings import Kept, holding, where_left

WORKER = actors.system("worker")


def erased_entry(request: RightsRequest, place: str, rows: int) -> audit.Entry:
    """What the log says of a place in which so many rows of the person were erased."""
    details: dict[str, Any] = {"request": str(request.id), "reason": place, "count": rows}
    return audit.Entry(action="data.erased", actor=WORKER, subject=request.subject.pseudonym, details=details)


def clear(requests: Sequence[RightsRequest], kept: Mapping[UUID, Kept]) -> list[audit.Entry]:
    """Nothing is left of these people that should be gone; what was erased for that, in the caller's transaction.

    One statement for all of whom the same is kept. Raises `residue` when something does not go.
    """
    alike: dict[frozenset[tuple[str, Any]], list[RightsRequest]] = {}
    for request in requests:
        alike.setdefault(frozenset(kept[request.subject_id].items()), []).append(request)
    return [entry for same in alike.values() for entry in _cleared(same, kept[same[0].subject_id])]


def _cleared(requests: Sequence[RightsRequest], kept: Kept) -> list[audit.Entry]:
    people = [request.subject_id for request in requests]
    found = sorted(where_left(people, kept))
    gone: dict[str, Counter[UUID]] = {place: holding(place).erase_all(people, kept) for place in found}
    left = where_left(people, kept) if found else set()
    if left:
        raise WrongState("residue", "Something is left in %(places)s.", params={"places": ", ".join(sorted(left))})
    return [
        erased_entry(request, place, rows[request.subject_id])
        for place, rows in gone.items()
        for request in requests
        if rows[request.subject_id]
    ]
