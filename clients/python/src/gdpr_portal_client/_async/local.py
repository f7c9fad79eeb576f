"""Decisions in the application's own memory: a snapshot, then changes. Refuses when it may have missed something.

The service stays the judge: what is not in the snapshot, or older than the staleness bound, is not allowed here.
"""

import asyncio
import time
from uuid import UUID

from gdpr_portal_client._async.client import AsyncPortal
from gdpr_portal_client.errors import Erased, PortalError
from gdpr_portal_client.models import Decision, DecisionChange

Key = tuple[UUID, str, str | None]


class AsyncLocalDecisions:
    """Answers `decide` without a request. `stale_after` is how many seconds without news it may still say yes.

    Start it with `load()`, keep it near with `follow()` in a task of its own, or `catch_up()` when it suits.
    """

    def __init__(self, portal: AsyncPortal, *, stale_after: float = 60.0) -> None:
        self._portal, self._stale_after = portal, stale_after
        self._standing: dict[Key, DecisionChange] = {}
        self._cursor = ""
        self._fresh_at = float("-inf")

    @property
    def stale(self) -> bool:
        """Whether it has heard nothing for too long to say yes."""
        return time.monotonic() - self._fresh_at > self._stale_after

    def decide(self, subject: UUID | str, purpose: str, *, recipient: str | None = None) -> Decision:
        """The verdict: `stale` and not allowed past the bound, `unknown_subject` for whom it does not know."""
        if self.stale:
            return Decision(allowed=False, code="stale")
        found = self._standing.get((UUID(str(subject)), purpose, recipient))
        code = found.code if found else "unknown_subject"
        return Decision(allowed=code == "allowed", code=code)

    async def load(self) -> None:
        """Everything stands as the service has it now."""
        began, cursor, page = time.monotonic(), None, None
        standing: dict[Key, DecisionChange] = {}
        while page is None or page.next is not None:
            page = await self._portal.snapshot(cursor=cursor)
            standing |= {_key(each): each for each in page.items}
            cursor = page.next
        self._standing, self._cursor, self._fresh_at = standing, page.cursor or "", began
        await self.catch_up()

    async def catch_up(self, *, wait: int = 0) -> int:
        """Every change up to now is in; how many there were. Begins anew when the cursor has expired."""
        count = 0
        while True:
            began = time.monotonic()
            try:
                page = await self._portal.changes(self._cursor, wait=wait)
            except Erased:
                await self.load()
                return count
            self._take(page.items)
            count += len(page.items)
            self._cursor = page.next or page.cursor or self._cursor
            if page.next is None:
                self._fresh_at = began
                return count

    async def follow(self, *, wait: int = 25, pause: float = 1.0) -> None:
        """Stays near for as long as the task runs; while the service cannot be reached it grows stale and refuses.

        `wait` is shortened to a third of the staleness bound, so that a quiet feed is not taken for a dead one. Where
        too many wait already, the service answers at once, with nothing in it: it is asked again after a `pause`.
        """
        wait = min(wait, max(1, int(self._stale_after // 3)))
        while True:
            began = time.monotonic()
            try:
                count = await self.catch_up(wait=wait)
            except PortalError:
                count, began = 0, time.monotonic()
            if not count and time.monotonic() - began < wait:
                await asyncio.sleep(pause)

    def _take(self, changes: list[DecisionChange]) -> None:
        for change in changes:
            known = self._standing.get(_key(change))
            if known is None or known.seq <= change.seq:
                self._standing[_key(change)] = change


def _key(change: DecisionChange) -> Key:
    return change.subject, change.purpose, change.recipient
