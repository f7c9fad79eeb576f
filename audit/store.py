"""The tree as PostgreSQL keeps it: leaves, complete subtrees, peaks. SQL only; the maths is in `merkle`."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from django.db import connection

from audit.merkle import CompactRange, Subtree, complete_subtrees

_LAST = "SELECT seq, xid::text, ordinal FROM audit_leaf ORDER BY seq DESC LIMIT 1"

_SUBTREES = """
SELECT wanted.level, wanted.index, coalesce(leaf.leaf_hash, node.hash)
FROM unnest(%s::int[], %s::bigint[]) AS wanted (level, index)
LEFT JOIN audit_leaf leaf ON wanted.level = 0 AND leaf.seq = wanted.index
LEFT JOIN audit_node node ON node.level = wanted.level AND node.index = wanted.index
WHERE coalesce(leaf.leaf_hash, node.hash) IS NOT NULL
"""

_INSERT_LEAVES = """
INSERT INTO audit_leaf (seq, event, xid, ordinal, leaf_hash)
SELECT * FROM unnest(%s::bigint[], %s::uuid[], %s::xid8[], %s::bigint[], %s::bytea[])
"""
_INSERT_NODES = """
INSERT INTO audit_node (level, index, hash) SELECT * FROM unnest(%s::smallint[], %s::bigint[], %s::bytea[])
"""


class Leaf(NamedTuple):
    """A row of `audit_leaf`; `xid` as text."""

    seq: int
    event: str
    xid: str
    ordinal: int
    leaf_hash: bytes


class Watermark(NamedTuple):
    """How far the tree reaches: its size, and the `(xid, ordinal)` of the last event in it."""

    size: int
    xid: str
    ordinal: int


def watermark() -> Watermark:
    """The end of the tree; before everything when it is empty."""
    with connection.cursor() as cursor:
        cursor.execute(_LAST)
        found = cursor.fetchone()
    return Watermark(found[0] + 1, found[1], found[2]) if found else Watermark(0, "0", 0)


def subtrees(wanted: Sequence[Subtree]) -> Mapping[Subtree, bytes]:
    """The hashes of these complete subtrees, level 0 being leaves; one statement."""
    with connection.cursor() as cursor:
        cursor.execute(_SUBTREES, [[level for level, _ in wanted], [index for _, index in wanted]])
        return {(level, index): bytes(value) for level, index, value in cursor.fetchall()}


def compact_range(size: int) -> CompactRange:
    """The right edge of the tree at this size. `KeyError` names a subtree that is missing."""
    peaks = complete_subtrees(0, size)
    stored = subtrees(peaks)
    return CompactRange(size, [stored[peak] for peak in peaks])


def append(leaves: Sequence[Leaf], nodes: Sequence[tuple[int, int, bytes]]) -> None:
    """The leaves and the subtrees they finished are stored; two statements, however many."""
    with connection.cursor() as cursor:
        cursor.execute(_INSERT_LEAVES, [list(column) for column in zip(*leaves, strict=True)])
        if nodes:
            cursor.execute(_INSERT_NODES, [list(column) for column in zip(*nodes, strict=True)])
