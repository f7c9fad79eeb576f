"""Signatures on calls between us and another controller: HTTP Message Signatures (RFC 9421), hmac-sha256.

    Signature-Input  transfer=("@method" "@path" "upload-offset" ...);created=1790000000;keyid="us";alg="hmac-sha256"
    Signature        transfer=:<base64 of HMAC-SHA-256(secret, base)>:
    base             one line `"name": value` for each component, then `"@signature-params": (...);created=...`

Bodies are covered through Content-Digest, what somebody holds through Repr-Digest (RFC 9530). Only this much of the RFC
is spoken: one signature, one algorithm, components named in a fixed order, so that nothing can be negotiated away.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from typing import Final

LABEL: Final = "transfer"
_INPUT = re.compile(rf'{LABEL}=(\((?P<names>[^()]*)\);created=[0-9]{{1,12}};keyid="[^"]{{1,100}}";alg="hmac-sha256")')
_SIGNATURE = re.compile(rf"{LABEL}=:([A-Za-z0-9+/=]{{1,100}}):")

Components = Sequence[tuple[str, str]]
"""Component identifiers as they stand in the signature (`"@path";req` with its parameter), each with its value."""


def signed(secret: bytes, components: Components, *, keyid: str, created: int) -> dict[str, str]:
    """The two headers that sign these components at that moment (Unix seconds)."""
    names = " ".join(name for name, _value in components)
    parameters = f'({names});created={created};keyid="{keyid}";alg="hmac-sha256"'
    mac = base64.b64encode(_mac(secret, components, parameters)).decode()
    return {"Signature-Input": f"{LABEL}={parameters}", "Signature": f"{LABEL}=:{mac}:"}


def is_signed(secret: bytes, components: Components, headers: Mapping[str, str]) -> bool:
    """Whether these headers (names in lower case) sign exactly these components, in this order, under the secret."""
    given = _INPUT.fullmatch(headers.get("signature-input", "").strip())
    mac = _SIGNATURE.fullmatch(headers.get("signature", "").strip())
    if given is None or mac is None or given["names"] != " ".join(name for name, _value in components):
        return False
    try:
        raw = base64.b64decode(mac[1], validate=True)
    except binascii.Error:
        return False
    return hmac.compare_digest(raw, _mac(secret, components, given[1]))


def digest_field(digest: bytes) -> str:
    """A SHA-256 digest as Content-Digest and Repr-Digest have it (RFC 9530, RFC 8941)."""
    return f"sha-256=:{base64.b64encode(digest).decode()}:"


def content_digest(body: bytes) -> str:
    """The Content-Digest of a body."""
    return digest_field(hashlib.sha256(body).digest())


def _mac(secret: bytes, components: Components, parameters: str) -> bytes:
    lines = [f"{name}: {value}" for name, value in components] + [f'"@signature-params": {parameters}']
    return hmac.new(secret, "\n".join(lines).encode("latin-1"), hashlib.sha256).digest()
