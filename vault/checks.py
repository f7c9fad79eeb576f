"""Whether the keyring in hand is the one this database was sealed with; another one seals the vault (fault F26).

The first write under a key version leaves its commitment (HKDF, tells nothing about the key) in `vault_keycheck`. A
keyring is compared with those rows once per process and whenever its file changes: one that differs could only write
garbage.
"""

import hmac
from typing import Final

from vault import providers
from vault.kdf import derive
from vault.keyring import Keyring
from vault.models import KeyCheck

CHECKED: Final = ("master", "index", "pairwise", "secrets", "ledger")


class _Seen:
    """The keyring last found right, by identity: the holder hands out a new object when the file changes."""

    ring: Keyring | None = None
    noted: Keyring | None = None


def check(ring: Keyring, *, writing: bool = False, fresh: bool = False) -> None:
    """Nothing, when the keyring fits this database (and, `writing`, has left its mark there); Sealed otherwise."""
    if _Seen.ring is not ring or fresh:
        _compare(ring)
        _Seen.ring = ring
    if writing and _Seen.noted is not ring:
        _note(ring)


def _compare(ring: Keyring) -> None:
    rows = {
        (kind, version): noted for kind, version, noted in KeyCheck.objects.values_list("kind", "version", "commitment")
    }
    for (kind, version), noted in rows.items():
        if kind in CHECKED and version > max(ring.versions(kind)):
            raise providers.Sealed("the keyring is older than what this database was sealed with")
        if ring.has(kind, version) and not hmac.compare_digest(commitment(ring, kind, version), bytes(noted)):
            raise providers.Sealed("the keyring is not the one this database was sealed with")
    # A mark written in a transaction that was rolled back is not there: the next write leaves it again.
    marks = {(kind, version) for kind in CHECKED for version in ring.versions(kind)}
    _Seen.noted = ring if marks <= rows.keys() else None


def _note(ring: Keyring) -> None:
    rows = [
        KeyCheck(kind=kind, version=version, commitment=commitment(ring, kind, version))
        for kind in CHECKED
        for version in ring.versions(kind)
    ]
    KeyCheck.objects.bulk_create(rows, ignore_conflicts=True)
    _Seen.noted = ring


def forget() -> None:
    """No keyring has been compared yet: what a process starts with."""
    _Seen.ring = _Seen.noted = None


def commitment(ring: Keyring, kind: str, version: int) -> bytes:
    """What only this key gives, and gives to nobody else."""
    return derive(ring.key(kind, version), "check", kind)
