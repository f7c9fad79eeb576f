"""One statement, prepared once on each kept connection of a thread, and no layer more: for the hot paths alone.

    STATEMENT = Prepared("SELECT a, b FROM t WHERE id = %(id)s")
    row = STATEMENT.one(id=...)

Django's cursor puts parameters into the text, so that PostgreSQL plans it anew every time. Here it is sent once a
connection, by the protocol's own Parse, and from then on by name; behind PgBouncer in transaction mode
(`DATABASE_POOLED`), which gives every transaction another server connection, it is sent whole every time. Errors come
as Django's, and the connection is Django's too: its limits, its age and `gdpr_portal.patience` hold. Ground floor:
everyone may import it.
"""

import re
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.db import connection
from psycopg import RawCursor

_NAMED = re.compile(r"%\((\w+)\)s")
Row = Sequence[Any]
BY_HAND_ONLY = 2**31
"""So often must another statement run before psycopg prepares it by itself."""


class Prepared:
    """A statement with parameters as `%(name)s`; a percent sign is written twice. `binary`: so its row comes over."""

    def __init__(self, text: str, *, binary: bool = False) -> None:
        self.binary = binary
        self.names = tuple(dict.fromkeys(_NAMED.findall(text)))
        places = {name: f"${place}" for place, name in enumerate(self.names, start=1)}
        self.text = _NAMED.sub(lambda found: places[found[1]], text).replace("%%", "%")

    def one(self, **values: Any) -> Row | None:
        """The first row, None without one. Raises the errors of `django.db`."""
        return next(iter(self.all(**values)), None)

    def all(self, **values: Any) -> list[Row]:
        """Every row. Raises as `one`."""
        connection.ensure_connection()
        made: Any = connection.connection
        with connection.wrap_database_errors:
            if made.prepare_threshold is None:  # Django's way of saying never
                made.prepare_threshold = BY_HAND_ONLY
            with RawCursor(made) as cursor:
                given = [values[name] for name in self.names]
                cursor.execute(self.text, given, prepare=not settings.DATABASE_POOLED, binary=self.binary)
                return cursor.fetchall()
