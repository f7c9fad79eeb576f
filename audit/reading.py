"""The whole log read as of one moment, in order, and whether a row still gives the bytes that were sealed."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction

from audit import canonical, merkle

ROWS_AT_ONCE = 2000


@contextmanager
def one_snapshot() -> Iterator[None]:
    """Everything is read as of one moment, without a time limit on statements."""
    nested = connection.in_atomic_block
    with transaction.atomic(), connection.cursor() as cursor:
        if not nested:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute("SET LOCAL statement_timeout = 0")
        yield


def stream(sql: str) -> Iterator[tuple[Any, ...]]:
    """The rows, a few thousand in memory at a time."""
    with connection.chunked_cursor() as cursor:
        cursor.cursor.itersize = ROWS_AT_ONCE
        cursor.execute(sql)
        yield from cursor


def leaf_matches(columns: Sequence[Any], leaf_hash: bytes) -> bool:
    """The event row gives exactly the bytes that were sealed."""
    try:
        return merkle.leaf_hash(canonical.leaf_bytes(columns)) == leaf_hash
    except canonical.NotCanonical:
        return False
