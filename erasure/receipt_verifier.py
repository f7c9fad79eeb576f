#!/usr/bin/env python3
"""Verifies receipts without trusting whoever gave them. Python 3.9 or later, nothing else.

    python receipt_verifier.py --jwks JWKS.json RECEIPT...              receipts of requests, consents (compact JWS)
    python receipt_verifier.py --jwks JWKS.json RECEIPT --payload FILE  a detached signature, such as manifest.jws
    python receipt_verifier.py --jwks JWKS.json RECEIPT --wording FILE  a consent, and the text it was given to

JWKS.json is /.well-known/jwks.json as you fetched or kept it. Prints what each receipt says. Exit code 0: every
receipt was signed by a key of the set (and is about that wording). 1: one was not. 2: something cannot be read.
Sources: RFC 7515 (JWS), RFC 8037 (EdDSA), RFC 8032 section 5.1 (Ed25519), RFC 7638 (key ids).
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import sys
from typing import Any

Point = tuple[int, int, int, int]

# --- Ed25519, RFC 8032 section 5.1: points as (X, Y, Z, T), x = X/Z, y = Y/Z, x*y = T/Z ------------------------------

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
SQRT_MINUS_1 = pow(2, (P - 1) // 4, P)


def _add(p: Point, q: Point) -> Point:
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def _multiply(scalar: int, point: Point) -> Point:
    result = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            result = _add(result, point)
        point, scalar = _add(point, point), scalar >> 1
    return result


def _decompress(raw: bytes) -> Point | None:
    y = int.from_bytes(raw, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    if y >= P:
        return None
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * SQRT_MINUS_1 % P
    if (x * x - x2) % P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


def _compress(point: Point) -> bytes:
    inverse = pow(point[2], P - 2, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


BASE = _decompress((4 * pow(5, P - 2, P) % P).to_bytes(32, "little")) or (0, 1, 1, 0)


def ed25519_verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """The signature (64 bytes) over the message is by the key (32 bytes); S must be below the group order."""
    if len(public_key) != 32 or len(signature) != 64:
        return False
    key, s = _decompress(public_key), int.from_bytes(signature[32:], "little")
    if key is None or s >= L:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public_key + message).digest(), "little") % L
    minus_key = (P - key[0], key[1], 1, P - key[3])
    return _compress(_add(_multiply(s, BASE), _multiply(k, minus_key))) == signature[:32]


# --- receipts --------------------------------------------------------------------------------------------------------


class Unreadable(Exception):
    """What was handed in is not what it should be."""


def keys_of(jwks: str) -> dict[str, bytes]:
    """The Ed25519 keys of a JSON Web Key Set by their id, which has to be their RFC 7638 thumbprint."""
    try:
        rows = json.loads(jwks)["keys"]
        found = [(row["kid"], row["x"]) for row in rows if row.get("kty") == "OKP" and row.get("crv") == "Ed25519"]
        keys = {str(kid): b64url_decode(str(x)) for kid, x in found}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Unreadable("this is no JSON Web Key Set") from None
    return {kid: key for kid, key in keys.items() if kid == thumbprint(key)}


def thumbprint(public_key: bytes) -> str:
    """The id of a key (RFC 7638; RFC 8037, appendix A.3)."""
    members = json.dumps({"crv": "Ed25519", "kty": "OKP", "x": b64url(public_key)}, separators=(",", ":"))
    return b64url(hashlib.sha256(members.encode()).digest())


def verify(token: str, keys: dict[str, bytes], payload: bytes | None = None) -> tuple[dict[str, Any], bytes]:
    """(header, payload) of a receipt that one of the keys signed; ValueError says why not.

    `payload` goes with a detached signature, whose middle part is empty, and with no other.
    """
    parts = token.strip().split(".")
    if len(parts) != 3:
        raise ValueError("not a compact JWS")
    if bool(parts[1]) == (payload is not None):
        raise ValueError("a detached signature goes with its payload, and no other does")
    body = parts[1] if payload is None else b64url(payload)
    header = json.loads(b64url_decode(parts[0]))
    if not isinstance(header, dict) or header.get("alg") != "EdDSA" or "crit" in header:
        raise ValueError("not signed with EdDSA")
    key = keys.get(str(header.get("kid")))
    if key is None:
        raise ValueError("signed by no key of the set")
    if not ed25519_verify(key, f"{parts[0]}.{body}".encode("ascii"), b64url_decode(parts[2])):
        raise ValueError("the signature does not fit")
    return header, b64url_decode(body)


def b64url(raw: bytes) -> str:
    """Base64url without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def b64url_decode(text: str) -> bytes:
    """The bytes; ValueError for what is not their one spelling."""
    raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if b64url(raw) != text:
        raise ValueError("not base64url")
    return raw


def read(path: str) -> bytes:
    """What the file holds; `Unreadable` when it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise Unreadable(f"{path}: {error.strerror}") from None


def wording_of(said: bytes) -> str:
    """The digest of the wording a consent receipt is about, `sha256:` and hex: from the fragment of its `policyUrl`."""
    try:
        return str(json.loads(said)["policyUrl"]).partition("&digest=")[2]
    except (ValueError, KeyError, TypeError):
        return ""


def check(path: str, keys: dict[str, bytes], payload: bytes | None, wording: bytes | None = None) -> bool:
    """Whether the receipt in the file holds; printed with what it says, or why it does not."""
    try:
        header, said = verify(read(path).decode("ascii"), keys, payload)
        if wording is not None and wording_of(said) != f"sha256:{hashlib.sha256(wording).hexdigest()}":
            raise ValueError("it is about another wording")
    except ValueError as error:
        print(f"{path}: FORGED: {error}")  # noqa: T201
        return False
    text = said.decode("utf-8", "replace") if payload is None else f"{len(said)} bytes"
    print(f"{path}: good: {header.get('typ')}, key {header.get('kid')}\n  {text}")  # noqa: T201
    return True


def main(arguments: list[str] | None = None) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description="Verifies receipts of consents and of rights requests.")
    parser.add_argument("receipts", nargs="+", metavar="RECEIPT")
    parser.add_argument("--jwks", required=True, help="/.well-known/jwks.json as you have it")
    parser.add_argument("--payload", help="the file a detached signature is over")
    parser.add_argument("--wording", help="the text a consent was given to, byte for byte (`body` of the notice)")
    given = parser.parse_args(arguments)
    try:
        keys = keys_of(read(given.jwks).decode("utf-8", "replace"))
        payload = read(given.payload) if given.payload else None
        wording = read(given.wording) if given.wording else None
        checked = [check(path, keys, payload, wording) for path in given.receipts]
        return 0 if all(checked) else 1
    except Unreadable as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2


if __name__ == "__main__":
    sys.exit(main())
