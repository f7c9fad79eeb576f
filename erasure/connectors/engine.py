"""One request through all the named connectors: everything is computed first, then all of them change, or none.

Databases that can prepare a transaction do so before the first one commits. Those that cannot commit one after the
other at the end; only there, between two commits, can a crash leave one done and the other not (docs/connectors.md).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

from sqlalchemy.exc import SQLAlchemyError

from erasure.connectors.blueprint import Asked, Blueprint, blueprint
from erasure.connectors.cascades import require_no_cascade
from erasure.connectors.changes import Work, plan_changes
from erasure.connectors.commit import Alone, Coordinator, commit
from erasure.connectors.dataset import Address, Dataset
from erasure.connectors.failures import code_of
from erasure.connectors.masking import NULL, Masker, Strategy
from erasure.connectors.reading import read
from erasure.connectors.report import Kept, Problem, Report, RunFailed, problem
from erasure.connectors.sql import Database, normalised
from erasure.connectors.values import Locator
from erasure.connectors.walk import Place, Walk
from gdpr_portal import breakers, traces
from gdpr_portal.errors import DomainError, Invalid

BREAKER = "connector"


@dataclass(frozen=True)
class Source:
    """A connector opened for one run: where it is, and what lies there."""

    name: str
    url: str = field(repr=False)
    datasets: tuple[Dataset, ...] = ()


@dataclass(frozen=True)
class Order:
    """What is asked of the connectors. `fallback` masks text that may not be NULL; without one it is withheld.
    With `show` the statements of the changes are kept as text, without their values.

    `only` names rows by their keys: just these, whoever else they belong to. `looks` asks what an erasure would still
    change, counting nothing whose mask cannot be told from a value. `kept` says which rows stay.
    """

    right: Literal["access", "erasure"]
    identities: Mapping[str, frozenset[str]] = field(repr=False)
    categories: tuple[str, ...]
    masking: Strategy = NULL
    fallback: Strategy | None = None
    dry_run: bool = False
    show: bool = False
    looks: bool = False
    only: Mapping[Address, Sequence[Locator]] | None = field(default=None, repr=False)
    kept: Kept | None = None

    @property
    def writes(self) -> bool:
        """Whether anything is to be changed."""
        return self.right == "erasure" and not self.dry_run and not self.looks


@dataclass
class Run:
    """A run under way, its transactions open. `rows` is read while they are."""

    order: Order
    coordinator: Coordinator
    report: Report = field(default_factory=Report)
    unreached: list[Address] = field(default_factory=list)
    outside: list[Address] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    rows: Iterator[tuple[Address, dict[str, Any]]] = field(default_factory=lambda: iter(()))
    _databases: list[Database] = field(default_factory=list)


@contextmanager
def running(sources: Sequence[Source], order: Order, coordinator: Coordinator | None = None) -> Iterator[Run]:
    """A run whose outcome stands in its report; its `rows` can be read until the block ends."""
    run, masker = Run(order, coordinator or Alone()), Masker()
    with ExitStack() as stack:
        stack.enter_context(traces.span("connector", host=",".join(source.name for source in sources)))
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
    order = run.order
    databases = [_opened(source, run, len(sources) > 1, stack) for source in sources]
    plan = blueprint([source.datasets for source in sources], databases, _asked(order))
    run.unreached, run.outside = list(plan.unreached), sorted(plan.graph.outside)
    reads = order.right == "access"
    walk = Walk(plan.graph, partial(_place, plan, databases), order.identities, reads=reads)
    walk.run() if order.only is None else walk.take(order.only)
    if reads:
        run.rows = read(walk, plan.wanted, run.report)
        return
    works = plan_changes(walk, plan.intents, masker, run.report, settled=order.only is not None, kept=order.kept)
    if not order.looks:
        require_no_cascade(works, walk)
    _apply(run, works)


def _asked(order: Order) -> Asked:
    return Asked(
        erases=order.right == "erasure",
        kinds=frozenset(order.identities),
        categories=order.categories,
        masking=order.masking,
        fallback=order.fallback,
        looks=order.looks,
        settled=order.only is not None,
    )


def _place(plan: Blueprint, databases: Sequence[Database], address: Address) -> Place:
    shape = plan.shape(address)
    return Place(address=address, database=databases[shape.database], shape=shape, table=shape.table)


# --- before anything is read --------------------------------------------------------------------------------------
def _opened(source: Source, run: Run, several: bool, stack: ExitStack) -> Database:
    if breakers.wait_seconds(BREAKER, source.name):
        raise _not_opened(source, breakers.OPEN)
    database = Database(source.name, normalised(source.url), writing=run.order.writes)
    stack.callback(_closed, database)
    try:
        database.open(run.coordinator if several else None)
    except (SQLAlchemyError, RunFailed) as error:
        code = error.problems[0].code if isinstance(error, RunFailed) else code_of(error, otherwise="connection_failed")
        code = code if code in {"read_only_connection", "conflict", "timeout"} else "connection_failed"
        breakers.told(BREAKER, source.name, answered=code in {"read_only_connection", "conflict"})
        raise _not_opened(source, code) from None
    breakers.told(BREAKER, source.name, answered=True)
    run._databases.append(database)
    return database


def _not_opened(source: Source, code: str) -> RunFailed:
    places = [each.address for dataset in source.datasets for each in dataset.collections if not each.skip]
    return RunFailed([problem(place, code, f"Connector: {source.name}.") for place in places])


def _closed(database: Database) -> None:
    """A connection that broke has nothing left to undo: the server did."""
    try:
        database.close()
    except SQLAlchemyError:
        database.broken = True


# --- changing -----------------------------------------------------------------------------------------------------
def _apply(run: Run, works: Sequence[Work]) -> None:
    if not (run.order.show or run.order.writes):
        return  # nobody reads the statements, and of very many rows they cost more than finding these did
    for work in works:
        for statement, expected, unlike in work.statements():
            if run.order.show:
                run.shown.append(work.place.database.show(statement))
            if run.order.writes:
                work.place.database.write(work.place.table, statement, expected, unlike)
    if run.order.writes:
        run.coordinator.ready(run.report)
        commit(run._databases, run.coordinator)
