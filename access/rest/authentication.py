"""What a bearer token (RFC 6750) allows, looked up afresh; `access.rest.remembered` asks here for all doors."""

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from access.models import AccessToken, Application
from access.tokens import token_digests
from gdpr_portal.prepared import Joined

_LIVE = Joined(
    {"token": AccessToken, "application": Application}, [],
    """FROM (SELECT) AS one LEFT JOIN (access_accesstoken token
        JOIN access_application application ON application.id = token.application_id AND application.enabled)
    ON token.digest = ANY(%(digests)s) AND token.expires_at > %(now)s""",
)  # fmt: skip

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
    found, application = _LIVE.one(digests=token_digests(token), now=timezone.now())
    if found is None:
        return None
    return Grant(application, frozenset(found.scopes) & frozenset(application.scopes), found.expires_at)
