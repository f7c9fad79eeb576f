"""What the scheduler does for the access room."""

from celery import shared_task

from access.services.housekeeping import purge_expired
from access.services.mail import sweep_mail


@shared_task(name="access.tasks.purge")
def purge() -> None:
    """What was kept for a time only is gone."""
    purge_expired()


@shared_task(name="access.tasks.send_mail")
def send_mail() -> None:
    """What no mail server had taken is tried again."""
    sweep_mail()
