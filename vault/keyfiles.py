"""The key files: made once with their rights, replaced whole, never overwritten by `init`.

VAULT_KEY_FILE           the keyring, plain or wrapped (vault.wrapping), 0400; its directory 0700
AUDIT_SIGNING_KEY_FILE   {"format": 1, "origin": ..., "private": ..., "public": ...}, 0400; the sequencer alone needs it
audit.vkey               beside the keyring, 0444: the C2SP verifier keys, oldest first, one a line; no secret
"""

import base64
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, NoReturn

from audit import note
from vault import keyring, signing, wrapping
from vault.kdf import KEY_BYTES
from vault.keyring import Keyring, KeyringError
from vault.wrapping import KeyService

DIRECTORY_MODE: Final = 0o700
SECRET_MODE: Final = 0o400
PUBLIC_MODE: Final = 0o444
VKEY_NAME: Final = "audit.vkey"


class CheckpointKey:
    """The Ed25519 key of the audit checkpoints; it signs and never shows itself."""

    __slots__ = ("_seed", "origin", "public")

    def __init__(self, origin: str, seed: bytes) -> None:
        self.origin = origin
        self.public = signing.public_of(seed)
        self._seed = seed

    def __repr__(self) -> str:
        return "<CheckpointKey hidden>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A key is not to be pickled or copied.")

    def sign(self, message: bytes) -> bytes:
        """The 64-byte signature."""
        return signing.sign(self._seed, message)

    def dump(self) -> bytes:
        """The JSON document, for the file alone."""
        parts = {"private": self._seed, "public": self.public}
        encoded = {name: base64.b64encode(raw).decode() for name, raw in parts.items()}
        return json.dumps({"format": 1, "origin": self.origin, **encoded}, indent=1).encode() + b"\n"


def initialise(*, key_file: Path, audit_file: Path, origin: str, service: KeyService | None = None) -> list[Path]:
    """The key files are there; returns those that were made now. Idempotent, and overwrites nothing.

    Whichever of the two comes second is made to fit the first; a keyring given by the environment needs no file.
    """
    made = []
    if not audit_file.exists():
        _create(audit_file, CheckpointKey(origin, os.urandom(KEY_BYTES)).dump(), SECRET_MODE)
        made.append(audit_file)
    public = read_checkpoint_key(audit_file).public
    if not key_file.exists():
        _create(key_file, _document(keyring.generate(audit_public=public), service), SECRET_MODE)
        made.append(key_file)
    vkey_file = key_file.with_name(VKEY_NAME)
    if not vkey_file.exists():
        _create(vkey_file, note.encode_vkey(origin, public).encode() + b"\n", PUBLIC_MODE)
        made.append(vkey_file)
    return made


def read_checkpoint_key(audit_file: Path) -> CheckpointKey:
    """The checkpoint key; KeyringError when the file is no such key, OSError when it cannot be read."""
    try:
        read = json.loads(audit_file.read_bytes())
        key = CheckpointKey(str(read["origin"]), base64.b64decode(read["private"], validate=True))
        fits = base64.b64decode(read["public"], validate=True) == key.public
    except (ValueError, KeyError, TypeError):
        raise KeyringError("not a checkpoint key") from None
    if not fits:
        raise KeyringError("the checkpoint key does not fit its public key")
    return key


def read_vkeys(key_file: Path) -> list[str]:
    """The verifier keys beside the keyring, oldest first; none when the file is not there."""
    try:
        return key_file.with_name(VKEY_NAME).read_text().split()
    except FileNotFoundError:
        return []


def rotate_checkpoint_key(*, key_file: Path, audit_file: Path, service: KeyService | None = None) -> None:
    """Checkpoints are signed by a fresh key from the sequencer's next start; the old verifier key stays known.

    The new verifier key is on disk first, so that no checkpoint is ever signed by a key nobody knows.
    """
    old = read_checkpoint_key(audit_file)
    fresh = CheckpointKey(old.origin, os.urandom(KEY_BYTES))
    vkeys = read_vkeys(key_file) or [note.encode_vkey(old.origin, old.public)]
    lines = [*vkeys, note.encode_vkey(fresh.origin, fresh.public)]
    replace(key_file.with_name(VKEY_NAME), "".join(f"{line}\n" for line in lines).encode(), PUBLIC_MODE)
    change(key_file, lambda ring: ring.with_audit_public(fresh.public), service=service)
    replace(audit_file, fresh.dump(), SECRET_MODE)


def change(key_file: Path, changed: Callable[[Keyring], Keyring], *, service: KeyService | None = None) -> Keyring:
    """The file holds the changed keyring; a crash leaves the old one or the new one, whole.

    With a service the file is wrapped, before and after, under a fresh wrapping key. Raises Denied, Unreachable.
    """
    ring = changed(read_keyring(key_file, service))
    write_keyring(key_file, ring, service)
    return ring


def read_keyring(key_file: Path, service: KeyService | None) -> Keyring:
    """The keyring in the file, plain or wrapped as the service says; KeyringError for anything else."""
    document = key_file.read_bytes()
    return wrapping.opened_document(document, service) if service else keyring.parse(document)


def write_keyring(key_file: Path, ring: Keyring, service: KeyService | None) -> None:
    """The file holds the keyring, plain or wrapped, at one blow."""
    replace(key_file, _document(ring, service), SECRET_MODE)


def _document(ring: Keyring, service: KeyService | None) -> bytes:
    return wrapping.sealed_document(ring, service) if service else ring.dump()


def replace(path: Path, content: bytes, mode: int) -> None:
    """The file has this content and mode at one blow, on disk."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    try:
        _write(temporary, content, mode)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    _sync(path.parent)


def _create(path: Path, content: bytes, mode: int) -> None:
    path.parent.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
    _write(path, content, mode)
    _sync(path.parent)


def _write(path: Path, content: bytes, mode: int) -> None:
    # O_EXCL: two that start at once cannot overwrite each other's keys.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
