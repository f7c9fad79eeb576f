"""One statement, prepared once on each kept connection of a thread, and no layer more: for the hot paths alone.

    STATEMENT = Prepared("SELECT a, b FROM t WHERE id = %(id)s")
    row = STATEMENT.one(id=...)

    PERSON = Loaded(Subject, "WHERE id = %(id)s")
    person = PERSON.first(id=...)               # as `Subject.objects.filter(...).first()`, for a tenth of its time

Django's cursor puts parameters into the text, so that PostgreSQL plans it anew every time, and its ORM makes that text
anew every time. Here it is sent once a connection, by the protocol's own Parse, and from then on by name; behind
PgBouncer in transaction mode (`DATABASE_POOLED`), which gives every transaction another server connection, it is sent
whole every time. Errors come as Django's, and the connection is Django's too: its transaction, its limits, its age and
`gdpr_portal.patience` hold. Ground floor: everyone may import it.
"""

import re
import time
from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.models import Model
from psycopg import Connection, errors
from psycopg.adapt import PyFormat, Transformer
from psycopg.generators import execute
from psycopg.pq import ExecStatus, Format, TransactionStatus
from psycopg.pq.abc import PGresult

from gdpr_portal import traces

_NAMED = re.compile(r"%\((\w+)\)s")

TRUSTED_SECONDS = 1.0
"""So long a connection that answered is taken for a live one."""

_STALE = (errors.InvalidSqlStatementName, errors.FeatureNotSupported)
"""What was prepared is gone (DEALLOCATE ALL), or gives other columns than it did (a migration)."""

Row = TypeVar("Row", bound=Model)


class Prepared:
    """A statement with parameters as `%(name)s`; a percent sign is written twice. `binary`: so its row comes over."""

    def __init__(self, text: str, *, binary: bool = False) -> None:
        self.format = Format.BINARY if binary else Format.TEXT
        self.names = tuple(dict.fromkeys(_NAMED.findall(text)))
        places = {name: f"${place}" for place, name in enumerate(self.names, start=1)}
        self.text = _NAMED.sub(lambda found: places[found[1]], text).replace("%%", "%")
        self._query, self._wanted = self.text.encode(), [PyFormat.AUTO] * len(self.names)

    def one(self, **values: Any) -> Sequence[Any] | None:
        """The first row, None without one. Raises the errors of `django.db`."""
        rows = self.all(**values)
        return rows[0] if rows else None

    def all(self, **values: Any) -> list[Any]:
        """Every row. Raises the errors of `django.db`."""
        if not traces.kept():
            return self._all(values)
        with traces.statement_span(self.text):
            return self._all(values)

    def _all(self, values: Mapping[str, Any]) -> list[Any]:
        own: Any = connections[DEFAULT_DB_ALIAS]
        if own.connection is None or not own.health_check_done:
            own.close_if_health_check_failed()
            own.ensure_connection()
        server = getattr(own, "prepared", None)
        if server is None or server.made is not own.connection:
            server = own.prepared = Connected(own.connection)
        with own.wrap_database_errors, server.made.lock:
            rows: list[Any] = server.rows(self, [values[name] for name in self.names])
        own.answered_at = time.monotonic()
        return rows

    def sent(self, server: "Connected", values: list[Any]) -> PGresult:
        """What the database answers."""
        adapt, pgconn = server.values, server.made.pgconn
        given = adapt.dump_sequence(values, self._wanted)
        types, formats = adapt.types or (), adapt.formats
        if settings.DATABASE_POOLED:
            pgconn.send_query_params(self._query, given, types, formats, self.format)
            return server.answer()
        name = server.names.get((self, types))
        if name is None:
            name = server.new_name()
            pgconn.send_prepare(name, self._query, types)
            server.answer()
            server.names[self, types] = name
        pgconn.send_query_prepared(name, given, formats, self.format)
        return server.answer()


class Connected:
    """One connection of psycopg's, without its cursors: they cost six times what the statement itself does. What is
    sent is psycopg's own (`pq`), and so are how values are put and read and how long is waited."""

    def __init__(self, made: Connection[Any]) -> None:
        self.made, self.values = made, Transformer(made)
        self.names: dict[tuple[Prepared, tuple[int, ...]], bytes] = {}
        """What is prepared here, by the types of its parameters."""
        self._prepared = 0

    def new_name(self) -> bytes:
        """One that was not used here before."""
        self._prepared += 1
        return f"portal_{self._prepared}".encode()

    def rows(self, statement: Prepared, values: list[Any]) -> list[Any]:
        """Every row; in the transaction that Django began, if it did."""
        if not self.made.autocommit and self.made.pgconn.transaction_status == TransactionStatus.IDLE:
            self.made.pgconn.send_query(b"BEGIN")  # psycopg leaves it to the first statement
            self.answer()
        found = statement.sent(self, values)
        self.values.set_pgresult(found)
        rows = self.values.load_rows(0, found.ntuples, tuple)
        self.values.set_pgresult(None)  # nothing of a person stays here
        return rows

    def answer(self) -> PGresult:
        """What the database says to what was sent, waited for as `gdpr_portal.patience` has it."""
        found = self.made.wait(execute(self.made.pgconn))[0]  # one statement; a connection cut says why first
        if found.status == ExecStatus.FATAL_ERROR:
            error = errors.error_from_result(found, self.made.info.encoding)
            if isinstance(error, _STALE):
                self.names.clear()  # the next use prepares it anew
            raise error
        return found


def begin() -> None:
    """As Django begins a request with its connection: one too old or broken is closed, and looked at once."""
    own: Any = connections[DEFAULT_DB_ALIAS]
    answered, now = getattr(own, "answered_at", -TRUSTED_SECONDS), time.monotonic()
    if now - answered < TRUSTED_SECONDS and not own.errors_occurred and (own.close_at is None or now < own.close_at):
        own.health_check_done = True
    else:
        own.close_if_unusable_or_obsolete()


def trusted(**_signal: Any) -> None:
    """Django asks a kept connection once a request whether it still answers; one that did so within the last second
    is not asked again (receiver of `request_started`)."""
    own: Any = connections[DEFAULT_DB_ALIAS]
    if time.monotonic() - getattr(own, "answered_at", -TRUSTED_SECONDS) < TRUSTED_SECONDS:
        own.health_check_done = True


class _Reader(Generic[Row]):
    """Makes rows of a model of their columns."""

    def __init__(self, model: type[Row], table: str) -> None:
        self._model, fields = model, model._meta.concrete_fields
        self.columns = ", ".join(f'"{table}"."{each.column}"' for each in fields)
        self.width, self._key = len(fields), fields.index(model._meta.pk)
        self._names = [each.attname for each in fields]
        self._read = [(place, each) for place, each in enumerate(fields) if hasattr(each, "from_db_value")]

    def made(self, row: Sequence[Any]) -> Row | None:
        """The row; None where an outer join found none."""
        if row[self._key] is None:
            return None
        values = list(row)
        for place, field in self._read:
            values[place] = field.from_db_value(values[place], None, connection)
        made: Row = self._model.from_db("default", self._names, values)
        return made


class Loaded(Generic[Row]):
    """Rows of a model, whole, chosen and ordered by `tail` (`WHERE ...`, in which the table has its own name)."""

    def __init__(self, model: type[Row], tail: str) -> None:
        table = model._meta.db_table
        self._reader = _Reader(model, table)
        self._statement = Prepared(f'SELECT {self._reader.columns} FROM "{table}" {tail}')  # noqa: S608 - constants

    def first(self, **values: Any) -> Row | None:
        """The first of them, None without one. Raises the errors of `django.db`."""
        row = self._statement.one(**values)
        return None if row is None else self._reader.made(row)

    def all(self, **values: Any) -> list[Row]:
        """All of them. Raises the errors of `django.db`."""
        return [made for row in self._statement.all(**values) if (made := self._reader.made(row))]


class Joined:
    """Whole rows of several models, by the name each table has in `source` (`FROM ...`), and `more` values beside."""

    def __init__(self, models: Mapping[str, type[Model]], more: Sequence[str], source: str) -> None:
        self._readers = [_Reader(model, table) for table, model in models.items()]
        columns = ", ".join([*(each.columns for each in self._readers), *more])
        self._statement = Prepared(f"SELECT {columns} {source}")

    def one(self, **values: Any) -> list[Any]:
        """A row of each model in order, None where an outer join found none, then the other values: of the first row
        of the result, which is there. Raises the errors of `django.db`."""
        row = self._statement.one(**values)
        assert row is not None  # the source begins with a row of its own
        found: list[Any] = []
        for reader in self._readers:
            found.append(reader.made(row[: reader.width]))
            row = row[reader.width :]
        return [*found, *row]
