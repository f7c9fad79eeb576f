"""The envelope: one 256-bit data key per person, wrapped by a master key, opening one cell at a time. Pure.

    master key vN  --HKDF "wrap"-->  wrapping key  --AES-256-GCM-->  wrapped data key (format 2, 65 bytes)
    data key  --HKDF "field" table column-->  field key  --AES-256-GCM-->  sealed cell (format 1, plaintext + 29 bytes)
    data key  --HKDF "commitment"-->  commitment, 32 bytes, stored beside the wrapped key

Associated data, every part behind its length in 4 bytes (`kdf.joined`):

    wrapped key   "wrap"  | owner 16 B | master version 4 B
    cell          "field" | subject 16 B | table | column | row | schema version 4 B

AES-GCM does not commit to its key: one ciphertext can be made to open under two keys ("invisible salamanders",
Dodis et al. 2018). A wrapped key whose content does not fit the commitment is refused, so each owner has one data key.
"""

import hmac
import os
from typing import NoReturn
from uuid import UUID

from vault import aead
from vault.aead import Place, Tampered
from vault.kdf import KEY_BYTES, derive, joined

__all__ = ["Place", "SubjectKey", "Tampered", "commitment", "new_data_key", "unwrap", "wrap"]


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
    """One person's data key, in memory for the length of a call; it never shows, copies or pickles its bytes."""

    __slots__ = ("_data_key", "owner")

    def __init__(self, owner: UUID, data_key: bytes) -> None:
        self.owner = owner
        self._data_key = data_key

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
        return aead.seal(self.field_key(place), plaintext, self.associated(place))

    def open(self, place: Place, sealed: bytes) -> bytes:
        """The plaintext; Tampered (with its `place`) when it was sealed for anybody or anything else."""
        try:
            return aead.open_sealed(self.field_key(place), bytes(sealed), self.associated(place))
        except Tampered as error:
            error.place = place
            raise

    def field_key(self, place: Place) -> bytes:
        """The key of this person's column; rows of a column are told apart by the associated data."""
        return derive(self._data_key, "field", place.table, place.column)

    def associated(self, place: Place) -> bytes:
        """What a cell is bound to: subject, table, column, row, schema version."""
        return _field_place(self.owner, place)

    def wrapped(self, master: bytes, version: int) -> tuple[bytes, bytes]:
        """This key as a row keeps it: wrapped bytes and commitment."""
        return wrap(self._data_key, master, owner=self.owner, version=version), commitment(self._data_key)


def _wrap_place(owner: UUID, version: int) -> bytes:
    return joined(("wrap", owner.bytes, version.to_bytes(4, "big")))


def _field_place(owner: UUID, place: Place) -> bytes:
    return joined(("field", owner.bytes, place.table, place.column, place.row, place.schema.to_bytes(4, "big")))
