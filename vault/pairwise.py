"""Pairwise ids: every application sees its own id for the same person, without a table. Pure.

    application key = HKDF(pairwise master, "pairwise" application 16 B);  id = AES-256(application key, subject 16 B)

One AES block is a permutation of the 128-bit ids: no collisions, exactly one way back with the key, and without it an
id of one application looks unrelated to that of another (FIPS 197). ECB is wrong for messages because equal blocks
show; here each message is one block, ids are unique, and equal output for equal input is what is wanted. An id handed
in by another application opens to an id nobody has: 404, like any unknown one. The master does not rotate: every id
would change.
"""

from collections.abc import Sequence
from uuid import UUID

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from vault.kdf import derive

BLOCK_BYTES = 16


def application_key(master: bytes, application: UUID) -> bytes:
    """The permutation of one application."""
    return derive(master, "pairwise", application.bytes)


def pairwise_ids(key: bytes, subjects: Sequence[UUID]) -> list[UUID]:
    """What the application sees, in the order given."""
    encryptor = _cipher(key).encryptor()
    return _uuids(encryptor.update(b"".join(subject.bytes for subject in subjects)))


def subjects_of(key: bytes, ids: Sequence[UUID]) -> list[UUID]:
    """The internal ids, in the order given; for a foreign id one that belongs to nobody."""
    return _uuids(subject_blocks(key, b"".join(id_.bytes for id_ in ids)))


def subject_blocks(key: bytes, blocks: bytes) -> bytes:
    """The same of ids of 16 bytes, one behind the other."""
    return _cipher(key).decryptor().update(blocks)


def _cipher(key: bytes) -> Cipher[modes.ECB]:
    return Cipher(algorithms.AES256(key), modes.ECB())  # noqa: S305 (one block per id, see above)


def _uuids(blocks: bytes) -> list[UUID]:
    starts = range(0, len(blocks), BLOCK_BYTES)
    return [UUID(bytes=blocks[start : start + BLOCK_BYTES]) for start in starts]
