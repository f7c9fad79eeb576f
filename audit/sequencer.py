"""Seals committed events into the tree, in one order, after their transactions ended: nobody who writes waits for it.

Why no event is ever skipped. Events are taken in the order `(xid, ordinal)` and only below the horizon
`pg_snapshot_xmin(pg_current_snapshot())`. Every transaction below the horizon has ended, and is either visible to this
statement or will never be; `xid` is the id of the *top-level* transaction that inserted the row (subtransactions share
it) and can only be given out at or above the horizon from now on. So the set of events below the horizon is final, and
whatever appears later has an `xid` at or above it, hence comes after everything taken. A plain `ordinal > last` would
skip the events of a transaction that began early and committed late. The price: one open writing transaction, of any
database of the cluster, halts sealing; `lag_seconds` is what to alarm on.

Until an event is sealed (seconds) only privileges protect it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from audit import canonical, merkle, note, selectors, signing, store
from audit.models import Checkpoint

BATCH_LOCK = 0x61756469745F6231
"""Held by the transaction of one batch: two batches never run side by side."""
HOLDER_LOCK = 0x61756469745F6831
"""Held by the session of the one running sequencer."""

_NEXT = f"""
SELECT e.xid::text, e.ordinal, {canonical.COLUMNS}
FROM audit_event e
WHERE (e.xid, e.ordinal) > (%s::xid8, %s) AND e.xid < pg_snapshot_xmin(pg_current_snapshot())
ORDER BY e.xid, e.ordinal
LIMIT %s
"""  # noqa: S608  constants only

_LAG = """
SELECT coalesce(extract(epoch FROM now() - min(e.at)), 0)::float FROM audit_event e
WHERE (e.xid, e.ordinal) > (%s::xid8, %s)
"""


def integrate(limit: int = 1000) -> int:
    """Up to `limit` more events stand in the tree, in one transaction of at most seven statements; returns how many.

    The lock is taken before the first snapshot, so READ COMMITTED sees what the previous holder wrote.
    """
    with transaction.atomic():
        _lock_batch()
        mark = store.watermark()
        rows = _next_events(mark, limit)
        if rows:
            _seal(mark, rows)
    return len(rows)


def checkpoint() -> Checkpoint | None:
    """The tree as it stands is signed; None when the last checkpoint already says so.

    Raises `Unavailable("no_signer")` in a process without the key.
    """
    signer = signing.signer()
    with transaction.atomic():
        _lock_batch()
        size = store.watermark().size
        if size <= selectors.latest_size():
            return None
        root = store.compact_range(size).root()
        return _sign(signer, size, root)


def lag_seconds() -> float:
    """The age of the oldest event that is not in the tree: at most 5 in health, alarm at 30."""
    mark = store.watermark()
    with connection.cursor() as cursor:
        cursor.execute(_LAG, [mark.xid, mark.ordinal])
        return float(cursor.fetchone()[0])


@contextmanager
def holding(lock: int = HOLDER_LOCK) -> Iterator[bool]:
    """True while this session is the only sequencer; False, at once, while another is."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [lock])
        held = bool(cursor.fetchone()[0])
    try:
        yield held
    finally:
        if held and connection.is_usable():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [lock])


def _lock_batch() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [BATCH_LOCK])


def _next_events(mark: store.Watermark, limit: int) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(_NEXT, [mark.xid, mark.ordinal, limit])
        return cursor.fetchall()


def _seal(mark: store.Watermark, rows: list[Any]) -> None:
    tree = store.compact_range(mark.size)
    leaves, nodes = [], []
    for xid, ordinal, *columns in rows:
        value = merkle.leaf_hash(canonical.leaf_bytes(columns))
        leaves.append(store.Leaf(tree.size, columns[0], xid, ordinal, value))
        nodes += tree.append(value)
    store.append(leaves, nodes)


def _sign(signer: signing.Signer, size: int, root: bytes) -> Checkpoint:
    text = note.checkpoint_text(settings.AUDIT_LOG_ORIGIN, size, root)
    key = note.decode_vkey(signer.vkey)
    signed = note.sign(text, name=key.name, public_key=key.public_key, sign=signer.sign)
    return Checkpoint.objects.create(size=size, root=root, note=signed, vkey=signer.vkey, at=timezone.now())
