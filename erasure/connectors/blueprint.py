"""What a kind of request means in these databases: graph, fates of columns, and the questions, before a row is read.

It depends on the datasets, the tables, and what is asked, not on who asks; so it is made once and remembered for as
long as datasets and tables are the very same objects (`schema` hands out other ones when the catalogue changed).
Whatever cannot be done fails here, for the whole run. Failures are not remembered.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from erasure.connectors import graph as graphs
from erasure.connectors.dataset import Address, Collection, Dataset, Field
from erasure.connectors.intents import Intent, Wanted, intent
from erasure.connectors.masking import Strategy
from erasure.connectors.report import Problem, RunFailed, problem
from erasure.connectors.schema import Table, Tables
from erasure.connectors.sql import Database

Names = tuple[str, ...]
REMEMBERED = 32


@dataclass(frozen=True)
class Asked:
    """What is asked, without the person: the kinds of identity, not their values."""

    erases: bool
    kinds: frozenset[str]
    categories: tuple[str, ...]
    masking: Strategy
    fallback: Strategy | None
    looks: bool = False
    settled: bool = False


@dataclass(frozen=True, eq=False)
class Shape:
    """How a collection is read: its locator, what is watched of each row, and the question but for its condition.

    A row of the answer is `width` columns, in which locator and watched columns are found by position, then the states.
    """

    database: int
    table: Table
    locator: Names
    watched: Names
    identities: Mapping[str, str]
    select: sa.Select[Any]
    width: int
    locator_at: tuple[int, ...]
    watched_at: tuple[int, ...]
    at: Mapping[str, int]


@dataclass(eq=False)
class Blueprint:
    """The plan of a request in these databases."""

    graph: graphs.Graph
    tables: Tables
    intents: Mapping[Address, Intent]
    wanted: Wanted
    asked: Asked
    unreached: tuple[Address, ...]
    where: Mapping[Address, int]
    names: Sequence[str]
    _shapes: dict[Address, Shape] = field(default_factory=dict)

    def shape(self, address: Address) -> Shape:
        """How this collection is read; RunFailed("table_missing") when there is no such table."""
        if address not in self._shapes:
            if address not in self.tables:
                raise RunFailed([_missing(address, self.names[self.where[address]])])
            self._shapes[address] = _shape(self, address)
        return self._shapes[address]


_remembered: OrderedDict[Any, tuple[Any, Blueprint]] = OrderedDict()
_lock = threading.Lock()


def blueprint(datasets: Sequence[tuple[Dataset, ...]], databases: Sequence[Database], asked: Asked) -> Blueprint:
    """The plan, remembered or made; RunFailed or Invalid with every reason why it cannot be."""
    where = dict(_places(datasets))
    tables = [_tables(at, database, where) for at, database in enumerate(databases)]
    key = (
        tuple(database.url for database in databases),
        asked,
        tuple(id(each) for group in datasets for each in group),
    )
    with _lock:
        known = _remembered.get(key)
        if known is not None and all(old is new for old, new in zip(known[0][1], tables, strict=True)):
            _remembered.move_to_end(key)
            return known[1]
    made = _made({each.address: each for each, _at in where.values()}, where, tables, databases, asked)
    with _lock:
        _remembered[key] = ((datasets, tables), made)  # the datasets are kept: an id is theirs as long as they live
        while len(_remembered) > REMEMBERED:
            _remembered.popitem(last=False)
    return made


def _places(datasets: Sequence[tuple[Dataset, ...]]) -> Iterator[tuple[Address, tuple[Collection, int]]]:
    seen: set[str] = set()
    for at, group in enumerate(datasets):
        for dataset in group:
            if dataset.key in seen:
                raise RunFailed([Problem(dataset.key, "duplicate_dataset", "Two connectors hold this dataset.")])
            seen.add(dataset.key)
            for collection in dataset.collections:
                yield collection.address, (collection, at)


def _tables(at: int, database: Database, where: Mapping[Address, tuple[Collection, int]]) -> Tables:
    members = [each for each, other in where.values() if other == at and not each.skip]
    with database.running(database.name):
        return database.tables(members)


def _made(
    collections: Mapping[Address, Collection],
    where: Mapping[Address, tuple[Collection, int]],
    tables: Sequence[Tables],
    databases: Sequence[Database],
    asked: Asked,
) -> Blueprint:
    found = {address: table for each in tables for address, table in each.items()}
    keys = {address: _key(each, found.get(address)) for address, each in collections.items()}
    graph = graphs.build(collections.values(), keys, asked.kinds)
    reached = graph.reachable()
    names = [database.name for database in databases]
    positions = {address: at for address, (_collection, at) in where.items()}
    missing = [_missing(address, names[positions[address]]) for address in sorted(reached) if address not in found]
    if missing:
        raise RunFailed(missing)
    wanted = Wanted(asked.categories, asked.masking, asked.fallback, asked.looks, asked.settled)
    _check_columns({address: wanted.leaves(graph.collections[address]) for address in reached}, found)
    untyped = {address for address in reached if databases[positions[address]].url.get_backend_name() == "sqlite"}
    return Blueprint(
        graph=graph,
        tables=found,
        intents=_intents(graph, sorted(reached), found, wanted, untyped) if asked.erases else {},
        wanted=wanted,
        asked=asked,
        unreached=tuple(sorted(set(graph.collections) - reached)),
        where=positions,
        names=names,
    )


def _missing(address: Address, connector: str) -> Problem:
    return problem(address, "table_missing", f"Connector: {connector}.")


def _key(collection: Collection, table: Table | None) -> frozenset[str]:
    if table is not None and table.key:
        return frozenset(table.key)
    return frozenset(leaf.path for leaf in collection.leaves() if leaf.primary_key)


def _check_columns(leaves: Mapping[Address, Sequence[Field]], tables: Tables) -> None:
    """What is asked for is there, before anything is read."""
    missing = [
        problem(address, "column_missing", f"Column: {column}.")
        for address, fields in sorted(leaves.items())
        for column in dict.fromkeys(each.column for each in fields)
        if column not in tables[address].clause.c
    ]
    if missing:
        raise RunFailed(missing)


def _intents(
    graph: graphs.Graph, reached: Sequence[Address], tables: Tables, wanted: Wanted, untyped: set[Address]
) -> dict[Address, Intent]:
    found: dict[Address, Intent] = {}
    problems: list[Problem] = []
    for address in reached:
        collection = graph.collections[address]
        try:
            found[address] = intent(collection, tables[address], graph, wanted, untyped=address in untyped)
        except RunFailed as failure:
            problems.extend(failure.problems)
    if problems:
        raise RunFailed(problems)
    return found


def _shape(plan: Blueprint, address: Address) -> Shape:
    collection, table, graph = plan.graph.collections[address], plan.tables[address], plan.graph
    watched = {name for link in graph.from_child(address) for name in link.child_fields}
    watched |= {name for link in graph.from_parent(address) for name in link.parent_fields}
    identities = {leaf.path: leaf.identity for leaf in collection.leaves() if leaf.identity in plan.asked.kinds}
    watched |= identities.keys()
    marked = {leaf.path for leaf in collection.leaves() if leaf.primary_key}
    locator, seen = table.key or tuple(sorted(watched | marked)), tuple(sorted(watched))
    names = list(dict.fromkeys((*locator, *seen)))
    targets = plan.intents[address].targets if address in plan.intents else ()
    states = [target.state(table).label(f"state_{at}") for at, target in enumerate(targets)]
    return Shape(
        database=plan.where[address],
        table=table,
        locator=locator,
        watched=seen,
        identities={path: kind for path, kind in identities.items() if kind is not None},
        select=sa.select(*(table.column(name) for name in names), *states).select_from(table.clause),
        width=len(names),
        locator_at=tuple(names.index(name) for name in locator),
        watched_at=tuple(names.index(name) for name in seen),
        at={name: at for at, name in enumerate(seen)},
    )
