"""The shred ledger: which data keys were destroyed, in a file outside the database and its backups (threat T37).

One JSON line per erasure, appended and flushed to disk before the database commits:

    {"id": "<uuid>", "mark": "<hex>", "kind": "destroyed" | "replaced", "at": "<RFC 3339, UTC>"}
    mark = HMAC-SHA-256(HKDF(ledger key, "tombstone"), kind | owner 16 B)

Without the ledger key a line tells nothing but that somebody was erased then. *destroyed*: the owner never has a key
again. *replaced*: the owner's keys made before `at` are dead (an erasure after which something stays, Art. 17(3)).
A line cut off by a crash belongs to an erasure that never committed; readers skip it, the next writer ends it.
After a restore the ledger has lines the database does not know: `replayed()` is False until they are dealt with.
"""

import fcntl
import hmac
import json
import os
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4

from django.conf import settings
from django.utils import timezone

from vault import providers
from vault.kdf import derive, joined
from vault.models import DataKey, Tombstone

DESTROYED: Final = "destroyed"
REPLACED: Final = "replaced"
_DIRECTORY_MODE: Final = 0o700
_FILE_MODE: Final = 0o600


@dataclass(frozen=True)
class Entry:
    """One line of the ledger."""

    id: UUID
    mark: bytes
    kind: str
    at: datetime

    def line(self) -> bytes:
        """The line as it lies in the file, its end included."""
        parts = {"id": str(self.id), "mark": self.mark.hex(), "kind": self.kind, "at": self.at.isoformat()}
        return json.dumps(parts).encode() + b"\n"


class _Reader:
    """The lines of the file, read on from where the last look ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._forget(None)

    def _forget(self, identity: tuple[Path, int] | None) -> None:
        self._identity, self._offset = identity, 0
        self.entries: dict[UUID, Entry] = {}
        self.destroyed: dict[bytes, Entry] = {}

    def look(self) -> "_Reader":
        path: Path = settings.SHRED_LEDGER_FILE
        with self._lock:
            try:
                with path.open("rb") as file:
                    self._read_on(path, file.fileno())
            except FileNotFoundError:
                self._forget(None)
        return self

    def _read_on(self, path: Path, descriptor: int) -> None:
        found = os.fstat(descriptor)
        identity = (path, found.st_ino)
        if self._identity != identity or found.st_size < self._offset:
            self._forget(identity)
        text = os.pread(descriptor, found.st_size - self._offset, self._offset)
        whole = text[: text.rfind(b"\n") + 1]
        self._offset += len(whole)
        for entry in _parsed(whole):
            self.entries[entry.id] = entry
            if entry.kind == DESTROYED:
                self.destroyed[entry.mark] = entry


_reader = _Reader()


def record_shred(owner: UUID, *, replaced: bool = False) -> Entry:
    """The erasure is on disk, whatever happens to the database. Raises Sealed without the ledger key.

    `vault.services` calls it before the transaction that destroys the key commits: a line too many is dealt with by the
    retry, a line too few would let a backup bring a person back. Idempotent for a destroyed key.
    """
    kind = REPLACED if replaced else DESTROYED
    mark = _mark(owner, kind)
    known = _reader.look().destroyed.get(mark)
    if known is not None:
        return known
    entry = Entry(uuid4(), mark, kind, timezone.now())
    _append(settings.SHRED_LEDGER_FILE, [entry])
    return entry


def note(entry: Entry) -> None:
    """This database knows the line too; part of the transaction that destroys the key. Idempotent."""
    _note([entry])


def is_shredded(owner: UUID) -> bool:
    """Whether this owner's key was destroyed: none may be made or used for it again."""
    return _mark(owner, DESTROYED) in _reader.look().destroyed


def replayed() -> bool:
    """Whether every line of the ledger has had its effect in this database: the fence of `/readyz` after a restore.

    Costs one count when nothing is amiss. Lines without effect here (owners this backup never knew) are noted.
    """
    missing = _missing(_reader.look().entries)
    if not missing:
        return True
    if _back(missing):
        return False
    _note(missing)
    return True


def resurrected() -> list[UUID]:
    """The owners whose key is here although the ledger has its end: a backup brought them back."""
    return _back(_missing(_reader.look().entries))


def settle() -> int:
    """The file has every line this database knows (a lost ledger is written again); returns how many it lacked."""
    known = _reader.look().entries
    rows = Tombstone.objects.order_by("at").iterator()
    lost = [_of_row(row) for row in rows if row.id not in known]
    if lost:
        _append(settings.SHRED_LEDGER_FILE, lost)
    return len(lost)


def _missing(entries: dict[UUID, Entry]) -> list[Entry]:
    # The file is written first, so this database knows a subset of it: equal counts are equal sets.
    if Tombstone.objects.count() == len(entries):
        return []
    noted = set(Tombstone.objects.values_list("id", flat=True))
    return [entry for id_, entry in entries.items() if id_ not in noted]


def _back(missing: list[Entry]) -> list[UUID]:
    if not missing:
        return []
    destroyed = {entry.mark for entry in missing if entry.kind == DESTROYED}
    replaced: dict[bytes, datetime] = {}
    for entry in missing:
        if entry.kind == REPLACED:
            replaced[entry.mark] = max(entry.at, replaced.get(entry.mark, entry.at))
    return [owner for owner, made in _owners() if _is_back(owner, made, destroyed, replaced)]


def _is_back(owner: UUID, made: datetime, destroyed: set[bytes], replaced: dict[bytes, datetime]) -> bool:
    at = replaced.get(_mark(owner, REPLACED)) if replaced else None
    return (at is not None and made < at) or _mark(owner, DESTROYED) in destroyed


def _owners() -> Iterator[tuple[UUID, datetime]]:
    return DataKey.objects.order_by().values_list("owner", "created_at").iterator()


def _mark(owner: UUID, kind: str) -> bytes:
    key = derive(providers.keyring().key("ledger"), "tombstone")
    return hmac.digest(key, joined((kind, owner.bytes)), "sha256")


def _note(entries: Iterable[Entry]) -> None:
    rows = [Tombstone(id=e.id, mark=e.mark, replaced=e.kind == REPLACED, at=e.at) for e in entries]
    Tombstone.objects.bulk_create(rows, ignore_conflicts=True, batch_size=1000)


def _of_row(row: Tombstone) -> Entry:
    return Entry(row.id, bytes(row.mark), REPLACED if row.replaced else DESTROYED, row.at)


def _append(path: Path, entries: list[Entry]) -> None:
    path.parent.mkdir(mode=_DIRECTORY_MODE, parents=True, exist_ok=True)
    new = not path.exists()
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, _FILE_MODE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        size = os.fstat(descriptor).st_size
        torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        _write_all(descriptor, (b"\n" if torn else b"") + b"".join(entry.line() for entry in entries))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if new:
        _sync_directory(path.parent)


def _write_all(descriptor: int, text: bytes) -> None:
    while text:
        text = text[os.write(descriptor, text) :]


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _parsed(text: bytes) -> Iterator[Entry]:
    for line in text.splitlines():
        try:
            read = json.loads(line)
            yield Entry(UUID(read["id"]), bytes.fromhex(read["mark"]), read["kind"], datetime.fromisoformat(read["at"]))
        except (ValueError, KeyError, TypeError):
            continue  # a line cut off by a crash, see above
