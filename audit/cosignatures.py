"""What a witness signs: that a checkpoint follows from every one it saw before (c2sp.org/tlog-cosignature, Ed25519).

    line        "— " name " " base64(key id[4] || timestamp[8, big endian, s] || signature[64])
    message     "cosignature/v1\\ntime " timestamp "\\n" || text of the checkpoint
    key id      SHA-256(name || 0x0A || 0x04 || public key)[:4]
    vkey        name "+" hex(key id) "+" base64(0x04 || public key[32])

Lines by unknown keys are ignored; one by the known key that does not hold is no cosignature.
"""

import base64
import hashlib
from datetime import UTC, datetime
from typing import NamedTuple

from audit.note import BadNote, VerifierKey, Verify, split_note

TYPE = b"\x04"
_LENGTH = 4 + 8 + 64
LATEST = 2**63 - 1


class Cosigned(NamedTuple):
    """A cosignature that holds: the line, who signed, and the witness's clock."""

    name: str
    line: str
    at: datetime


def witness_key(vkey: str) -> VerifierKey:
    """The witness behind a vkey. Raises `BadNote` when its parts do not belong together."""
    parts = vkey.strip().split("+", 2)
    if len(parts) != 3 or not parts[0]:
        raise BadNote("a verifier key is NAME+HASH+KEY")
    name, hashed, encoded = parts
    try:
        raw = base64.b64decode(encoded, validate=True)
    except ValueError:
        raise BadNote("not base64") from None
    if raw[:1] != TYPE or len(raw) != 33:
        raise BadNote("only Ed25519 cosignature keys (type 4) are known")
    if hashed != key_id(name, raw[1:]).hex():
        raise BadNote("the hash in the verifier key is not that of its name and key")
    return VerifierKey(name, bytes.fromhex(hashed), raw[1:])


def key_id(name: str, public_key: bytes) -> bytes:
    """The four bytes that stand before a cosignature by this key."""
    return hashlib.sha256(name.encode() + b"\n" + TYPE + public_key).digest()[:4]


def message(note: str, timestamp: int) -> bytes:
    """The bytes a witness signs."""
    return f"cosignature/v1\ntime {timestamp}\n{split_note(note)[0]}".encode()


def find(lines: str, note: str, key: VerifierKey, *, verify: Verify) -> Cosigned | None:
    """The first line that is this witness's cosignature of the checkpoint; None when there is none."""
    for line in lines.splitlines():
        parts = line.split(" ")
        if len(parts) != 3 or parts[0] != "—" or parts[1] != key.name:
            continue
        try:
            raw = base64.b64decode(parts[2], validate=True)
        except ValueError:
            continue
        if len(raw) != _LENGTH or raw[:4] != key.key_id:
            continue
        timestamp = int.from_bytes(raw[4:12], "big")
        if timestamp <= LATEST and verify(key.public_key, message(note, timestamp), raw[12:]):
            return Cosigned(key.name, line, _moment(timestamp))
    return None


def _moment(timestamp: int) -> datetime:
    try:
        return datetime.fromtimestamp(timestamp, UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.max.replace(tzinfo=UTC)
