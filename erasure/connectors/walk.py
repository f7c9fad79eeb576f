"""The walk: from a person's identities along the links to every row that is theirs, and what it met on the way.

Only keys, links, identities and the state of what an erasure changes are kept of a row, so that a wide table costs no
more memory than a narrow one. A walk that only reads keeps no row at all, but the questions it asked: when it has found
every way they are asked once more (`again`), and each row is judged by all that is known then. Whose a row is, is
decided here:

* it carries one of the person's identities: theirs;
* it carries somebody else's identity of the same kind and none of theirs: somebody else's;
* it belongs (by a link flowing down) to a row that is theirs: theirs; only to people who are not, or to a row to which
  nothing of theirs leads and that is some person's: somebody else's;
* otherwise it is theirs as far as what led to it is.
"""

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

import sqlalchemy as sa

from erasure.connectors.blueprint import Names, Shape
from erasure.connectors.dataset import Address
from erasure.connectors.graph import Graph, Link
from erasure.connectors.held import takes_anything
from erasure.connectors.keys import Digests, Questions, Span
from erasure.connectors.schema import Table
from erasure.connectors.sql import CHUNK, Database, Folded, among, chunks
from erasure.connectors.values import Locator, same, same_all

Asked = tuple[str | Folded, ...]
Identities = Mapping[str, frozenset[str]]
"""What is known of the person: values by kind."""


@dataclass(slots=True)
class Row:
    """What is remembered of a row."""

    locator: Locator
    links: Locator
    state: tuple[Any, ...] = ()
    count: int = 1
    whose: str = "mine"
    owned: bool = False
    identified: bool = False
    foreign: frozenset[str] = frozenset()
    shared: bool = False
    kept: bool = False


@dataclass
class Place:
    """A collection under way: where it lies, what is read of each row, the rows found."""

    address: Address
    database: Database
    table: Table
    shape: Shape
    rows: dict[Locator, Row] = field(default_factory=dict)
    is_empty: bool = True
    """Whether no row was met yet."""

    @property
    def locator(self) -> Names:
        """The columns by which a row is found again."""
        return self.shape.locator

    def mine(self) -> Iterator[Row]:
        """The rows that are the person's."""
        return (row for row in self.rows.values() if row.whose == "mine")

    def others(self) -> int:
        """How many rows were met that are somebody else's."""
        return sum(row.count for row in self.rows.values() if row.whose != "mine")

    def values(self, row: Row, names: Names) -> Locator:
        """What the row holds in watched columns."""
        at = self.shape.at
        return tuple([row.links[at[name]] for name in names])


class Walk:
    """Finds every row there is a way to. Ends for every graph: a question is asked once.

    With `reads` it remembers no rows but those in doubt, and hands them out by `again`; memory grows with the keys of
    rows that lead on to others, some 90 bytes a row, not with the rows.
    """

    def __init__(
        self, graph: Graph, place: Callable[[Address], Place], identities: Identities, *, reads: bool = False
    ) -> None:
        self.graph = graph
        self.places: dict[Address, Place] = {}
        self._place, self._reads, self._taken = place, reads, False
        self._identities = {kind: frozenset(map(_folded, values)) for kind, values in identities.items()}
        self._given = identities
        self._asked: dict[Address, dict[Asked, Questions]] = defaultdict(lambda: defaultdict(Questions))
        self._waiting: set[Address] = set()
        self._owned_keys: dict[Link, Digests] = defaultdict(Digests)
        self._led_keys: dict[Link, Digests] = defaultdict(Digests)

    def run(self) -> None:
        """All there is a way to has been found."""
        for address, paths in self.graph.seeds.items():
            self._seed(address, paths)
        while self._waiting:
            address = min(self._waiting, key=self.graph.position.__getitem__)
            self._waiting.remove(address)
            self._visit(address)
            if not self._waiting:
                self._settle_doubtful()
        for place in self.places.values():
            for row in place.rows.values():
                row.whose = "other" if row.whose == "doubtful" else row.whose

    def take(self, keys: Mapping[Address, Sequence[Locator]]) -> None:
        """Just these rows have been found, those of them that still are there; all are the person's."""
        self._taken = True
        for address, locators in keys.items():
            place = self.at(address)
            if self._reads:
                for each in locators:
                    self._asked[address][place.locator].ask(same_all(each), each)
                continue
            for chunk in chunks(fitting(place.table, place.locator, locators)):
                list(self._read(place, among(place.table, place.locator, chunk)))

    def at(self, address: Address) -> Place:
        """The collection, its table looked up the first time."""
        if address not in self.places:
            self.places[address] = self._place(address)
        return self.places[address]

    def asked(self, address: Address, names: Names) -> Container[Locator]:
        """For which values of these columns every row was read."""
        return self._asked[address][names]

    def again(self, place: Place, columns: Iterable[str]) -> Iterator[tuple[Row, Mapping[str, Any]]]:
        """Every row there was a way to, with the values of these columns, straight from the cursor; each once.

        A row that two questions find is the earlier one's. For a walk that `reads`, after its `run` or `take`.
        """
        watched = place.shape.watched
        names = list(dict.fromkeys((*watched, *columns)))
        select = sa.select(*(place.table.column(name) for name in names)).select_from(place.table.clause)
        known = self._asked[place.address] if self._taken or not place.is_empty else {}
        questions = {names: each.every() for names, each in known.items()}
        for earlier, condition in _conditions(place.table, questions):
            for found in place.database.rows(place.table, select.where(condition), streams=True):
                row = Row((), tuple(found[: len(watched)]))
                if any(same_all(place.values(row, each)) in self.asked(place.address, each) for each in earlier):
                    continue
                if not self._taken:
                    self._judge(place, row)
                yield row, dict(zip(names, found, strict=True))

    def _seed(self, address: Address, paths: Iterable[str]) -> None:
        collection = self.graph.collections[address]
        for path in paths:
            leaf = collection.leaf(path)
            kind = leaf.identity if leaf else None
            folds = kind == "email" and path in self.at(address).table.folds
            for value in sorted(self._given.get(kind or "", ())):
                if folds:
                    self._ask(address, (Folded(path),), (value.strip().lower(),))
                    continue
                for form in {value, value.lower()} if kind == "email" else {value}:
                    self._ask(address, (path,), (form,))

    def _ask(self, address: Address, names: Asked, values: Locator) -> None:
        if self._asked[address][names].ask(same_all(values), values):
            self._waiting.add(address)

    # --- reading ------------------------------------------------------------------------------------------------------
    def _visit(self, address: Address) -> None:
        place = self.at(address)
        new = {names: each.take() for names, each in self._asked[address].items()}
        for _earlier, condition in _conditions(place.table, new):
            for row in self._streamed(place, condition) if self._reads else self._read(place, condition):
                place.is_empty = False
                self._judge(place, row)
                if row.whose == "mine":
                    self._expand(place, row)
                elif self._reads and row.whose == "doubtful":
                    place.rows[same_all(row.locator)] = row

    def _streamed(self, place: Place, condition: sa.ColumnElement[bool]) -> Iterator[Row]:
        """The rows, none of them remembered."""
        shape, statement = place.shape, place.shape.select.where(condition)
        for found in place.database.rows(place.table, statement, streams=True):
            locator = tuple([found[at] for at in shape.locator_at])
            yield Row(locator, tuple([found[at] for at in shape.watched_at]))

    def _read(self, place: Place, condition: sa.ColumnElement[bool]) -> Iterator[Row]:
        shape, statement = place.shape, place.shape.select.where(condition)
        seen: dict[Locator, int] = defaultdict(int)
        alike: dict[Locator, Locator] = {}  # many rows of one person hold the same links
        for found in place.database.rows(place.table, statement):
            locator = tuple([found[at] for at in shape.locator_at])
            key = same_all(locator)
            if not shape.table.key:  # the same row again is another one where there is no key
                seen[key] += 1
            if key in place.rows:
                place.rows[key].count = max(place.rows[key].count, seen.get(key, 1))
                continue
            links = tuple([found[at] for at in shape.watched_at])
            links = alike.setdefault(links, links)
            row = place.rows[key] = Row(locator, links, tuple(found[shape.width :]))
            yield row

    # --- whose --------------------------------------------------------------------------------------------------------
    def _judge(self, place: Place, row: Row) -> None:
        self._identify(place, row)
        own, others = self._claims(place, row)
        if row.identified:
            row.whose, row.owned = "mine", True
        elif row.foreign:
            row.whose = "other"
        elif own:
            row.whose, row.owned = "mine", True
        else:
            row.whose = "doubtful" if others else "mine"

    def _identify(self, place: Place, row: Row) -> None:
        foreign = set()
        for name, kind in place.shape.identities.items():
            (value,) = place.values(row, (name,))
            if value is None or not str(value).strip():
                continue
            if _folded(value) in self._identities[kind]:
                row.identified = True
            else:
                foreign.add(name)
        row.foreign = frozenset(foreign)

    def _claims(self, place: Place, row: Row) -> tuple[bool, bool]:
        """Whether the row belongs to a row of the person, and whether to a row of somebody else."""
        own = others = False
        for link in self.graph.from_child(place.address):
            if not link.down or link.to_itself:
                continue
            values = place.values(row, link.child_fields)
            if None in values:
                continue
            key = same_all(values)
            if key in self._owned_keys[link]:
                own = True
            elif link.parent not in self.graph.belongings or key not in self._led_keys[link]:
                others |= link.parent in self.graph.people | self.graph.belongings
        return own, others

    def _settle_doubtful(self) -> None:
        """Rows whose owner was not known yet are looked at again; those that turn out the person's lead on."""
        for place in list(self.places.values()):
            for row in [row for row in place.rows.values() if row.whose == "doubtful"]:
                self._judge(place, row)
                if row.whose == "mine":
                    self._expand(place, row)

    # --- onward -------------------------------------------------------------------------------------------------------
    def _expand(self, place: Place, row: Row) -> None:
        for link in self.graph.from_parent(place.address):
            values = place.values(row, link.parent_fields)
            if None in values:
                continue
            (self._owned_keys if row.owned else self._led_keys)[link].add(same_all(values))
            if link.down and (row.owned or not (link.undirected and link.to_itself)):
                self._ask(link.child, link.child_fields, values)
        for link in self.graph.from_child(place.address):
            values = place.values(row, link.child_fields)
            if link.up and None not in values:
                self._ask(link.parent, link.parent_fields, values)


def _folded(value: Any) -> str:
    return str(same(value)).strip().lower()  # folded, `straße.example` were `strasse.example`


def _conditions(table: Table, questions: Mapping[Asked, Span]) -> Iterator[tuple[list[Names], sa.ColumnElement[bool]]]:
    """One question where it is short enough, else one for each batch of keys, and what is compared folded last.

    With each the columns by which earlier questions have found the same row already, when their values were asked for.
    """
    if sum(map(len, questions.values())) <= CHUNK:
        few = _fitting(table, questions)
        if few:
            yield [], sa.or_(*(among(table, names, values) for names, values in few.items()))
        return
    earlier: list[Names] = []
    for names in [each for each in questions if not _folds(each)]:
        for chunk in chunks(fitting(table, names, questions[names])):
            yield list(earlier), among(table, names, chunk)
        earlier.append(cast(Names, names))
    folded = _fitting(table, {names: values for names, values in questions.items() if _folds(names)})
    if folded:
        yield earlier, sa.or_(*(among(table, names, values) for names, values in folded.items()))


def _fitting(table: Table, questions: Mapping[Asked, Span]) -> dict[Asked, list[Locator]]:
    found = {names: list(fitting(table, names, values)) for names, values in questions.items() if values}
    return {names: values for names, values in found.items() if values}


def _folds(names: Asked) -> bool:
    return any(isinstance(name, Folded) for name in names)


def fitting(table: Table, names: Asked, values: Iterable[Locator]) -> Iterator[Locator]:
    """The values as the columns' types; what cannot be one is in no row, but where a row can hold it all the same."""
    columns = [table.column(name.name if isinstance(name, Folded) else name) for name in names]
    kinds = [(_python_type(column), takes_anything(column)) for column in columns]
    for value in values:
        try:
            yield tuple(_as_held(*kind, each) for kind, each in zip(kinds, value, strict=True))
        except (ValueError, ArithmeticError):
            continue


def _as_held(kind: Any, anything: bool, value: Any) -> Any:
    try:
        return _as(kind, value)
    except (ValueError, ArithmeticError):
        if anything:
            return value
        raise


def _python_type(column: sa.ColumnClause[Any]) -> type:
    try:
        return column.type.python_type
    except NotImplementedError:
        return object


def _as(kind: Any, value: Any) -> Any:
    if value is None or kind is object or isinstance(value, kind):
        return value
    if kind is int:
        number = int(str(same(value)))
        if not -(2**63) <= number < 2**63:
            raise ValueError
        return number
    if kind is str:
        return same(value)
    if kind is UUID:
        return UUID(str(value))
    if kind is Decimal:
        return Decimal(str(value))
    if kind in {datetime, date}:
        return kind.fromisoformat(str(same(value)))
    if kind is bytes:
        return bytes.fromhex(str(value))
    return value
