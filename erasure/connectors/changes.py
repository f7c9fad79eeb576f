"""From what was found to what is changed: computed for all databases before the first statement.

Deleting a row takes along rows of the same person that cannot be without it; a link that may be empty is emptied
instead. A row that something unmovable hangs on stays, withheld as a `key`; in a rights request it is masked.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from erasure.connectors import documents
from erasure.connectors.dataset import Address
from erasure.connectors.graph import Link, named, sorted_by
from erasure.connectors.intents import Intent, Target
from erasure.connectors.masking import Masker, Strategy
from erasure.connectors.report import Change, Kept, Report, RunFailed, problem
from erasure.connectors.schema import Table
from erasure.connectors.sharing import mark_shared
from erasure.connectors.sql import CHUNK, among, chunks, is_json
from erasure.connectors.values import same_all
from erasure.connectors.walk import Place, Row, Walk

Rows = dict[tuple[Any, ...], Row]


@dataclass
class Work:
    """The change of some rows of one collection: the same for all (`constants`), one by one (`each`), or away."""

    place: Place
    rows: list[Row]
    constants: dict[str, Any] = field(default_factory=dict)
    each: dict[str, list[Any]] = field(default_factory=dict)
    delete: bool = False

    def statements(self) -> Iterator[tuple[sa.Update | sa.Delete, int, sa.Select[Any] | None]]:
        """The statements, a batch of keys each, how many rows each of them changes, and what counts those put back."""
        for chunk in chunks(enumerate(self.rows), CHUNK // max(1, len(self.each))):
            rows = [row for _at, row in chunk]
            where = among(self.place.table, self.place.locator, [row.locator for row in rows])
            expected = sum(row.count for row in rows)
            if self.delete:
                yield sa.delete(self.place.table.clause).where(where), expected, None
            else:
                values = self.constants | {name: self._cases(name, chunk) for name in self.each}
                yield (
                    sa.update(self.place.table.clause).where(where).values(values),
                    expected,
                    self._unlike(where, values),
                )

    def _unlike(self, where: sa.ColumnElement[bool], values: Mapping[str, Any]) -> sa.Select[Any] | None:
        """Counts the rows that do not hold what was written, where a trigger may have put it back.

        A document may not be compared (`json` of PostgreSQL), and rows found by what was masked are found no more.
        """
        table = self.place.table
        columns = {name: table.column(name) for name in values}
        told = [column.is_distinct_from(values[name]) for name, column in columns.items() if not is_json(column)]
        if not (table.triggered and told):
            return None
        return sa.select(sa.func.count()).select_from(table.clause).where(where, sa.or_(*told))

    def _cases(self, name: str, chunk: list[tuple[int, Row]]) -> sa.ColumnElement[Any]:
        column = self.place.table.column(name)
        whens = [
            (among(self.place.table, self.place.locator, [row.locator]), _literal(self.each[name][at], column))
            for at, row in chunk
        ]
        return sa.case(*whens, else_=column)


def _literal(value: Any, column: sa.ColumnClause[Any]) -> sa.ColumnElement[Any]:
    return sa.null() if value is None else sa.literal(value, column.type)


def plan_changes(
    walk: Walk,
    intents: Mapping[Address, Intent],
    masker: Masker,
    report: Report,
    *,
    settled: bool = False,
    kept: Kept | None = None,
) -> list[Work]:
    """What is to be done, in order; the report says what changes and what is withheld.

    `settled`: whose the rows are was decided before, nothing is withheld as shared.
    """
    busy = {address: each for address, each in intents.items() if address in walk.places}
    deleted = [address for address, each in busy.items() if each.delete]
    if not settled:
        mark_shared(walk, masked=[address for address, each in busy.items() if each.targets], deleted=deleted)
    for address, each in busy.items():
        _keep(walk.places[address], kept)
        _withhold(walk.places[address], each, report)
    gone, unlinked = _Deletion(walk, busy, report).resolved()
    masks = [
        work
        for address, each in sorted(busy.items())
        if each.targets and (work := _mask(walk.places[address], each, gone.get(address, {}), masker, report))
    ]
    works = _ordered(walk, masks, gone, unlinked)
    _count(works, walk, report)
    return works


def _keep(place: Place, kept: Kept | None) -> None:
    """What a reviewer decided to keep stays as what is shared does."""
    for key, row in place.rows.items() if kept is not None else ():
        if kept is not None and row.whose == "mine" and kept(place.address, key):
            row.shared = row.kept = True


def _withhold(place: Place, intent: Intent, report: Report) -> None:
    if not (intent.delete or intent.targets):
        return
    shared = [row for row in place.mine() if row.shared and not row.kept]
    report.withhold(place.address, "shared", sum(row.count for row in shared) + place.others())
    report.withhold(place.address, "retained", sum(row.count for row in place.mine() if row.kept))
    if shared:
        report.shared[place.address] = [row.locator for row in shared]
    if intent.delete and intent.read_only:
        report.withhold(place.address, "read_only", sum(row.count for row in place.mine() if not row.shared))


# --- masking ----------------------------------------------------------------------------------------------------------
def _mask(place: Place, intent: Intent, gone: Rows, masker: Masker, report: Report) -> Work | None:
    rows = [row for key, row in place.rows.items() if row.whose == "mine" and not row.shared and key not in gone]
    for reason in ("read_only", "not_nullable") if intent.delete else ("key", "read_only", "not_nullable"):
        marks = [at for at, target in enumerate(intent.targets) if target.fate == reason]
        held = sum(row.count for row in rows if any(row.state[at] not in {0, None} for at in marks))
        report.withhold(place.address, reason, held)
    targets = [(at, target) for at, target in enumerate(intent.targets) if target.fate == "mask"]
    changed: list[tuple[Row, dict[str, Any]]] = []
    for row in rows:
        fresh = {target.column: _value(target, row.state[at], place, masker) for at, target in targets}
        if any(_differs(target, row.state[at], fresh[target.column]) for at, target in targets):
            changed.append((row, fresh))
    if not changed:
        return None
    work = Work(place, [row for row, _fresh in changed])
    for _at, target in targets:
        values = [fresh[target.column] for _row, fresh in changed]
        if target.strategy.constant and not target.members:
            work.constants[target.column] = _literal(values[0], place.table.column(target.column))
        else:
            work.each[target.column] = values
    return work


def _value(target: Target, state: Any, place: Place, masker: Masker) -> Any:
    if not target.members:
        return masker.mask(target.strategy, None if target.strategy.constant else state, target.limit)
    if documents.is_unreadable(state):
        more = f"Column {target.column} holds a text that is no document."
        raise RunFailed([problem(place.address, "type_mismatch", more)])
    document = documents.opened(state)
    for path, strategy, limit in target.members:
        document = documents.changed(document, path, _masking(masker, strategy, limit))
    if document is None or is_json(place.table.column(target.column)):
        return document
    return json.dumps(document, ensure_ascii=False)


def _masking(masker: Masker, strategy: Strategy, limit: int | None) -> Any:
    return lambda value: masker.mask(strategy, value, limit)


def _differs(target: Target, state: Any, fresh: Any) -> bool:
    if target.members:
        return documents.opened(state) != documents.opened(fresh)
    return state not in {0, None} if target.strategy.constant else state is not None


# --- deleting ---------------------------------------------------------------------------------------------------------
class _Deletion:
    """Which rows go, which go along, which links are emptied, and which rows have to stay after all."""

    def __init__(self, walk: Walk, intents: Mapping[Address, Intent], report: Report) -> None:
        self.walk, self.intents, self.report = walk, intents, report
        self.stays: dict[Address, Rows] = defaultdict(dict)
        self.gone: dict[Address, Rows] = {}
        self.unlinked: dict[tuple[Address, tuple[str, ...]], Rows] = {}

    def resolved(self) -> tuple[dict[Address, Rows], dict[tuple[Address, tuple[str, ...]], Rows]]:
        """Settled once no row that has to stay is left among those that go."""
        while not self._attempt():
            pass
        for address, rows in self.stays.items():
            if self.intents.get(address, Intent()).delete:
                self.report.withhold(address, "key", sum(row.count for row in rows.values()))
        return self.gone, self.unlinked

    def _attempt(self) -> bool:
        self.gone = {address: self._first(address) for address, each in self.intents.items() if each.delete}
        self.unlinked = defaultdict(dict)
        queue = [address for address, rows in self.gone.items() if rows]
        while queue:
            address = queue.pop()
            for link in self.walk.graph.from_parent(address):
                more = self._along(link)
                if more is None:
                    return False
                queue += [link.child] if more else []
        return True

    def _first(self, address: Address) -> Rows:
        if self.intents[address].read_only:
            return {}
        rows = self.walk.places[address].rows.items()
        stays = self.stays[address]
        return {key: row for key, row in rows if row.whose == "mine" and not row.shared and key not in stays}

    def _along(self, link: Link) -> bool | None:
        """Whether more rows go along; None when a row must stay and all has to be thought through again."""
        child, parent = self.walk.places.get(link.child), self.walk.places[link.parent]
        if child is None:
            return False
        keys = {same_all(parent.values(row, link.parent_fields)): key for key, row in self.gone[link.parent].items()}
        more = False
        for key, row in child.rows.items():
            value = same_all(child.values(row, link.child_fields))
            if value not in keys or key in self.gone.get(link.child, {}):
                continue
            movable = row.whose == "mine" and not row.shared
            if movable and self._may_be_empty(child, link):
                self.unlinked[link.child, link.child_fields][key] = row
            elif not movable or self._must_stay(child, key):
                self.stays[link.parent][keys[value]] = parent.rows[keys[value]]
                return None
            else:
                self.gone.setdefault(link.child, {})[key] = row
                more = True
        return more

    def _may_be_empty(self, child: Place, link: Link) -> bool:
        collection = self.walk.graph.collections[child.address]
        fields = [collection.leaf(name) for name in link.child_fields]
        fixed = collection.read_only or any(
            each is not None and (each.read_only or each.primary_key) for each in fields
        )
        return not fixed and all(child.table.nullable[name] for name in link.child_fields)

    def _must_stay(self, child: Place, key: Any) -> bool:
        collection = self.walk.graph.collections[child.address]
        fixed = collection.read_only or any(leaf.read_only for leaf in collection.leaves())
        return fixed or key in self.stays[child.address]


# --- order ------------------------------------------------------------------------------------------------------------
def _ordered(
    walk: Walk,
    masks: list[Work],
    gone: Mapping[Address, Rows],
    unlinked: Mapping[tuple[Address, tuple[str, ...]], Rows],
) -> list[Work]:
    works = masks + [
        Work(walk.places[address], list(rows.values()), delete=True) for address, rows in gone.items() if rows
    ]
    order = _erase_order(walk, {address for address, rows in gone.items() if rows}, {w.place.address for w in works})
    position = {address: at for at, address in enumerate(order)}
    works.sort(key=lambda work: position[work.place.address])
    emptied = {name: dict(rows) for name, rows in unlinked.items()}
    for link in _emptied_first(walk, gone, position):
        emptied.setdefault((link.child, link.child_fields), {}).update(gone[link.child])
    first = [
        Work(walk.places[address], list(rows.values()), constants=dict.fromkeys(fields, sa.null()))
        for (address, fields), rows in sorted(emptied.items(), key=lambda each: each[0])
        if rows
    ]
    return first + works


def _erase_order(walk: Walk, deleted: set[Address], busy: Iterable[Address]) -> list[Address]:
    """What a database enforces first, then `erase_after`, then children before their parents."""
    collections = walk.graph.collections
    links = [each for each in walk.graph.links if {each.child, each.parent} <= deleted]
    enforced = [each for each in links if is_enforced(walk, each) and not _nullable(walk, each)]
    asked = [(other, address) for address in busy for other in named(collections[address].erase_after, collections)]
    soft = [(each.child, each.parent) for each in links]
    through = {other for pair in asked for other in pair}
    order = sorted_by([[(each.child, each.parent) for each in enforced], asked, soft], sorted({*busy, *through}))
    return [address for address in order if address in set(busy)]


def is_enforced(walk: Walk, link: Link) -> bool:
    """Whether the database itself keeps the link."""
    child, parent = walk.places[link.child], walk.places[link.parent]
    return child.database is parent.database and any(
        set(foreign.columns) == set(link.child_fields) and foreign.table[1] == parent.table.name[1]
        for foreign in child.table.foreign_keys
    )


def _nullable(walk: Walk, link: Link) -> bool:
    table: Table = walk.places[link.child].table
    return all(table.nullable[name] for name in link.child_fields)


def _emptied_first(walk: Walk, gone: Mapping[Address, Rows], position: Mapping[Address, int]) -> Iterator[Link]:
    """Enforced links whose parent goes before the child, or with it: a circle, a tree, or an order asked for."""
    for link in walk.graph.links:
        if not (gone.get(link.child) and gone.get(link.parent)) or position[link.parent] > position[link.child]:
            continue
        if is_enforced(walk, link) and _nullable(walk, link):
            yield link


def _count(works: Iterable[Work], walk: Walk, report: Report) -> None:
    rows: dict[Address, dict[int, Row]] = defaultdict(dict)
    for work in works:
        address = work.place.address
        change = report.changes.setdefault(address, Change())
        every = {field.column for field in walk.graph.collections[address].fields}
        change.columns |= every if work.delete else {*work.constants, *work.each}
        rows[address].update({id(row): row for row in work.rows})
        change.rows = sum(row.count for row in rows[address].values())
