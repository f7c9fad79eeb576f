"""Which steps may be taken now, and taking them by a lease and a fencing token: one alone, or quick ones together.

Quick steps touch no database but ours. As long as none of them was ever tried they are taken in one go, in the order of
their positions; one that was tried before (its worker died, or it failed) is taken alone, so that it takes no other
with it.
"""

from collections.abc import Sequence
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
from erasure.states import STEP, move
from gdpr_portal import metrics
from gdpr_portal.failpoints import failpoint

WORKER = actors.system("worker")
POISON_ATTEMPTS = 5


@dataclass(frozen=True)
class Claim:
    """The right to settle a step, as long as nobody claimed it again."""

    step_id: UUID
    fence: int
    kind: str = ""


def unfinished(request_id: UUID) -> list[Step]:
    """What a request has left to do here, in order; steps that wait for someone outside are not in it."""
    ours = Q(state__in=["queued", "in_progress"]) | Q(state="failed", kind__in=perform.OURS)
    steps = Step.objects.filter(ours, request_id=request_id).defer("identities_sealed")
    return list(steps.order_by("position", "kind", "target"))


def runnable(steps: Sequence[Step]) -> list[UUID]:
    """Those of the unfinished steps of a request that may be taken now: of the earliest position."""
    first = steps[0].position if steps else None
    if first is None or (first == LOOK and connector_steps.under_way(steps[0].request_id)):
        return []
    return [step.id for step in steps if step.position == first and _is_free(step)]


def _is_free(step: Step) -> bool:
    now = timezone.now()
    is_ours = step.state in {"queued", "in_progress"} and not leases.binds(step.lease_until, now)
    return is_ours and (step.next_at is None or step.next_at <= now)


def fresh(steps: Sequence[Step]) -> list[Step]:
    """The quick ones nobody ever tried of a request's unfinished steps: up to the first position that needs more."""
    chosen: list[Step] = []
    for _position, group in groupby(steps, key=attrgetter("position")):
        here = list(group)
        quick = [step for step in here if _is_fresh(step)]
        chosen += quick
        if len(quick) < len(here):
            break
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
        elif step.attempts >= POISON_ATTEMPTS:
            _quarantine(step)
            return None
        step.fence += 1
        step.attempts += 1
        step.lease_until = leases.ends(now)
        step.save()
    failpoint(f"erasure.{step.kind}.claimed")
    return Claim(step.id, step.fence, step.kind)


def claim_together(steps: Sequence[Step]) -> list[Claim]:
    """Those of these fresh steps that are still free are ours, in order, none behind one that is not."""
    if not steps:
        return []
    with transaction.atomic():
        wanted = [step.id for step in steps]
        locked = _not_held().filter(pk__in=wanted, state="queued", attempts=0)
        free = {step.id: step for step in locked}
        others = [step.position for step in steps if step.id not in free]
        taken = [free[key] for key in wanted if key in free and free[key].position <= min(others, default=LOOK)]
        for step in taken:
            move(step, "in_progress", STEP)
        if taken:
            until = leases.ends(timezone.now())
            chosen = Step.objects.filter(pk__in=[step.id for step in taken])
            chosen.update(state=taken[0].state, fence=F("fence") + 1, attempts=1, lease_until=until)
    for step in taken:
        failpoint(f"erasure.{step.kind}.claimed")
    return [Claim(step.id, step.fence + 1, step.kind) for step in taken]


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
