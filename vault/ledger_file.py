"""The file of the shred ledger: one JSON line an entry, appended, flushed to disk, never changed.

    {"id": "<uuid>", "mark": "<hex>", "kind": "<word>", "at": "<RFC 3339, UTC>"}

A line cut off by a crash is skipped by readers and ended by the next writer. Promised to old data: a line of today is
read by every later release; a kind nobody knows is kept and counted.
"""

import fcntl
import json
import os
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import UUID

from django.conf import settings

DESTROYED: Final = "destroyed"
_DIRECTORY_MODE: Final = 0o700
_FILE_MODE: Final = 0o600
_DESTROYED_LINE: Final = b'"kind": "destroyed"'
_REPLACED_LINE: Final = b'"kind": "replaced"'
_ID: Final = slice(len(b'{"id": "'), len(b'{"id": "') + 36)
MOST_ON_THEIR_WAY: Final = 10_000
"""So many of the last lines of keys a reader keeps."""


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


class Reader:
    """How many lines the file has, the marks of destroyed keys and the last lines of keys; read on from where the last
    look ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._forget(None)

    def _forget(self, identity: tuple[Path, int] | None) -> None:
        self._identity, self._offset = identity, 0
        self.count = 0
        self.destroyed: dict[bytes, Entry] = {}
        self.latest_of_keys: deque[Entry] = deque(maxlen=MOST_ON_THEIR_WAY)

    def look(self) -> "Reader":
        """This reader, having seen everything that is in the file now."""
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
        for line in whole.splitlines():
            self._take(line)

    def _take(self, line: bytes) -> None:
        # Only a whole line ends its one object; a million lines are counted without being parsed.
        if not line.endswith(b"}"):
            return
        self.count += 1
        if _DESTROYED_LINE in line or _REPLACED_LINE in line:
            for entry in _parsed(line):
                self.latest_of_keys.append(entry)
                if entry.kind == DESTROYED:
                    self.destroyed[entry.mark] = entry


def entries() -> Iterator[Entry]:
    """Every entry of the file, in its order; none when there is no file."""
    try:
        with settings.SHRED_LEDGER_FILE.open("rb") as file:
            for line in file:
                yield from _parsed(line) if line.endswith(b"}\n") else ()
    except FileNotFoundError:
        return


def missing(ids: Iterable[UUID]) -> int:
    """How many of these have no line in the file; lines are not parsed for it, but every one is looked at."""
    wanted = {str(each).encode() for each in ids}
    if not wanted:
        return 0
    try:
        with settings.SHRED_LEDGER_FILE.open("rb") as file:
            wanted.difference_update(line[_ID] for line in file if line.endswith(b"}\n"))
    except FileNotFoundError:
        pass
    return len(wanted)


def writable() -> bool:
    """Whether this process may add to the file, or make it where there is none yet."""
    path: Path = settings.SHRED_LEDGER_FILE
    if path.exists():
        return os.access(path, os.W_OK)
    return nearest_folder().is_dir() and os.access(nearest_folder(), os.W_OK | os.X_OK)


def nearest_folder() -> Path:
    """The folder that the file lies in, or the one in which its folder would be made."""
    path: Path = settings.SHRED_LEDGER_FILE
    return next(folder for folder in path.parents if folder.exists())


def append(added: Iterable[Entry]) -> None:
    """The entries are on disk, behind all that were there. Whole lines, however many processes write."""
    path: Path = settings.SHRED_LEDGER_FILE
    path.parent.mkdir(mode=_DIRECTORY_MODE, parents=True, exist_ok=True)
    new = not path.exists()
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, _FILE_MODE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        size = os.fstat(descriptor).st_size
        torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        _write_all(descriptor, (b"\n" if torn else b"") + b"".join(entry.line() for entry in added))
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


def _parsed(line: bytes) -> Iterator[Entry]:
    try:
        read = json.loads(line)
        yield Entry(UUID(read["id"]), bytes.fromhex(read["mark"]), read["kind"], datetime.fromisoformat(read["at"]))
    except (ValueError, KeyError, TypeError):
        return  # cut off by a crash, or not ours
