"""Findings: what is not as it should be, who looks after it, and how it ended (Art. 5(2), 24(1))."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Count, F, Q, QuerySet
from django.utils import timezone

from access import roles
from access.models import Account
from audit import actors
from audit.services import record
from consent import transfers
from consent.models import Delivery, Finding, FindingNote, HandNotice, Recipient
from consent.models.governance import ReviewState
from gdpr_portal.errors import Invalid, Refused, WrongState

KEEPERS = frozenset({roles.IRM, roles.QA})
_NEXT = {"open": {"in_work", "closed"}, "in_work": {"open", "closed"}, "closed": set()}


@transaction.atomic
def open_finding(
    *, kind: str, application: str = "", purpose: str = "", field: str = "", event: UUID | None = None,
    times: int = 1, author: Account | None = None, note: str = "", at: datetime | None = None,
) -> Finding:  # fmt: skip
    """The matter stands as one open finding; when it already did, it is counted again. Closed ones stay closed."""
    now = at or timezone.now()
    matter = {"kind": kind, "application": application, "purpose": purpose, "field": field, "event": event}
    fresh = {"first_at": now, "last_at": now, "times": times}
    found, created = Finding.objects.exclude(state="closed").get_or_create(**matter, defaults=fresh)
    if not created:
        Finding.objects.filter(pk=found.pk).update(times=F("times") + times, last_at=now)
        return found
    FindingNote.objects.create(finding=found, at=now, author=author, state=found.state, text=note.strip())
    record(
        "finding.opened",
        actor=actors.staff(author.pk) if author else actors.system("worker"),
        purpose=purpose or None,
        details={"finding": str(found.pk), "kind": kind, "application": application, "field": field},
    )
    return found


@transaction.atomic
def change_finding(*, finding: Finding, actor: Account, state: str, note: str, owner: Account | None = None) -> Finding:
    """The finding is in this state, with this owner and one more note. Closing needs a note that says how it ended.

    Raises `Refused("role_missing")` but for irm and qa, `WrongState` once it is closed, `Invalid("note_missing")`.
    """
    if not actor.roles & KEEPERS:
        raise Refused("role_missing", "Only IRM and QA look after findings.")
    row = Finding.objects.select_for_update(of=("self",)).get(pk=finding.pk)
    if state != row.state and state not in _NEXT[row.state]:
        raise WrongState("wrong_state", "A closed finding stays closed.")
    if state == Finding.State.CLOSED and not note.strip():
        raise Invalid("note_missing", "Say how it ended.", status=422)
    now = timezone.now()
    row.state, row.owner = state, owner
    row.closed_at = now if state == Finding.State.CLOSED else None
    row.save(update_fields=["state", "owner", "closed_at"])
    FindingNote.objects.create(finding=row, at=now, author=actor, state=state, text=note.strip())
    details = {"finding": str(row.pk), "kind": row.kind, "state": state, "owner": str(owner.pk) if owner else None}
    record("finding.changed", actor=actors.staff(actor.pk), purpose=row.purpose or None, details=details)
    return row


def find_overdue(*, now: datetime | None = None) -> int:
    """Recipients that owe a confirmation for longer than `settings.CONFIRMATION_HOURS` each have an open finding.

    One finding a receiver, counting what it owes; returns how many receivers. Idempotent: `times` is the number owed.
    """
    moment = now or timezone.now()
    return _found(Finding.Kind.OVERDUE, _counted(overdue(moment), "application__slug"), moment)


def find_untold(*, now: datetime | None = None) -> int:
    """Nobody gets nothing silently: notices without a live address, and those to be told by hand, have their finding.

    One finding a receiver, counting what waits; returns how many receivers. Idempotent.
    """
    moment = now or timezone.now()
    stuck = _found(Finding.Kind.UNREACHABLE, _counted(unreachable(), "application__slug"), moment)
    waiting = HandNotice.objects.filter(state__in=["waiting", "told"])
    return stuck + _found(Finding.Kind.BY_HAND, _counted(waiting, "recipient"), moment)


def find_unsafe(*, now: datetime | None = None) -> int:
    """Live recipients whose transfer has lost its ground, as when an adequacy decision ends, have an open finding."""
    moment = now or timezone.now()
    live = Recipient.objects.filter(state=ReviewState.LIVE).values_list("slug", "country", "safeguard")
    unsafe = {slug: 1 for slug, country, safeguard in live if transfers.flaws(country, safeguard, moment.date())}
    return _found(Finding.Kind.TRANSFER, unsafe, moment)


def overdue(now: datetime) -> QuerySet[Delivery]:
    """Notices that nobody confirmed in time: sent, given up, or never taken, and without an outcome."""
    limit = now - timedelta(hours=settings.CONFIRMATION_HOURS)
    waiting = Q(state__in=["queued", "sending", "sent", "abandoned"], outcome="", created_at__lt=limit)
    return Delivery.objects.filter(waiting).select_related("application").order_by("created_at")


def unreachable() -> QuerySet[Delivery]:
    """Notices that wait because their receiver has no address in use, or is switched off itself."""
    nowhere = Q(application__endpoint__isnull=True) | Q(application__endpoint__disabled_at__isnull=False)
    waiting = Q(state__in=["queued", "sending"], outcome="")
    rows = Delivery.objects.filter(waiting & (nowhere | Q(application__enabled=False)))
    return rows.select_related("application").order_by("created_at")


def _counted(rows: QuerySet[Any], column: str) -> dict[str, int]:
    return dict(rows.order_by().values_list(column).annotate(count=Count("pk")))


def _found(kind: str, owed: dict[str, int], now: datetime) -> int:
    """One open finding of the kind for each receiver, `times` being what it owes now."""
    for slug, count in owed.items():
        found = open_finding(kind=kind, application=slug, times=0, at=now)
        Finding.objects.filter(pk=found.pk).update(times=count)
    return len(owed)
