"""The demonstration catalogue's rows, kept by the process that built them first and put back for every other test.

Building it goes through every real review and takes over half a second; putting its rows back takes a fiftieth of that.
Tests of the building itself call `consent.demo_catalogue.build`.
"""

from datetime import timedelta
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.utils import timezone

from consent.demo_catalogue import build
from tests.audit.tools import behind_the_triggers

_TABLES = """
    SELECT relname FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
      AND relname NOT LIKE 'django_%'
    ORDER BY relname
"""
_COLUMNS = """
    SELECT quote_ident(attname)
    FROM pg_attribute LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
    WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' AND attidentity <> 'a'
      AND coalesce(pg_get_expr(adbin, adrelid), '') NOT LIKE '%%xact_id%%'
"""
"""Every column but those the database fills in itself: computed ones, ordinals, and the number of the transaction."""


class Rows(NamedTuple):
    """Rows of one table as COPY writes them."""

    table: str
    columns: str
    data: bytes


class _Kept:
    rows: list[Rows] | None = None
    ids: tuple[Any, ...] = ()


def put_there(*, author: Any, approver: Any, applications: tuple[Any, ...]) -> None:
    """The catalogue is live, by an earlier test's rows when there are any; none are kept of a clock that was moved."""
    ids = (author.pk, approver.pk, *(each.pk for each in applications))
    if _Kept.rows is not None:
        _put_back(dict(zip(_Kept.ids, ids, strict=True)))
        return
    before = _everything()
    build(author=author, approver=approver)
    if _clock_is_right():
        _Kept.rows, _Kept.ids = _written_since(before), ids


def _clock_is_right() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return abs(cursor.fetchone()[0] - timezone.now()) < timedelta(minutes=1)


def _put_back(ids: dict[Any, Any]) -> None:
    with transaction.atomic(), behind_the_triggers(), connection.cursor() as cursor:
        for table, columns, data in _Kept.rows or ():
            for old, new in ids.items():
                data = data.replace(str(old).encode(), str(new).encode())
            with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
                copy.write(data)


def _everything() -> dict[str, list[str]]:
    with connection.cursor() as cursor:
        cursor.execute(_TABLES)
        return {table: _texts(cursor, table) for (table,) in cursor.fetchall()}


def _texts(cursor: Any, table: str) -> list[str]:
    cursor.execute(f"SELECT t::text FROM {table} t")
    return [text for (text,) in cursor.fetchall()]


def _written_since(before: dict[str, list[str]]) -> list[Rows]:
    found = []
    with connection.cursor() as cursor:
        for table, old in before.items():
            now = _texts(cursor, table)
            assert set(old) <= set(now), f"The build changed a row of {table} that was there before it."
            if len(now) > len(old):
                found.append(_copied(cursor, table, old))
    return found


def _copied(cursor: Any, table: str, old: list[str]) -> Rows:
    cursor.execute(_COLUMNS, [table])
    columns = ", ".join(name for (name,) in cursor.fetchall())
    with cursor.copy(f"COPY (SELECT {columns} FROM {table} t WHERE t::text <> ALL(%s)) TO STDOUT", [old]) as copy:
        return Rows(table, columns, b"".join(bytes(part) for part in copy))
