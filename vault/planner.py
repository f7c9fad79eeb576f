"""The planner of blind indexes: what repeats its values is refused, by name when written, by its rows when checked.

An index shows which rows are equal; where few values share many rows, their frequencies tell the values without any
key (threat T3). So an index is for identifiers alone:

    vault.E001   a registered index is on a column of few values, by its name
    vault.E002   a column that looks like an index is not registered: nobody counts or rotates it
    vault.W003   the rows of a registered index repeat its values (`manage.py check --database default`)
"""

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import apps
from django.core.checks import CheckMessage, Error
from django.core.checks import Warning as Worry
from django.db import connections, models

from vault import indexes, rotation


def check_names(app_configs: Any, **options: Any) -> list[CheckMessage]:
    """No index is on a column of few values, and none goes unregistered."""
    registered = set(rotation.columns("index"))
    found: list[CheckMessage] = [
        Error(f"{table}.{column} has few values: an index would let them be guessed.", id="vault.E001")
        for table, column in sorted(registered)
        if indexes.has_few_values(column)
    ]
    found += [
        Error(f"{table}.{column} looks like a blind index and is not registered for rotation.", id="vault.E002")
        for table, column in sorted(set(_looking_like_one()) - registered)
    ]
    return found


def check_rows(app_configs: Any, databases: Sequence[str] | None = None, **options: Any) -> list[CheckMessage]:
    """What the indexes hold now does not let their values be guessed."""
    return [message for alias in databases or () for message in _of_database(alias)]


def _of_database(alias: str) -> Iterator[CheckMessage]:
    connection = connections[alias]
    present = set(connection.introspection.table_names())
    for table, column in rotation.columns("index"):
        if table not in present:
            continue
        distinct, rows = _counted(connection, table, column)
        try:
            if rows:
                indexes.plan(distinct=distinct, rows=rows)
        except ValueError as error:
            yield Worry(f"{table}.{column}: {error}", hint=f"{rows} rows, {distinct} values", id="vault.W003")


def _counted(connection: Any, table: str, column: str) -> tuple[int, int]:
    quote = connection.ops.quote_name
    # Names come from models, never from input.
    counted = f"count(DISTINCT {quote(column)}), count(*)"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {counted} FROM {quote(table)} WHERE length({quote(column)}) > 0")  # noqa: S608
        distinct, rows = cursor.fetchone()
    return distinct, rows


def _looking_like_one() -> Iterator[tuple[str, str]]:
    for model in apps.get_models():
        for field in model._meta.get_fields():
            if isinstance(field, models.BinaryField) and (field.name == "index" or field.name.endswith("_index")):
                yield model._meta.db_table, str(field.column)
