"""Questions about accounts, asked by the person they are about."""

from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import QuerySet
from django.utils import timezone

from access.models import Account, AccountSession, RecoveryDevice
from access.services.accounts import actor_of
from access.services.factors import confirmed_totps
from access.services.passkeys import passkeys_of
from audit.models import AuditEvent

LOOK_BACK = timedelta(days=90)


class Factor(NamedTuple):
    """What protects an account: `totp`, `passkey` or `recovery_codes`; its name, if the person gave it one."""

    kind: str
    name: str
    since: datetime
    used_at: datetime | None


def open_sessions(account: Account) -> int:
    """In how many browsers the account is signed in now."""
    return AccountSession.objects.filter(account_id=account.id, expire_date__gt=timezone.now()).count()


def last_sign_ins(account: Account) -> QuerySet[AuditEvent]:
    """The last ten sign-ins and refused codes of 90 days, newest first, from the audit log."""
    actions = ["account.signed_in", "account.sign_in_refused"]
    since = timezone.now() - LOOK_BACK
    return AuditEvent.objects.filter(action__in=actions, actor=actor_of(account), at__gte=since).order_by("-at")[:10]


def factors_of(account: Account) -> list[Factor]:
    """Every second factor of the account, oldest first within its kind."""
    return [
        *(Factor("totp", "", row.created_at, None) for row in confirmed_totps(account)),
        *(Factor("passkey", row.label, row.created_at, row.last_used_at) for row in passkeys_of(account)),
        *(Factor("recovery_codes", "", row.created_at, None) for row in RecoveryDevice.objects.filter(user=account)),
    ]
