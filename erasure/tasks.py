"""What the worker does: an id comes in, one service call goes out. The rows say what is due, not the broker."""

from uuid import UUID

from celery import shared_task

from erasure.services import (
    archives,
    escalations,
    identity,
    links,
    periods,
    place_tasks,
    questions,
    requests,
    retentions,
    steps,
)


@shared_task(name="erasure.tasks.run_step")
def run_step(step_id: str) -> None:
    """One step of a rights request was tried."""
    steps.run(UUID(step_id))


@shared_task(name="erasure.tasks.advance")
def advance(request_id: str) -> None:
    """A request went on to what its finished steps make possible."""
    steps.advance(UUID(request_id))


@shared_task(name="erasure.tasks.sweep")
def sweep() -> None:
    """Whatever was due and no hint reached went on."""
    steps.sweep()
    requests.expire_unverified()
    archives.expire()
    identity.expire_evidence()
    links.forget_links()
    place_tasks.forget_answers()
    retentions.end_due()


@shared_task(name="erasure.tasks.keep_the_clock")
def keep_the_clock() -> None:
    """Desk and people know of every deadline that comes near."""
    escalations.escalate()
    questions.escalate_questions()
    place_tasks.remind()


@shared_task(name="erasure.tasks.end_periods")
def end_periods() -> None:
    """What nothing needs any more was erased or proposed for it."""
    periods.end_periods()
