"""What a purpose on the page of consents waits for, and which consents can be renewed with one click."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.utils import timezone

from consent.models import Confirmation, ConsentEvent, Purpose, Standing
from consent.services.confirmations import PARENT, WAITING, of_age, root_of, still_missing
from consent.services.reminders import reminder_window
from consent.services.standing import Line
from consent.states import Consent
from subjects.models import Subject


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """A yes that does not count yet: whose word is missing, and when a parent was written to."""

    event: UUID
    own: bool
    parent: bool
    parent_asked_at: datetime | None = None


def waiting_of(subject: Subject) -> dict[str, Waiting]:
    """Purpose -> what its pending yes waits for; nothing is looked up for people without one."""
    rows = list(Standing.objects.filter(subject=subject, recipient="", state=Consent.PENDING))
    return {row.purpose: _waiting(row) for row in rows}


def from_parents(subject: Subject) -> frozenset[str]:
    """Purposes for which a parent's word bears the consent although the person is of age by now (Art. 8(1))."""
    rows = Standing.objects.filter(subject=subject, recipient="", state=Consent.GIVEN)
    given = ConsentEvent.objects.filter(event__in=rows.values("event"), action="authorise")
    purposes = frozenset(given.values_list("purpose", flat=True))
    return purposes if purposes and of_age(subject, timezone.now().date()) else frozenset()


def is_renewable(purpose: Purpose, line: Line) -> bool:
    """Whether the consent stands and ends within the window in which a new yes renews it."""
    ends = line.expires_at if line.state is Consent.GIVEN else None
    return ends is not None and ends - reminder_window(purpose) <= timezone.now()


def _waiting(row: Standing) -> Waiting:
    event = ConsentEvent.objects.select_related("subject").get(event=row.event)
    first = (
        event if event.confirms is None else ConsentEvent.objects.select_related("subject").get(event=event.confirms)
    )
    missing = still_missing(first)
    asked = Confirmation.objects.filter(event=root_of(event), kind=PARENT, state=WAITING).first()
    return Waiting(
        event=first.event, own="own" in missing, parent=PARENT in missing,
        parent_asked_at=asked.mailed_at if asked else None,
    )  # fmt: skip
