"""The blast-radius guard: far more erasures than usual are more likely a fault than a wish, and cannot be undone.

Over `ERASURES_PER_HOUR` begun within an hour no further one begins until two people agreed; what was asked for stays
asked for, and its clock runs.
"""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from access.models import Account
from access.services.accounts import account_email
from access.services.mail import send_mail_later
from audit import actors
from audit import services as audit
from erasure.models import ErasurePause
from erasure.services.escalations import desk_accounts
from gdpr_portal.errors import Refused, WrongState
from gdpr_portal.wake import wake
from subjects.models import Subject

HOUR = timedelta(hours=1)


def standing_pause() -> ErasurePause | None:
    """The pause in force, if erasures are paused."""
    return ErasurePause.objects.filter(lifted_at=None).first()


def may_begin() -> bool:
    """Whether one more erasure may begin now; the one that is too many pauses them all, once."""
    return room_for(1) == 1


def room_for(wanted: int) -> int:
    """How many of so many erasures may begin now; when not all may, they are paused, once."""
    limit = settings.ERASURES_PER_HOUR
    if standing_pause() is not None:
        return 0
    if not limit:
        return wanted
    begun = _begun()
    room = min(wanted, max(limit - begun, 0))
    if room < wanted:
        _pause(begun + room, limit)
    return room


def _begun() -> int:
    """Erasures begun in the last hour; those before the last agreement do not count again."""
    now = timezone.now()
    last = ErasurePause.objects.filter(lifted_at__gt=now - HOUR).order_by("-lifted_at").first()
    since = last.lifted_at if last is not None and last.lifted_at is not None else now - HOUR
    return Subject.objects.filter(erased_at__gt=since).count()


def _pause(begun: int, limit: int) -> None:
    try:
        with transaction.atomic():
            pause = ErasurePause.objects.create(since=timezone.now(), begun=begun, limit=limit)
    except IntegrityError:  # another worker was first: there is one pause
        return
    _record(pause, "erasures.paused", actors.system("worker"), begun=begun, limit=limit)
    context = {"reference": str(pause.id), "begun": begun, "limit": limit}
    for account in desk_accounts():
        send_mail_later("erasures_paused", to=account_email(account), language=account.language, context=context)


def agree(*, by: Account) -> ErasurePause:
    """The first to agree is noted; with a second, somebody else, erasures go on. Raises `four_eyes`, `wrong_state`."""
    with transaction.atomic():
        pause = ErasurePause.objects.select_for_update().filter(lifted_at=None).first()
        if pause is None:
            raise WrongState("wrong_state", "Erasures are not paused.")
        if pause.first_by_id is None:
            pause.first_by = by
            _record(pause, "erasures.agreed", actors.staff(by.id))
        elif pause.first_by_id == by.id:
            raise Refused("four_eyes", "A second person has to agree.")
        else:
            pause.second_by, pause.lifted_at = by, timezone.now()
            _record(pause, "erasures.resumed", actors.staff(by.id))
            wake("erasure.tasks.sweep")
        pause.save()
    return pause


def _record(pause: ErasurePause, action: str, actor: str, **details: Any) -> None:
    audit.record(action, actor=actor, details={"pause": str(pause.id), **details})
