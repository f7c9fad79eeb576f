"""AES-256-GCM (NIST SP 800-38D, RFC 5116): the one place where it is called.

Byte layout of what `seal` returns:

    format 1:  01 | nonce 12 B | ciphertext | tag 16 B
    format 2:  02 | key version 4 B, big endian | nonce 12 B | ciphertext | tag 16 B

Format 2 is for keys that rotate while their ciphertext stays (wrapped data keys, the service's secrets). Associated
data is mandatory. The leading bytes need no binding of their own: another format moves the nonce, another key
version picks another key, and callers put the version into the associated data.
The nonce is random, 96 bits: keep below 2^32 seals per key (SP 800-38D, 8.3); one person's column never comes near.
Promised to old data: whatever carries format 1 or 2 stays readable; a new layout takes a new first byte.
"""

import os
import struct
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gdpr_portal.errors import Unavailable

__all__ = [
    "AESGCM", "Place", "Tampered", "decrypt", "encrypt", "key_version", "open_sealed", "ready", "seal", "seal_many",
]  # fmt: skip
KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
PLAIN: Final = 1
VERSIONED: Final = 2
_PLAIN_HEAD: Final = bytes([PLAIN])
_VERSION_BYTES: Final = 4


class Place(NamedTuple):
    """The one cell a sealing belongs to; `schema` is the version of the table's meaning of that column."""

    table: str
    column: str
    row: str
    schema: int = 1


class Tampered(Unavailable):
    """What was to be opened is not what was sealed here; nothing is said about how it differs (threat T10).

    `place` is set where it is known, for `vault.services.report_tamper`; it names a cell, never a value.
    """

    place: Place | None = None

    def __init__(self) -> None:
        super().__init__("unavailable", "This information cannot be read at the moment.")

    def __reduce__(self) -> tuple[Any, ...]:
        """Celery hands on only errors that can be pickled; of another one it makes a plain Unavailable."""
        return type(self), (), self.__dict__


def ready(key: bytes) -> AESGCM:
    """The key made ready: whoever seals many cells under it pays for its schedule once. It is as secret as the key."""
    # AESGCM would take 16 and 24 bytes too, silently weaker.
    if len(key) != KEY_BYTES:
        raise ValueError("AES-256-GCM takes a key of 32 bytes.")
    return AESGCM(key)


def encrypt(key: bytes | AESGCM, nonce: bytes, plaintext: bytes, associated: bytes) -> bytes:
    """Ciphertext and tag under a nonce the caller answers for: only `seal` and the chunks of `stream` may."""
    return _ready(key).encrypt(nonce, plaintext, associated)


def decrypt(key: bytes | AESGCM, nonce: bytes, ciphertext: bytes, associated: bytes) -> bytes:
    """The plaintext, or Tampered and nothing else."""
    cipher = _ready(key)
    if len(ciphertext) < TAG_BYTES or len(nonce) != NONCE_BYTES:
        raise Tampered
    try:
        return cipher.decrypt(nonce, ciphertext, associated)
    except InvalidTag:
        raise Tampered from None


def seal(
    key: bytes | AESGCM,
    plaintext: bytes,
    associated: bytes,
    *,
    key_version: int | None = None,
    _nonce: bytes | None = None,
) -> bytes:
    """The plaintext sealed to its associated data; `_nonce` exists for the published vectors alone."""
    _check_associated(associated)
    nonce = _nonce or os.urandom(NONCE_BYTES)
    head = _PLAIN_HEAD if key_version is None else bytes([VERSIONED]) + key_version.to_bytes(_VERSION_BYTES, "big")
    return head + nonce + encrypt(key, nonce, plaintext, associated)


def seal_many(cells: Sequence[tuple[AESGCM, bytes, bytes]]) -> list[bytes]:
    """Format 1 sealings, in order, of (cipher, plaintext, associated data); the nonces are drawn at one go."""
    nonces = iter(struct.iter_unpack(f"{NONCE_BYTES}s", os.urandom(NONCE_BYTES * len(cells))))
    sealed = []
    for (cipher, plaintext, associated), (nonce,) in zip(cells, nonces, strict=True):
        _check_associated(associated)
        sealed.append(_PLAIN_HEAD + nonce + cipher.encrypt(nonce, plaintext, associated))
    return sealed


def open_sealed(key: bytes | AESGCM, sealed: bytes, associated: bytes) -> bytes:
    """The plaintext, if key and associated data are those of the sealing; Tampered otherwise."""
    _check_associated(associated)
    start = _nonce_start(sealed)
    return decrypt(key, sealed[start : start + NONCE_BYTES], sealed[start + NONCE_BYTES :], associated)


def key_version(sealed: bytes) -> int:
    """The version of the key a format 2 sealing names; Tampered when it is no such sealing."""
    if _nonce_start(sealed) == 1 or len(sealed) < 1 + _VERSION_BYTES:
        raise Tampered
    return int.from_bytes(sealed[1 : 1 + _VERSION_BYTES], "big")


def _nonce_start(sealed: bytes) -> int:
    form = sealed[0] if sealed else 0
    if form == PLAIN:
        return 1
    if form == VERSIONED:
        return 1 + _VERSION_BYTES
    raise Tampered


def _ready(key: bytes | AESGCM) -> AESGCM:
    return ready(key) if isinstance(key, bytes | bytearray) else key


def _check_associated(associated: bytes) -> None:
    if not associated:
        raise ValueError("Associated data is mandatory: a sealing is bound to its place.")
