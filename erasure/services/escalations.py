"""The clock speaks up by itself: to the desk at 50, 80 and 100 % of the period, to the person before it is broken.

Each mark is a row, so each is made once, however many workers look. While a question to the person is open the clock
stands and no mark is made. The notice to the person says why it takes longer and where they can go (Art. 12(4)).
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from access import roles
from access.models import Account
from access.services.accounts import account_email
from access.services.mail import send_mail_later
from audit import actors
from erasure.models import ClockMark, RightsRequest
from erasure.services.addresses import address_of, language_of
from erasure.services.locking import locked_request
from erasure.services.records import record_request

CLOCK = actors.system("clock")
RUNNING = ("received", "in_review", "in_progress")
"""States in which the answer is owed; who has not confirmed yet has not been identified (Art. 12(6))."""

_DUE_MARKS = """
SELECT request.id, mark.name FROM erasure_rightsrequest request
CROSS JOIN (VALUES ('50', 0.5, 0), ('80', 0.8, 0), ('notice', 1.0, %(lead)s), ('100', 1.0, 0)) mark(name, part, lead)
WHERE request.state = ANY(%(states)s)
AND request.received_at + (request.due_at - request.received_at) * mark.part
    <= %(now)s + mark.lead * interval '1 second'
AND NOT EXISTS (SELECT FROM erasure_clockmark made WHERE made.request_id = request.id AND made.mark = mark.name
    AND made.extended = request.extended)
AND NOT EXISTS (SELECT FROM erasure_question question WHERE question.request_id = request.id
    AND question.answered_at IS NULL AND question.stops_clock)
ORDER BY request.due_at, request.id, mark.part LIMIT %(limit)s
"""


def escalate(limit: int = 200) -> int:
    """Every mark that the clock has reached is made, recorded and told; returns how many were made now."""
    now = timezone.now()
    values: dict[str, Any] = {
        "states": list(RUNNING),
        "now": now,
        "limit": limit,
        "lead": settings.DELAY_NOTICE_HOURS * 3600,
    }
    with connection.cursor() as cursor:
        cursor.execute(_DUE_MARKS, values)
        due = cursor.fetchall()
    return sum(_mark(request_id, mark, now) for request_id, mark in due)


def _mark(request_id: UUID, mark: str, now: datetime) -> bool:
    with transaction.atomic():
        request = locked_request(request_id)
        made = request.state in RUNNING and _first(request, mark, now)
        if made and mark == ClockMark.Mark.NOTICE:
            _tell_person(request)
        elif made:
            _tell_desk(request, mark)
    return made


def _first(request: RightsRequest, mark: str, now: datetime) -> bool:
    """Whether this worker is the one that makes the mark."""
    at = {"at": now}
    return ClockMark.objects.get_or_create(request=request, mark=mark, extended=request.extended, defaults=at)[1]


def _tell_desk(request: RightsRequest, mark: str) -> None:
    record_request(request, "request.escalated", actor=CLOCK, mark=int(mark), due_on=request.due_at.date().isoformat())
    context = {"reference": str(request.id), "mark": mark, "due": request.due_at, "right": request.right_label}
    for account in desk_accounts():
        send_mail_later("request_escalated", to=account_email(account), language=account.language, context=context)


def _tell_person(request: RightsRequest) -> None:
    record_request(request, "request.delay_told", actor=CLOCK, due_on=request.due_at.date().isoformat())
    address = address_of(request)
    if address is not None:
        context = {"reference": str(request.id), "right": request.right_label}
        send_mail_later("request_delayed", to=address, language=language_of(request), context=context)


def desk_accounts() -> list[Account]:
    """Who keeps the clock: the active accounts of the privacy officers and the IRM desk."""
    wanted = Account.objects.filter(groups__name__in=[roles.PRIVACY_OFFICER, roles.IRM], is_active=True, is_staff=True)
    return list(wanted.distinct().order_by("id"))
