"""Questions about accounts, asked by the person they are about."""

from datetime import timedelta

from django.db.models import QuerySet
from django.utils import timezone

from access.models import Account, AccountSession
from access.services.accounts import actor_of
from audit.models import AuditEvent

LOOK_BACK = timedelta(days=90)


def open_sessions(account: Account) -> int:
    """In how many browsers the account is signed in now."""
    return AccountSession.objects.filter(account_id=account.id, expire_date__gt=timezone.now()).count()


def last_sign_ins(account: Account) -> QuerySet[AuditEvent]:
    """The last ten sign-ins and refused codes of 90 days, newest first, from the audit log."""
    actions = ["account.signed_in", "account.sign_in_refused"]
    since = timezone.now() - LOOK_BACK
    return AuditEvent.objects.filter(action__in=actions, actor=actor_of(account), at__gte=since).order_by("-at")[:10]
