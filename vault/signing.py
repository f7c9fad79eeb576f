"""Ed25519 signatures as compact JWS (RFC 7515, RFC 8037) for receipts, archives and snapshots.

Header, in this order: `{"alg":"EdDSA","kid":"<RFC 7638 thumbprint>","typ":"<what it is>"}`. Only EdDSA under a key of
`jwks()` verifies; whatever else a token's header proposes (`none`, `jwk`, `jku`, `crit`) is refused. Detached: the
payload part is empty (RFC 7515, appendix F) and the payload travels beside it. Public keys of retired seeds stay in
`jwks()`, so a receipt given years ago still verifies.
"""

import base64
import binascii
import hashlib
import json
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gdpr_portal.errors import Invalid
from vault import providers


def sign_jws(payload: bytes, *, typ: str, detached: bool = False) -> str:
    """The compact JWS of the payload under the current receipts key."""
    seed = providers.keyring().key("receipts")
    header = {"alg": "EdDSA", "kid": thumbprint(public_of(seed)), "typ": typ}
    token = compact(seed, json.dumps(header, separators=(",", ":")).encode(), payload)
    if not detached:
        return token
    head, _, signature = token.split(".")
    return f"{head}..{signature}"


def verify_jws(token: str, payload: bytes | None = None, *, typ: str | None = None) -> bytes:
    """The payload somebody holding one of our keys signed; `payload` is needed, and allowed, only for a detached one.

    Raises Invalid("bad_signature") for everything else, without saying what was wrong.
    """
    head, body, signature = _parts(token)
    if bool(body) == (payload is not None):
        raise _bad()
    content = body if payload is None else b64url(payload)
    header = _header(head)
    if header.get("alg") != "EdDSA" or "crit" in header or (typ is not None and header.get("typ") != typ):
        raise _bad()
    public = _public_keys().get(str(header.get("kid")))
    if public is None or not verifies(public, f"{head}.{content}".encode(), _decoded(signature)):
        raise _bad()
    return _decoded(content)


def verify_outside_jws(token: str, public: bytes, *, typ: str) -> bytes:
    """The payload that whoever holds this key of their own signed. Raises Invalid("bad_signature"), as `verify_jws`.

    It says nothing of whose key it is: the caller knows that from elsewhere, never from the token.
    """
    head, body, signature = _parts(token)
    header = _header(head)
    expected = {"alg": "EdDSA", "kid": thumbprint(public), "typ": typ}
    if header != expected or not verifies(public, f"{head}.{body}".encode(), _decoded(signature)):
        raise _bad()
    return _decoded(body)


def public_of_jwk(x: str) -> bytes:
    """The 32 bytes of an Ed25519 JWK's `x` (RFC 8037, section 2). Raises Invalid("bad_signature")."""
    public = _decoded(x)
    if len(public) != 32:
        raise _bad()
    return public


def jwks() -> dict[str, list[dict[str, str]]]:
    """The JSON Web Key Set of `/.well-known/jwks.json`: the current key first, then those before it (RFC 7517)."""
    return {"keys": [_jwk(public) | {"kid": kid} for kid, public in _public_keys().items()]}


def compact(seed: bytes, header: bytes, payload: bytes) -> str:
    """The three parts of a JWS for exactly these header bytes."""
    signed = f"{b64url(header)}.{b64url(payload)}"
    return f"{signed}.{b64url(sign(seed, signed.encode()))}"


def sign(seed: bytes, message: bytes) -> bytes:
    """The 64-byte Ed25519 signature (RFC 8032)."""
    return Ed25519PrivateKey.from_private_bytes(seed).sign(message)


def verifies(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the signature is the key's over exactly this message (RFC 8032)."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def public_of(seed: bytes) -> bytes:
    """The 32-byte public key of a seed."""
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def thumbprint(public: bytes) -> str:
    """The key id: SHA-256 over the required members in order (RFC 7638; RFC 8037, appendix A.3)."""
    members = json.dumps({"crv": "Ed25519", "kty": "OKP", "x": b64url(public)}, separators=(",", ":"))
    return b64url(hashlib.sha256(members.encode()).digest())


def b64url(raw: bytes) -> str:
    """Base64url without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _jwk(public: bytes) -> dict[str, str]:
    return {"kty": "OKP", "crv": "Ed25519", "x": b64url(public), "use": "sig", "alg": "EdDSA"}


def _public_keys() -> dict[str, bytes]:
    ring = providers.keyring()
    live = [public_of(ring.key("receipts", version)) for version in ring.versions("receipts")]
    return {thumbprint(public): public for public in [*live, *ring.retired_receipts]}


def _parts(token: str) -> tuple[str, str, str]:
    parts = token.split(".")
    if len(parts) != 3:
        raise _bad()
    return parts[0], parts[1], parts[2]


def _header(text: str) -> dict[str, Any]:
    try:
        header = json.loads(_decoded(text))
    except ValueError:
        raise _bad() from None
    if not isinstance(header, dict):
        raise _bad()
    return header


def _decoded(text: str) -> bytes:
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        raise _bad() from None
    if b64url(raw) != text:  # one signature has one spelling
        raise _bad()
    return raw


def _bad() -> Invalid:
    return Invalid("bad_signature", "The signature does not verify.")
