"""The clock of a request, with the controller's calendar from the settings."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

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


def internal_due_at(request: RightsRequest) -> datetime:
    """When the desk means to have answered it (`INTERNAL_DUE_DAYS`); never told to the person."""
    return deadlines.internal_due(
        request.received_at,
        request.due_at,
        days=settings.INTERNAL_DUE_DAYS,
        zone=ZoneInfo(settings.CONTROLLER_TIME_ZONE),
    )


def stood_for(request: RightsRequest) -> timedelta:
    """How long the clock of the request stood in all, from questions to their answers (Art. 12(6))."""
    stopped = [row for row in request.questions.all() if row.stops_clock]  # a list of requests brings them along
    return sum((row.answered_at - row.asked_at for row in stopped if row.answered_at is not None), timedelta(0))


def stands(request: RightsRequest) -> bool:
    """Whether the clock stands now: a question to the person is open."""
    return any(row.stops_clock and row.answered_at is None for row in request.questions.all())


def because(request: RightsRequest) -> str:
    """The due date of a request in a sentence, in the active language."""
    if stands(request):
        return _("The time we have to answer is paused until you reply to our question.")
    if stood_for(request):
        due = date_format(timezone.localtime(request.due_at, ZoneInfo(settings.CONTROLLER_TIME_ZONE)))
        return _("Due %(due)s, extended by the time we waited for your answer.") % {"due": due}
    return deadline_for(request.received_at, extended=request.extended).because()
