"""Whose signature stands under a checkpoint: registered from the floor above, since keys live in the vault alone.

The sequencer's process registers a signer; every other process only the public key. More than one public key is
known while the signing key is being rotated, or after it was: the newest registered is the one announced.
"""

from collections.abc import Callable
from dataclasses import dataclass

from audit import note
from audit.standalone_verifier import ed25519_verify
from gdpr_portal.errors import Unavailable


@dataclass(frozen=True)
class Signer:
    """A named Ed25519 key that can sign; `name` is the origin of the log (C2SP signed-note key name)."""

    name: str
    sign: Callable[[bytes], bytes]
    vkey: str


_signers: list[Signer] = []
_vkeys: list[str] = []
_verify: list[note.Verify] = [ed25519_verify]


def register_signer(name: str, sign: Callable[[bytes], bytes], public_key: bytes) -> None:
    """This process signs checkpoints with the key from now on, and announces it."""
    register_public_key(name, public_key)
    _signers.append(Signer(name, sign, note.encode_vkey(name, public_key)))


def register_public_key(name: str, public_key: bytes) -> None:
    """Checkpoints by this key (32 bytes, RFC 8032) are trusted by this process, and the key is the one announced."""
    vkey = note.encode_vkey(name, public_key)
    if vkey in _vkeys:
        _vkeys.remove(vkey)
    _vkeys.append(vkey)


def signer() -> Signer:
    """The signer registered last. Raises `Unavailable("no_signer")` where there is none: only the sequencer has it."""
    if not _signers:
        raise Unavailable("no_signer", "This process holds no key to sign checkpoints with.")
    return _signers[-1]


def vkeys() -> list[str]:
    """The verifier keys this process trusts (C2SP vkey), the announced one last."""
    return list(_vkeys)


def register_verify(verify: note.Verify) -> None:
    """Signatures are checked by this function from now on: the slow one of this floor takes milliseconds each."""
    _verify[:] = [verify]


def verify() -> note.Verify:
    """What checks an Ed25519 signature in this process."""
    return _verify[-1]


def forget() -> None:
    """No key is registered: what a process starts with."""
    _signers.clear()
    _vkeys.clear()
    _verify[:] = [ed25519_verify]
