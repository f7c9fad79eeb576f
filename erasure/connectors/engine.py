"""One request through all the named connectors: everything is computed first, then all of them change, or none.

Databases that can prepare a transaction do so before the first one commits. Those that cannot commit one after the
other at the end; only there, between two commits, can a crash leave one done and the other not (docs/connectors.md).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy.exc import SQLAlchemyError

from erasure.connectors import graph as graphs
from erasure.connectors.changes import Work, plan_changes
from erasure.connectors.dataset import Address, Collection, Dataset, Field
from erasure.connectors.failures import code_of, problem
from erasure.connectors.intents import Intent, Wanted, intent
from erasure.connectors.masking import NULL, Masker, Strategy
from erasure.connectors.reading import read
from erasure.connectors.report import Problem, Report, RunFailed
from erasure.connectors.sql import Database, Table, normalised
from erasure.connectors.walk import Place, Walk
from gdpr_portal.errors import DomainError, Invalid


@dataclass(frozen=True)
class Source:
    """A connector opened for one run: where it is, and what lies there."""

    name: str
    url: str = field(repr=False)
    datasets: tuple[Dataset, ...] = ()


@dataclass(frozen=True)
class Order:
    """What is asked of the connectors. `fallback` masks text that may not be NULL; without one it is withheld."""

    right: Literal["access", "erasure"]
    identities: Mapping[str, frozenset[str]] = field(repr=False)
    categories: tuple[str, ...]
    masking: Strategy = NULL
    fallback: Strategy | None = None
    dry_run: bool = False

    @property
    def writes(self) -> bool:
        """Whether anything is to be changed."""
        return self.right == "erasure" and not self.dry_run


@dataclass
class Run:
    """A run under way, its transactions open. `rows` is read while they are."""

    order: Order
    report: Report = field(default_factory=Report)
    unreached: list[Address] = field(default_factory=list)
    outside: list[Address] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    rows: Iterator[tuple[Address, dict[str, Any]]] = field(default_factory=lambda: iter(()))
    _databases: list[Database] = field(default_factory=list)


@contextmanager
def running(sources: Sequence[Source], order: Order) -> Iterator[Run]:
    """A run whose outcome stands in its report; its `rows` can be read until the block ends."""
    run, masker = Run(order), Masker()
    with ExitStack() as stack:
        stack.callback(masker.destroy)
        try:
            _run(run, sources, masker, stack)
        except RunFailed as failure:
            run.report.fail(failure.problems)
        except Invalid as error:
            run.report.fail(_problems_of(error))
        run.report.statements = sum(database.statements for database in run._databases)
        run.rows = _guarded(run, run.rows)
        yield run
    run.report.statements = sum(database.statements for database in run._databases)


def _problems_of(error: DomainError) -> list[Problem]:
    flaws = [Problem(flaw.pointer, flaw.code, flaw.detail) for flaw in error.errors]
    return flaws or [Problem("", error.code, error.message)]


def _guarded(run: Run, rows: Iterator[tuple[Address, dict[str, Any]]]) -> Iterator[tuple[Address, dict[str, Any]]]:
    """The rows; a failure while reading them ends them, and the report says so."""
    try:
        yield from rows
    except RunFailed as failure:
        run.report.fail(failure.problems)
    run.report.statements = sum(database.statements for database in run._databases)


def _run(run: Run, sources: Sequence[Source], masker: Masker, stack: ExitStack) -> None:
    databases = {source.name: _opened(source, run, len(sources) > 1, stack) for source in sources}
    collections = {each.address: (each, databases[source.name]) for source, each in _collections(sources)}
    tables = _tables(databases, collections)
    keys = {address: _key(each, tables.get(address)) for address, (each, _database) in collections.items()}
    graph = graphs.build([each for each, _database in collections.values()], keys, run.order.identities)
    reached = graph.reachable()
    run.unreached, run.outside = sorted(set(graph.collections) - reached), sorted(graph.outside)
    _check_tables(reached, collections, tables)
    wanted = Wanted(run.order.categories, run.order.masking, run.order.fallback)
    _check_columns({address: wanted.leaves(graph.collections[address]) for address in reached}, tables)
    intents = _intents(graph, reached, collections, tables, wanted) if run.order.right == "erasure" else {}
    walk = Walk(graph, _places(graph, collections, tables, intents, run.order, masker), run.order.identities)
    walk.run()
    if run.order.right == "access":
        run.rows = read(walk, wanted, run.report)
        return
    works = plan_changes(walk, intents, masker, run.report)
    _apply(run, works)


def _collections(sources: Sequence[Source]) -> Iterator[tuple[Source, Collection]]:
    seen: set[str] = set()
    for source in sources:
        for dataset in source.datasets:
            if dataset.key in seen:
                raise RunFailed([Problem(dataset.key, "duplicate_dataset", "Two connectors hold this dataset.")])
            seen.add(dataset.key)
            for collection in dataset.collections:
                yield source, collection


# --- before anything is read --------------------------------------------------------------------------------------
def _opened(source: Source, run: Run, several: bool, stack: ExitStack) -> Database:
    database = Database(source.name, normalised(source.url), writing=run.order.writes)
    stack.callback(_closed, database)
    try:
        database.open(two_phase=several)
    except (SQLAlchemyError, RunFailed) as error:
        code = error.problems[0].code if isinstance(error, RunFailed) else code_of(error, otherwise="connection_failed")
        code = code if code in {"read_only_connection", "conflict", "timeout"} else "connection_failed"
        places = [each.address for dataset in source.datasets for each in dataset.collections if not each.skip]
        raise RunFailed([problem(place, code, f"Connector: {source.name}.") for place in places]) from None
    run._databases.append(database)
    return database


def _closed(database: Database) -> None:
    """A connection that broke has nothing left to undo: the server did."""
    try:
        database.close()
    except SQLAlchemyError:
        database.broken = True


def _tables(
    databases: Mapping[str, Database], collections: Mapping[Address, tuple[Collection, Database]]
) -> dict[Address, Table]:
    found: dict[Address, Table] = {}
    for database in databases.values():
        members = [each for each, where in collections.values() if where is database and not each.skip]
        with database.running(database.name):
            found |= database.reflect(members)
    return found


def _key(collection: Collection, table: Table | None) -> frozenset[str]:
    if table is not None and table.key:
        return frozenset(table.key)
    return frozenset(leaf.path for leaf in collection.leaves() if leaf.primary_key)


def _check_tables(
    reached: set[Address],
    collections: Mapping[Address, tuple[Collection, Database]],
    tables: Mapping[Address, Table],
) -> None:
    missing = [address for address in sorted(reached) if address not in tables]
    if missing:
        raise RunFailed(
            problem(address, "table_missing", f"Connector: {collections[address][1].name}.") for address in missing
        )


def _check_columns(leaves: Mapping[Address, Sequence[Field]], tables: Mapping[Address, Table]) -> None:
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
    graph: graphs.Graph,
    reached: set[Address],
    collections: Mapping[Address, tuple[Collection, Database]],
    tables: Mapping[Address, Table],
    wanted: Wanted,
) -> dict[Address, Intent]:
    found: dict[Address, Intent] = {}
    problems: list[Problem] = []
    for address in sorted(reached):
        collection, database = collections[address]
        untyped = database.url.get_backend_name() == "sqlite"
        try:
            found[address] = intent(collection, tables[address], graph, wanted, untyped=untyped)
        except RunFailed as failure:
            problems.extend(failure.problems)
    if problems:
        raise RunFailed(problems)
    return found


def _places(
    graph: graphs.Graph,
    collections: Mapping[Address, tuple[Collection, Database]],
    tables: Mapping[Address, Table],
    intents: Mapping[Address, Intent],
    order: Order,
    masker: Masker,
) -> Callable[[Address], Place]:
    def place(address: Address) -> Place:
        collection, database = collections[address]
        _check_tables({address}, collections, tables)
        table = tables[address]
        watched = {name for link in graph.from_child(address) for name in link.child_fields}
        watched |= {name for link in graph.from_parent(address) for name in link.parent_fields}
        identities = {leaf.path: leaf.identity for leaf in collection.leaves() if leaf.identity in order.identities}
        watched |= identities.keys()
        marked = {leaf.path for leaf in collection.leaves() if leaf.primary_key}
        targets = intents[address].targets if address in intents else ()
        return Place(
            address=address,
            database=database,
            table=table,
            locator=table.key or tuple(sorted(watched | marked)),
            watched=tuple(sorted(watched)),
            identities={path: kind for path, kind in identities.items() if kind is not None},
            states=[target.state(table, masker) for target in targets],
        )

    return place


# --- changing -----------------------------------------------------------------------------------------------------
def _apply(run: Run, works: Sequence[Work]) -> None:
    for work in works:
        for statement, expected in work.statements():
            run.shown.append(work.place.database.show(statement))
            if run.order.writes:
                work.place.database.write(work.place.table, statement, expected)
    if run.order.writes:
        _commit(run._databases)


def _commit(databases: Sequence[Database]) -> None:
    for database in databases:
        with database.running(database.name):
            database.prepare()
    for database in sorted(databases, key=lambda each: each.prepares):
        with database.running(database.name):
            database.commit()
