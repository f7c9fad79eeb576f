"""Whether the log is what it committed itself to: every row against its leaf, every leaf against the tree, the tree
against every checkpoint, the checkpoints against the key, and all of it against the checkpoints others hold.

One snapshot, streamed: memory stays flat. A row that does not match is told by index and event; the tree goes on from
the stored leaf, so that one flipped row is one line and not a flood. What cannot be found from inside: a log rewritten
and signed anew with a stolen key. That is what held checkpoints are for.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from audit import canonical, merkle, note, retention, signing
from audit.reading import ROWS_AT_ONCE, leaf_matches, one_snapshot, stream

MOST_NAMED = 1000
OLDEST_UNSEALED_SECONDS = 30
WIDEST_GAP = 100_000
"""Behind a wider gap nothing more is read: one forged index must not keep the verifier busy for ever."""

_LEAVES = f"""
SELECT leaf.seq, leaf.event::text, leaf.xid::text::numeric, leaf.ordinal, leaf.leaf_hash,
    e.xid::text::numeric, e.ordinal, {canonical.COLUMNS}
FROM audit_leaf leaf LEFT JOIN audit_event e ON e.id = leaf.event ORDER BY leaf.seq
"""  # noqa: S608  constants only
_NODES = "SELECT level, index, hash FROM audit_node ORDER BY (index + 1) << level, level"
_CHECKPOINTS = "SELECT size, root, note FROM audit_checkpoint ORDER BY size"
_UNSEALED = """
SELECT e.id::text, (e.xid, e.ordinal) <= (mark.xid, mark.ordinal), extract(epoch FROM now() - e.at)::float
FROM audit_event e
LEFT JOIN audit_leaf leaf ON leaf.event = e.id
LEFT JOIN (SELECT xid, ordinal FROM audit_leaf ORDER BY seq DESC LIMIT 1) mark ON true
WHERE leaf.event IS NULL
"""


@dataclass(frozen=True)
class Damage:
    """One thing that is not as it was committed to. `first` and `last` are indices in the tree, inclusive."""

    kind: str
    detail: str
    first: int | None = None
    last: int | None = None
    event: str | None = None

    def __str__(self) -> str:
        place = "log" if self.first is None else f"entry {self.first}"
        if self.last is not None and self.last != self.first:
            place += f" to {self.last}"
        return f"{place}{f' ({self.event})' if self.event else ''}: {self.kind}: {self.detail}"


@dataclass
class Report:
    """What a verification found; `damages` names at most `MOST_NAMED`, `found` counts all."""

    size: int = 0
    root: bytes = merkle.EMPTY_ROOT
    checkpoints: int = 0
    held: int = 0
    retired: int = 0
    retired_first: int | None = None
    retired_last: int | None = None
    found: int = 0
    damages: list[Damage] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return self.found == 0

    def pass_over(self, seq: int) -> None:
        """One entry is past retention: its hash stands and is all there is."""
        self.retired += 1
        self.retired_first = seq if self.retired_first is None else self.retired_first
        self.retired_last = seq

    def add(self, damage: Damage) -> None:
        self.found += 1
        if self.found <= MOST_NAMED:
            self.damages.append(damage)


def verify(
    *, held: Sequence[str] = (), vkeys: Sequence[str] | None = None, progress: Callable[[int], None] | None = None
) -> Report:
    """The report on the whole log, also against held checkpoints (their text).

    `vkeys` are the keys trusted; those registered in this process by default. `progress` hears every few thousand
    entries how many are behind. Never raises for damage.
    """
    with one_snapshot():
        trusted = list(signing.vkeys() if vkeys is None else vkeys)
        return _Verification(trusted, progress or (lambda size: None)).run(held)


class _Verification:
    """One pass over leaves, nodes and checkpoints side by side, all in the order of the tree."""

    def __init__(self, vkeys: list[str], progress: Callable[[int], None]) -> None:
        self.vkeys = vkeys
        self.progress = progress
        self.report = Report()
        self.tree = merkle.CompactRange()
        self.place: tuple[int, int] = (0, 0)
        self.broken: list[int] = []
        self.sound_until = 0
        self.nodes = _Merge(stream(_NODES))
        self.checkpoints = _Merge(stream(_CHECKPOINTS))
        self.held: list[tuple[int, bytes]] = []
        self.retired: Any = ()

    def run(self, held: Sequence[str]) -> Report:
        self.held = sorted(head for head in map(self._open_held, held) if head)
        self._at_size()
        self.retired = self._retired()
        for leaf in stream(_LEAVES):
            if leaf[0] > self.tree.size + WIDEST_GAP:
                self.report.add(Damage("missing", "no leaves at these places", self.tree.size, leaf[0] - 1))
                break
            self._leaf(leaf)
            if self.tree.size % ROWS_AT_ONCE == 0:
                self.progress(self.tree.size)
        self._beyond_the_end()
        self._unsealed(stream(_UNSEALED))
        self.report.size, self.report.root = self.tree.size, self.tree.root()
        return self.report

    def _retired(self) -> Any:
        covered, complaints = retention.founded()
        for complaint in complaints:
            self.report.add(Damage("retired", complaint))
        return covered

    # --- entries ---------------------------------------------------------------------------------------------

    def _leaf(self, leaf: tuple[Any, ...]) -> None:
        seq, event, xid, ordinal, stored, event_xid, event_ordinal, *columns = leaf
        place = (int(xid), ordinal)
        if seq < self.tree.size:
            self._add("inserted", "a leaf at a place that cannot be", seq, event)
            return
        if seq > self.tree.size:
            self._gap(seq)
        if place <= self.place:
            self._add("reordered", "stands behind an entry that came later", seq, event)
        self.place = place
        if columns[0] is None and seq in self.retired:
            self.report.pass_over(seq)
        elif columns[0] is None:
            self._add("missing", "the event is gone, its leaf stands", seq, event)
        else:
            self._compare(seq, place, (int(event_xid), event_ordinal), columns, bytes(stored))
        self._grow(bytes(stored))

    def _compare(
        self, seq: int, place: tuple[int, int], event_place: tuple[int, int], columns: Sequence[Any], stored: bytes
    ) -> None:
        same = leaf_matches(columns, stored)
        if same and place == event_place:
            return
        moved = not same and place != event_place
        kind, detail = (
            ("reordered", "another event stands at this place")
            if moved
            else ("changed", "the event is not the one that was sealed")
        )
        self._add(kind, detail, seq, columns[0])

    def _gap(self, seq: int) -> None:
        self.report.add(Damage("missing", "no leaf at this place", self.tree.size, seq - 1))
        while self.tree.size < seq:
            self.broken.append(self.tree.size)
            self._grow(b"")

    def _add(self, kind: str, detail: str, seq: int, event: str) -> None:
        self.report.add(Damage(kind, detail, seq, seq, event))

    # --- the tree --------------------------------------------------------------------------------------------

    def _grow(self, value: bytes) -> None:
        for level, index, computed in self.tree.append(value):
            self._node(level, index, computed)
        self._at_size()

    def _node(self, level: int, index: int, computed: bytes) -> None:
        first, last = index << level, ((index + 1) << level) - 1
        order = ((index + 1) << level, level)
        for extra in self.nodes.before(order, _node_order):
            self.report.add(Damage("inserted", f"a tree node {extra[0]}/{extra[1]} that cannot be"))
        stored = self.nodes.take(order, _node_order)
        if self._is_broken(first, last + 1):
            return
        if stored is None:
            self.report.add(Damage("missing", f"tree node {level}/{index} over these entries", first, last))
        elif bytes(stored[2]) != computed:
            self.report.add(Damage("changed", f"not what tree node {level}/{index} was made of", first, last))
            self.broken.append(last)

    def _is_broken(self, first: int, end: int) -> bool:
        """Something that alters the root is already told of, within these entries."""
        at = bisect_left(self.broken, first)
        return at < len(self.broken) and self.broken[at] < end

    # --- checkpoints -----------------------------------------------------------------------------------------

    def _at_size(self) -> None:
        size = self.tree.size
        for extra in self.checkpoints.before((size,), _checkpoint_order):
            self.report.add(Damage("inserted", f"a checkpoint of impossible size {extra[0]}"))
        row = self.checkpoints.take((size,), _checkpoint_order)
        if row is not None:
            self._checkpoint(size, bytes(row[1]), row[2])
        while self.held and self.held[0][0] == size:
            if self.held.pop(0)[1] != self.tree.root():
                self.report.add(
                    Damage("split view", "a held checkpoint names another root over these entries", 0, size - 1)
                )

    def _checkpoint(self, size: int, root: bytes, text: str) -> None:
        self.report.checkpoints += 1
        try:
            head = note.open_checkpoint(text, self.vkeys, verify=signing.verify())
        except note.BadNote as error:
            self.report.add(Damage("changed", f"checkpoint {size}: {error}"))
            return
        if (head.size, head.root) != (size, root):
            self.report.add(Damage("changed", f"checkpoint {size} is not what its signature covers"))
        elif root == self.tree.root():
            self.sound_until = size
        elif not self._is_broken(0, size):
            self.report.add(Damage("changed", "not what the checkpoint was signed over", self.sound_until, size - 1))

    def _open_held(self, text: str) -> tuple[int, bytes] | None:
        self.report.held += 1
        try:
            head = note.open_checkpoint(text, self.vkeys, verify=signing.verify())
        except note.BadNote as error:
            self.report.add(Damage("forged", f"a held checkpoint: {error}"))
            return None
        return head.size, head.root

    # --- the end ---------------------------------------------------------------------------------------------

    def _beyond_the_end(self) -> None:
        size = self.tree.size
        signed = [row[0] for row in self.checkpoints.rest()]
        for committed in signed[-1:]:
            self.report.add(Damage("truncated", f"a checkpoint commits to {committed} entries", size, committed - 1))
        for committed, _ in self.held[-1:]:
            detail = f"rolled back: a held checkpoint has {committed} entries"
            self.report.add(Damage("truncated", detail, size, committed - 1))
        if any(True for _ in self.nodes.rest()):
            self.report.add(Damage("truncated", "tree nodes stand over entries that are gone", size))

    def _unsealed(self, rows: Iterable[tuple[Any, ...]]) -> None:
        for event, behind, age in rows:
            if behind:
                self.report.add(Damage("inserted", "an event without a leaf, behind the sealed ones", event=event))
            elif age > OLDEST_UNSEALED_SECONDS:
                self.report.add(Damage("unsequenced", f"not sealed for {age:.0f} seconds", event=event))


def _node_order(row: tuple[Any, ...]) -> tuple[int, ...]:
    return ((row[1] + 1) << row[0], row[0])


def _checkpoint_order(row: tuple[Any, ...]) -> tuple[int, ...]:
    return (row[0],)


class _Merge:
    """A sorted stream read alongside another: what comes before a key, what is at it, what is left."""

    def __init__(self, rows: Iterator[tuple[Any, ...]]) -> None:
        self.rows = rows
        self.next = next(rows, None)

    def before(self, key: tuple[int, ...], order: Any) -> Iterator[tuple[Any, ...]]:
        while self.next is not None and order(self.next) < key:
            yield self._pop()

    def take(self, key: tuple[int, ...], order: Any) -> tuple[Any, ...] | None:
        return self._pop() if self.next is not None and order(self.next) == key else None

    def rest(self) -> Iterator[tuple[Any, ...]]:
        while self.next is not None:
            yield self._pop()

    def _pop(self) -> tuple[Any, ...]:
        row = self.next
        assert row is not None
        self.next = next(self.rows, None)
        return row
