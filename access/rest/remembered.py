"""What a process remembers for a moment of the applications that ask all the time, so that every request asks less.

A live token for `SECONDS`: one revoked, or of an application disabled, is refused within a second (api.md). What is
refused is not remembered. Requests are counted in shares: a process takes a `SHARES`th of the quota of a window at
once and gives it out by itself. No more is ever allowed than the quota; up to a share a process may go unused.
A quota below two such shares, or with a limit a second beside it, is counted request by request. What turns out to be
somebody else's to answer is taken back, as they count it too.
"""

import hashlib
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock
from uuid import UUID

from access.models import Application
from access.rest.authentication import Grant, grant_of
from access.rest.throttling import Allowance, add_requests, count_request, whole_seconds

SECONDS = 0.5
MOST_TOKENS = 10_000
SHARES = 600
"""In a window of a minute: each is what a tenth of a second may use."""


@dataclass(slots=True)
class _Given(Allowance):
    """An allowance out of a share."""

    share: "_Share" = field(kw_only=True)


@dataclass
class _Share:
    """What a process took of a window: `left` allowances, the last of them number `upto` of `quota`."""

    quota: int
    upto: int
    left: int
    ends: float

    def holds(self, quota: int) -> bool:
        """Whether it answers without the database: something is left in it, or nothing in the whole window."""
        return time.monotonic() < self.ends and quota == self.quota and (self.left > 0 or self.upto == self.quota)

    def give(self) -> Allowance:
        """One allowance of it, the first first; exceeded when none is left."""
        self.left -= 1
        used = self.upto - self.left if self.left >= 0 else self.quota + 1
        self.left = max(0, self.left)
        return _Given(self.quota, used, whole_seconds(self.ends - time.monotonic()), share=self)


_grants: dict[bytes, tuple[Grant, float]] = {}
_shares: dict[UUID, _Share] = {}
_lock = Lock()


def grant_remembered(token: str) -> Grant | None:
    """As `grant_of`, asked at most every half second for the same live token."""
    name, now = hashlib.sha256(token.encode()).digest(), time.monotonic()
    grant, until = _grants.get(name, (None, 0.0))
    if grant is None or now >= until:
        grant = grant_of(token)
        if len(_grants) >= MOST_TOKENS:
            _grants.clear()
        if grant is None:
            _grants.pop(name, None)
            return None
        _grants[name] = (grant, now + SECONDS)
    return grant if grant.expires_at > datetime.now(UTC) else None


def counts_in_shares(application: Application) -> bool:
    """Whether its quota is large enough for shares, and the only one."""
    return application.requests_per_minute >= 2 * SHARES and application.requests_per_second is None


def forget_grant(token: str) -> None:
    """A token revoked through this process is refused here at once; other processes remember it for `SECONDS`."""
    _grants.pop(hashlib.sha256(token.encode()).digest(), None)


def count_in_shares(application: Application) -> Allowance:
    """One more request of the application is counted, mostly without the database."""
    if not counts_in_shares(application):
        return count_request(application)
    size = application.requests_per_minute // SHARES
    with _lock:
        share = _shares.get(application.pk)
        if share is None or not share.holds(application.requests_per_minute):
            share = _shares[application.pk] = _take(application, size)
        return share.give()


def take_back(allowance: Allowance) -> None:
    """The request this was counted for is counted no more; one that was counted in the database stays counted."""
    if isinstance(allowance, _Given) and not allowance.exceeded:
        with _lock:
            allowance.share.left += 1


def _take(application: Application, size: int) -> _Share:
    now, quota = time.monotonic(), application.requests_per_minute
    used, _in_second, seconds = add_requests(application.pk, size)
    beyond = max(0, used - quota)
    return _Share(quota, min(used, quota), max(0, size - beyond), now + seconds)


def forget() -> None:
    """Nothing is remembered."""
    _grants.clear()
    _shares.clear()
