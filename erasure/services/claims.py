"""Which steps may be taken now, and taking them by a lease and a fencing token: one alone, or quick ones together.

Quick steps touch no database but ours. As long as none of them was ever tried they are taken in one go, of many
requests at once, in the order of their positions; one that was tried before (its worker died, or it failed) is taken
alone, so that it takes no other with it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from audit import actors
from consent.services import leases
from erasure.models import LegalHold, Step
from erasure.plans import LOOK
from erasure.services import connector_steps, perform
from erasure.services.records import move_step
from erasure.services.step_acts import OURS
from erasure.states import STEP, TRIES, move
from gdpr_portal import metrics
from gdpr_portal.failpoints import failpoint

WORKER = actors.system("worker")


@dataclass(frozen=True)
class Claim:
    """The right to settle a step, as long as nobody claimed it again."""

    step_id: UUID
    fence: int
    kind: str
    request_id: UUID


def unfinished(*request_ids: UUID) -> list[Step]:
    """What each request has left to do here, in order; steps that wait for someone outside are not in it."""
    ours = Q(state__in=["queued", "in_progress"]) | Q(state="failed", kind__in=OURS)
    steps = Step.objects.filter(ours, request_id__in=request_ids).defer("identities_sealed")
    return list(steps.order_by("request_id", "position", "kind", "target"))


def runnable(steps: Sequence[Step]) -> list[UUID]:
    """Those of the unfinished steps that may be taken now: of each request those of the earliest position."""
    return [step.id for _id, own in groupby(steps, attrgetter("request_id")) for step in _first(list(own))]


def _first(steps: Sequence[Step]) -> list[Step]:
    first = steps[0].position
    if first == LOOK and connector_steps.under_way(steps[0].request_id):
        return []
    return [step for step in steps if step.position == first and _is_free(step)]


def _is_free(step: Step) -> bool:
    now = timezone.now()
    is_ours = step.state in {"queued", "in_progress"} and not leases.binds(step.lease_until, now)
    return is_ours and (step.next_at is None or step.next_at <= now)


def fresh(steps: Sequence[Step]) -> list[Step]:
    """The quick ones nobody ever tried of the unfinished steps: of each request up to a position that needs more."""
    chosen: list[Step] = []
    needs_more = None
    for (request_id, _position), group in groupby(steps, key=attrgetter("request_id", "position")):
        here = list(group)
        quick = [step for step in here if _is_fresh(step)]
        if request_id == needs_more:
            continue
        chosen += quick
        if len(quick) < len(here):
            needs_more = request_id
    return chosen


def _is_fresh(step: Step) -> bool:
    return step.state == "queued" and step.attempts == 0 and step.next_at is None and perform.is_quick(step)


def claim(step_id: UUID) -> Claim | None:
    """The step is ours until the lease ends, or None when it is another's, finished, or not due yet."""
    now = timezone.now()
    with transaction.atomic():
        free = _not_held().filter(
            Q(next_at=None) | Q(next_at__lte=now), pk=step_id, state__in=["queued", "in_progress"]
        )
        step = free.filter(leases.free(now)).first()
        if step is None:
            return None
        if step.lease_until is not None:
            metrics.LEASE_EXPIRIES.labels("step").inc()
        if step.state == "queued":
            move(step, "in_progress", STEP)
        elif step.attempts >= TRIES:
            _quarantine(step)
            return None
        step.fence += 1
        step.attempts += 1
        step.lease_until = leases.ends(now)
        step.save()
    failpoint(f"erasure.{step.kind}.claimed")
    return Claim(step.id, step.fence, step.kind, step.request_id)


def claim_together(steps: Sequence[Step]) -> list[Claim]:
    """Those of these fresh steps that are still free are ours, in order, of no request one behind one that is not."""
    if not steps:
        return []
    with transaction.atomic():
        wanted = [step.id for step in steps]
        locked = _not_held().filter(pk__in=wanted, state="queued", attempts=0)
        free = {step.id: step for step in locked}
        last = {step.request_id: step.position for step in reversed(steps) if step.id not in free}
        taken = [free[key] for key in wanted if key in free and _is_before(free[key], last)]
        for step in taken:
            move(step, "in_progress", STEP)
        if taken:
            until = leases.ends(timezone.now())
            chosen = Step.objects.filter(pk__in=[step.id for step in taken])
            chosen.update(state=taken[0].state, fence=F("fence") + 1, attempts=1, lease_until=until)
    for step in taken:
        failpoint(f"erasure.{step.kind}.claimed")
    return [Claim(step.id, step.fence + 1, step.kind, step.request_id) for step in taken]


def _is_before(step: Step, last: Mapping[UUID, int]) -> bool:
    return step.position <= last.get(step.request_id, LOOK)


def _not_held() -> QuerySet[Step]:
    """Steps to be locked, but those that another works at and those of an erasure that a legal hold stands against."""
    holds = LegalHold.objects.filter(lifted_at=None).values("subject")
    held = Q(request__right="erasure", request__subject__in=holds)
    return Step.objects.select_for_update(skip_locked=True, of=("self",)).exclude(held)


def _quarantine(step: Step) -> None:
    """A step whose worker died at every try is failed, for an operator to see, before it takes another with it."""
    step.lease_until = None
    step.last_error = "WorkerLost"
    move_step(step, "failed", actor=WORKER, reason=step.last_error, attempt=step.attempts)
