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
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from django.conf import settings
from django.db import connection
from django.db.models import Model
from psycopg import RawCursor

_NAMED = re.compile(r"%\((\w+)\)s")
BY_HAND_ONLY = 2**31
"""So often must another statement run before psycopg prepares it by itself."""

Row = TypeVar("Row", bound=Model)


class Prepared:
    """A statement with parameters as `%(name)s`; a percent sign is written twice."""

    def __init__(self, text: str) -> None:
        self.names = tuple(dict.fromkeys(_NAMED.findall(text)))
        places = {name: f"${place}" for place, name in enumerate(self.names, start=1)}
        self.text = _NAMED.sub(lambda found: places[found[1]], text).replace("%%", "%")

    def one(self, **values: Any) -> Sequence[Any] | None:
        """The first row, None without one. Raises the errors of `django.db`."""
        rows = self.all(**values)
        return rows[0] if rows else None

    def all(self, **values: Any) -> list[Any]:
        """Every row. Raises the errors of `django.db`."""
        connection.ensure_connection()
        made: Any = connection.connection
        with connection.wrap_database_errors:
            if made.prepare_threshold is None:  # Django's way of saying never
                made.prepare_threshold = BY_HAND_ONLY
            with RawCursor(made) as cursor:
                given = [values[name] for name in self.names]
                cursor.execute(self.text, given, prepare=not settings.DATABASE_POOLED)
                return cursor.fetchall()


class Loaded(Generic[Row]):
    """Rows of a model, whole, chosen and ordered by `tail` (`WHERE ...`, in which the table has its own name)."""

    def __init__(self, model: type[Row], tail: str) -> None:
        self._model, fields = model, model._meta.concrete_fields
        table = model._meta.db_table
        columns = ", ".join(f'"{table}"."{each.column}"' for each in fields)
        self._statement = Prepared(f'SELECT {columns} FROM "{table}" {tail}')  # noqa: S608 - constants of the caller
        self._names = [each.attname for each in fields]
        self._read = [(place, each) for place, each in enumerate(fields) if hasattr(each, "from_db_value")]

    def first(self, **values: Any) -> Row | None:
        """The first of them, None without one. Raises the errors of `django.db`."""
        row = self._statement.one(**values)
        return None if row is None else self._made(row)

    def all(self, **values: Any) -> list[Row]:
        """All of them. Raises the errors of `django.db`."""
        return [self._made(row) for row in self._statement.all(**values)]

    def _made(self, row: Sequence[Any]) -> Row:
        values = list(row)
        for place, field in self._read:
            values[place] = field.from_db_value(values[place], None, connection)  # type: ignore[attr-defined]
        made: Row = self._model.from_db("default", self._names, values)
        return made
