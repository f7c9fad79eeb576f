"""Questions about accounts, asked by the person they are about."""

from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import QuerySet
from django.utils import timezone

from access import roles
from access.models import Account, AccountSession, FactorReset, RecoveryDevice
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


class StaffReset(NamedTuple):
    """A member of staff, and how far a new enrolment of theirs is agreed on."""

    account: Account
    reset: FactorReset | None
    may_agree: bool

    def roles(self) -> str:
        """Their roles in words."""
        return roles.in_words(group.name for group in self.account.groups.all())


def staff_resets(by: Account) -> list[StaffReset]:
    """Every active member of staff as `by`, an operator or IRM reviewer, sees them; who waits for somebody first."""
    now = timezone.now()
    staff = Account.objects.filter(is_staff=True, is_active=True).prefetch_related("groups").order_by("created_at")
    resets = {row.account_id: row for row in FactorReset.objects.filter(account__in=staff, expires_at__gt=now)}
    lines = [_staff_reset(account, resets.get(account.pk), by) for account in staff]
    return sorted(lines, key=lambda line: line.reset is None)


def _staff_reset(account: Account, reset: FactorReset | None, by: Account) -> StaffReset:
    agreed = {"operator": reset and reset.operator_id, "irm": reset and reset.reviewer_id}
    free = any(by.has_role(role) and agreed[role] is None for role in agreed)
    return StaffReset(account, reset, free and account.pk != by.pk and by.pk not in agreed.values())
