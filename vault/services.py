"""What the vault does for the rest of the service. An opened data key lives in the caller's hands for the call alone.

Every function raises `gdpr_portal.errors.Unavailable` while the vault is sealed (503, nothing written), and opening
anything that was changed raises `Tampered`, the same for every kind of change.
"""

import hmac
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Model
from django.utils import timezone

from audit import actors
from audit import services as audit
from gdpr_portal import metrics
from gdpr_portal.errors import Gone, WrongState
from vault import aead, checks, envelope, indexes, ledger, pairwise, providers
from vault.envelope import Place, SubjectKey, Tampered, seal_cells
from vault.kdf import derive, joined
from vault.keyring import Keyring
from vault.models import DataKey
from vault.stream import open_stream, seal_stream

__all__ = [
    "KEY", "Place", "Status", "SubjectKey", "Tampered", "blind_index", "blind_indexes", "create_data_key",
    "create_data_keys", "destroy_data_key", "destroy_data_keys", "first_key", "keyed_digest", "keyed_digests",
    "keys_at_hand", "open_cell", "open_cells", "open_secret", "open_stream", "opened", "pairwise_id", "pairwise_ids",
    "replace_data_key", "report_if_tampered", "report_tamper", "reseal_secret", "seal_cells", "seal_secret",
    "seal_stream", "status", "subject_blocks", "subject_key", "subject_keys", "subject_of",
]  # fmt: skip

Cells = TypeVar("Cells")
Plain = TypeVar("Plain")

_INSERT = """
    INSERT INTO vault_datakey (owner, wrapped, master_version, commitment, created_at)
    SELECT owner, wrapped, %s, commitment, %s
      FROM unnest(%s::uuid[], %s::bytea[], %s::bytea[]) AS fresh (owner, wrapped, commitment)
    ON CONFLICT (owner) DO NOTHING RETURNING owner
"""
KEY = """INSERT INTO vault_datakey (owner, wrapped, master_version, commitment, created_at)
    VALUES (%(key_owner)s, %(key_wrapped)s, %(key_version)s, %(key_commitment)s, %(key_at)s)"""
"""The row of a fresh owner's first data key, for `gdpr_portal.prepared`; parameters of `first_key`."""
_SELECT = "SELECT owner, wrapped, master_version, commitment, former FROM vault_datakey WHERE owner = ANY(%s)"


@dataclass(frozen=True)
class Status:
    """Whether personal data can be read and written, and if not, why, in words for operators."""

    unsealed: bool
    reason: str


class _Told:
    """What this process last told the audit log about the vault: open, or the reason why not."""

    reason: str | None = ""


def status() -> Status:
    """The state of the vault now, looked up afresh in the key source and in the database it was sealed with.

    When it differs from what this process saw last, the audit log has `key.sealed` or `key.unsealed` (fault F26).
    """
    try:
        checks.check(providers.keyring(fresh=True), fresh=True)
        found = Status(True, "")
    except providers.Sealed as error:
        found = Status(False, error.reason)
    if found.reason != _Told.reason:
        _tell(found)
        _Told.reason = found.reason
    return found


# --- data keys ------------------------------------------------------------------------------------------------------
def create_data_key(owner: UUID) -> SubjectKey:
    """The owner has a data key. Raises WrongState("data_key_exists"), or Gone("erased") for an owner in the ledger."""
    return create_data_keys([owner])[owner]


def create_data_keys(owners: Sequence[UUID]) -> dict[UUID, SubjectKey]:
    """Each owner has a data key, by one statement; all or none. Errors as `create_data_key`."""
    ring = _ring(writing=True)
    if any(ledger.is_shredded(owner) for owner in owners):
        raise Gone("erased", "This person has been erased.")
    keys = {owner: SubjectKey(owner, envelope.new_data_key()) for owner in owners}
    with transaction.atomic():
        if _insert(ring, list(keys.values()), timezone.now()) != len(keys):
            raise WrongState("data_key_exists", "This person has a data key already.")
    return keys


def first_key(owner: UUID) -> tuple[SubjectKey, dict[str, Any]]:
    """A data key for an owner that is only being made, and the parameters of `KEY`: it is theirs once the caller's
    statement commits. Raises Gone("erased") for an owner in the ledger."""
    ring = _ring(writing=True)
    if ledger.is_shredded(owner):
        raise Gone("erased", "This person has been erased.")
    key, version = SubjectKey(owner, envelope.new_data_key()), ring.current("master")
    wrapped, committed = key.wrapped(ring.key("master", version), version)
    return key, {
        "key_owner": owner, "key_wrapped": wrapped, "key_version": version, "key_commitment": committed,
        "key_at": timezone.now(),
    }  # fmt: skip


def subject_key(owner: UUID) -> SubjectKey:
    """The owner's data key, opened; Gone("erased") when there is none, Tampered when the row was changed."""
    return _at_hand.get().get(owner) or _read_key(owner)


def _read_key(owner: UUID) -> SubjectKey:
    keys = subject_keys([owner])
    if owner not in keys:
        raise Gone("erased", "This person's data has been erased.")
    return keys[owner]


@contextmanager
def keys_at_hand(owners: Iterable[UUID]) -> Iterator[None]:
    """While the block runs `subject_key` of these owners asks nobody: their keys were read by one statement.

    For whoever holds the locks of these people, in a transaction, so that no key changes; gone with the block.
    """
    told = _at_hand.set(subject_keys(owners))
    try:
        yield
    finally:
        _at_hand.reset(told)


_at_hand: ContextVar[Mapping[UUID, SubjectKey]] = ContextVar("keys_at_hand", default={})  # noqa: B039  never written to


def subject_keys(owners: Iterable[UUID]) -> dict[UUID, SubjectKey]:
    """The data keys of those owners who have one, by one statement."""
    ring = _ring()
    with connection.cursor() as cursor:
        cursor.execute(_SELECT, [list(owners)])
        rows = cursor.fetchall()
    return {row[0]: opened(*row, ring=ring) for row in rows}


def opened(
    owner: UUID,
    wrapped: bytes,
    master_version: int,
    commitment: bytes,
    former: bytes | None = None,
    *,
    ring: Keyring | None = None,
) -> SubjectKey:
    """The key in a row of `vault_datakey` that the caller fetched with its own statement; Tampered when changed.

    Without `former` what lies under the key before a renewal does not open: go through `open_cells` then.
    """
    try:
        known = _ring_with("master", master_version, ring)
        data_key = envelope.unwrap(
            bytes(wrapped),
            known.key("master", master_version),
            owner=owner,
            version=master_version,
            committed=bytes(commitment),
        )
        key = SubjectKey(owner, data_key)
        return key if former is None else key.with_former(bytes(former))
    except Tampered as error:
        error.place = Place("vault_datakey", "wrapped", str(owner))
        raise


def open_cells(
    owner: UUID, cells: Cells, again: Callable[[], Cells], opening: Callable[[SubjectKey, Cells], Plain]
) -> Plain:
    """What `opening` makes of the owner's key and of cells that belong together. Gone("erased") when there is no key.

    Cells and key are read by two statements, and an erasure that retains something replaces both in between (Art.
    17(3)): then `again` reads the cells once more, and so until the key is the same before and after. What does not
    open then was changed: Tampered. No lock and no statement more while everything opens. `again` goes to the database
    and has to expect that nothing is left.
    """
    key = subject_key(owner)
    while True:
        try:
            return opening(key, cells)
        except Tampered:
            before, cells, key = key, again(), _read_key(owner)
        if key == before:
            return opening(key, cells)


def open_cell(owner: UUID, place: Place, row: Model, column: str) -> bytes | None:
    """What lies sealed in that column of the row, read anew where an erasure came between; None when nothing does."""
    held: Any = getattr(row, column)
    if held is None:
        return None
    again = type(row)._default_manager.filter(pk=row.pk).values_list(column, flat=True).first

    def opening(key: SubjectKey, cell: bytes | None) -> bytes | None:
        return None if cell is None else key.open(place, bytes(cell))

    return open_cells(owner, held, again, opening)


def destroy_data_key(owner: UUID) -> bool:
    """`destroy_data_keys` of one; False if it was so before."""
    return bool(destroy_data_keys([owner]))


def destroy_data_keys(owners: Iterable[UUID]) -> list[UUID]:
    """Nothing sealed for the owners can be opened again, and the ledger says so (Art. 17(1)); of whom it was not so.

    The ledger lines are on disk before the transaction commits. Part of the caller's transaction.
    """
    with transaction.atomic(savepoint=False):
        locked = DataKey.objects.select_for_update().filter(owner__in=list(owners)).order_by("owner")
        found = list(locked.values_list("owner", flat=True))
        if found:
            ledger.note_all(ledger.record_shreds(found))
            DataKey.objects.filter(owner__in=found).delete()
    return found


def replace_data_key(owner: UUID, *, shred: bool = True) -> tuple[SubjectKey, SubjectKey]:
    """The owner has a new data key and the old one is in no row; returns old and new. Gone("erased") when none.

    Whoever calls seals what stays under the new key in the same transaction (Art. 17(3)). `shred=False` is for plain
    rotation, where a backup with the old key resurrects nothing.
    """
    with transaction.atomic():
        if not DataKey.objects.select_for_update().filter(owner=owner).exists():
            raise Gone("erased", "This person's data has been erased.")
        old, new = subject_key(owner), SubjectKey(owner, envelope.new_data_key())
        if shred:
            ledger.note_all(ledger.record_shreds([owner], replaced=True))
        DataKey.objects.filter(owner=owner).delete()
        _insert(_ring(writing=True), [new], timezone.now())
    return old, new


# --- look-up, digests, pseudonyms -----------------------------------------------------------------------------------
def blind_index(column: str, value: str) -> bytes:
    """The 33 bytes to store for this value of this column ("table.column"), under the current version."""
    ring = providers.keyring()
    version = ring.current("index")
    return indexes.blind_index(ring.key("index", version), version, column, value)


def blind_indexes(column: str, value: str) -> list[bytes]:
    """The indexes under every live version, the current first: what a look-up compares with while keys rotate."""
    ring = providers.keyring()
    versions = ring.versions("index")
    return [indexes.blind_index(ring.key("index", version), version, column, value) for version in versions]


def keyed_digest(purpose: str, value: bytes) -> bytes:
    """32 bytes that stand for a token or code in the database; of no use to whoever reads them there."""
    return _digest(providers.keyring().key("token"), purpose, value)


def keyed_digests(purpose: str, value: bytes) -> list[bytes]:
    """The digests under every live version, the current first."""
    ring = providers.keyring()
    return [_digest(ring.key("token", version), purpose, value) for version in ring.versions("token")]


def pairwise_id(application: UUID, subject: UUID) -> UUID:
    """The id by which this application alone knows the subject."""
    return pairwise_ids(application, [subject])[0]


def pairwise_ids(application: UUID, subjects: Sequence[UUID]) -> list[UUID]:
    """The subjects' ids for this application, in order."""
    return pairwise.pairwise_ids(_application_key(application), subjects)


def subject_of(application: UUID, pairwise_id: UUID) -> UUID:
    """The subject behind the application's id; for an id of another application, one that belongs to nobody."""
    return pairwise.subjects_of(_application_key(application), [pairwise_id])[0]


def subject_blocks(application: UUID, blocks: bytes) -> bytes:
    """As `subject_of` for very many: ids of 16 bytes, one behind the other, in and out."""
    return pairwise.subject_blocks(_application_key(application), blocks)


# --- the service's own secrets --------------------------------------------------------------------------------------
def seal_secret(place: Place, plaintext: bytes) -> bytes:
    """A secret of the service itself (webhook secret, waiting mail), sealed to its cell, not to a person."""
    ring = _ring(writing=True)
    version = ring.current("secrets")
    return aead.seal(_secret_key(ring, version, place), plaintext, _secret_place(place, version), key_version=version)


def open_secret(place: Place, sealed: bytes) -> bytes:
    """The secret; Tampered when it was sealed for another cell or changed."""
    try:
        version = aead.key_version(bytes(sealed))
        ring = _ring_with("secrets", version)
        return aead.open_sealed(_secret_key(ring, version, place), bytes(sealed), _secret_place(place, version))
    except Tampered as error:
        error.place = place
        raise


def reseal_secret(place: Place, sealed: bytes) -> bytes | None:
    """The secret under the current version, or None when it is already: what a rotation of `secrets` does to a row."""
    if aead.key_version(bytes(sealed)) == providers.keyring().current("secrets"):
        return None
    return seal_secret(place, open_secret(place, sealed))


# --- tampering ------------------------------------------------------------------------------------------------------
def report_if_tampered(error: BaseException | None) -> None:
    """`report_tamper` of the cell that did not open, if that is what went wrong; called wherever errors end."""
    if isinstance(error, Tampered) and error.place is not None:
        report_tamper(error.place)


def report_tamper(place: Place, *, reason: str = "") -> None:
    """The audit log says that this cell was tampered with, in a transaction of its own (threats T5, T6).

    Call it after the rollback, where the error is translated: inside the failed transaction it would be undone with it.
    """
    metrics.DECRYPT_FAILURES.labels(place.table, place.column).inc()
    with transaction.atomic():
        audit.record(
            "crypto.tamper",
            actor=actors.system("vault"),
            details={"table": place.table, "column": place.column, "row": _reference(place)}
            | ({"reason": reason} if reason else {}),
        )


def _tell(found: Status) -> None:
    with transaction.atomic():
        if found.unsealed:
            version = providers.keyring().current("master")
            audit.record("key.unsealed", actor=actors.system("vault"), details={"version": version})
        else:
            reason = re.sub(r"[^a-z0-9]+", "-", found.reason.lower())
            audit.record("key.sealed", actor=actors.system("vault"), details={"reason": reason})


def _reference(place: Place) -> str | None:
    # The row of a data key is its owner, whom the log knows by another name; other rows are named when they are ids.
    plain = place.row.replace("-", "").isalnum() and place.row.isascii() and len(place.row) <= 64
    return place.row if plain and place.table != DataKey._meta.db_table else None


def _ring(*, writing: bool = False) -> Keyring:
    ring = providers.keyring()
    checks.check(ring, writing=writing)
    return ring


def _ring_with(kind: str, version: int, ring: Keyring | None = None) -> Keyring:
    """The keyring, read afresh when this version came in since; Tampered when nobody knows the version."""
    ring = ring or _ring()
    if not ring.has(kind, version):
        ring = providers.keyring(fresh=True)
    if not ring.has(kind, version):
        raise Tampered
    return ring


def _insert(ring: Keyring, keys: list[SubjectKey], at: datetime) -> int:
    version = ring.current("master")
    master = ring.key("master", version)
    rows = [key.wrapped(master, version) for key in keys]
    owners, wrapped, committed = [key.owner for key in keys], [row[0] for row in rows], [row[1] for row in rows]
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [version, at, owners, wrapped, committed])
        return int(cursor.rowcount)


def _application_key(application: UUID) -> bytes:
    return providers.keyring().of_application(application)


def _digest(key: bytes, purpose: str, value: bytes) -> bytes:
    return hmac.digest(derive(key, "digest", purpose), value, "sha256")


def _secret_key(ring: Keyring, version: int, place: Place) -> bytes:
    return derive(ring.key("secrets", version), "secret", place.table, place.column)


def _secret_place(place: Place, version: int) -> bytes:
    numbers = (place.schema.to_bytes(4, "big"), version.to_bytes(4, "big"))
    return joined(("secret", place.table, place.column, place.row, *numbers))
