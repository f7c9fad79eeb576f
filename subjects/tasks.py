"""The worker's step of this app. Rows are the truth (docs/house.md)."""

from celery import shared_task

from subjects.services.put_back import report_put_back

LONGEST_SECONDS = 2 * 3600


@shared_task(name="subjects.tasks.verify_data", time_limit=LONGEST_SECONDS, soft_time_limit=LONGEST_SECONDS - 60)
def verify_data() -> None:
    """The log says of every value that was put back that it was (threat T6)."""
    report_put_back()
