"""A reviewer is absent and somebody stands in: in their own name, and never over what the absent one wrote (I9, T16).

A deputy is a reviewer already: standing in gives no right, it says whose work somebody does. Nobody has two deputies
at once and nobody who is stood in for stands in, so there are neither chains nor circles. Approvals and delegations
are judged one after the other, under one advisory lock, here and in triggers of the database.
"""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from access import roles
from access.models import Account
from audit import actors
from audit.services import record
from consent.models import Delegation
from consent.services.review_rows import require_irm
from gdpr_portal.errors import Invalid, Refused, WrongState

LONGEST = timedelta(days=92)
_LOCK = 0x67647072346579  # "gdpr4ey": one number for this lock in the whole database, as in migration 0010


@transaction.atomic
def delegate(*, principal: Account, deputy: Account, starts_at: datetime | None, ends_at: datetime) -> Delegation:
    """The deputy stands in for the principal from `starts_at` (None: now) until just before `ends_at`.

    Raises `Refused("role_missing")` unless both review, `Invalid` (422) for a period that is over, has no length or is
    longer than `LONGEST`, `WrongState("already_stood_in")` when one of the two is absent or the principal stands in
    for somebody in that period.
    """
    one_after_the_other()
    now = timezone.now()
    start = max(starts_at or now, now)
    require_irm(principal)
    if not deputy.is_active or not deputy.is_staff or not deputy.has_role(roles.IRM):
        raise Refused("role_missing", "Only somebody who reviews can stand in.")
    if deputy.pk == principal.pk:
        raise Invalid("invalid_value", "Nobody stands in for themselves.", status=422)
    if not start < ends_at <= start + LONGEST:
        raise Invalid("invalid_value", "The absence ends after it begins, within 92 days.", status=422)
    if _in_the_way(principal, deputy, start, ends_at).exists():
        raise WrongState("already_stood_in", "One deputy at a time, and none for a deputy.")
    made = Delegation.objects.create(principal=principal, deputy=deputy, starts_at=start, ends_at=ends_at)
    details = {"deputy": str(deputy.pk), "since": _moment(start), "until": _moment(ends_at)}
    _record("made", made, principal, **details)
    return made


@transaction.atomic
def end_delegation(*, delegation: Delegation, actor: Account) -> Delegation:
    """Nobody stands in any more. Repeating it changes nothing. Raises `Refused` but to the principal and the deputy."""
    one_after_the_other()
    row = Delegation.objects.select_for_update(of=("self",)).get(pk=delegation.pk)
    if actor.pk not in {row.principal_id, row.deputy_id}:
        raise Refused("not_yours", "Only the two it is between end it.")
    now = timezone.now()
    if row.revoked_at is None and row.ends_at > now:
        row.revoked_at = now
        row.save(update_fields=["revoked_at"])
        _record("ended", row, actor, deputy=str(row.deputy_id))
    return row


def one_after_the_other() -> None:
    """Until this transaction ends nobody else approves or delegates: take it before looking at the clock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def standing(at: datetime) -> QuerySet[Delegation]:
    """Who stands in for whom at this moment."""
    holds = Delegation.objects.filter(starts_at__lte=at, ends_at__gt=at)
    return holds.exclude(revoked_at__lte=at).select_related("principal", "deputy").order_by("ends_at")


def stands_in(*, deputy: Account, principal_id: UUID, at: datetime) -> bool:
    """Whether the deputy stands in for that person at this moment."""
    return standing(at).filter(deputy=deputy, principal_id=principal_id).exists()


def planned_or_standing(at: datetime) -> QuerySet[Delegation]:
    """What is not over, the next to begin first."""
    ahead = Delegation.objects.filter(ends_at__gt=at, revoked_at=None)
    return ahead.select_related("principal", "deputy").order_by("starts_at")


def _in_the_way(principal: Account, deputy: Account, start: datetime, end: datetime) -> QuerySet[Delegation]:
    overlapping = Delegation.objects.filter(starts_at__lt=end, ends_at__gt=start)
    holding = overlapping.filter(Q(revoked_at=None) | Q(revoked_at__gt=start))
    return holding.filter(Q(principal__in=[principal, deputy]) | Q(deputy=principal))


def _moment(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _record(event: str, delegation: Delegation, actor: Account, **details: str) -> None:
    about = {"delegation": str(delegation.pk), "principal": str(delegation.principal_id), **details}
    record(f"delegation.{event}", actor=actors.staff(actor.pk), details=about)
