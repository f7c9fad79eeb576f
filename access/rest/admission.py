"""Who comes in: the application a bearer token (RFC 6750) was issued to, and how often it may ask.

Both are remembered for a moment (`access.rest.remembered`): a token revoked or an application disabled is refused
within half a second (api.md allows a second), and never more is allowed than the quota.
"""

from typing import TYPE_CHECKING

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from access.models import Application
from access.rest.authentication import CHALLENGE, Grant, bearer_token
from access.rest.remembered import count_in_shares, grant_remembered
from access.rest.throttling import Allowance

if TYPE_CHECKING:
    from rest_framework.views import APIView  # the framework itself imports this module

_COLUMNS = [each.attname for each in Application._meta.concrete_fields]


class BearerAuthentication(BaseAuthentication):
    """`request.user` is the Application, `request.auth` its Grant; 401 `invalid_token` for everything else."""

    def authenticate(self, request: Request) -> tuple[Application, Grant]:
        token = bearer_token(request.META.get("HTTP_AUTHORIZATION", ""))
        if token is None:
            raise _refusal(CHALLENGE)
        grant = grant_remembered(token)
        if grant is None:
            raise _refusal(f'{CHALLENGE}, error="invalid_token"')
        return _of_this_request(grant.application), grant

    def authenticate_header(self, request: Request) -> str:
        return CHALLENGE


class ApplicationThrottle(BaseThrottle):
    """429 `throttled` past the application's own limit; the view announces what is left."""

    allowance: Allowance | None = None

    def allow_request(self, request: Request, view: "APIView") -> bool:
        if not isinstance(request.user, Application):
            return True
        self.allowance = count_in_shares(request.user)
        view.allowance = self.allowance
        return not self.allowance.exceeded

    def wait(self) -> float | None:
        return float(self.allowance.retry_seconds) if self.allowance else None


def _of_this_request(application: Application) -> Application:
    """A row of its own: what a request loads beside it (its endpoint) is not remembered for the next one."""
    own: Application = Application.from_db("default", _COLUMNS, [application.__dict__[name] for name in _COLUMNS])
    return own


def _refusal(challenge: str) -> AuthenticationFailed:
    refusal = AuthenticationFailed()
    refusal.challenge = challenge  # type: ignore[attr-defined]
    return refusal
