"""A software authenticator: what a browser and a security key answer, with real CBOR, COSE and ECDSA signatures."""

import hashlib
import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2 import cbor

ORIGIN, DOMAIN = "http://localhost:8000", "localhost"
UP, UV, AT = 0x01, 0x04, 0x40


def b64(raw: bytes) -> str:
    """base64url without padding, as WebAuthn's JSON has it."""
    return urlsafe_b64encode(raw).decode().rstrip("=")


def raw(text: str) -> bytes:
    """The bytes of `b64`."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Authenticator:
    """One passkey. Its fields are what a dishonest browser or a copied key would change."""

    origin: str = ORIGIN
    domain: str = DOMAIN
    verifies: bool = True
    present: bool = True
    cross_origin: bool = False
    counter: int = 0
    counts: bool = True
    algorithm: int = -7
    model: bytes = b"\x11" * 16
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    handle: bytes | None = None

    def create(self, options: Mapping[str, Any]) -> str:
        """The answer to a registration; the handle is kept, as for a discoverable credential."""
        self.handle = raw(options["user"]["id"])
        data = self._data(AT) + self.model + len(self.credential_id).to_bytes(2, "big") + self.credential_id
        attested = cbor.encode({"fmt": "none", "attStmt": {}, "authData": data + cbor.encode(self._cose())})
        return self._answer("webauthn.create", options["challenge"], attestationObject=b64(attested))

    def get(self, options: Mapping[str, Any], **changed: Any) -> str:
        """The answer to a sign-in, step-up or second factor."""
        self.counter += self.counts
        data, client = self._data(0), self._client("webauthn.get", options["challenge"])
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        found = {"authenticatorData": b64(data), "signature": b64(signature)}
        found |= {"userHandle": b64(self.handle)} if self.handle is not None else {}
        return self._answer("webauthn.get", options["challenge"], **(found | changed))

    def _answer(self, kind: str, challenge: str, **response: str) -> str:
        client = b64(self._client(kind, challenge))
        return json.dumps(
            {
                "id": b64(self.credential_id), "rawId": b64(self.credential_id), "type": "public-key",
                "clientExtensionResults": {}, "response": {"clientDataJSON": client, **response},
            }
        )  # fmt: skip

    def _client(self, kind: str, challenge: str) -> bytes:
        said = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": self.cross_origin}
        return json.dumps(said).encode()

    def _data(self, flags: int) -> bytes:
        flags |= UP * self.present | UV * self.verifies
        return hashlib.sha256(self.domain.encode()).digest() + bytes([flags]) + self.counter.to_bytes(4, "big")

    def _cose(self) -> dict[int, Any]:
        numbers = self.key.public_key().public_numbers()
        return {1: 2, 3: self.algorithm, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
