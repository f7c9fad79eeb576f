"""One database of somebody else, through SQLAlchemy Core: its tables as they are, and one transaction on it.

Statements are batched by keys, never one a row. Nothing here logs, and no error carries what a driver said.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.sql.elements import ColumnElement

from erasure.connectors import schema
from erasure.connectors.dataset import Collection
from erasure.connectors.failures import code_of
from erasure.connectors.held import declared
from erasure.connectors.pool import STATEMENT_SECONDS, engine
from erasure.connectors.prepared import XID, Coordinator, confirm, recover
from erasure.connectors.report import RunFailed, problem
from erasure.connectors.schema import Table
from erasure.connectors.values import Locator
from gdpr_portal.errors import Invalid

CHUNK = 500
DRIVERS = {
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
}

ONE_PARAMETER = frozenset({sa.INTEGER, sa.BIGINT, sa.SMALLINT, sa.VARCHAR, sa.TEXT, sa.UUID})
BEGUN = f"""
SELECT current_setting('transaction_read_only'), set_config('statement_timeout', '{STATEMENT_SECONDS}s', true),
  set_config('row_security', 'off', true)
"""
"""Without `row_security` a policy that hides rows is an error; with it a copy, or an erasure, would leave them out."""
READING = f"{BEGUN}, set_config('transaction_read_only', 'on', true)"


def normalised(url: str) -> URL:
    """The address with a driver that is installed. Invalid("invalid_url") for what cannot be read or is not served."""
    try:
        parsed = make_url(url)
        parsed = parsed.set(drivername=DRIVERS.get(parsed.drivername, parsed.drivername))
        parsed.get_dialect()
    except (ArgumentError, SQLAlchemyError, ImportError, ValueError):
        raise Invalid("invalid_url", "This is not the address of a database that can be reached.") from None
    if parsed.get_backend_name() == "sqlite" and parsed.database in {None, "", ":memory:"}:
        raise Invalid("invalid_url", "A SQLite database is a file.")
    return parsed


@dataclass
class Database:
    """One open transaction on one connector's database."""

    name: str
    url: URL
    writing: bool = False
    statements: int = 0
    broken: bool = False
    _emptied: set[str] = field(default_factory=set)
    _connection: sa.Connection | None = None
    _transaction: sa.RootTransaction | None = None

    # --- the transaction ----------------------------------------------------------------------------------------------
    def open(self, coordinator: Coordinator | None = None) -> None:
        """A transaction is open, on one picture of the data; a kept connection that broke meanwhile is replaced.

        With a coordinator the changes are prepared before they are committed, where the database can.
        """
        try:
            self._begin(coordinator)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
            self.close()
            self._begin(coordinator)

    def _begin(self, coordinator: Coordinator | None) -> None:
        self._connection = connection = engine(self.url).connect()
        if coordinator is not None and self.writing and self._can_prepare():
            recover(connection, coordinator)
            self._transaction = connection.begin_twophase(f"{XID}{coordinator.run}/{self.name}")
        else:
            self._transaction = connection.begin()
        match self.url.get_backend_name():
            case "sqlite":
                self.connection.exec_driver_sql("BEGIN IMMEDIATE" if self.writing else "BEGIN")
            case "postgresql":
                taken = self.connection.exec_driver_sql(BEGUN if self.writing else READING).scalar()
                if self.writing and taken == "on":
                    raise RunFailed([problem(self.name, "read_only_connection")])
            case _:
                self.connection.exec_driver_sql("SELECT 1")

    def _can_prepare(self) -> bool:
        """Whether the server prepares transactions; asked once a connection, it is told at the server's start only."""
        if self.url.get_backend_name() != "postgresql":
            return False
        if "prepares" not in self.connection.info:
            allowed = self.connection.exec_driver_sql("SHOW max_prepared_transactions").scalar()
            self.connection.rollback()
            self.connection.info["prepares"] = int(allowed or 0) > 0
        return bool(self.connection.info["prepares"])

    @property
    def connection(self) -> sa.Connection:
        """The open connection."""
        if self._connection is None:
            raise RuntimeError("the database is not open")
        return self._connection

    @property
    def prepares(self) -> bool:
        """Whether the changes can be made certain before they are committed."""
        return isinstance(self._transaction, sa.TwoPhaseTransaction)

    def prepare(self) -> None:
        """The changes will survive whatever comes until `commit`, where the database can promise that.

        Where it cannot, what it would look at only then (deferred rules) is looked at now.
        """
        if isinstance(self._transaction, sa.TwoPhaseTransaction):
            self._transaction.prepare()
        elif self.url.get_backend_name() == "postgresql":
            self._execute(sa.text("SET CONSTRAINTS ALL IMMEDIATE"))
        elif self.url.get_backend_name() == "sqlite" and self._emptied:
            orphans = self._execute(sa.text("PRAGMA foreign_key_check"))
            if any(orphan.parent in self._emptied for orphan in orphans):
                raise RunFailed([problem(self.name, "constraint_violated")])

    def commit_prepared(self) -> None:
        """What was prepared stands, confirmed over a fresh connection when the first one broke."""
        if not isinstance(self._transaction, sa.TwoPhaseTransaction):
            return
        xid, connection = str(self._transaction.xid), self.connection
        try:
            self._transaction.commit()
        except DBAPIError as error:
            self._connection = self._transaction = None
            connection.invalidate()  # first, or closing it would roll back what is decided
            connection.close()
            if not error.connection_invalidated:
                raise
            with engine(self.url).connect() as fresh:
                confirm(fresh, xid)

    def commit(self) -> None:
        """The changes stand."""
        if self._transaction is not None:
            self._transaction.commit()

    def close(self) -> None:
        """Whatever was not committed is undone, and the connection is gone."""
        try:
            if self._transaction is not None and self._transaction.is_active:
                self._transaction.rollback()
        finally:
            if self._connection is not None:
                self._connection.close()
            self._connection = self._transaction = None

    # --- the tables ---------------------------------------------------------------------------------------------------
    def tables(self, collections: Iterable[Collection]) -> schema.Tables:
        """Those of the tables that exist."""
        return schema.tables(self.connection, list(collections))

    # --- statements ---------------------------------------------------------------------------------------------------
    def rows(self, table: Table, statement: sa.Select[Any], *, streams: bool = False) -> Iterator[sa.Row[Any]]:
        """The rows a query finds; with `streams` many come through a cursor of the server, never all of them at once.

        Few, as most people have, come at once: a cursor costs three messages more. Until the rows are gone through
        nothing else is asked of this database (MySQL allows nothing else).
        """
        with self.running(table.address):
            if not streams:
                yield from self._execute(statement)
            elif len(few := self._execute(statement.limit(CHUNK + 1)).all()) <= CHUNK:
                yield from few
            else:
                yield from self._execute(statement.execution_options(yield_per=CHUNK))

    def asked(self, table: Table, question: str, given: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """What the catalogue answers to a question in the words of its own database."""
        with self.running(table.address):
            self.statements += 1
            return [tuple(row) for row in self.connection.exec_driver_sql(question, dict(given))]

    def write(
        self, table: Table, statement: sa.Update | sa.Delete, expected: int, unlike: sa.Select[Any] | None = None
    ) -> None:
        """The statement changed the rows it was meant to; RunFailed("conflict") when it found others.

        RunFailed("constraint_violated") when `unlike` counts any that do not hold what was written.
        """
        with self.running(table.address):
            result = self._execute(statement)
        if result.rowcount != expected:
            raise RunFailed([problem(table.address, "conflict")])
        if isinstance(statement, sa.Delete):
            self._emptied.add(table.name[1])
        if unlike is not None:
            with self.running(table.address):
                put_back = self._execute(unlike).scalar()
            if put_back:
                raise RunFailed([problem(table.address, "constraint_violated")])

    def _execute(self, statement: sa.Executable) -> sa.CursorResult[Any]:
        self.statements += 1
        return self.connection.execute(statement)

    @contextmanager
    def running(self, place: object) -> Iterator[None]:
        """Errors of the database are ours, with the place and without a value."""
        try:
            yield
        except SQLAlchemyError as error:
            raise RunFailed([problem(place, code_of(error))]) from None
        except OverflowError:
            raise RunFailed([problem(place, "database_error")]) from None

    def show(self, statement: sa.Update | sa.Delete) -> str:
        """The text of a statement, with names for its values."""
        return str(statement.compile(dialect=self.connection.dialect))


# --- conditions and values ------------------------------------------------------------------------------------------
def chunks(values: Iterable[Any], size: int = CHUNK) -> Iterator[list[Any]]:
    """The values in lists of at most `size`."""
    walk = iter(values)
    while chunk := list(islice(walk, size)):
        yield chunk


class Folded(NamedTuple):
    """A column compared in lower case."""

    name: str


def among(table: Table, columns: Sequence[str | Folded], values: Sequence[Locator]) -> ColumnElement[bool]:
    """Whether the columns hold one of the values, NULL being a value here."""
    found: list[Any] = [
        sa.func.lower(table.column(name.name)) if isinstance(name, Folded) else table.column(name) for name in columns
    ]
    whole = [value for value in values if None not in value]
    parts: list[ColumnElement[bool]] = []
    if whole and len(found) == 1:
        parts.append(_among_one(table, found[0], [value[0] for value in whole]))
    elif whole:
        parts.append(sa.tuple_(*found).in_(whole))
    for value in values:
        if None in value:
            pairs = zip(found, value, strict=True)
            parts.append(sa.and_(*(column.is_(None) if each is None else column == each for column, each in pairs)))
    return parts[0] if len(parts) == 1 else sa.or_(*parts)


def _among_one(table: Table, column: sa.ColumnClause[Any], values: list[Any]) -> ColumnElement[bool]:
    """One parameter for all values where arrays are known: one text, and one plan, however many there are."""
    if table.arrays and type(column.type) in ONE_PARAMETER:
        return column == sa.any_(sa.literal(values, table.array_of(column.type)))
    return column.in_(values)


def is_text(column: sa.ColumnClause[Any], *, untyped: bool) -> bool:
    """Whether any text can be written into the column; `untyped` columns (SQLite) take it."""
    kind = declared(column)
    if isinstance(kind, sa.types.NullType):
        return untyped
    return isinstance(kind, sa.String) and not isinstance(kind, sa.Enum) and not hasattr(kind, "values")


def is_json(column: sa.ColumnClause[Any]) -> bool:
    """Whether the column holds JSON by its type."""
    return isinstance(declared(column), sa.JSON)


def length_of(column: sa.ColumnClause[Any]) -> int | None:
    """How many characters the column takes."""
    return getattr(declared(column), "length", None)
