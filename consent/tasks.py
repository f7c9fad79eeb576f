"""The worker's steps of this app: an id comes in, one service is called. Rows are the truth (docs/house.md)."""

from uuid import UUID

from celery import shared_task

from consent.qa import counting as reads
from consent.services import (
    asks,
    attestations,
    confirmations,
    consents,
    counting,
    deliveries,
    feed,
    findings,
    publishing,
    reminders,
)
from gdpr_portal.errors import Missing


@shared_task(name="consent.tasks.send")
def send(delivery_id: str) -> None:
    """The delivery was tried, if it is due; a hint for a row that is gone is none."""
    try:
        deliveries.send_one(UUID(delivery_id))
    except Missing:
        return


@shared_task(name="consent.tasks.sweep_deliveries")
def sweep_deliveries() -> None:
    """What is due was tried, whatever hints were lost."""
    deliveries.send_due(limit=50)


@shared_task(name="consent.tasks.expire")
def expire() -> None:
    """Consents that ran out and asks nobody answered are marked, proofs and changes past their time are gone."""
    consents.expire_due()
    reminders.remind_ending()
    reminders.tell_of_age()
    confirmations.forget_unanswered()
    asks.lapse_due()
    consents.end_proofs()
    feed.prune_changes()


@shared_task(name="consent.tasks.sweep_counts")
def sweep_counts() -> None:
    """Reads are counted out of the log, decisions into it; what recipients owe and what is sent unsafely is found."""
    while reads.roll_up() == reads.BATCH:
        pass
    counting.flush_counts()
    findings.find_overdue()
    findings.find_untold()
    findings.find_unsafe()
    attestations.find_old()
    attestations.prune_attestations()


@shared_task(name="consent.tasks.publish_due")
def publish_due() -> None:
    """What was to be live by now is."""
    publishing.publish_due()
