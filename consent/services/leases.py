"""Leases on rows that workers claim: whose row it is, until when; used by deliveries, steps, sendings and callbacks.

A lease that ends later than any can was taken by a worker whose clock ran ahead, and binds nobody (fault F14).
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q


def ends(now: datetime) -> datetime:
    """When a lease taken now ends."""
    return now + timedelta(seconds=settings.STEP_LEASE_SECONDS)


def binds(until: datetime | None, now: datetime) -> bool:
    """Whether a row with this `lease_until` is somebody's now."""
    return until is not None and now < until <= _latest(now)


def free(now: datetime) -> Q:
    """Rows that are nobody's now: the same question, asked of the database."""
    return Q(lease_until__isnull=True) | Q(lease_until__lte=now) | Q(lease_until__gt=_latest(now))


def _latest(now: datetime) -> datetime:
    return now + timedelta(seconds=2 * settings.STEP_LEASE_SECONDS)
