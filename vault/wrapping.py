"""A keyring that lies on disk wrapped: a key service (HashiCorp Vault transit, AWS KMS) opens it, nothing here does.

    {"format": "wrapped/1", "by": "transit" | "kms", "key": "<name of the service's key>",
     "wrapped": "<the wrapping key as the service sealed it, base64>",
     "keyring": "<the keyring (vault.keyring) sealed by the wrapping key, format 1 of vault.aead, base64>"}

    associated data of both = "keyring" | by | key, parts behind their length

The service never sees the keyring and has no limit on its length; whoever has the file has nothing without the service,
and whoever has the service has nothing without the file. Every write takes a fresh wrapping key. Pure, but for the
service it is handed.
"""

import base64
import binascii
import json
import os
from typing import Any, Final, Protocol

from gdpr_portal.errors import Unavailable
from vault import aead
from vault.kdf import KEY_BYTES, joined
from vault.keyring import Keyring, KeyringError, parse

FORMAT: Final = "wrapped/1"


class Sealed(Unavailable):
    """The keyring cannot be used; `reason` is for operators, the message for everybody else."""

    def __init__(self, reason: str) -> None:
        super().__init__("unavailable", "Personal data cannot be read or written at the moment.")
        self.reason = reason


class Denied(Sealed):
    """The key service said no: its key is gone, disabled or not for us. A running service seals itself on it."""


class Unreachable(Sealed):
    """The key service gave no answer that counts. A running service goes on with what it holds."""


class KeyService(Protocol):
    """Something outside that wraps and unwraps 32 bytes for us. Both raise Denied and Unreachable."""

    name: str
    key: str

    def wrap(self, key: bytes, associated: bytes) -> bytes:
        """The key sealed by the newest version of the service's key."""
        ...

    def unwrap(self, wrapped: bytes, associated: bytes) -> bytes:
        """The key again, whichever version sealed it."""
        ...


def is_wrapped(document: bytes) -> bool:
    """Whether this is a wrapped keyring and not a plain one."""
    try:
        return bool(json.loads(document)["format"] == FORMAT)
    except (ValueError, KeyError, TypeError):
        return False


def sealed_document(ring: Keyring, service: KeyService) -> bytes:
    """The keyring as it may lie on disk, under a fresh wrapping key."""
    associated = _associated(service)
    key = os.urandom(KEY_BYTES)
    parts = {"wrapped": service.wrap(key, associated), "keyring": aead.seal(key, ring.dump(), associated)}
    texts = {name: base64.b64encode(raw).decode() for name, raw in parts.items()}
    return json.dumps({"format": FORMAT, "by": service.name, "key": service.key, **texts}, indent=1).encode() + b"\n"


def opened_document(document: bytes, service: KeyService) -> Keyring:
    """The keyring, by the service's leave. Raises KeyringError for what is no such document, Denied, Unreachable."""
    wrapped, sealed = _parts(document, service)
    key = service.unwrap(wrapped, _associated(service))
    try:
        return parse(aead.open_sealed(key, sealed, _associated(service)))
    except (aead.Tampered, ValueError):
        raise KeyringError("the keyring inside does not open") from None


def confirm(document: bytes, service: KeyService) -> None:
    """The service still opens this document. Raises Denied when it no longer does, Unreachable."""
    wrapped, _ = _parts(document, service)
    service.unwrap(wrapped, _associated(service))


def _parts(document: bytes, service: KeyService) -> tuple[bytes, bytes]:
    try:
        read: dict[str, Any] = json.loads(document)
        made_for = (read["format"], read["by"], read["key"])
        wrapped, sealed = (base64.b64decode(read[name], validate=True) for name in ("wrapped", "keyring"))
    except (ValueError, KeyError, TypeError, binascii.Error):
        raise KeyringError("not a wrapped keyring") from None
    if made_for != (FORMAT, service.name, service.key):
        raise KeyringError(f"it is not wrapped by {service.name} under the key that is set")
    return wrapped, sealed


def _associated(service: KeyService) -> bytes:
    return joined(("keyring", service.name, service.key))
