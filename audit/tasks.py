"""What the worker does around the log; sealing it is the sequencer's alone."""

from uuid import UUID

from celery import shared_task

from audit import partitions, verifications, witnesses

LONGEST_SECONDS = 4 * 3600
"""A verification takes a minute for a million entries; this is the end of one that hangs."""


@shared_task(name="audit.tasks.verify", time_limit=LONGEST_SECONDS, soft_time_limit=LONGEST_SECONDS - 60)
def verify(verification_id: str) -> None:
    """The verification asked for was carried out."""
    verifications.run(UUID(verification_id))


@shared_task(name="audit.tasks.sweep", time_limit=LONGEST_SECONDS, soft_time_limit=LONGEST_SECONDS - 60)
def sweep() -> None:
    """The months ahead stand, holders outside have the latest checkpoint, verifications due were carried out."""
    partitions.ensure()
    witnesses.push_due()
    verifications.ask_due()
    verifications.sweep()
