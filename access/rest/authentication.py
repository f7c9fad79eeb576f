"""Who calls: the application a bearer token (RFC 6750) was issued to, looked up afresh with every request."""

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from access.models import AccessToken, Application
from access.tokens import token_digests

CHALLENGE = 'Bearer realm="api"'


@dataclass(frozen=True)
class Grant:
    """What one live token allows: its application, and the scopes both the token and the application still have."""

    application: Application
    scopes: frozenset[str]
    expires_at: datetime


class BearerAuthentication(BaseAuthentication):
    """`request.user` is the Application, `request.auth` its Grant; 401 `invalid_token` for everything else.

    Nothing is cached: a token revoked or an application disabled is refused from the next request on.
    """

    def authenticate(self, request: Request) -> tuple[Application, Grant]:
        token = bearer_token(request.META.get("HTTP_AUTHORIZATION", ""))
        if token is None:
            raise _refusal(CHALLENGE)
        grant = grant_of(token)
        if grant is None:
            raise _refusal(f'{CHALLENGE}, error="invalid_token"')
        return grant.application, grant

    def authenticate_header(self, request: Request) -> str:
        return CHALLENGE


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


def _refusal(challenge: str) -> AuthenticationFailed:
    refusal = AuthenticationFailed()
    refusal.challenge = challenge  # type: ignore[attr-defined]
    return refusal
