"""What a bearer token (RFC 6750) allows, looked up afresh; `access.rest.remembered` asks here for all doors."""

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from access.models import AccessToken, Application
from access.tokens import token_digests

CHALLENGE = 'Bearer realm="api"'


@dataclass(frozen=True)
class Grant:
    """What one live token allows: its application, and the scopes both the token and the application still have."""

    application: Application
    scopes: frozenset[str]
    expires_at: datetime


def bearer_token(header: str) -> str | None:
    """The token in an `Authorization` header; None when it names another scheme."""
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def grant_of(token: str) -> Grant | None:
    """What the token allows now; None when it is unknown, expired or revoked, or its application is disabled."""
    if not token.isascii():
        return None
    found = (
        AccessToken.objects.select_related("application")
        .filter(digest__in=token_digests(token), expires_at__gt=timezone.now(), application__enabled=True)
        .first()
    )
    if found is None:
        return None
    return Grant(found.application, frozenset(found.scopes) & frozenset(found.application.scopes), found.expires_at)
