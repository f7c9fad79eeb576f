"""The keyring: every secret of the service with its versions, as one JSON document outside the database. Pure.

    {"format": 1,
     "keys": {"master": {"current": 1, "versions": {"1": "<32 bytes, base64url>"}}, "index": ..., "pairwise": ...,
              "secrets": ..., "token": ..., "ledger": ..., "receipts": ...},
     "retired_receipts": ["<Ed25519 public key, base64url>"],
     "audit_public": "<Ed25519 public key of the checkpoints, base64url>"}

`master` wraps data keys, `index` finds, `pairwise` hides, `secrets` seals what belongs to the service, `token` digests
tokens and codes, `ledger` makes tombstones, `receipts` is the Ed25519 seed that signs. Each is independent of the rest.
Promised to old data: a version is removed by `keys retire` alone, and only when nothing needs it.
"""

import base64
import binascii
import json
import os
from dataclasses import dataclass
from typing import Any, Final, NoReturn
from uuid import UUID

from vault.kdf import KEY_BYTES
from vault.pairwise import application_key

FORMAT: Final = 1
KINDS: Final = ("master", "index", "pairwise", "secrets", "token", "ledger", "receipts")
ROTATING: Final = ("master", "index", "secrets", "receipts")
MAX_INDEX_VERSION: Final = 255


class KeyringError(ValueError):
    """The document is no keyring of ours; the message names the part, never a byte of it."""


@dataclass(frozen=True, slots=True)
class Versions:
    """The keys of one kind; what is new is made under `current`."""

    current: int
    keys: dict[int, bytes]

    def __repr__(self) -> str:
        return f"<Versions {sorted(self.keys)} hidden>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("Keys are not to be pickled or copied.")


class Keyring:
    """All keys of the service, in memory; it never shows, copies or pickles them."""

    __slots__ = ("_kinds", "_of_applications", "audit_public", "retired_receipts")

    def __init__(
        self, kinds: dict[str, Versions], *, retired_receipts: list[bytes], audit_public: bytes | None
    ) -> None:
        self._kinds = kinds
        self.retired_receipts = retired_receipts
        self.audit_public = audit_public
        self._of_applications: dict[UUID, bytes] = {}

    def __repr__(self) -> str:
        return "<Keyring hidden>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A keyring is not to be pickled or copied.")

    def current(self, kind: str) -> int:
        """The version new things are made under."""
        return self._kinds[kind].current

    def versions(self, kind: str) -> list[int]:
        """The live versions, the current one first."""
        current = self.current(kind)
        return sorted(self._kinds[kind].keys, key=lambda version: (version != current, -version))

    def has(self, kind: str, version: int) -> bool:
        """Whether this version is live."""
        return kind in self._kinds and version in self._kinds[kind].keys

    def key(self, kind: str, version: int | None = None) -> bytes:
        """The key; KeyError when the version is not live."""
        kept = self._kinds[kind]
        return kept.keys[kept.current if version is None else version]

    def of_application(self, application: UUID) -> bytes:
        """Its permutation of ids (`vault.pairwise`), derived once; it goes with the keyring."""
        found = self._of_applications.get(application)
        if found is None:
            found = self._of_applications[application] = application_key(self.key("pairwise"), application)
        return found

    def with_version(self, kind: str) -> "Keyring":
        """A copy with a fresh current version of this kind; ValueError for kinds that cannot rotate."""
        if kind not in ROTATING:
            raise ValueError(f"{kind} keys do not rotate.")
        kept = self._kinds[kind]
        version = max(kept.keys) + 1
        if kind == "index" and version > MAX_INDEX_VERSION:
            raise ValueError("A blind index names its version in one byte: 255 is the last.")
        return self._with(kind, Versions(version, kept.keys | {version: os.urandom(KEY_BYTES)}))

    def without_version(self, kind: str, version: int, *, public: bytes | None = None) -> "Keyring":
        """A copy without this version; `public` is what stays of a signing key. ValueError for the current one."""
        kept = self._kinds[kind]
        if version == kept.current:
            raise ValueError("The current version cannot be retired: rotate first.")
        if version not in kept.keys:
            raise ValueError("There is no such version.")
        rest = {number: key for number, key in kept.keys.items() if number != version}
        changed = self._with(kind, Versions(kept.current, rest))
        changed.retired_receipts = self.retired_receipts + ([public] if public else [])
        return changed

    def with_audit_public(self, public: bytes) -> "Keyring":
        """A copy that announces this checkpoint key."""
        return Keyring(self._kinds, retired_receipts=self.retired_receipts, audit_public=public)

    def _with(self, kind: str, versions: Versions) -> "Keyring":
        return Keyring(
            self._kinds | {kind: versions}, retired_receipts=self.retired_receipts, audit_public=self.audit_public
        )

    def dump(self) -> bytes:
        """The JSON document, for the file alone."""
        keys = {
            kind: {"current": kept.current, "versions": {str(n): _text(key) for n, key in sorted(kept.keys.items())}}
            for kind, kept in self._kinds.items()
        }
        retired = [_text(public) for public in self.retired_receipts]
        document: dict[str, Any] = {"format": FORMAT, "keys": keys, "retired_receipts": retired}
        document["audit_public"] = _text(self.audit_public) if self.audit_public else None
        return json.dumps(document, indent=1).encode() + b"\n"


def generate(*, audit_public: bytes | None) -> Keyring:
    """A keyring of fresh keys, version 1 of each kind."""
    kinds = {kind: Versions(1, {1: os.urandom(KEY_BYTES)}) for kind in KINDS}
    return Keyring(kinds, retired_receipts=[], audit_public=audit_public)


def parse(document: bytes) -> Keyring:
    """The keyring in this document; KeyringError when anything is missing, malformed or of the wrong length."""
    try:
        read = json.loads(document)
        if read["format"] != FORMAT:
            raise KeyringError("unknown format")
        kinds = {kind: _versions(kind, read["keys"][kind]) for kind in KINDS}
        retired = [_bytes(text) for text in read["retired_receipts"]]
        public = _bytes(read["audit_public"]) if read["audit_public"] else None
    except KeyringError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error):
        # `from None`: a decoding error quotes the document.
        raise KeyringError("not a keyring") from None
    return Keyring(kinds, retired_receipts=retired, audit_public=public)


def _versions(kind: str, read: dict[str, Any]) -> Versions:
    keys = {int(number): _bytes(text) for number, text in read["versions"].items()}
    current = int(read["current"])
    if current not in keys:
        raise KeyringError(f"the current {kind} key is missing")
    if min(keys) < 1 or len(set(keys.values())) != len(keys):
        raise KeyringError(f"the {kind} keys are numbered or repeated wrongly")
    return Versions(current, keys)


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if len(raw) != KEY_BYTES:
        raise KeyringError("a key has the wrong length")
    return raw
