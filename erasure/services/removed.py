"""What becomes of a step in a connector that was removed meanwhile: it fails at once, and a reviewer decides.

Either the connector is registered again and the step tried again, or the request goes on without it, and whatever else
the step reaches is still done (Art. 12(4), 17(1)). An erasure's receipt names the place, and the outcome is partial. A
copy does not wait for it: archive and receipt say that it was removed and not asked.
"""

from uuid import UUID

from django.db import transaction
from django.utils import timezone

from access.models import Account
from audit import actors
from erasure.models import Connector, RightsRequest, Step, WithheldRows
from erasure.services import sources
from erasure.services.connectors import CHECK_PREFIX, target_of
from erasure.services.locking import locked_request
from erasure.services.records import move_step, record_request
from erasure.states import REMOVED, STEP, move
from gdpr_portal.errors import Missing, WrongState
from gdpr_portal.wake import wake

REASON = REMOVED


class PlaceRemoved(WrongState):
    """The step names a connector that is not registered any more: a reviewer's matter, not another try's."""


def require_registered(step: Step) -> None:
    """Nobody whom the step names was removed since it was planned. Raises PlaceRemoved."""
    if _gone(step):
        raise PlaceRemoved(REASON, REASON)


def _names(step: Step) -> list[str]:
    return step.target.removeprefix(CHECK_PREFIX).split("+")


def _gone(step: Step) -> list[str]:
    names = _names(step)
    known = set(Connector.objects.filter(name__in=names).values_list("name", flat=True))
    return [name for name in names if name not in known]


def go_on_without(*, step_id: UUID, reviewer: Account) -> Step:
    """The request goes on without the removed connectors of the step, and says so.

    `wrong_state` when the step did not fail for that, or when all it names are registered again.
    """
    with transaction.atomic():
        found = Step.objects.filter(pk=step_id).values_list("request_id", flat=True).first()
        if found is None:
            raise Missing
        request = locked_request(found)
        step = Step.objects.select_for_update().get(pk=step_id)
        step.request, gone = request, _gone(step)
        if step.state != "failed" or step.last_error != REASON or not gone:
            raise WrongState("wrong_state", "No place of this step was removed.")
        record_request(
            request, "connector.given_up", actor=actors.staff(reviewer.id), target="+".join(gone), reason=REASON
        )  # fmt: skip
        left = [name for name in _names(step) if name not in gone]
        if request.right in sources.COPIES:
            _not_asked(step, gone, left, actors.staff(reviewer.id))
            return step
        pair = _pair(request, step)
        for name in gone:
            WithheldRows.objects.get_or_create(step=pair[0], collection=name, reason=REASON, defaults={"rows": 0})
        for each in pair:
            _settle(each, left, actors.staff(reviewer.id))
    return step


def _not_asked(step: Step, gone: list[str], left: list[str], actor: str) -> None:
    """The answer of the removed ones is that they were not asked; with others left it gets a step of its own."""
    lost = step
    if left:
        lost = Step(request=step.request, position=step.position, kind=step.kind, target=target_of(gone))
        lost.state, lost.last_error, lost.settled_at = "done", REASON, timezone.now()
        _settle(step, left, actor)
        lost.save()
    else:
        _settle(step, left, actor)
    sources.answered(lost, outcome="removed")
    sources.go_on(step.request)


def _pair(request: RightsRequest, step: Step) -> list[Step]:
    """The step that erases and the one that looks again afterwards, in this order."""
    target = step.target.removeprefix(CHECK_PREFIX)
    rows = Step.objects.select_for_update().filter(request=request, target__in=[target, CHECK_PREFIX + target])
    steps = sorted(rows, key=lambda each: each.position)
    for each in steps:
        each.request = request
    return steps


def _settle(step: Step, left: list[str], actor: str) -> None:
    """Another try with what is left; without any the step is done, and nobody needs to know whom to look for."""
    prefix = CHECK_PREFIX if step.target.startswith(CHECK_PREFIX) else ""
    if left:
        step.target = prefix + target_of(left)
        if step.state == "failed":
            step.attempts, step.next_at = 0, None
            move(step, "queued", STEP)
        step.save()
        wake("erasure.tasks.run_step", str(step.id))
    elif step.state != "done":
        step.identities_sealed, step.settled_at = None, timezone.now()
        if step.state == "queued":
            move(step, "in_progress", STEP)
        move_step(step, "done", actor=actor, outcome=REASON)
        wake("erasure.tasks.advance", str(step.request_id))
    elif step.identities_sealed is not None:
        step.identities_sealed = None
        step.save(update_fields=["identities_sealed"])
