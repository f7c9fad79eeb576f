"""Key derivation: HKDF with SHA-256 (RFC 5869), and the labels that keep every use of a key apart.

Our keys are uniformly random already, so HKDF-Expand alone is used (RFC 5869, section 3.3); `info` is always
`gdpr-portal/1/<use>` followed by length-prefixed parts, so no two uses and no two parts can be confused.
Promised to old data: a label never changes its meaning; a new derivation gets a new number after the slash.
"""

import hmac
from collections.abc import Iterable

KEY_BYTES = 32
HASH_BYTES = 32
_PREFIX = b"gdpr-portal/1/"


def hkdf_extract(salt: bytes, material: bytes) -> bytes:
    """A pseudorandom key of 32 bytes out of unevenly distributed material (RFC 5869, section 2.2)."""
    return hmac.digest(salt or bytes(HASH_BYTES), material, "sha256")


def hkdf_expand(key: bytes, info: bytes, length: int = KEY_BYTES) -> bytes:
    """`length` bytes for one use of an evenly distributed key (RFC 5869, section 2.3)."""
    if not 0 < length <= 255 * HASH_BYTES:
        raise ValueError("HKDF gives 1 to 8160 bytes.")
    block, output, count = b"", b"", 0
    while len(output) < length:
        count += 1
        block = hmac.digest(key, block + info + bytes([count]), "sha256")
        output += block
    return output[:length]


def joined(parts: Iterable[str | bytes]) -> bytes:
    """The parts, each behind its length in 4 bytes: two different lists never give the same bytes."""
    raw = [part.encode() if isinstance(part, str) else part for part in parts]
    return b"".join(len(part).to_bytes(4, "big") + part for part in raw)


def derive(key: bytes, use: str, *parts: str | bytes) -> bytes:
    """A 32-byte key for one use and one place, from which the parent cannot be found."""
    return hkdf_expand(key, label(use, *parts))


def label(use: str, *parts: str | bytes) -> bytes:
    """The `info` that keeps this use and place apart from every other."""
    return _PREFIX + use.encode() + b"\0" + joined(parts)
