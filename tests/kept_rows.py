"""Rows that a fixture's services wrote, kept by the process that called them first and put back for later tests.

Making alice takes dozens of statements of real services; putting her rows back takes one. They are the very rows: the
same ids, ciphertexts and moments. So they are put back only where making would have led to them: with the same keys,
by the same clock (the real one, or one that stands at NOW), beside the same things they stand on. Everything else is
made, each time. Tests of the making itself call the services; `tests/laws/test_kept_rows.py` compares both.
"""

from collections.abc import Callable, Hashable
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from django.conf import settings
from django.db import connection
from django.utils import timezone
from psycopg.sql import Literal
from time_machine import escape_hatch

from vault import checks, providers

Made = TypeVar("Made")

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
    ORDER BY attnum
"""
"""Every column but those the database fills in itself: computed ones, ordinals, and the number of the transaction."""
_ORDINAL = "SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = %s::regclass AND attidentity = 'a'"


class Kept(NamedTuple):
    """One statement that puts the rows back, and what making them returned."""

    statement: str
    made: Any


_kept: dict[Hashable, Kept] = {}


def kept(name: str, make: Callable[[], Made], *stands_on: Any) -> Made:
    """What `make` returns, with its rows in place: made, or put back where an earlier test made the same.

    `stands_on` are the people and applications whose ids are in the rows; of others than kept ones nothing is kept.
    """
    key = _key(name, stands_on)
    if key is None:
        return make()
    leave_marks_of_keys()
    if key not in _kept:
        before = rows()
        made = make()
        if made is not None:
            made.kept_as = key  # type: ignore[attr-defined]
        _kept[key] = Kept(_statement(written_since(before)), deepcopy(made))
        return made
    with connection.cursor() as cursor:
        cursor.execute(_kept[key].statement)
    return deepcopy(_kept[key].made)


def leave_marks_of_keys() -> None:
    """The keys have left what a process writes with its first use of them, so that it is among nobody's rows."""
    checks.check(providers.keyring(), writing=True)


def _key(name: str, stands_on: tuple[Any, ...]) -> Hashable | None:
    """What the rows depend on, None when that will not come again."""
    clock, below = _clock(), tuple(getattr(each, "kept_as", None) for each in stands_on)
    if clock is None or None in below or _own_keys() != settings.VAULT_KEY_FILE:
        return None
    return name, clock, below, settings.VAULT_KEY_FILE.read_bytes()


def _clock() -> str | None:
    from tests.conftest import NOW

    if not escape_hatch.is_travelling():
        return "real"
    return "NOW" if timezone.now() == NOW else None


def _own_keys() -> Path:
    """The key file of this process; tests of keys have others, and other keys in each."""
    from tests.plugins.postgres import folder

    return folder() / "keys" / "vault.json"


def rows() -> dict[str, list[str]]:
    """Every row of every table, as PostgreSQL writes it."""
    with connection.cursor() as cursor:
        cursor.execute(_TABLES)
        return {table: _texts(cursor, table) for (table,) in cursor.fetchall()}


def _texts(cursor: Any, table: str) -> list[str]:
    cursor.execute(f"SELECT t::text FROM {table} t ORDER BY {counted_by(table) or 'ctid'}")
    return [text for (text,) in cursor.fetchall()]


def counted_by(table: str) -> str | None:
    """The column that numbers the rows of the table, if one does: put back in this order they are numbered in it."""
    with connection.cursor() as cursor:
        cursor.execute(_ORDINAL, [table])
        found = cursor.fetchone()
    return found[0] if found else None


def written_since(before: dict[str, list[str]]) -> dict[str, list[str]]:
    """The rows that were added since; nothing that was there may have changed."""
    added = {}
    for table, now in rows().items():
        old = set(before[table])
        assert old <= set(now), f"A row of {table} was changed that was there before."
        added[table] = [text for text in now if text not in old]
    return {table: texts for table, texts in added.items() if texts}


def _statement(added: dict[str, list[str]]) -> str:
    """The rows as they are, no trigger and no check firing, as a superuser restores a backup."""
    inserts = [_insert(table, texts) for table, texts in added.items()]
    return "; ".join(["SET session_replication_role = replica", *inserts, "SET session_replication_role = origin"])


def _insert(table: str, texts: list[str]) -> str:
    values = ", ".join(f"({Literal(text).as_string(None)}::{table})" for text in texts)
    names = columns(table)
    taken = ", ".join(f"(t).{name}" for name in names)
    return f"INSERT INTO {table} ({', '.join(names)}) SELECT {taken} FROM (VALUES {values}) AS v (t)"


def columns(table: str) -> list[str]:
    """The columns of which a put-back row has what the made one had."""
    with connection.cursor() as cursor:
        cursor.execute(_COLUMNS, [table])
        return [name for (name,) in cursor.fetchall()]
