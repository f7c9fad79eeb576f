"""One database of somebody else, through SQLAlchemy Core: its tables as they are, and one transaction on it.

Statements are batched by keys, never one a row. Nothing here logs, and no error carries what a driver said.
"""

import sqlite3
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.reflection import ObjectKind
from sqlalchemy.exc import ArgumentError, SAWarning, SQLAlchemyError
from sqlalchemy.pool import NullPool
from sqlalchemy.sql.elements import ColumnElement

from erasure.connectors.dataset import Address, Collection
from erasure.connectors.failures import code_of, problem
from erasure.connectors.report import RunFailed
from gdpr_portal.errors import Invalid

CHUNK = 500
CONNECT_SECONDS = 3
STATEMENT_SECONDS = 60
DRIVERS = {
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
}

Locator = tuple[Any, ...]


@dataclass(frozen=True)
class ForeignKey:
    """A foreign key the database enforces, `columns` of this table on a key of `table`."""

    columns: tuple[str, ...]
    table: tuple[str | None, str]
    referred: tuple[str, ...]
    nullable: bool


@dataclass(frozen=True)
class Table:
    """A table as it is in the database."""

    address: Address
    clause: sa.TableClause
    nullable: Mapping[str, bool]
    key: tuple[str, ...]
    foreign_keys: tuple[ForeignKey, ...] = ()
    name: tuple[str | None, str] = (None, "")

    def column(self, name: str) -> sa.ColumnClause[Any]:
        """The column; RunFailed("column_missing") when there is none."""
        if name not in self.clause.c:
            raise RunFailed([problem(self.address, "column_missing", f"Column: {name}.")])
        return self.clause.c[name]


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
    _connection: sa.Connection | None = None
    _transaction: sa.RootTransaction | None = None

    # --- the transaction ----------------------------------------------------------------------------------------------
    def open(self, *, two_phase: bool = False) -> None:
        """A transaction is open, on one picture of the data."""
        backend = self.url.get_backend_name()
        connection = _engine(self.url).connect()
        self._connection = connection
        if backend == "postgresql":
            connection = connection.execution_options(isolation_level="REPEATABLE READ")
        if two_phase and self.writing and self._can_prepare():
            self._transaction = connection.begin_twophase()
        else:
            self._transaction = connection.begin()
        self._begin(backend)

    def _begin(self, backend: str) -> None:
        if backend == "sqlite":
            self.connection.exec_driver_sql("BEGIN IMMEDIATE" if self.writing else "BEGIN")
        elif backend == "postgresql":
            self.connection.exec_driver_sql(f"SET LOCAL statement_timeout = '{STATEMENT_SECONDS}s'")
            if self.writing and self.connection.exec_driver_sql("SHOW transaction_read_only").scalar() == "on":
                raise RunFailed([problem(self.name, "read_only_connection")])

    def _can_prepare(self) -> bool:
        if self.url.get_backend_name() != "postgresql":
            return False
        allowed = self.connection.exec_driver_sql("SHOW max_prepared_transactions").scalar()
        self.connection.rollback()
        return int(allowed or 0) > 0

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
        """The changes will survive whatever comes until `commit`, where the database can promise that."""
        if isinstance(self._transaction, sa.TwoPhaseTransaction):
            self._transaction.prepare()

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

    # --- the tables ---------------------------------------------------------------------------------------------------
    def reflect(self, collections: Iterable[Collection]) -> dict[Address, Table]:
        """Those of the tables that exist, by schema in one question each where the database can."""
        by_schema: dict[str | None, list[Collection]] = {}
        for collection in collections:
            by_schema.setdefault(self.schema_of(collection), []).append(collection)
        inspector = sa.inspect(self.connection)
        found: dict[Address, Table] = {}
        for schema, members in by_schema.items():
            found |= _reflected(inspector, schema, members)
        return found

    def schema_of(self, collection: Collection) -> str | None:
        """The schema the table is looked for in; SQLite has none."""
        return None if self.url.get_backend_name() == "sqlite" else collection.schema

    # --- statements ---------------------------------------------------------------------------------------------------
    def rows(self, table: Table, statement: sa.Select[Any]) -> Iterator[sa.Row[Any]]:
        """The rows a query finds."""
        with self.running(table.address):
            yield from self._execute(statement)

    def write(self, table: Table, statement: sa.Update | sa.Delete, expected: int) -> None:
        """The statement changed the rows it was meant to; RunFailed("conflict") when it found others."""
        with self.running(table.address):
            result = self._execute(statement)
        if result.rowcount != expected:
            raise RunFailed([problem(table.address, "conflict")])

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


@lru_cache(maxsize=32)
def _engine(url: URL) -> sa.Engine:
    """Keeps compiled statements from run to run (they are most of the time of a small one), and no connection."""
    bare = url.set(query={}) if url.get_backend_name() == "sqlite" else url
    return sa.create_engine(bare, poolclass=NullPool, hide_parameters=True, **_options(url))


def _options(url: URL) -> dict[str, Any]:
    match url.get_backend_name():
        case "sqlite":
            return {"creator": _sqlite(url)}
        case "postgresql":
            return {"connect_args": {"connect_timeout": CONNECT_SECONDS}}
        case "mysql" | "mariadb":
            times = {"read_timeout": STATEMENT_SECONDS, "write_timeout": STATEMENT_SECONDS}
            return {"connect_args": {"connect_timeout": CONNECT_SECONDS, **times}}
        case _:
            return {}


def _sqlite(url: URL) -> Callable[[], sqlite3.Connection]:
    """An existing file is opened, none is made; transactions are begun by us."""
    mode = url.query.get("mode", "rw")
    path = str(url.database).removeprefix("file:")

    def connect() -> sqlite3.Connection:
        where = f"file:{quote(path)}?mode={'ro' if mode == 'ro' else 'rw'}"
        connection = sqlite3.connect(where, uri=True, timeout=CONNECT_SECONDS, isolation_level=None)
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    return connect


def _reflected(inspector: sa.Inspector, schema: str | None, collections: Sequence[Collection]) -> dict[Address, Table]:
    names = [collection.table for collection in collections]
    wanted: dict[str, Any] = {"schema": schema, "filter_names": names, "kind": ObjectKind.ANY}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)  # of types it does not know, which we treat as such
        columns = inspector.get_multi_columns(**wanted)
        keys = inspector.get_multi_pk_constraint(**wanted)
        foreign = inspector.get_multi_foreign_keys(**wanted)
    found = {}
    for collection in collections:
        name = (schema, collection.table)
        if columns.get(name):
            key: Mapping[str, Any] = keys.get(name) or {}
            found[collection.address] = _table(collection.address, name, columns[name], key, foreign.get(name) or [])
    return found


def _table(
    address: Address,
    name: tuple[str | None, str],
    columns: Sequence[Any],
    key: Mapping[str, Any],
    foreign: Iterable[Any],
) -> Table:
    nullable = {column["name"]: bool(column["nullable"]) for column in columns}
    primary = tuple(key.get("constrained_columns") or ())
    clause = sa.table(name[1], *(sa.column(each["name"], each["type"]) for each in columns), schema=name[0])
    links = tuple(
        ForeignKey(
            columns=tuple(each["constrained_columns"]),
            table=(each["referred_schema"], each["referred_table"]),
            referred=tuple(each["referred_columns"]),
            nullable=all(nullable.get(column, False) for column in each["constrained_columns"]),
        )
        for each in foreign
    )
    return Table(address, clause, nullable | dict.fromkeys(primary, False), primary, links, name)


# --- conditions and values ------------------------------------------------------------------------------------------
def chunks(values: Iterable[Any], size: int = CHUNK) -> Iterator[list[Any]]:
    """The values in lists of at most `size`."""
    walk = iter(values)
    while chunk := list(islice(walk, size)):
        yield chunk


def among(table: Table, columns: Sequence[str], values: Sequence[Locator]) -> ColumnElement[bool]:
    """Whether the columns hold one of the values, NULL being a value here."""
    found = [table.column(name) for name in columns]
    whole = [value for value in values if None not in value]
    parts: list[ColumnElement[bool]] = []
    if whole and len(found) == 1:
        parts.append(found[0].in_([value[0] for value in whole]))
    elif whole:
        parts.append(sa.tuple_(*found).in_(whole))
    for value in values:
        if None in value:
            pairs = zip(found, value, strict=True)
            parts.append(sa.and_(*(column.is_(None) if each is None else column == each for column, each in pairs)))
    return sa.or_(*parts)


def is_text(column: sa.ColumnClause[Any], *, untyped: bool) -> bool:
    """Whether any text can be written into the column; `untyped` columns (SQLite) take it."""
    kind: Any = getattr(column.type, "data_type", column.type)
    if isinstance(kind, sa.types.NullType):
        return untyped
    return isinstance(kind, sa.String) and not isinstance(kind, sa.Enum) and not hasattr(kind, "values")


def is_json(column: sa.ColumnClause[Any]) -> bool:
    """Whether the column holds JSON by its type."""
    return isinstance(column.type, sa.JSON)


def length_of(column: sa.ColumnClause[Any]) -> int | None:
    """How many characters the column takes."""
    kind: Any = getattr(column.type, "data_type", column.type)
    return getattr(kind, "length", None)
