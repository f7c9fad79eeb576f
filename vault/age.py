"""Encrypting what leaves for one receiver: the age format, version 1 (C2SP), by a passphrase or an X25519 recipient.

    age-encryption.org/v1
    -> scrypt SALT LOGN | -> X25519 SHARE
    FILE KEY, wrapped with ChaCha20-Poly1305 under a key of that stanza
    --- HMAC-SHA256 of the header
    nonce 16 B | chunk 0 | chunk 1 | ... | last chunk       each 64 KiB and a tag of 16 B, as vault.stream cuts them

In flat memory, but for the 128 MiB of scrypt (N = 2^17), which one download at a time takes. Own code because the
library (pyrage) takes a passphrase only with the whole file in memory; tests/vault/test_age.py decrypts with it.
Neither passphrase nor file key is kept.
"""

import base64
import hashlib
import hmac
import os
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from vault.kdf import hkdf_expand, hkdf_extract
from vault.stream import CHUNK_BYTES, chunk_nonce, cut

INTRO: Final = b"age-encryption.org/v1"
LOG_N: Final = 17
"""N = 2^17, as OWASP asks of a passphrase (ASVS 11.4.4): 128 MiB, one at a time in a process."""
_one_at_a_time = threading.Lock()
_SCRYPT_R: Final = 8
_LETTERS: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATORS: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)


@dataclass(frozen=True)
class Lock:
    """What one file is encrypted with: a fresh file key, and the header that tells it to its receiver."""

    file_key: bytes = field(repr=False)
    header: bytes

    def encrypted(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The age file of chunks of any size."""
        nonce = os.urandom(16)
        cipher = ChaCha20Poly1305(_hkdf(self.file_key, nonce, b"payload"))
        yield self.header + nonce
        for counter, (chunk, last) in enumerate(cut(chunks, CHUNK_BYTES)):
            yield cipher.encrypt(chunk_nonce(counter, last), chunk, None)

    def size_of(self, plain_bytes: int) -> int:
        """How long the file of so many bytes is."""
        return len(self.header) + 16 + plain_bytes + 16 * max(1, -(-plain_bytes // CHUNK_BYTES))


def lock_by_passphrase(passphrase: str) -> Lock:
    """Opened by whoever knows the passphrase."""
    salt = os.urandom(16)
    with _one_at_a_time:
        key = hashlib.scrypt(
            passphrase.encode(), salt=INTRO + b"/scrypt" + salt, n=1 << LOG_N, r=_SCRYPT_R, p=1, dklen=32,
            maxmem=2 * 128 * _SCRYPT_R << LOG_N,
        )  # fmt: skip
    return _lock(b"-> scrypt %s %d" % (_base64(salt), LOG_N), key)


def lock_for_recipient(recipient: str) -> Lock:
    """Opened by the identity of this recipient (`age1...`). ValueError for what is none."""
    public = _recipient(recipient)
    ephemeral = X25519PrivateKey.generate()
    shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(public))
    share = ephemeral.public_key().public_bytes_raw()
    return _lock(b"-> X25519 %s" % _base64(share), _hkdf(shared, share + public, INTRO + b"/X25519"))


def _lock(stanza: bytes, wrap_key: bytes) -> Lock:
    file_key = os.urandom(16)
    body = ChaCha20Poly1305(wrap_key).encrypt(bytes(12), file_key, None)
    header = b"%s\n%s\n%s\n---" % (INTRO, stanza, _base64(body))
    mac = hmac.digest(_hkdf(file_key, b"", b"header"), header, "sha256")
    return Lock(file_key, b"%s %s\n" % (header, _base64(mac)))


def _hkdf(material: bytes, salt: bytes, info: bytes) -> bytes:
    return hkdf_expand(hkdf_extract(salt, material), info)


def _base64(data: bytes) -> bytes:
    return base64.b64encode(data).rstrip(b"=")


# --- Bech32 (BIP 173) -------------------------------------------------------------------------------------------------
def _recipient(text: str) -> bytes:
    """The 32 bytes of a recipient's public key."""
    given = text.strip()
    name, mark, letters = given.lower().rpartition("1")
    mixed = given not in {given.lower(), given.upper()}
    if mixed or not mark or name != "age" or len(letters) != 58 or not set(letters) <= set(_LETTERS):
        raise ValueError("not an age recipient")
    values = [_LETTERS.index(letter) for letter in letters]
    prefix = [ord(c) >> 5 for c in name] + [0] + [ord(c) & 31 for c in name]
    if _checksum(prefix + values) != 1:
        raise ValueError("not an age recipient")
    number = 0
    for value in values[:-6]:
        number = number << 5 | value
    if number & 0xF:  # 52 letters hold 260 bits: the last four are padding
        raise ValueError("not an age recipient")
    return (number >> 4).to_bytes(32, "big")


def _checksum(values: Iterable[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(_GENERATORS):
            check ^= generator if top >> bit & 1 else 0
    return check
