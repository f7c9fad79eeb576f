"""Decisions in the application's own memory: a snapshot, then changes. Refuses when it may have missed something.

The service stays the judge: what is not in the snapshot, or older than the staleness bound, is not allowed here.
"""

import threading
import time
from uuid import UUID

from gdpr_portal_client._sync.client import Portal
from gdpr_portal_client.errors import Erased, PortalError
from gdpr_portal_client.models import Decision
from gdpr_portal_client.standing import Standing, answer

STALE = answer("stale")


class LocalDecisions:
    """Answers `decide` without a request. `stale_after` is how many seconds without news it may still say yes.

    Start it with `load()`, keep it near with `follow()` in a thread of its own, or `catch_up()` when it suits. Any number
    may ask; of those that read from the service one waits for the other. The answers are shared: nothing in them can be
    changed.
    """

    def __init__(self, portal: Portal, *, stale_after: float = 60.0) -> None:
        self._portal, self._stale_after = portal, stale_after
        self._standing = Standing()
        self._fresh_at = float("-inf")
        self._reading = threading.Lock()

    @property
    def stale(self) -> bool:
        """Whether it has heard nothing for too long to say yes."""
        return time.monotonic() - self._fresh_at > self._stale_after

    def decide(self, subject: UUID | str, purpose: str, *, recipient: str | None = None) -> Decision:
        """The verdict: `stale` and not allowed past the bound, `unknown_subject` for whom it does not know."""
        if self.stale:
            return STALE
        who = subject if isinstance(subject, UUID) else UUID(subject)
        return self._standing.decision(who, purpose, recipient)

    def load(self) -> None:
        """Everything stands as the service has it now; until all of it is here, what was here before."""
        with self._reading:
            self._load()

    def catch_up(self, *, wait: int = 0) -> int:
        """Every change up to now is in; how many there were. Begins anew when the cursor has expired."""
        with self._reading:
            try:
                count, self._fresh_at = self._read_on(self._standing, wait)
            except Erased:
                self._load()
                return 0
            return count

    def _load(self) -> None:
        fresh_at = None
        while fresh_at is None:
            standing, page = Standing(), None
            while page is None or page.next is not None:
                page = self._portal.snapshot(cursor=page.next if page else None)
                standing.take(page.items)
            standing.cursor = page.cursor or ""
            try:
                _, fresh_at = self._read_on(standing, 0)
            except Erased:  # what everybody's decisions rest on changed meanwhile
                continue
        self._standing, self._fresh_at = standing, fresh_at

    def _read_on(self, standing: Standing, wait: int) -> tuple[int, float]:
        """How many changes there were, and since when that is all of them. Raises `Erased` for too old a cursor."""
        count = 0
        while True:
            began = time.monotonic()
            page = self._portal.changes(standing.cursor, wait=wait)
            standing.take(page.items)
            standing.cursor = page.next or page.cursor or standing.cursor
            count += len(page.items)
            if page.next is None:
                return count, began

    def follow(self, *, wait: int = 25, pause: float = 1.0) -> None:
        """Stays near for as long as the thread runs; while the service cannot be reached it grows stale and refuses.

        `wait` is shortened to a third of the staleness bound, so that a quiet feed is not taken for a dead one. Where
        too many wait already, the service answers at once, with nothing in it: it is asked again after a `pause`.
        """
        wait = min(wait, max(1, int(self._stale_after // 3)))
        while True:
            began = time.monotonic()
            try:
                count = self.catch_up(wait=wait)
            except PortalError:
                count, began = 0, time.monotonic()
            if not count and time.monotonic() - began < wait:
                time.sleep(pause)
