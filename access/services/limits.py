"""Limits on proofs that can be guessed, counted in the database so that every process sees the same (threat T40).

A try is counted *before* it is evaluated: parallel guesses cannot slip past. The first `free` tries cost nothing, each
later one waits twice as long as the one before, up to `longest`; a success or a day of quiet forgets all. With the
limit for codes (5 free, 15 s doubling, 2 h at most) 10 guesses are evaluated in the first ten minutes and some 24 in a
day: against six digits with one step of drift that is below 0.01 % a day. Nobody is locked out for good.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from access.models import Attempt
from vault import services as vault

QUIET = timedelta(days=1)


@dataclass(frozen=True)
class Limit:
    """How many tries are free, and how waits grow after them (seconds)."""

    name: str
    free: int
    first_wait: int = 15
    longest: int = 7200
    refill: int = 0
    """Seconds after which one try is given back; 0: only a success or a day of quiet gives back."""

    def wait_after(self, count: int) -> timedelta:
        """The wait once `count` tries have been made since the last success."""
        if count < self.free:
            return timedelta(0)
        doublings = min(count - self.free, 32)
        return timedelta(seconds=min(self.first_wait * 2**doublings, self.longest))


@dataclass(frozen=True)
class Turn:
    """Whether the try may be evaluated now (`wait` is 0) or in how many seconds; whether it is the `last_free`."""

    wait: int
    last_free: bool = False


PASSWORD = Limit("password", free=5)
PASSWORD_OF_ACCOUNT = Limit("password-of-account", free=50, longest=900)
"""From all addresses together; mild, so that a stranger cannot keep the owner out."""
FACTOR = Limit("factor", free=5)
ADDRESS = Limit("address", free=60, longest=900, refill=5)
"""All tries from one network address, behind which many people may sit; those that succeed are given back."""
MAIL = Limit("mail", free=4, first_wait=60, longest=3600)
"""Codes sent to one mailbox."""

ASKED = Limit("passkey-asked", free=120, longest=900, refill=2)
"""Challenges given to one network address: each is a row, and a page that signs in asks for one when it is opened."""


def take(*tries: tuple[Limit, str]) -> Turn:
    """All tries are counted, or none of them and `wait` says why; each try is a limit and who or where it is about."""
    limits = {_key(limit, about): limit for limit, about in tries}
    now = timezone.now()
    with transaction.atomic():
        fresh = [Attempt(key=key, window_ends_at=now) for key in sorted(limits)]
        Attempt.objects.bulk_create(fresh, ignore_conflicts=True)
        rows = list(Attempt.objects.select_for_update().filter(key__in=list(limits)).order_by("key"))
        wait = max(_remaining(row, now) for row in rows)
        if wait:
            return Turn(wait)
        last_free = [_count(row, limits[bytes(row.key)], now) for row in rows]
        Attempt.objects.bulk_update(rows, ["count", "window_ends_at"])
    return Turn(0, any(last_free))


def forget(*tries: tuple[Limit, str]) -> None:
    """The counts start again: somebody proved to be who they are."""
    Attempt.objects.filter(key__in=[_key(limit, about) for limit, about in tries]).delete()


def give_back(*tries: tuple[Limit, str]) -> None:
    """These tries do not count: they were no guesses."""
    keys = [_key(limit, about) for limit, about in tries]
    Attempt.objects.filter(key__in=keys, count__gt=0).update(count=F("count") - 1)


def purge() -> int:
    """Counts nobody needs any more are gone (Art. 5(1)(e)); returns how many."""
    return Attempt.objects.filter(window_ends_at__lt=timezone.now() - QUIET).delete()[0]


def _key(limit: Limit, about: str) -> bytes:
    return vault.keyed_digest("attempt", hashlib.sha256(f"{limit.name}\0{about}".encode()).digest())


def _remaining(row: Attempt, now: datetime) -> int:
    seconds = (row.window_ends_at - now).total_seconds()
    return max(0, -int(-seconds // 1))


def _count(row: Attempt, limit: Limit, now: datetime) -> bool:
    if row.window_ends_at < now - QUIET:
        row.count = 0
    if limit.refill:
        quiet = max(0.0, (now - row.window_ends_at).total_seconds())
        row.count = max(0, row.count - int(quiet // limit.refill))
    row.count += 1
    row.window_ends_at = now + limit.wait_after(row.count)
    return row.count == limit.free and limit is not ADDRESS
