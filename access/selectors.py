"""Questions about accounts, asked by the person they are about."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.contrib.auth import HASH_SESSION_KEY
from django.db.models import QuerySet
from django.utils import timezone
from django_otp import DEVICE_ID_SESSION_KEY

from access import browsers, roles
from access.models import Account, AccountSession, FactorReset, RecoveryDevice
from access.services.accounts import actor_of
from access.services.factors import confirmed_totps
from access.services.passkeys import passkeys_of
from access.sessions import SIGNED_IN, alive, kept_as
from audit.models import AuditEvent

LOOK_BACK = timedelta(days=90)


class Factor(NamedTuple):
    """What protects an account: `totp`, `passkey` or `recovery_codes`; its name, if the person gave it one."""

    kind: str
    name: str
    since: datetime
    used_at: datetime | None


class OpenSession(NamedTuple):
    """A browser in which the account is signed in; `id` is None, and the sign-in not told, for one from before."""

    id: UUID | None
    browser: str
    system: str
    signed_in_at: datetime | None
    used_at: datetime
    proven: bool
    """Whether a second factor was; without it no page opens."""
    here: bool

    def in_words(self) -> str:
        """Browser and system."""
        return browsers.in_words(self.browser, self.system)


def open_sessions(account: Account, here: str | None = None) -> list[OpenSession]:
    """The browsers the account is signed in with now, the one of key `here` first, then by their last use."""
    valid = {account.get_session_auth_hash(), *account.get_session_auth_fallback_hash()}
    rows = alive(AccountSession.objects.filter(account_id=account.id))
    found = [(row, row.get_decoded()) for row in rows.order_by("-last_used_at")]
    sessions = [_open_session(row, data, here) for row, data in found if data.get(HASH_SESSION_KEY) in valid]
    return sorted(sessions, key=lambda session: not session.here)


def _open_session(row: AccountSession, data: dict[str, Any], here: str | None) -> OpenSession:
    told = data.get(SIGNED_IN, {})
    return OpenSession(
        id=UUID(told["id"]) if told else None,
        browser=told.get("browser", ""),
        system=told.get("system", ""),
        signed_in_at=datetime.fromisoformat(told["at"]) if told else None,
        used_at=row.last_used_at,
        proven=DEVICE_ID_SESSION_KEY in data,
        here=here is not None and row.session_key == kept_as(here),
    )


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
