"""Rotation of keys, online: a new version at once, what is sealed under old ones brought over in batches, then retired.

master    every wrapped data key is wrapped anew; the data keys and all ciphertext stay as they are
index     two indexes live side by side until the owners of the columns have written the new one (`renew`)
secrets   as index
receipts  the new seed signs; the public key of the old one stays in `jwks()` for ever
data      the key of one person, or of all: vault.datakeys

What is killed half-way is taken up again by the same command: rows say which version they are under, nothing else does.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count

from audit import actors
from audit import services as audit
from gdpr_portal import metrics
from gdpr_portal.errors import WrongState
from vault import keyfiles, providers, signing
from vault.aead import Tampered
from vault.keyring import Keyring
from vault.models import DataKey
from vault.services import opened

BATCH: Final = 500
_NOBODY: Final = UUID(int=0)
_ACTOR: Final = actors.system("command")

_VERSION_SQL: Final = {
    "index": "get_byte({0}, 0)",
    "secrets": "(get_byte({0}, 1) << 24) + (get_byte({0}, 2) << 16) + (get_byte({0}, 3) << 8) + get_byte({0}, 4)",
}
_TAKE = """
    SELECT owner, wrapped, master_version, commitment FROM vault_datakey
     WHERE master_version <> %s AND owner > %s ORDER BY owner LIMIT %s FOR UPDATE
"""
_PUT = """
    UPDATE vault_datakey AS kept SET wrapped = fresh.wrapped, master_version = %s
      FROM unnest(%s::uuid[], %s::bytea[]) AS fresh (owner, wrapped) WHERE kept.owner = fresh.owner
"""


@dataclass(frozen=True)
class Column:
    """A column whose bytes begin with a key version; `renew` brings one batch over and says how many, 0 at the end."""

    kind: str
    table: str
    column: str
    renew: Callable[[], int] | None = None


@dataclass(frozen=True)
class Batch:
    """What one step of rewrapping did; `damaged` are the owners whose key did not open and was left alone."""

    done: int
    damaged: tuple[UUID, ...]
    last: UUID | None


_columns: dict[tuple[str, str], Column] = {}


def register_column(kind: str, *, table: str, column: str, renew: Callable[[], int] | None = None) -> None:
    """The vault counts this column's rows per version ("index" or "secrets"); called from `AppConfig.ready()`."""
    if kind not in _VERSION_SQL:
        raise ValueError("Only index and secrets columns begin with a version.")
    _columns[table, column] = Column(kind, table, column, renew)


def columns(kind: str) -> list[tuple[str, str]]:
    """Table and column of every registered column of this kind."""
    return [(column.table, column.column) for column in _of_kind(kind)]


def outstanding(kind: str) -> int:
    """How many rows the next `rotate` brings over: what an unfinished one left, else everything."""
    rows = histogram(kind)
    left = sum(count for version, count in rows.items() if version != providers.keyring(fresh=True).current(kind))
    return left or sum(rows.values())


def ageing(kind: str) -> int:
    """How many rows under older versions nobody brings over, because they end by themselves within a day."""
    current = providers.keyring().current(kind)
    counted = [_count(column) for column in _of_kind(kind) if column.renew is None]
    return sum(rows for versions in counted for version, rows in versions if version != current)


def version_sql(kind: str, cell: str) -> str:
    """The SQL that reads the key version out of a cell of this kind."""
    return _VERSION_SQL[kind].format(cell)


def histogram(kind: str) -> dict[int, int]:
    """How many rows stand under each version of the kind; a version without rows is not in it."""
    if kind == "master":
        rows = DataKey.objects.order_by().values_list("master_version").annotate(rows=Count("pk"))
        return dict(rows)
    if kind == "data":
        return dict(DataKey.objects.order_by().values_list("version").annotate(rows=Count("pk")))
    found: dict[int, int] = {}
    for column in _of_kind(kind):
        for version, rows_of_column in _count(column):
            found[version] = found.get(version, 0) + rows_of_column
    return found


def add_version(kind: str) -> Keyring:
    """The key file has a fresh current version of this kind; running processes notice within a second."""
    ring = providers.keyring(fresh=True)
    if providers.from_environment():
        raise WrongState("keyring_not_a_file", "The keyring was handed over at the start: rotate it where it is kept.")
    version = ring.current(kind) + 1
    with transaction.atomic():
        audit.record("key.created", actor=_ACTOR, details={"kind": kind, "version": version})
        _change(lambda kept: kept.with_version(kind))
    return providers.keyring(fresh=True)


def rotate(kind: str, *, pause_seconds: float = 0.0) -> Iterator[int]:
    """Yields the number of rows brought over so far; at the end all are under the current version.

    Takes up an unfinished rotation instead of beginning another. Raises WrongState("damaged_keys") at the end when
    rows did not open: they are left as they were and reported as tampered with.
    """
    if not _unfinished(kind):
        add_version(kind)
    total = 0
    for done in _master_batches() if kind == "master" else _column_batches(kind):
        total += done
        yield total
        time.sleep(pause_seconds)
    with transaction.atomic():
        version = providers.keyring().current(kind)
        audit.record("key.rotated", actor=_ACTOR, details={"kind": kind, "version": version, "rows": total})


def rewrap_batch(after: UUID = _NOBODY, *, size: int = BATCH) -> Batch:
    """Up to `size` data keys behind `after` are wrapped under the current master key, in one transaction."""
    ring = providers.keyring()
    version = ring.current("master")
    master = ring.key("master", version)
    fresh: dict[UUID, bytes] = {}
    damaged: list[UUID] = []
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_TAKE, [version, after, size])
        rows = cursor.fetchall()
        for row in rows:
            try:
                fresh[row[0]] = opened(*row).wrapped(master, version)[0]
            except Tampered:
                damaged.append(row[0])
        cursor.execute(_PUT, [version, list(fresh), list(fresh.values())])
    return Batch(len(fresh), tuple(damaged), rows[-1][0] if rows else None)


def retire(kind: str, version: int) -> None:
    """The version is gone from the key file for good. Refused while one row needs it, or nobody knows whether one does.

    Waits for writers under way, which may hold the old keyring, and lets no new ones in before the file is changed.
    """
    time.sleep(2 * providers.RECHECK_SECONDS)
    with transaction.atomic():
        _lock(kind)
        using = _using(kind, version)
        if using:
            raise WrongState("key_in_use", f"{using} rows still stand under {kind} version {version}.")
        audit.record("key.retired", actor=_ACTOR, details={"kind": kind, "version": version})
        _change(lambda ring: _without(ring, kind, version))


def _change(changed: Callable[[Keyring], Keyring]) -> None:
    keyfiles.change(settings.VAULT_KEY_FILE, changed, service=providers.key_service())


def _without(ring: Keyring, kind: str, version: int) -> Keyring:
    try:
        kept = signing.public_of(ring.key(kind, version)) if kind == "receipts" else None
        return ring.without_version(kind, version, public=kept)
    except (ValueError, KeyError) as error:
        raise WrongState("key_not_retirable", f"{kind} version {version}: {error}") from None


def _unfinished(kind: str) -> bool:
    current = providers.keyring(fresh=True).current(kind)
    return any(version != current for version in histogram(kind))


def _master_batches() -> Iterator[int]:
    after: UUID | None = _NOBODY
    damaged = 0
    while after is not None:
        batch = rewrap_batch(after)
        after, damaged = batch.last, damaged + len(batch.damaged)
        yield batch.done
        for _ in batch.damaged:
            _report()
    if damaged:
        raise WrongState("damaged_keys", f"{damaged} data keys do not open and were left alone.")


def _column_batches(kind: str) -> Iterator[int]:
    for column in _of_kind(kind):
        done = 1
        while column.renew and done:
            done = column.renew()
            yield done


def _report() -> None:
    metrics.DECRYPT_FAILURES.labels(DataKey._meta.db_table, "wrapped").inc()
    with transaction.atomic():
        details = {"table": DataKey._meta.db_table, "column": "wrapped", "reason": "rotation"}
        audit.record("crypto.tamper", actor=_ACTOR, details=details)


def _using(kind: str, version: int) -> int:
    if kind == "receipts":
        return 0
    if kind != "master" and not _of_kind(kind):
        raise WrongState("key_use_unknown", f"No column of kind {kind} is registered: its use cannot be counted.")
    return histogram(kind).get(version, 0)


def _lock(kind: str) -> None:
    tables = [DataKey._meta.db_table] if kind == "master" else [column.table for column in _of_kind(kind)]
    with connection.cursor() as cursor:
        for table in sorted(set(tables)):
            cursor.execute(f"LOCK TABLE {connection.ops.quote_name(table)} IN SHARE MODE")


def _of_kind(kind: str) -> list[Column]:
    return [column for column in _columns.values() if column.kind == kind]


def _count(column: Column) -> list[tuple[int, int]]:
    quote = connection.ops.quote_name
    version = _VERSION_SQL[column.kind].format(quote(column.column))
    # Names come from `register_column`, never from input.
    statement = (
        f"SELECT {version}, count(*) FROM {quote(column.table)} "  # noqa: S608
        f"WHERE length({quote(column.column)}) > 0 GROUP BY 1"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())
