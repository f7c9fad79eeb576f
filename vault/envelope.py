"""The envelope: one 256-bit data key per person, wrapped by a master key, opening one cell at a time. Pure.

    master key vN  --HKDF "wrap"-->  wrapping key  --AES-256-GCM-->  wrapped data key (format 2, 65 bytes)
    data key  --HKDF "field" table column-->  field key  --AES-256-GCM-->  sealed cell (format 1, plaintext + 29 bytes)
    data key  --HKDF "commitment"-->  commitment, 32 bytes, stored beside the wrapped key
    data key  --HKDF "mark"-->  mark key  --HMAC-SHA-256-->  mark of one sealing, 128 bits in base64, for the audit log
    data key  --sealed as a cell "vault_datakey" "former"-->  the key before it, while a renewal lasts (vault.datakeys)

Associated data, every part behind its length in 4 bytes (`kdf.joined`):

    wrapped key   "wrap"  | owner 16 B | master version 4 B
    cell          "field" | subject 16 B | table | column | row | schema version 4 B

AES-GCM does not commit to its key: one ciphertext can be made to open under two keys ("invisible salamanders",
Dodis et al. 2018). A wrapped key whose content does not fit the commitment is refused, so each owner has one data key.
"""

import base64
import hmac
import os
from collections.abc import Sequence
from functools import lru_cache
from typing import NoReturn
from uuid import UUID

from vault import aead
from vault.aead import AESGCM, Place, Tampered
from vault.kdf import KEY_BYTES, derive, hkdf_expand, joined, label

__all__ = ["Place", "SubjectKey", "Tampered", "commitment", "new_data_key", "seal_cells", "unwrap", "wrap"]
MARK_BYTES = 16
_FOUR = b"\0\0\0\4"
_SCHEMA_1 = _FOUR + (1).to_bytes(4, "big")
_FORMER = Place("vault_datakey", "former", "")


def new_data_key() -> bytes:
    """32 random bytes from the operating system."""
    return os.urandom(KEY_BYTES)


def commitment(data_key: bytes) -> bytes:
    """What only this data key gives; it tells nothing about the key."""
    return derive(data_key, "commitment")


def wrap(data_key: bytes, master: bytes, *, owner: UUID, version: int, _nonce: bytes | None = None) -> bytes:
    """The data key sealed under master key `version` for this owner alone."""
    key = derive(master, "wrap")
    return aead.seal(key, data_key, _wrap_place(owner, version), key_version=version, _nonce=_nonce)


def unwrap(wrapped: bytes, master: bytes, *, owner: UUID, version: int, committed: bytes) -> bytes:
    """The data key, if owner, version and commitment are those it was wrapped with; Tampered otherwise."""
    if aead.key_version(wrapped) != version:
        raise Tampered
    data_key = aead.open_sealed(derive(master, "wrap"), wrapped, _wrap_place(owner, version))
    if not hmac.compare_digest(commitment(data_key), committed):
        raise Tampered
    return data_key


class SubjectKey:
    """One person's data key, in memory for the length of a call; it never shows, copies or pickles its bytes.

    While it is being renewed it has a `former`: it seals itself, and opens what either of the two has sealed.
    """

    __slots__ = ("_columns", "_data_key", "_mark_key", "former", "owner")

    def __init__(self, owner: UUID, data_key: bytes, former: "SubjectKey | None" = None) -> None:
        self.owner = owner
        self.former = former
        self._data_key = data_key
        self._mark_key: bytes | None = None
        # A field key lives as long as the data key it comes from, and is derived once.
        self._columns: dict[tuple[str, str], tuple[AESGCM, bytes]] = {}

    def __repr__(self) -> str:
        return "<SubjectKey hidden>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A key is not to be pickled or copied.")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SubjectKey):
            return NotImplemented
        return self.owner == other.owner and hmac.compare_digest(self._data_key, other._data_key)

    __hash__ = None  # type: ignore[assignment]  # nothing is looked up by a key

    def seal(self, place: Place, plaintext: bytes) -> bytes:
        """The plaintext sealed to this person and this cell."""
        cipher, column = self._column(place)
        return aead.seal(cipher, plaintext, column + _row_place(place))

    def open(self, place: Place, sealed: bytes) -> bytes:
        """The plaintext; Tampered (with its `place`) when it was sealed for anybody or anything else."""
        return self._opened(place, bytes(sealed))[1]

    def sealer(self, place: Place, sealed: bytes) -> "SubjectKey":
        """Which of the key and its former one has sealed this; Tampered as `open`."""
        return self._opened(place, bytes(sealed))[0]

    def reseal(self, place: Place, sealed: bytes) -> bytes | None:
        """The same sealed by this key itself; None when it is already. Tampered as `open`."""
        sealer, plaintext = self._opened(place, bytes(sealed))
        return None if sealer is self else self.seal(place, plaintext)

    def _opened(self, place: Place, sealed: bytes) -> "tuple[SubjectKey, bytes]":
        for key in self.generations():
            try:
                cipher, column = key._column(place)
                return key, aead.open_sealed(cipher, sealed, column + _row_place(place))
            except Tampered as error:
                refused = error
        refused.place = place
        raise refused

    def generations(self) -> "list[SubjectKey]":
        """This key and, while its renewal lasts, the one before."""
        return [self] if self.former is None else [self, self.former]

    def successor(self) -> "SubjectKey":
        """A fresh key of the same owner, with this one as its former. ValueError while this one has one itself."""
        if self.former is not None:
            raise ValueError("A key that is being renewed is not renewed once more.")
        return SubjectKey(self.owner, new_data_key(), self)

    def sealed_former(self) -> bytes:
        """The former key as a row keeps it, sealed by this one: whoever destroys this one has destroyed both."""
        if self.former is None:
            raise ValueError("There is no former key.")
        return self.seal(_FORMER, self.former._data_key)

    def with_former(self, kept: bytes) -> "SubjectKey":
        """This key with the former one that `sealed_former` gave. Tampered when it was changed."""
        return SubjectKey(self.owner, self._data_key, SubjectKey(self.owner, self.open(_FORMER, kept)))

    def mark(self, place: Place, sealed: bytes) -> str:
        """What the audit log keeps of this sealing in this cell: 22 characters that tell nothing without the key.

        No two sealings share one (their nonces differ), so that an older one put back in its own place is told from
        the newest (threat T6). With the key gone it is noise: the log's proofs stay, nothing can be compared any more.
        """
        if self._mark_key is None:
            self._mark_key = derive(self._data_key, "mark")
        digest = hmac.digest(self._mark_key, self.associated(place) + sealed, "sha256")
        return base64.b64encode(digest[:MARK_BYTES]).decode().rstrip("=")

    def field_key(self, place: Place) -> bytes:
        """The key of this person's column; rows of a column are told apart by the associated data."""
        return hkdf_expand(self._data_key, _field_label(place.table, place.column))

    def associated(self, place: Place) -> bytes:
        """What a cell is bound to: subject, table, column, row, schema version."""
        return self._column(place)[1] + _row_place(place)

    def _column(self, place: Place) -> tuple[AESGCM, bytes]:
        known = self._columns.get(place[:2])
        if known is None:
            known = aead.ready(self.field_key(place)), _column_place(self.owner, place)
            self._columns[place[:2]] = known
        return known

    def wrapped(self, master: bytes, version: int) -> tuple[bytes, bytes]:
        """This key as a row keeps it: wrapped bytes and commitment."""
        return wrap(self._data_key, master, owner=self.owner, version=version), commitment(self._data_key)


def seal_cells(table: str, cells: Sequence[tuple[SubjectKey, str, str, bytes]]) -> list[bytes]:
    """What `SubjectKey.seal` gives for each (key, column, row, plaintext) of the table, schema 1, in order.

    For many cells at once: two thirds of the cost, because the nonces are drawn together and no `Place` is made.
    """
    ready = []
    for key, column, row, plaintext in cells:
        cipher, place = key._columns.get((table, column)) or key._column(Place(table, column, row))
        raw = row.encode()
        ready.append((cipher, plaintext, b"".join((place, len(raw).to_bytes(4, "big"), raw, _SCHEMA_1))))
    return aead.seal_many(ready)


def _wrap_place(owner: UUID, version: int) -> bytes:
    return joined(("wrap", owner.bytes, version.to_bytes(4, "big")))


def _column_place(owner: UUID, place: Place) -> bytes:
    return joined(("field", owner.bytes, place.table, place.column))


def _row_place(place: Place) -> bytes:
    """`joined` of row and schema version, written out: once for every cell of an import."""
    row = place.row.encode()
    return len(row).to_bytes(4, "big") + row + _FOUR + place.schema.to_bytes(4, "big")


@lru_cache(maxsize=4096)
def _field_label(table: str, column: str) -> bytes:
    return label("field", table, column)
