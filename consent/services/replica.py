"""Decisions remembered by a process until the feed of changes, or the clock, ends them (docs/decisions/0051).

    asked -> remembered, and the feed was read within the bound? -> said again
          -> else the fresh path: one statement; its verdict is remembered, unless a change came meanwhile

Nothing is decided here: what is kept are verdicts of the fresh path about people who are known and purposes that are
live. `follow` reads again and again which rows changed (`consent_decisionchange`, written by triggers in the
transaction of the change) and drops what rests on them; of a change of the catalogue, everything. What it reads are the
rows that its own snapshot sees and its last one did not: nothing is missed in whatever order transactions commit, and a
long one holds nothing up. An empty answer is the heartbeat.

What is promised: a verdict said at a moment is what the fresh path would have said at some moment not longer ago than
the bound. Whoever cannot show that says nothing: no reading for longer than the bound, a failed one, another server,
too many changes. Of many threads; a process begins with nothing.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Event, Lock
from typing import NamedTuple
from uuid import UUID

from django.conf import settings

from gdpr_portal import metrics
from gdpr_portal.prepared import Prepared
from vault.services import pairwise_ids

KEPT_SECONDS = 600
"""Nothing is kept for longer; so what ends by the clock within the hour is not kept at all."""
LASTING = timedelta(hours=1)
MOST_KINDS = 1_000
MOST_BYTES = 2_000
"""A longer answer, one about very many fields, is not kept."""
MOST_CHANGES = 5_000
"""More at one reading, and everything is dropped instead."""
READINGS = 5
"""So often within the bound the feed is read."""
BREATH_SECONDS = 0.01
"""The least between two readings, however often somebody wakes."""

_CHANGES = Prepared(
    f"""
SELECT here.snapshot, here.server, change.found, change.subject
FROM (SELECT pg_current_snapshot()::text AS snapshot, pg_postmaster_start_time()::text AS server) here
LEFT JOIN (
    SELECT true AS found, c.subject FROM consent_decisionchange c WHERE c.xid >= pg_snapshot_xmax(%(seen)s::pg_snapshot)
    UNION ALL
    SELECT true, c.subject FROM pg_snapshot_xip(%(seen)s::pg_snapshot) was_open (xid) CROSS JOIN LATERAL (
        SELECT d.subject FROM consent_decisionchange d WHERE d.xid = was_open.xid LIMIT {MOST_CHANGES + 1}) c
    WHERE pg_visible_in_snapshot(was_open.xid, pg_current_snapshot())
    LIMIT {MOST_CHANGES + 1}
) change ON true
"""  # noqa: S608  a number of this module
)
"""The present snapshot, the server, and whom the changes concern that the snapshot `seen` missed; NULL misses none."""


class Kind(NamedTuple):
    """What is asked about a person, by whom."""

    application: UUID
    purpose: str
    recipient: str | None
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """A verdict of the fresh path: what a door says of it, its code, and when the contract it rests on ends.

    A replica holds those that say the same as one object.
    """

    said: bytes
    code: str
    until: datetime | None


@dataclass(slots=True)
class _People:
    """Verdicts by the application's own id of the person, 16 bytes; those of the last generation beside."""

    young: dict[bytes, Kept] = field(default_factory=dict)
    old: dict[bytes, Kept] = field(default_factory=dict)

    def drop(self, who: bytes) -> None:
        """That person is not among them."""
        self.young.pop(who, None)
        self.old.pop(who, None)


def clock() -> float:
    """Seconds that go on while the machine sleeps."""
    return time.clock_gettime(_CLOCK)


_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Replica:
    """What one process remembers. `seconds` is the bound, `most` the number of verdicts (some 100 bytes each)."""

    def __init__(self, *, seconds: float, most: int) -> None:
        self.seconds, self.most = seconds, most
        self._lock, self._woken = Lock(), Event()
        self._kinds: dict[Kind, _People] = {}
        self._alike: dict[tuple[bytes, datetime | None], Kept] = {}
        self._size, self._began = 0, clock()
        self._changed = 0
        self._snapshot: str | None = None
        self._server = ""
        self._read_at = self._needed = float("-inf")

    # --- asking -------------------------------------------------------------------------------------------------------
    def is_current(self) -> bool:
        """Whether the feed was read within the bound, and since the last `behind`."""
        read_at = self._read_at
        return clock() - read_at <= self.seconds and read_at > self._needed

    def kept(self, kind: Kind, who: bytes, at: datetime) -> Kept | None:
        """The verdict, if one is remembered that holds at this moment; ask `is_current` first, each time."""
        people = self._kinds.get(kind)
        if people is None:
            return None
        found = people.young.get(who) or people.old.get(who)
        return found if found is None or found.until is None or at < found.until else None

    def kept_of(
        self, application: UUID, pairs: Sequence[tuple[str, str | None]], who: Sequence[bytes], at: datetime
    ) -> list[Kept | None]:
        """As `kept`, of very many people by purpose and recipient."""
        kinds = {pair: self._kinds.get(Kind(application, *pair)) or _People() for pair in set(pairs)}
        looks = {pair: (people.young.get, people.old.get) for pair, people in kinds.items()}
        found = []
        for pair, each in zip(pairs, who, strict=True):
            young, old = looks[pair]
            found.append(young(each) or old(each))
        over = {each for each in set(found) if each is not None and each.until is not None and each.until <= at}
        return [None if each in over else each for each in found] if over else found

    # --- remembering --------------------------------------------------------------------------------------------------
    def mark(self) -> int:
        """To be taken before the fresh path is asked, and handed to `keep`."""
        return self._changed

    def keep(self, mark: int, kind: Kind, who: Iterable[bytes], kept: Kept) -> None:
        """The verdict is remembered of each, unless anything changed since the mark: then it may be older than that."""
        with self._lock:
            if mark != self._changed or not self.is_current() or len(kept.said) > MOST_BYTES:
                return
            people = self._kinds.get(kind)
            if people is None:
                if len(self._kinds) >= MOST_KINDS:
                    return
                people = self._kinds[kind] = _People()
            before = len(people.young)
            people.young.update(dict.fromkeys(who, self._alike.setdefault((kept.said, kept.until), kept)))
            self._size += len(people.young) - before
            if self._size >= self.most // 2:
                self._age()

    def forget(self, who: bytes) -> None:
        """Nothing is remembered of the person with this id of some application."""
        with self._lock:
            self._changed += 1
            for people in self._kinds.values():
                people.drop(who)

    def behind(self) -> None:
        """What this process just changed counts from now on: nothing is remembered until the feed was read again."""
        self._needed = clock()
        self._woken.set()

    # --- following ----------------------------------------------------------------------------------------------------
    def follow(self) -> int:
        """What rests on rows that changed since the last reading is remembered no more; returns how many said so.

        Raises the errors of `django.db` and of a sealed vault: then nothing is remembered, and the next begins anew.
        """
        began = clock()
        try:
            rows = _CHANGES.all(seen=self._snapshot)
            snapshot, server = rows[0][:2]
            subjects = [row[3] for row in rows if row[2]]
            is_new = self._snapshot is None or server != self._server or began - self._read_at > KEPT_SECONDS / 2
            self._apply(subjects, is_new=is_new)
        except BaseException:
            self._snapshot = None
            self.drop()
            raise
        self._snapshot, self._server, self._read_at = snapshot, server, began
        metrics.REPLICA_READ_AT.labels("web").set(time.time())
        return len(subjects)

    def wait(self) -> None:
        """Until the feed is to be read again: a fraction of the bound, or when somebody is `behind`."""
        time.sleep(BREATH_SECONDS)
        self._woken.wait(self.seconds / READINGS)
        self._woken.clear()

    def drop(self) -> None:
        """Nothing is remembered, nor what is being asked right now."""
        with self._lock:
            self._drop_all()

    def _apply(self, subjects: Sequence[UUID | None], *, is_new: bool) -> None:
        with self._lock:
            if is_new or None in subjects or len(subjects) > MOST_CHANGES:
                self._drop_all()
            elif subjects:
                self._drop_people([each for each in set(subjects) if each is not None])
            if clock() - self._began >= KEPT_SECONDS / 2:
                self._age()

    def _drop_all(self) -> None:
        self._changed += 1
        self._kinds = {}
        self._age()

    def _drop_people(self, subjects: list[UUID]) -> None:
        self._changed += 1
        ids = {
            application: [each.bytes for each in pairwise_ids(application, subjects)]
            for application in {kind.application for kind in self._kinds}
        }
        for kind, people in self._kinds.items():
            for who in ids[kind.application]:
                people.drop(who)

    def _age(self) -> None:
        """What is young is old, and what was old is gone."""
        self._kinds = {kind: _People(old=people.young) for kind, people in self._kinds.items() if people.young}
        self._alike = {}
        self._size, self._began = 0, clock()


replica = Replica(seconds=settings.REPLICA_SECONDS, most=settings.REPLICA_ANSWERS)
"""That of this process; nothing is in it unless somebody follows (gdpr_portal.quick.following)."""
