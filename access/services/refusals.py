"""Who is signed in and asked for what is not theirs stands in the log (OWASP ASVS 16.3.2)."""

from django.db import transaction

from access.models import Account
from access.services import limits
from access.services.accounts import actor_of
from audit import services as audit

REFUSED = limits.Limit("page-refused", free=20, longest=900, refill=60)
"""Entries that one account can cause, so that nobody fills the log."""


def record_refusal(*, account: Account, route: str, method: str) -> None:
    """A page refused to this account is in the log by its route, which holds no id; past `REFUSED` no more of them."""
    if limits.take((REFUSED, str(account.id))).wait:
        return
    details: dict[str, str | int] = {
        "reason": "forbidden",
        "route": route.translate(str.maketrans("<>", ".."))[:200],
        "method": method,
        "status": 403,
    }
    with transaction.atomic():
        audit.record("access.refused", actor=actor_of(account), details=details)
