"""The shred ledger: what a restored backup must not undo, in a file outside the database and its backups (threat T37).

    destroyed     owner             the owner's data key is gone for good (Art. 17)
    replaced      owner             the owner's keys made before `at` are dead (something stays, Art. 17(3))
    withdrawn     owner purpose recipient   a consent, or the sharing with a recipient, was taken back (Art. 7(3))
    restricted    owner ground      processing is restricted (Art. 18);  `unrestricted`: it no longer is
    objected      owner purpose     an objection stands (Art. 21);       `unobjected`: it no longer does

    mark = HMAC-SHA-256(HKDF(ledger key, "tombstone"), kind | owner 16 B | what ...), parts behind their length

Without the ledger key a line tells only that somebody did such a thing then; equal marks show that it was the same
person and purpose again, not who or which. An `un...` line bears the mark of what it ends.

Every line of the file has its row (`Tombstone`) in the database. Two orders, by what a death in between may cost:

* keys: the line is on disk *before* the commit. Death in between leaves a line too many; the service is unready until
  the erasure is retried, which the worker does. A line too few could bring a person back.
* all else: the row commits *with the act*, together with an `UnwrittenLine`, and the line is written *after* the commit
  and before the caller answers. Death in between leaves an act nobody was told of, and `settle` writes its line. So the
  file never has a line for an act that was rolled back, and a line without a row means: this is a restored backup.

After a restore the ledger has lines the database does not know: `replayed()` is False until they are dealt with.
"""

import hmac
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from uuid import UUID, uuid4

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from gdpr_portal.errors import Unavailable
from gdpr_portal.failpoints import failpoint
from gdpr_portal.prepared import Prepared
from vault import ledger_file, providers
from vault.kdf import derive, joined
from vault.ledger_file import DESTROYED, Entry
from vault.models import DataKey, Tombstone, UnwrittenLine

REPLACED: Final = "replaced"
WITHDRAWN: Final = "withdrawn"
RESTRICTED: Final = "restricted"
OBJECTED: Final = "objected"
ENDED: Final = {RESTRICTED: "unrestricted", OBJECTED: "unobjected"}
"""Kind -> the kind of the line that says it no longer holds."""
_BEGUN: Final = {ended: begun for begun, ended in ENDED.items()}
_OF_KEYS: Final = frozenset({DESTROYED, REPLACED})
_WRITTEN_WITHIN: Final = timedelta(seconds=10)
"""So long a line may take to its file, or a key's transaction to its end, without being looked for."""

_reader = ledger_file.Reader()
_KEYS_LOCKED = Prepared(f"""
SELECT 1 FROM pg_locks WHERE relation = '{DataKey._meta.db_table}'::regclass AND mode = 'RowShareLock'
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND pid <> pg_backend_pid() LIMIT 1
""")  # noqa: S608  a name of ours
"""Whether another transaction has locked rows of keys (SELECT FOR UPDATE), as every one does that destroys one."""
_NOTE = Prepared("""
WITH noted AS (INSERT INTO vault_tombstone (id, mark, kind, at) VALUES (%(id)s, %(mark)s, %(kind)s, %(at)s))
INSERT INTO vault_unwrittenline (id, since) VALUES (%(id)s, %(since)s) RETURNING id
""")
_TAKE = Prepared("""
WITH taken AS (DELETE FROM vault_unwrittenline WHERE id = ANY(%(ids)s::uuid[]) RETURNING id)
SELECT line.id, line.mark, line.kind, line.at FROM taken JOIN vault_tombstone line ON line.id = taken.id
ORDER BY line.at
""")


# --- keys: the line before the commit -------------------------------------------------------------------------------
def record_shreds(owners: Iterable[UUID], *, replaced: bool = False) -> list[Entry]:
    """The erasures are on disk, by one flush, whatever happens to the database. Raises Sealed without the ledger key.

    `vault.services` calls it before the transaction that destroys the keys commits: a line too many is dealt with by
    the retry, a line too few would let a backup bring a person back. Idempotent for a destroyed key.
    """
    kind, known = REPLACED if replaced else DESTROYED, _reader.look().destroyed
    marks = [mark_of(kind, owner) for owner in owners]
    fresh = {mark: Entry(uuid4(), mark, kind, timezone.now()) for mark in marks if mark not in known}
    if fresh:
        ledger_file.append(list(fresh.values()))
    return [known.get(mark) or fresh[mark] for mark in marks]


def note_all(entries: Iterable[Entry]) -> None:
    """This database knows the lines: they had their effect here, or have nobody to have it on. Idempotent."""
    rows = [Tombstone(id=e.id, mark=e.mark, kind=e.kind, at=e.at) for e in entries]
    Tombstone.objects.bulk_create(rows, ignore_conflicts=True, batch_size=1000)


def is_shredded(owner: UUID) -> bool:
    """Whether this owner's key was destroyed: none may be made or used for it again."""
    return mark_of(DESTROYED, owner) in _reader.look().destroyed


# --- all else: the row with the act, the line after the commit ------------------------------------------------------
def record_change(kind: str, owner: UUID, *what: str, at: datetime | None = None) -> None:
    """A restored backup will be told of this act: `kind` from `at` on (default now). In the act's own transaction.

    The line is on disk before the outermost `atomic()` returns; when that fails the caller gets Unavailable though the
    act stands, and `settle` writes the line. Raises Sealed without the ledger key: then nothing has happened.
    """
    entry = Entry(uuid4(), mark_of(_BEGUN.get(kind, kind), owner, *what), kind, at or timezone.now())
    _NOTE.one(id=entry.id, mark=entry.mark, kind=entry.kind, at=entry.at, since=timezone.now())
    _promised().append(entry.id)


def write_lines(ids: Iterable[UUID] | None = None) -> int:
    """These lines (default: all that wait) are on disk; returns how many were added. Idempotent, safe in parallel.

    The row that waits is locked and deleted, the line is flushed, then the deletion commits: death in between leaves
    both, and whoever writes all lines looks first whether the file has them.
    """
    with transaction.atomic():
        lines = _all_waiting() if ids is None else [_entry(*row) for row in _TAKE.all(ids=list(ids))]
        if lines:
            ledger_file.append(lines)
            failpoint("ledger:written")
    return len(lines)


def _all_waiting() -> list[Entry]:
    """Every line that waits, taken, but for those that the file has already."""
    chosen = list(UnwrittenLine.objects.select_for_update().order_by("id").values_list("id", flat=True))
    if not chosen:
        return []
    known = {entry.id for entry in ledger_file.entries()}
    rows = Tombstone.objects.filter(id__in=set(chosen) - known).order_by("at")
    lines = [_of_row(row) for row in rows]
    UnwrittenLine.objects.filter(id__in=chosen).delete()
    return lines


def flush_on_commit() -> None:
    """Lines that wait are on disk when the transaction has ended: for an act repeated because it was not answered."""
    transaction.on_commit(_flush)


def _flush() -> None:
    if UnwrittenLine.objects.exists():
        _keep_promise(None)


def _promised() -> list[UUID]:
    """The lines this transaction writes at its end, all at one blow; begun with the first."""
    for _sids, hook, *_ in connection.run_on_commit:
        if isinstance(hook, partial) and hook.func is _keep_promise:
            ids: list[UUID] = hook.args[0]
            return ids
    ids = []
    transaction.on_commit(partial(_keep_promise, ids))
    return ids


def _keep_promise(ids: list[UUID] | None) -> None:
    failpoint("ledger:committed")
    try:
        write_lines(ids)
    except OSError as error:
        # Nobody is told "done" while a backup could undo it; repeating the act is harmless.
        raise Unavailable("unavailable", "This could not be made safe. Please try again.") from error


# --- after a restore ------------------------------------------------------------------------------------------------
def replayed() -> bool:
    """Whether every line of the ledger has had its effect in this database: the fence of `/readyz` after a restore.

    Costs counts when nothing is amiss, however long the ledger is and whoever died with a line to write. Keys whose
    owners this backup never knew are noted by the way.
    """
    if not _may_be_lost():
        return True
    missing = lost()
    if any(entry.kind not in _OF_KEYS for entry in missing) or _back(missing):
        return False
    note_all(missing)
    return True


def lost() -> list[Entry]:
    """The lines of the file this database does not know, in their order; those of keys on their way among them."""
    written = list(ledger_file.entries())  # before the rows, which are committed before most lines are written
    noted = set(Tombstone.objects.values_list("id", flat=True))
    return [entry for entry in written if entry.id not in noted]


def lacking() -> int:
    """How many lines that this database has seen written are not in the file: another file, or an older copy of it.

    The rows are counted first, as a line is on disk before its row stops waiting.
    """
    written = Tombstone.objects.count() - UnwrittenLine.objects.count()
    return max(written - _reader.look().count, 0)


def overdue() -> int:
    """How many lines wait to be written for longer than they should."""
    return _overdue().count()


def _overdue() -> QuerySet[UnwrittenLine]:
    return UnwrittenLine.objects.filter(since__lt=timezone.now() - _WRITTEN_WITHIN)


def _may_be_lost() -> bool:
    """Whether the file has more lines than this database has rows whose lines are written.

    The file is counted first, as rows are committed before their lines. Two kinds of death and delay are known: a row
    whose line is overdue, and the line of a key whose transaction has not ended.
    """
    file = _reader.look()
    lines = file.count - _on_their_way(file.latest_of_keys)
    without = ledger_file.missing(_overdue().values_list("id", flat=True))
    return lines > Tombstone.objects.count() - without


def _on_their_way(latest: Iterable[Entry]) -> int:
    """How many of these lines were just written by transactions that destroy keys and have not ended."""
    young = [entry.id for entry in latest if timezone.now() - entry.at < _WRITTEN_WITHIN]
    if not young or not _KEYS_LOCKED.one():
        return 0
    return len(young) - Tombstone.objects.filter(id__in=young).count()


def resurrected() -> list[UUID]:
    """The owners whose key is here although the ledger has its end: a backup brought them back."""
    return _back(lost())


def standing_marks(kind: str, missing: Iterable[Entry]) -> dict[bytes, datetime]:
    """What of this kind the lost lines leave standing: mark -> since when. The last line about a mark decides."""
    found: dict[bytes, datetime] = {}
    for entry in missing:
        if entry.kind == kind:
            found[entry.mark] = max(entry.at, found.get(entry.mark, entry.at))
        elif entry.kind == ENDED.get(kind):
            found.pop(entry.mark, None)
    return found


def mark_of(kind: str, owner: UUID, *what: str) -> bytes:
    """The mark of such a line; what a replay compares with the people the backup has."""
    key = derive(providers.keyring().key("ledger"), "tombstone")
    return hmac.digest(key, joined((kind, owner.bytes, *what)), "sha256")


def settle() -> int:
    """The file has every line this database knows (waiting ones, and all after a lost file); returns how many came."""
    written = write_lines()
    if _reader.look().count >= Tombstone.objects.count():
        return written
    known = {entry.id for entry in ledger_file.entries()} | set(UnwrittenLine.objects.values_list("id", flat=True))
    missing = [_of_row(row) for row in Tombstone.objects.order_by("at").iterator() if row.id not in known]
    if missing:
        ledger_file.append(missing)
    return written + len(missing)


def _back(missing: list[Entry]) -> list[UUID]:
    destroyed = {entry.mark for entry in missing if entry.kind == DESTROYED}
    replaced = standing_marks(REPLACED, missing)
    if not destroyed and not replaced:
        return []
    return [owner for owner, made in _owners() if _is_back(owner, made, destroyed, replaced)]


def _is_back(owner: UUID, made: datetime, destroyed: set[bytes], replaced: dict[bytes, datetime]) -> bool:
    at = replaced.get(mark_of(REPLACED, owner)) if replaced else None
    return (at is not None and made < at) or mark_of(DESTROYED, owner) in destroyed


def _owners() -> Iterator[tuple[UUID, datetime]]:
    return DataKey.objects.order_by().values_list("owner", "created_at").iterator()


def _of_row(row: Tombstone) -> Entry:
    return _entry(row.id, row.mark, row.kind, row.at)


def _entry(line: UUID, mark: bytes | memoryview, kind: str, at: datetime) -> Entry:
    return Entry(line, bytes(mark), kind, at)
