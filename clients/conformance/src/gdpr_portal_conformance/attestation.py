"""What was seen, signed: a compact JWS (RFC 7515) by an Ed25519 key of the application's own (RFC 8037)."""

import hashlib
import json
import os
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from gdpr_portal_client import Portal

from gdpr_portal_conformance.checks import Outcome

TYP = "gdpr-conformance+jws"
FORMAT = 1


def new_key(path: Path) -> None:
    """A new private key lies at the path (PEM, 0600). Raises FileExistsError rather than replace one."""
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)


def load_key(path: Path) -> Ed25519PrivateKey:
    """The private key at the path. Raises ValueError for anything else."""
    key = load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError(f"{path} is not an Ed25519 key")
    return key


def attest(
    key: Ed25519PrivateKey,
    outcomes: Sequence[Outcome],
    *,
    kit: str,
    application: str,
    portal: str,
    release: str,
    started_at: datetime,
    finished_at: datetime,
) -> str:
    """The signed document. `application` is the client id, `release` what was tested (a version, a commit)."""
    payload: dict[str, Any] = {
        "format": FORMAT, "kit": kit, "application": application, "release": release, "portal": portal,
        "started_at": started_at.isoformat(), "finished_at": finished_at.isoformat(),
        "checks": [{"name": each.name, "passed": each.passed, "reason": each.reason} for each in outcomes],
    }  # fmt: skip
    return jwt.encode(payload, key, algorithm="EdDSA", headers={"typ": TYP, "kid": thumbprint(key)})


def hand_in(portal: Portal, key: Ed25519PrivateKey, document: str) -> dict[str, Any]:
    """What the portal makes of the document. The same one again changes nothing there."""
    body = {"attestation": document, "key": public_jwk(key)}
    found: dict[str, Any] = portal.post("/api/v1/attestations", body)
    return found


def public_jwk(key: Ed25519PrivateKey) -> dict[str, str]:
    """The public half, by the members a thumbprint is over, in their order (RFC 8037, appendix A.3)."""
    x = urlsafe_b64encode(key.public_key().public_bytes_raw()).rstrip(b"=").decode()
    return {"crv": "Ed25519", "kty": "OKP", "x": x}


def thumbprint(key: Ed25519PrivateKey) -> str:
    """The key id (RFC 7638)."""
    members = json.dumps(public_jwk(key), separators=(",", ":"))
    return urlsafe_b64encode(hashlib.sha256(members.encode()).digest()).rstrip(b"=").decode()
