"""What a request means for each column, decided from dataset and table before a single row is read.

Whatever cannot be done fails here, for the whole run, so that nothing is skipped in silence and nothing half done.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import sqlalchemy as sa

from erasure.connectors.dataset import Address, Collection, Field, covers
from erasure.connectors.graph import Graph
from erasure.connectors.masking import NULL, Strategy, fitted
from erasure.connectors.report import Problem, RunFailed, problem
from erasure.connectors.schema import Table
from erasure.connectors.sql import is_json, is_text, length_of

Fate = Literal["mask", "key", "read_only", "not_nullable"]


@dataclass(frozen=True)
class Target:
    """A column an erasure is about, what becomes of it, and how."""

    column: str
    fate: Fate
    strategy: Strategy
    limit: int | None = None
    members: tuple[tuple[str, Strategy, int | None], ...] = ()

    @property
    def tells(self) -> bool:
        """Whether a look can tell that the mask stands there: it is the same for every value."""
        strategies = [strategy for _path, strategy, _limit in self.members] or [self.strategy]
        return self.fate != "mask" or all(strategy.constant for strategy in strategies)

    def state(self, table: Table) -> sa.ColumnElement[Any]:
        """What is read of a row to know whether there is anything to change; of the value no more than is needed."""
        column = table.column(self.column)
        if self.members or (self.fate == "mask" and not self.strategy.constant):
            return column
        if self.fate == "mask" and self.strategy.name == "string_rewrite":
            done = column == fitted(self.strategy.value, self.strategy.suffix, self.limit)
            return sa.case((done, sa.literal_column("0")), else_=sa.literal_column("1"))
        return sa.case((column.is_(None), sa.literal_column("0")), else_=sa.literal_column("1"))


@dataclass(frozen=True)
class Intent:
    """What an erasure means for a collection: its rows are deleted, or some columns masked; of those that are deleted
    the columns of the rows that have to stay."""

    delete: bool = False
    read_only: bool = False
    targets: tuple[Target, ...] = ()


@dataclass
class Wanted:
    """The categories and the masking of a request. One that `looks` leaves out what cannot be told from its mask; where
    it is `settled` whose the rows are, they are masked and never deleted: others refer to them."""

    categories: tuple[str, ...]
    masking: Strategy = NULL
    fallback: Strategy | None = None
    looks: bool = False
    settled: bool = False
    _known: dict[Address, list[Field]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def leaves(self, collection: Collection) -> list[Field]:
        """The fields of a collection that the categories cover, looked for once."""
        if collection.address not in self._known:
            self._known[collection.address] = [leaf for leaf in collection.leaves() if self.wants(leaf)]
        return self._known[collection.address]

    def wants(self, leaf: Field) -> bool:
        """Whether a category of the field is a wanted one, or below one."""
        return any(covers(wanted, category) for wanted in self.categories for category in leaf.categories)


def intent(collection: Collection, table: Table, graph: Graph, wanted: Wanted, *, untyped: bool) -> Intent:
    """What the erasure does here; RunFailed with every column that cannot be masked as asked."""
    leaves = wanted.leaves(collection)
    strategy = collection.masking or wanted.masking
    if not leaves:
        return Intent()
    if not (table.undoes or wanted.looks):
        raise RunFailed([problem(collection.address, "no_transactions")])
    if strategy.name != "delete":
        return Intent(
            read_only=collection.read_only, targets=_targets(collection, table, graph, wanted, untyped=untyped)
        )
    masked = replace(collection, masking=None)
    if wanted.settled:
        return Intent(read_only=collection.read_only, targets=_targets(masked, table, graph, wanted, untyped=untyped))
    fixed = [leaf.path for leaf in collection.leaves() if leaf.read_only]
    if fixed and not collection.read_only:
        more = f"Column {', '.join(fixed)} is read-only: a row that holds it is masked, not deleted."
        raise RunFailed([problem(collection.address, "read_only_column", more)])
    if collection.read_only or wanted.fallback is None:
        return Intent(delete=True, read_only=collection.read_only)
    try:
        return Intent(delete=True, targets=_targets(masked, table, graph, wanted, untyped=untyped))
    except RunFailed:  # rows that have to stay are left, and said to be
        return Intent(delete=True)


def _targets(
    collection: Collection, table: Table, graph: Graph, wanted: Wanted, *, untyped: bool
) -> tuple[Target, ...]:
    """What becomes of each column that is wanted; RunFailed with every one that cannot be masked so."""
    strategy = collection.masking or wanted.masking
    leaves, keys = wanted.leaves(collection), structural(collection, table, graph)
    problems: list[Problem] = []
    targets = []
    for column, members in _by_column(leaves).items():
        if any(leaf.nested for leaf in members):
            targets.append(_document(collection, table, column, members, strategy, problems))
        else:
            targets.append(_column(collection, table, members[0], wanted, keys, problems, untyped=untyped))
    if problems:
        raise RunFailed(problems)
    targets = _without_followers(targets, table)
    return tuple(target for target in targets if target.tells or not wanted.looks)


def _by_column(leaves: Iterable[Field]) -> dict[str, list[Field]]:
    found: dict[str, list[Field]] = defaultdict(list)
    for leaf in leaves:
        found[leaf.column].append(leaf)
    return dict(found)


def structural(collection: Collection, table: Table, graph: Graph) -> set[str]:
    """The columns that hold rows together: primary keys, enforced foreign keys, and links to a primary key.

    A link by a personal value (an e-mail address) is not among them: it is masked, after it was followed.
    """
    keys = set(table.key) | {leaf.path for leaf in collection.leaves() if leaf.primary_key}
    for foreign in table.foreign_keys:
        keys.update(foreign.columns)
    for link in graph.from_child(collection.address):
        parent = graph.collections[link.parent]
        if all((leaf := parent.leaf(name)) is not None and _surrogate(leaf) for name in link.parent_fields):
            keys.update(link.child_fields)
    return keys


def _without_followers(targets: list[Target], table: Table) -> list[Target]:
    """Without the generated columns that change by themselves, because all they are computed from is masked."""
    masked = {target.column for target in targets if target.fate == "mask"}
    sources = table.generated
    return [each for each in targets if each.column not in sources or not (sources[each.column] or {""}) <= masked]


def _surrogate(leaf: Field) -> bool:
    return leaf.primary_key and leaf.identity is None


def _column(
    collection: Collection,
    table: Table,
    leaf: Field,
    wanted: Wanted,
    keys: set[str],
    problems: list[Problem],
    *,
    untyped: bool,
) -> Target:
    column = table.column(leaf.column)
    chosen = leaf.masking or collection.masking or wanted.masking
    needed = chosen.name == "null_rewrite" and not table.nullable[leaf.column]
    if needed and wanted.fallback is not None and is_text(column, untyped=untyped):
        chosen, needed = wanted.fallback, False
    fate: Fate = "mask"
    if leaf.read_only or collection.read_only or leaf.column in table.generated:
        fate = "read_only"
    elif leaf.column in keys:
        fate = "key"
    elif needed:
        fate = "not_nullable"
    elif chosen.writes_text and not is_text(column, untyped=untyped):
        more = f"Column {leaf.column} holds no text, {chosen.name} cannot be written into it."
        problems.append(problem(collection.address, "type_mismatch", more))
    limits = [limit for limit in (length_of(column), leaf.length) if limit]
    return Target(leaf.column, fate, chosen, min(limits, default=None))


def _document(
    collection: Collection,
    table: Table,
    column: str,
    leaves: list[Field],
    strategy: Strategy,
    problems: list[Problem],
) -> Target:
    """Members of a JSON document are masked inside it."""
    if not (is_json(table.column(column)) or is_text(table.column(column), untyped=True)):
        problems.append(problem(collection.address, "type_mismatch", f"Column {column} holds no document."))
    open_leaves = [leaf for leaf in leaves if not leaf.read_only]
    members = tuple((leaf.path.partition(".")[2], leaf.masking or strategy, leaf.length) for leaf in open_leaves)
    fixed = collection.read_only or column in table.generated
    fate: Fate = "mask" if members and not fixed else "read_only"
    return Target(column, fate, strategy, members=members)
