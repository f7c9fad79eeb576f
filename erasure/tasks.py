"""What the worker does: an id comes in, one service call goes out. The rows say what is due, not the broker."""

from uuid import UUID

from celery import shared_task

from erasure.services import (
    archives,
    escalations,
    identity,
    links,
    opendsr,
    opendsr_callbacks,
    opendsr_calls,
    periods,
    pieces,
    place_tasks,
    pushing,
    questions,
    requests,
    retentions,
    steps,
    unidentified,
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
    retentions.end_due()


@shared_task(name="erasure.tasks.keep_the_clock")
def keep_the_clock() -> None:
    """Desk and people know of every deadline that comes near; what was kept for a time alone is gone."""
    escalations.escalate()
    questions.escalate_questions()
    place_tasks.remind()
    identity.expire_evidence()
    links.forget_links()
    unidentified.forget()
    place_tasks.forget_answers()
    pieces.forget_pieces()


@shared_task(name="erasure.tasks.end_periods")
def end_periods() -> None:
    """What nothing needs any more was erased or proposed for it."""
    periods.end_periods()


@shared_task(name="erasure.tasks.push")
def push(transfer_id: str) -> None:
    """One sending of an archive to another controller had a turn."""
    pushing.push(UUID(transfer_id))


@shared_task(name="erasure.tasks.sweep_transfers")
def sweep_transfers() -> None:
    """Every sending that is due had a turn."""
    pushing.push_due()


@shared_task(name="erasure.tasks.sweep_opendsr")
def sweep_opendsr() -> None:
    """Controllers are told how their OpenDSR requests stand, our own processors are asked and followed."""
    opendsr.notice_changes()
    opendsr_callbacks.send_due()
    opendsr_calls.call_due()
