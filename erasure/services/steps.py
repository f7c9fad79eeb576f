"""Steps: claim with a lease and a fencing token, do, settle. A worker whose lease ran out cannot settle any more.

Every step is done and settled in one transaction of our own database, so each has one effect however often it is
tried; the outside is reached by deliveries, which are rows too (consent.services.deliveries). Quick steps that nobody
ever tried share one transaction, those of up to BATCH requests (erasure.services.claims); when it fails each request's
share one, and when that fails each step is tried by itself (docs/decisions/0041-many-requests-at-once.md).
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet, Window
from django.db.models.functions import RowNumber
from django.utils import timezone

from audit import services as audit
from consent.services.sending import pause_seconds
from erasure.models import RightsRequest, Step, Transfer
from erasure.services import checking, connector_runs, connector_steps, finish, perform, sources
from erasure.services.claims import WORKER, Claim, claim, claim_together, fresh, runnable, unfinished
from erasure.services.guard import standing_pause
from erasure.services.holds import held_people
from erasure.services.joint_order import waiting_erasures
from erasure.services.locking import locked_requests
from erasure.services.records import move_step, step_entry
from erasure.services.removed import PlaceRemoved
from erasure.services.sweeping import each, together
from erasure.states import LIVE_TRANSFER, STEP, TRIES, UNFINISHED_STEP, move
from gdpr_portal import breakers
from gdpr_portal.errors import Unavailable, WrongState
from gdpr_portal.failpoints import failpoint
from gdpr_portal.wake import wake
from vault.services import Tampered, report_if_tampered

log = logging.getLogger(__name__)
BATCH = 25
"""How many requests a sweep carries on in one transaction; far fewer than a lease leaves time for."""
AT_ONCE = (connector_steps.RowsCameBack, PlaceRemoved)
"""What another try does not help: a reviewer decides."""
BACKOFF_SECONDS = (1, 5, 30, 120)
DOWN = frozenset({"connection_failed", "timeout", "commit_unfinished", "unavailable"})
"""With these codes of Unavailable the place did not answer; with any other it answered, and refused."""


def run(step_id: UUID) -> None:
    """The step is done, or will be tried again, and what its end makes possible is under way."""
    if run_alone(step_id):
        finished_one(step_id)


def run_alone(step_id: UUID) -> bool:
    """Whether the step is done; when it is not it will be tried again, and its row says so."""
    held = claim(step_id)
    if held is None:
        return False
    try:
        _do(held)
    except Exception as error:  # the edge of a task: whatever went wrong is in the row, and the next try is set
        log.warning("step failed", extra={"step": str(step_id), "error": type(error).__name__})
        report_if_tampered(error)
        _give_back(held, error)
        return False
    return True


def finished_one(step_id: UUID) -> None:
    """What the end of a step makes possible is under way."""
    request_id = Step.objects.values_list("request_id", flat=True).get(pk=step_id)
    advance(request_id)


def advance(request_id: UUID) -> None:
    """The request is as far as its quick steps lead, and completed if nothing is left; the others are asked for."""
    for step_id in _carried([request_id]):
        wake("erasure.tasks.run_step", str(step_id))
    finish.complete_if_done(request_id=request_id, actor=WORKER)


def _carried(request_ids: Sequence[UUID]) -> list[UUID]:
    """Every quick step nobody ever tried is done, or will be tried by itself; which others may be taken now."""
    left = unfinished(*request_ids)
    while held := claim_together(fresh(left)):
        together(_by_request(held), _do_together, _give_all_back)
        left = unfinished(*request_ids)
    return runnable(left)


def _by_request(held: Sequence[Claim]) -> list[list[Claim]]:
    return [list(own) for _id, own in groupby(held, attrgetter("request_id"))]


def _do_together(held: Sequence[Sequence[Claim]]) -> None:
    """All that was claimed of some requests is done and settled; all or none."""
    with transaction.atomic():
        steps = _locked_all([claim for own in held for claim in own])
        if not steps:
            return
        outcomes = perform.perform_all(steps)
        ended: dict[str, list[UUID]] = {}
        for step, outcome in zip(steps, outcomes, strict=True):
            move(step, outcome.state, STEP)
            ended.setdefault(step.state, []).append(step.id)
        for state, ids in ended.items():
            Step.objects.filter(pk__in=ids).update(
                state=state, lease_until=None, next_at=None, last_error="",
                settled_at=timezone.now() if state == "done" else None,
            )  # fmt: skip
        told = [
            each
            for step, outcome in zip(steps, outcomes, strict=True)
            for each in (*outcome.entries, step_entry(step, actor=WORKER, **outcome.details))
        ]
        audit.record_many(told)
    for step in steps:
        failpoint(f"erasure.{step.kind}.settled")


def _do(held: Claim) -> None:
    called = _called(held)
    with transaction.atomic():
        step = _locked(held)
        if step is None:
            return
        outcome = perform.perform(step, called) if called else perform.perform(step)
        failpoint(f"erasure.{step.kind}.performed")
        audit.record_many(outcome.entries)
        step.lease_until = step.next_at = None
        step.last_error, step.unanswered = "", 0
        step.settled_at = timezone.now() if outcome.state == "done" else None
        move_step(step, outcome.state, actor=WORKER, **outcome.details)
        if step.kind != Step.Kind.ARCHIVE:  # one that is built has all that was answered: the person was locked
            sources.go_on(step.request)
    failpoint(f"erasure.{step.kind}.settled")


def _called(held: Claim) -> Any:
    """What the step needs from outside, done before the transaction that settles it."""
    if held.kind not in perform.CALLING:
        return None
    step = Step.objects.select_related("request__subject").get(pk=held.step_id)
    step.fence = held.fence  # the row may have a later one by now: what this worker does is its own
    return perform.call(step)


def _locked(held: Claim) -> Step | None:
    """The step, its subject and request locked in that order; None when somebody else claimed it meanwhile."""
    found = _locked_all([held])
    return found[0] if found else None


def _locked_all(held: Sequence[Claim]) -> list[Step]:
    """The steps in order, with subjects and requests locked first; of no request any when one is not ours any more."""
    requests = locked_requests({claim.request_id for claim in held})
    locked = Step.objects.select_for_update().filter(pk__in=[claim.step_id for claim in held])
    steps = {step.id: step for step in locked.order_by("pk")}
    for step in steps.values():
        step.request = requests[step.request_id]
    lost = {claim.request_id for claim in held if not _is_ours(claim, steps.get(claim.step_id))}
    ours = [steps[claim.step_id] for claim in held if claim.request_id not in lost]
    if held_people(step.request.subject_id for step in ours if step.request.right == "erasure"):
        raise WrongState("legal_hold", "A hold was placed while this step was being taken.")
    return ours


def _is_ours(claim: Claim, step: Step | None) -> bool:
    """Whether nobody claimed the step meanwhile, and its request still wants it."""
    return step is not None and step.fence == claim.fence and step.state == "in_progress" and _goes_on(step)


def _give_all_back(held: Sequence[Claim]) -> None:
    """What could not be done together is free at once, for each to be tried by itself."""
    fences = {each.step_id: each.fence for each in held}
    with transaction.atomic():
        for step in Step.objects.select_for_update().filter(pk__in=fences, state="in_progress").order_by("pk"):
            if step.fence == fences[step.id]:
                step.lease_until = None
                move_step(step, "queued", actor=WORKER)


def _goes_on(step: Step) -> bool:
    """Steps are of a request under way; what is answered after it was completed still makes a supplement."""
    state = step.request.state
    return state == "in_progress" or (state == "completed" and sources.is_supplement(step))


def _give_back(held: Claim, error: Exception) -> None:
    """Another try at its time, or failed, for an operator to see; never silent.

    The one rule: whatever errs, refuses or kills its worker is tried five times. What does not answer is tried until
    the request is due, and an operator sees it after five tries. What a reviewer decides is not tried again.
    """
    with transaction.atomic():
        step = Step.objects.select_for_update().select_related("request__subject").get(pk=held.step_id)
        if step.fence != held.fence or step.state != "in_progress":
            return
        step.lease_until = None
        step.last_error = _reason(error)
        if isinstance(error, Unavailable) and error.code == breakers.OPEN:
            step.attempts -= 1  # it was not tried: it waits for the breaker of its database
            step.next_at = timezone.now() + timedelta(seconds=connector_runs.breaker_seconds(step))
            move_step(step, "queued", actor=WORKER)
            return
        is_down = _is_down(error)
        if is_down:
            step.attempts, step.unanswered = step.attempts - 1, step.unanswered + 1
        if _is_given_up(step, error, is_down=is_down):
            move_step(step, "failed", actor=WORKER, reason=step.last_error.replace(" ", ":"), attempt=step.attempts)
            return
        step.next_at = _asked_again(step) if is_down else _next_try(step.attempts)
        move_step(step, "queued", actor=WORKER)


def _is_down(error: Exception) -> bool:
    """Whether a place did not answer; a value that was changed answers, and does so again."""
    return isinstance(error, Unavailable) and not isinstance(error, Tampered) and error.code in DOWN


def _is_given_up(step: Step, error: Exception, *, is_down: bool) -> bool:
    if is_down:
        return step.unanswered >= TRIES and step.request.due_at <= timezone.now()
    return step.attempts >= TRIES or isinstance(error, AT_ONCE)


def _reason(error: Exception) -> str:
    """Why, in a word for the operator; a foreign database's reason names the table too."""
    if isinstance(error, (Unavailable, *AT_ONCE)):
        return error.message[:80]
    return type(error).__name__[:80]


def _next_try(attempts: int) -> datetime:
    return timezone.now() + timedelta(seconds=BACKOFF_SECONDS[min(attempts, len(BACKOFF_SECONDS)) - 1])


def _asked_again(step: Step) -> datetime:
    """When a place that did not answer is asked again: later each time, and once more when the request is due."""
    now, due = timezone.now(), step.request.due_at
    at = now + timedelta(seconds=pause_seconds(step.unanswered))
    return min(at, due) if now < due else at


def sweep(limit: int = 200) -> int:
    """Everything that is due and that no hint reached goes on; returns how many requests were looked at."""
    each(sources.overtaken(limit), sources.release)
    each(checking.left_behind(limit), checking.release)
    now = timezone.now()
    todo = Q(steps__state__in=["queued", "in_progress"]) & (Q(steps__next_at=None) | Q(steps__next_at__lte=now))
    open_requests = RightsRequest.objects.filter(state="in_progress").filter(
        Q(steps__isnull=True, starts_at__lte=now) | todo | _finished()
    )
    open_requests = open_requests.exclude(pk__in=waiting_erasures().values("pk"))
    if standing_pause() is not None:  # what has to wait takes no place in the queue
        open_requests = open_requests.exclude(right="erasure", steps__isnull=True)
    ids = _in_turn(open_requests, limit) + _supplements_of_completed(now, limit)
    for start in range(0, len(ids), BATCH):
        together(ids[start : start + BATCH], push_all, failed=_left_for_later)
    return len(ids)


def _in_turn(requests: QuerySet[RightsRequest], limit: int) -> list[UUID]:
    """The requests, of each application that filed them the one due first, then of each the second: none waits for all
    of another's. What people filed themselves takes turns like one application's."""
    turn = Window(RowNumber(), partition_by="application", order_by="due_at")
    once = RightsRequest.objects.filter(pk__in=requests.values("pk"))
    return list(once.order_by(turn, "due_at").values_list("id", flat=True)[:limit])


def _left_for_later(request_id: UUID) -> None:
    """The next sweep finds it again."""
    log.warning("request left for later", extra={"request": str(request_id)})


def _supplements_of_completed(now: datetime, limit: int) -> list[UUID]:
    """Requests that are over and were answered once more; found by their steps, which are few (`step_due`)."""
    due = Step.objects.filter(state__in=["queued", "in_progress"], target__startswith=sources.SUPPLEMENT)
    due = due.filter(Q(next_at=None) | Q(next_at__lte=now), request__state="completed")
    return list(due.values_list("request_id", flat=True).distinct()[:limit])


def _finished() -> Q:
    """Requests with nothing left to do; one whose archive is being sent on waits for that and takes no place here."""
    unfinished = Step.objects.filter(state__in=UNFINISHED_STEP).values("request_id")
    sending = Transfer.objects.filter(state__in=LIVE_TRANSFER).values("request_id")
    return ~Q(pk__in=unfinished) & ~Q(pk__in=sending)


def push(request_id: UUID) -> None:
    """`push_all` of one."""
    push_all([request_id])


def push_all(request_ids: Sequence[UUID]) -> None:
    """What is due of the requests has been done by this process, as a sweep does it; nothing is left to hints."""
    from erasure.services.start import begin_all_due

    begin_all_due(request_ids)
    tried: set[UUID] = set()
    while todo := [step_id for step_id in _carried(request_ids) if step_id not in tried]:
        each(todo, run_alone)
        tried.update(todo)
    if done := finish.done(request_ids):
        finish.complete_all(done, actor=WORKER)
