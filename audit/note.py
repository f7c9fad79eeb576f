"""Signed notes, checkpoints and verifier keys as C2SP lays them out (c2sp.org/signed-note, c2sp.org/tlog-checkpoint).

    note        text || "\\n" || "— " name " " base64(key id[4] || signature[64]) "\\n" ...     (U+2014, blank)
    text        origin "\\n" size "\\n" base64(root) "\\n" [extension lines]
    vkey        name "+" hex(key id) "+" base64(0x01 || public key[32])
    key id      SHA-256(name || 0x0A || 0x01 || public key)[:4]

Ed25519 (RFC 8032) over the bytes of `text`, its last newline included. Signatures by unknown keys are ignored; one by
a known key that does not hold makes the whole note invalid.
"""

import base64
import binascii
import hashlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

from audit.standalone_verifier import ed25519_verify

ED25519 = b"\x01"
Verify = Callable[[bytes, bytes, bytes], bool]
"""Public key, message, signature."""


class BadNote(ValueError):
    """The note, checkpoint or key cannot be read, or no known key signed it."""


class VerifierKey(NamedTuple):
    """A name and a public key, with the four bytes that point at them."""

    name: str
    key_id: bytes
    public_key: bytes


class TreeHead(NamedTuple):
    """What a checkpoint says: the log, how many entries, and the root over them."""

    origin: str
    size: int
    root: bytes


def key_id(name: str, public_key: bytes) -> bytes:
    """The four bytes that stand before a signature by this key."""
    return hashlib.sha256(name.encode() + b"\x0a" + ED25519 + public_key).digest()[:4]


def encode_vkey(name: str, public_key: bytes) -> str:
    """The key as people pass it on."""
    _require_name(name)
    if len(public_key) != 32:
        raise BadNote("an Ed25519 public key has 32 bytes")
    return f"{name}+{key_id(name, public_key).hex()}+{base64.b64encode(ED25519 + public_key).decode()}"


def decode_vkey(vkey: str) -> VerifierKey:
    """The key behind a vkey. Raises `BadNote` when its parts do not belong together."""
    parts = vkey.strip().split("+", 2)
    if len(parts) != 3:
        raise BadNote("a verifier key is NAME+HASH+KEY")
    name, hashed, encoded = parts
    _require_name(name)
    raw = _decode64(encoded)
    if raw[:1] != ED25519 or len(raw) != 33:
        raise BadNote("only Ed25519 verifier keys are known")
    if hashed != key_id(name, raw[1:]).hex():
        raise BadNote("the hash in the verifier key is not that of its name and key")
    return VerifierKey(name, bytes.fromhex(hashed), raw[1:])


def checkpoint_text(origin: str, size: int, root: bytes) -> str:
    """The text a checkpoint's signature is over."""
    _require_name(origin)
    return f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n"


def sign(text: str, *, name: str, public_key: bytes, sign: Callable[[bytes], bytes]) -> str:
    """The note: the text with one signature line."""
    signature = base64.b64encode(key_id(name, public_key) + sign(text.encode())).decode()
    return f"{text}\n— {name} {signature}\n"


def read_checkpoint(note: str) -> TreeHead:
    """What the checkpoint says, whoever signed it. Raises `BadNote` when it is not one."""
    lines = split_note(note)[0].split("\n")
    if len(lines) < 4 or not lines[0]:
        raise BadNote("a checkpoint begins with origin, size and root")
    origin, size, root = lines[:3]
    if not (size.isascii() and size.isdigit()) or str(int(size)) != size:
        raise BadNote("the size is not a plain decimal number")
    raw = _decode64(root)
    if len(raw) != 32:
        raise BadNote("the root has not 32 bytes")
    return TreeHead(origin, int(size), raw)


def open_checkpoint(note: str, vkeys: Sequence[str], *, verify: Verify = ed25519_verify) -> TreeHead:
    """What the checkpoint says, vouched for by one of the keys. Raises `BadNote` otherwise."""
    text, lines = split_note(note)
    keys = {(key.name, key.key_id): key for key in map(decode_vkey, vkeys)}
    vouched = 0
    for line in lines:
        name, raw = _signature(line)
        key = keys.get((name, raw[:4]))
        if key is None:
            continue
        if not verify(key.public_key, text.encode(), raw[4:]):
            raise BadNote(f"the signature by {name} does not hold")
        vouched += 1
    if not vouched:
        raise BadNote("none of the known keys signed this")
    head = read_checkpoint(note)
    if head.origin not in {key.name for key in keys.values()}:
        raise BadNote("the origin is not the log of the known keys")
    return head


def split_note(note: str) -> tuple[str, list[str]]:
    """Text (last newline included) and signature lines; control characters are refused."""
    if any(character < " " and character != "\n" for character in note):
        raise BadNote("control characters in the note")
    text, separator, signatures = note.rpartition("\n\n")
    if not separator or not signatures.endswith("\n"):
        raise BadNote("a note has a text, an empty line and signature lines")
    return text + "\n", signatures[:-1].split("\n")


def _signature(line: str) -> tuple[str, bytes]:
    parts = line.split(" ")
    if len(parts) != 3 or parts[0] != "—":
        raise BadNote("a signature line is: dash, name, base64")
    raw = _decode64(parts[2])
    if len(raw) < 5:
        raise BadNote("a signature has a key id and more")
    return parts[1], raw


def _require_name(name: str) -> None:
    if not name or "+" in name or any(character.isspace() for character in name):
        raise BadNote("a key name has neither blanks nor +")


def _decode64(text: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BadNote("not base64") from None
    if base64.b64encode(raw).decode() != text:
        raise BadNote("not canonical base64")
    return raw
