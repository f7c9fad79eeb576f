"""What is put back for a fixture is what its services write, table by table (tests/kept_rows.py)."""

import re
from collections.abc import Callable
from inspect import signature
from typing import Any

import pytest
from django.db import connection, transaction

from tests import kept_rows
from tests.conftest import CAST, cast
from tests.plugins.exhaustive import its_turn

pytestmark = pytest.mark.django_db

Tables = dict[str, list[dict[str, Any]]]
FIRST = {"shop", "acme", "olga", "rita", "catalogue"}
CHANCE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""Ids are drawn."""
REFERENCES = """
    SELECT conrelid::regclass, here.attname, confrelid::regclass, there.attname
    FROM pg_constraint
    JOIN pg_attribute here ON (here.attrelid, here.attnum) = (conrelid, conkey[1])
    JOIN pg_attribute there ON (there.attrelid, there.attnum) = (confrelid, confkey[1])
    WHERE contype = 'f' AND conparentid = 0
"""


def made(name: str, *stands_on: Any) -> Any:
    """As a fixture would without keeping anything."""
    return CAST[name](*stands_on)


def world(how: Callable[..., Any], order: list[str]) -> dict[str, Any]:
    """All of them, each out of those it stands on."""
    stands: dict[str, Any] = {}
    for name in order:
        stands[name] = how(name, *(stands[below] for below in signature(CAST[name]).parameters))
    return stands


def written(how: Callable[..., Any], order: list[str]) -> Tables:
    """The rows all of them have afterwards, with what the database fills in left out; then none of it has happened."""
    before = kept_rows.rows()
    with transaction.atomic():
        world(how, order)
        hanging = references_to_nothing()
        found = {table: as_columns(table) for table in kept_rows.written_since(before)}
        transaction.set_rollback(True)
    assert hanging == []
    return found


def as_columns(table: str) -> list[dict[str, Any]]:
    names = kept_rows.columns(table)
    texts = ", ".join(f"{name}::text" for name in names)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {texts} FROM {table} ORDER BY {kept_rows.counted_by(table) or texts}")
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def references_to_nothing() -> list[str]:
    """Every foreign key of the database that points to no row: put back, none of them was checked."""
    with connection.cursor() as cursor:
        cursor.execute(REFERENCES)
        looks = [
            f"SELECT '{table}.{column}' WHERE EXISTS (SELECT FROM {table} WHERE {column} IS NOT NULL"
            f" AND {column} NOT IN (SELECT {key} FROM {other}))"
            for table, column, other, key in cursor.fetchall()
        ]
        cursor.execute(" UNION ALL ".join(looks))
        return [name for (name,) in cursor.fetchall()]


def alike(table: Tables, other: Tables) -> set[tuple[str, str]]:
    """The columns whose values are the same in both, ids and order apart."""

    def values(tables: Tables, name: str, column: str) -> list[str]:
        return sorted(CHANCE.sub("id", str(row[column])) for row in tables[name])

    return {
        (name, column) for name in table for column in table[name][0]
        if values(table, name, column) == values(other, name, column)
    }  # fmt: skip


def compare(order: list[str]) -> None:
    kept_rows.leave_marks_of_keys()
    once, again = written(made, order), written(made, order)
    kept, put_back = written(cast, order), written(cast, order)
    assert {name: len(rows) for name, rows in put_back.items()} == {name: len(rows) for name, rows in once.items()}
    # What two makings have in common, a row put back has too; the rest is drawn, sealed or of its moment.
    assert alike(once, again) <= alike(once, put_back)
    assert put_back == kept


@its_turn(0, of=2)
def test_put_back_is_what_is_made() -> None:
    compare(sorted(CAST, key=lambda name: name not in FIRST))


@its_turn(1, of=2)
def test_put_back_is_what_is_made_on_a_clock_that_stands_and_in_another_order(frozen: Any) -> None:
    compare(list(CAST))
