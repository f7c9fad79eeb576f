"""The texts applications prove themselves with: a prefix that tells the kind, then 256 random bits.

They are kept only as keyed digests (HMAC under a key of the vault): a stolen database opens nothing.
"""

import secrets

from vault.services import keyed_digest, keyed_digests

TOKEN_PREFIX = "gdpr_at_"  # noqa: S105 (a kind, for secret scanners, and no secret)
SECRET_PREFIX = "gdpr_cs_"  # noqa: S105 (as above)
CLIENT_PREFIX = "gdpr_ci_"


def new_token() -> str:
    """A fresh bearer token."""
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def new_secret() -> str:
    """A fresh client secret."""
    return SECRET_PREFIX + secrets.token_urlsafe(32)


def new_client_id() -> str:
    """A fresh client id; not a secret."""
    return CLIENT_PREFIX + secrets.token_hex(12)


def token_digest(token: str) -> bytes:
    """Under what a token is kept."""
    return keyed_digest("access.token", token.encode())


def token_digests(token: str) -> list[bytes]:
    """Under what a token may be kept, under every live version of the key."""
    return keyed_digests("access.token", token.encode())


def secret_digest(secret: str) -> bytes:
    """Under what a client secret is kept."""
    return keyed_digest("access.secret", secret.encode())


def secret_digests(secret: str) -> list[bytes]:
    """Under what a client secret may be kept, under every live version of the key."""
    return keyed_digests("access.secret", secret.encode())
