"""Digests that bind an approval to what was approved, and a consent to what was read. Pure.

digest of content = "sha256:" + hex(SHA-256(RFC 8785 canonical JSON of the content))
digest of wording = "sha256:" + hex(SHA-256(the exact UTF-8 bytes of the body))
"""

import hashlib
from collections.abc import Mapping
from typing import Any

import rfc8785


def content_digest(content: Mapping[str, Any]) -> str:
    """The same content, the same digest, in whatever order its members come."""
    return _sha256(rfc8785.dumps(dict(content)))


def body_digest(body: str) -> str:
    """What a consent event and `GET /purposes/{slug}/notice` carry."""
    return _sha256(body.encode())


def _sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
