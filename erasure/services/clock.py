"""The clock of a request, with the controller's calendar from the settings."""

from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings

from erasure import deadlines
from erasure.models import RightsRequest


def deadline_for(received_at: datetime, *, extended: bool = False) -> deadlines.Deadline:
    """When what was received then is due, in the controller's time zone and with its holidays."""
    return deadlines.deadline(
        received_at,
        zone=ZoneInfo(settings.CONTROLLER_TIME_ZONE),
        holidays=deadlines.calendar(settings.CONTROLLER_HOLIDAYS),
        months=deadlines.MONTHS_EXTENDED if extended else deadlines.MONTHS,
    )


def because(request: RightsRequest) -> str:
    """The due date of a request in a sentence, in the active language."""
    return deadline_for(request.received_at, extended=request.extended).because()
