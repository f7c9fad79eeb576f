"""What became of a switch, in words and with times: switched, told, confirmed; or what it waits for (Art. 19)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from consent.models import Delivery, HandNotice
from consent.services.sharing import SharingRow


@dataclass(frozen=True)
class Stage:
    """One line of the way a switch takes: what, since or at when, and the tone of components/state.html."""

    label: str
    at: datetime | None = None
    tone: str = "good"


def stages(row: SharingRow) -> list[Stage]:
    """Switched, told, confirmed, as far as it has come; the last one says what it waits for. Empty before a switch."""
    if row.since is None:
        return []
    switched = _("Switched on") if row.shared else _("Switched off")
    return [Stage(switched, row.since), *_of_notice(row)]


def _of_notice(row: SharingRow) -> list[Stage]:
    if row.delivery is not None:
        return _of_delivery(row.delivery)
    return _of_note(row.by_hand) if row.by_hand is not None else []


def _of_delivery(told: Delivery) -> list[Stage]:
    first = [Stage(_("Told"), told.sent_at)] if told.sent_at else []
    return [*first, _last(told)]


def _last(told: Delivery) -> Stage:
    """Where it stands now."""
    match told.state:
        case "acknowledged":
            return Stage(_("Confirmed by the recipient"), told.closed_at)
        case "refused":
            return Stage(_("The recipient refused; our reviewers look after it"), told.closed_at, "bad")
        case "failed":
            return Stage(_("The recipient could not do it; our reviewers look after it"), told.closed_at, "bad")
        case "abandoned":
            return Stage(_("The recipient could not be reached; our reviewers look after it"), told.closed_at, "bad")
        case "cancelled":
            return Stage(_("Not sent, because it no longer holds"), told.closed_at, "plain")
    return _waiting(told.sent_at, told.created_at, is_overdue(told.created_at), told.attempts)


def _waiting(sent_at: datetime | None, created_at: datetime, overdue: bool, attempts: int) -> Stage:
    if sent_at is not None and overdue:
        return Stage(
            _("Overdue: told, not confirmed in time; our reviewers look after it. Waiting since"), sent_at, "bad"
        )
    if sent_at is not None:
        return Stage(_("Waiting for the recipient's confirmation since"), sent_at, "wait")
    if overdue:
        return Stage(_("Overdue: not told yet; our reviewers look after it. Waiting since"), created_at, "bad")
    if attempts:
        return Stage(_("The recipient did not answer; we go on trying. Waiting since"), created_at, "warn")
    return Stage(_("Waiting to be told since"), created_at, "wait")


def _of_note(note: HandNotice) -> list[Stage]:
    first = [Stage(_("Told by our staff"), note.told_at)] if note.told_at else []
    if note.state == "confirmed":
        return [*first, Stage(_("Confirmed by the recipient"), note.closed_at)]
    if note.state == "cancelled":
        return [Stage(_("Not told, because it no longer holds"), note.closed_at, "plain")]
    if note.told_at is None and not is_overdue(note.created_at):
        return [Stage(_("Our staff will tell the recipient. Waiting since"), note.created_at, "wait")]
    return [*first, _waiting(note.told_at, note.created_at, is_overdue(note.created_at), 0)]


def is_overdue(since: datetime) -> bool:
    """Whether a confirmation is owed for longer than the setting allows; the desk has a finding then."""
    return timezone.now() - since > timedelta(hours=settings.CONFIRMATION_HOURS)
