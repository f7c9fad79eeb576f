"""Entries of the log as lines that outsiders verify: the bytes that were hashed, or the hash alone past retention.

{"index": 0, "leaf": "<base64 of the exact bytes hashed>"}
{"index": 0, "hash": "<base64 of the leaf hash>"}
{"retired": {"month", "ranges": [first, last, ...], "index"}}    before the entries; `index` of the entry that says so
"""

import base64
import json
from collections.abc import Iterator, Sequence
from typing import Any

from django.db import connection

from audit import canonical
from audit.models import AuditLeaf, Retirement

MOST = 5000
"""Entries of one page."""

SELECT = f"""
SELECT leaf.seq, leaf.leaf_hash, {canonical.COLUMNS} FROM audit_leaf leaf LEFT JOIN audit_event e ON e.id = leaf.event
"""  # noqa: S608  constants only
_PAGE = f"{SELECT} WHERE leaf.seq >= %s AND leaf.seq < %s ORDER BY leaf.seq"
ALL = f"{SELECT} WHERE leaf.seq < {{size}} ORDER BY leaf.seq"


def line(seq: int, leaf_hash: bytes, columns: Sequence[Any]) -> str:
    """One entry. What is there is shown as it is there, whatever it hashes to: the verifier judges."""
    if columns[0] is None:
        return f'{{"index": {seq}, "hash": "{base64.b64encode(bytes(leaf_hash)).decode()}"}}\n'
    return f'{{"index": {seq}, "leaf": "{base64.b64encode(canonical.leaf_bytes(columns)).decode()}"}}\n'


def page(start: int, end: int) -> Iterator[str]:
    """The lines of entries `[start, end)`, at most `MOST`; what is past retention is told before entry 0."""
    if start == 0:
        yield from retired()
    with connection.cursor() as cursor:
        cursor.execute(_PAGE, [start, min(end, start + MOST)])
        for seq, leaf_hash, *columns in cursor:
            yield line(seq, leaf_hash, columns)


def retired() -> Iterator[str]:
    """The months that were taken out, with the index of the entry that says so; one just taken out comes with it."""
    for row in Retirement.objects.order_by("month"):
        index = AuditLeaf.objects.filter(event=row.event).values_list("seq", flat=True).first()
        if index is not None:
            yield json.dumps({"retired": {"month": row.month, "ranges": row.ranges, "index": index}}) + "\n"
