"""What others do to a step: an addressee answers, an operator closes it by hand or has it tried again.

Nothing is carried out here: the row says what is to be done, a worker does it (erasure.services.steps).
"""

from uuid import UUID

from django.db import transaction
from django.utils import timezone

from access.models import Account
from audit import actors
from consent.models import Delivery
from erasure.models import Step
from erasure.services import place_tasks, sources
from erasure.services.records import move_step
from gdpr_portal.errors import WrongState
from gdpr_portal.wake import wake

DONE_BY_OUTCOME = {"done": "done", "nothing_held": "done", "refused": "failed", "failed": "failed"}
OURS = (
    Step.Kind.HOLDING,
    Step.Kind.ARCHIVE,
    Step.Kind.CONNECTOR,
    Step.Kind.ACCOUNT,
    Step.Kind.KEY,
    Step.Kind.VERIFY,
)
"""The kinds of step this service does itself; the others wait for someone outside."""


def delivery_closed(delivery: Delivery) -> None:
    """The step of an answered notice is done, or failed and left to a reviewer; in the answer's own transaction.

    A copy that is answered after all, when the notice was given up or the step closed by hand, is still the person's.
    """
    rows = Step.objects.select_for_update(of=("self",)).filter(delivery=delivery.id)
    step = rows.select_related("request__subject").first()
    if step is None:
        return
    is_copy = step.request.right in sources.COPIES
    if is_copy and delivery.outcome:
        sources.answered(step, outcome=delivery.outcome)
    if step.state == "waiting" or (is_copy and step.state == "failed"):
        _settle_notice(step, delivery)
    sources.go_on(step.request)


def _settle_notice(step: Step, delivery: Delivery) -> None:
    to = DONE_BY_OUTCOME.get(delivery.outcome, "failed")
    if step.state == to:
        return
    step.settled_at = timezone.now()
    if to == "done":
        move_step(step, "done", actor=actors.application(step.target), outcome=delivery.outcome)
    else:
        step.last_error = delivery.outcome[:80]
        move_step(step, "failed", actor=actors.application(step.target), reason=delivery.outcome)
    wake("erasure.tasks.advance", str(step.request_id))


def close_by_hand(*, step_id: UUID, operator: Account) -> Step:
    """An operator has done a manual step, or settled with the recipient what had failed outside."""
    with transaction.atomic():
        step = Step.objects.select_for_update().select_related("request__subject").get(pk=step_id)
        by_hand = step.kind in {Step.Kind.MANUAL, Step.Kind.NOTIFY} and step.state in {"waiting", "failed"}
        if not by_hand:
            raise WrongState("wrong_state", "Only a step that waits for someone outside is closed by hand.")
        step.settled_at = timezone.now()
        place_tasks.closed(step)
        move_step(step, "done", actor=actors.staff(operator.id), outcome="by_hand")
        sources.go_on(step.request)
        wake("erasure.tasks.advance", str(step.request_id))
    return step


def retry(*, step_id: UUID, operator: Account) -> Step:
    """A step of our own that failed, or whose place has not answered, is due now, its tries counted from nothing."""
    with transaction.atomic():
        step = Step.objects.select_for_update().select_related("request__subject").get(pk=step_id)
        if not (step.state == "failed" or step.is_silent) or step.kind not in OURS:
            raise WrongState("wrong_state", "Only a failed step of our own is tried again.")
        _queue_again(step, operator)
    return step


def retry_failed(*, request_id: UUID, operator: Account) -> list[Step]:
    """The same for every such step of our own of this request. Raises `wrong_state` when there is none."""
    with transaction.atomic():
        stuck = Step.objects.filter(Step.stuck(), request=request_id, kind__in=OURS)
        failed = stuck.exclude(state="in_progress").order_by("id")
        steps = list(failed.select_related("request__subject").select_for_update(of=("self",)))
        if not steps:
            raise WrongState("wrong_state", "No step of our own has failed.")
        for step in steps:
            _queue_again(step, operator)
    return steps


def _queue_again(step: Step, operator: Account) -> None:
    step.attempts, step.unanswered, step.next_at = 0, 0, None
    if step.state == "failed":
        move_step(step, "queued", actor=actors.staff(operator.id))
    else:
        step.save()
    wake("erasure.tasks.run_step", str(step.id))
