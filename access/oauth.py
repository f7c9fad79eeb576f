"""Tokens for applications: client credentials (RFC 6749 section 4.4) and revocation (RFC 7009), by `oauthlib`.

    POST /oauth/token   grant_type=client_credentials[&scope=...], credentials by HTTP Basic or in the form
    POST /oauth/revoke  token=...

Tokens are opaque, live `TOKEN_SECONDS` at most and lie in the database as keyed digests. Errors follow RFC 6749 5.2.
Wrong credentials are counted by client id and network address, all unknown ids of an address together; past the limit
they cost no log entry (429), while the right ones always pass: a stranger cannot lock an application out of a 256-bit
secret, nor fill the log with made-up ids. Tokens given out are counted by application: one that asks for a token before
each call is told so before it has filled table and log.
"""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, cast
from urllib.parse import parse_qsl, unquote_plus, urlencode

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from oauthlib.common import Request
from oauthlib.oauth2 import BackendApplicationServer, RequestValidator, RevocationEndpoint

from access.models import AccessToken, Application
from access.rest.parsers import raw_body
from access.rest.remembered import forget_grant
from access.second_factor import where
from access.services.applications import authenticate_application
from access.services.limits import Limit, take
from access.tokens import new_token, token_digest, token_digests
from audit import actors
from audit.services import record
from audit.vocabulary import JSON
from gdpr_portal.errors import DomainError

TOKEN_SECONDS = 600
LIMIT = Limit("oauth", free=20, first_wait=5, longest=300)
TOKENS = Limit("token", free=300, first_wait=1, longest=60, refill=1)
"""So many at once, as a fleet that starts anew asks for; afterwards one a second."""
PARAMETERS = frozenset({"grant_type", "scope", "client_id", "client_secret", "token", "token_type_hint"})
"""What is read of a form; the library would take others for its own state."""
NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


class OvertakenError(Exception):
    """The secret was replaced, or the application switched off, since the credentials were looked at."""


class ThrottledError(Exception):
    """The application asked for too many tokens; `seconds` until it may ask again."""

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class Validator(RequestValidator):
    """What the library asks us: who the client is, what it may have, and to keep and forget tokens."""

    def authenticate_client(self, request: Request, *args: Any, **kwargs: Any) -> bool:
        client_id, secret = credentials(request)
        request.client = authenticate_application(client_id=client_id, secret=secret)
        if request.client is not None:
            request.client_id = client_id
        return request.client is not None

    def validate_grant_type(
        self, client_id: str, grant_type: str, client: Any, request: Request, *args: Any, **kwargs: Any
    ) -> bool:
        return grant_type == "client_credentials"

    def get_default_scopes(self, client_id: str, request: Request, *args: Any, **kwargs: Any) -> list[str]:
        return list(cast(Application, request.client).scopes)

    def validate_scopes(
        self, client_id: str, scopes: Sequence[str], client: Any, request: Request, *args: Any, **kwargs: Any
    ) -> bool:
        request.scopes = sorted(set(scopes))
        return set(scopes) <= set(client.scopes)

    def save_bearer_token(self, token: Mapping[str, Any], request: Request, *args: Any, **kwargs: Any) -> None:
        application = cast(Application, request.client)
        turn = take((TOKENS, str(application.pk)))
        if turn.wait:
            raise ThrottledError(turn.wait)
        save_token(
            application=application,
            token=token["access_token"],
            scopes=cast(list[str], request.scopes),
        )

    def revoke_token(
        self, token: str, token_type_hint: str | None, request: Request, *args: Any, **kwargs: Any
    ) -> None:
        revoke_token(application=cast(Application, request.client), token=token)


_validator = Validator()
_tokens = BackendApplicationServer(
    _validator, token_generator=lambda request: new_token(), token_expires_in=TOKEN_SECONDS
)
# The hint is optional and may be wrong (RFC 7009 section 2.1): oauthlib would refuse one it does not know.
_revocation = RevocationEndpoint(_validator, supported_token_types=("access_token", "refresh_token"))


def save_token(*, application: Application, token: str, scopes: Sequence[str]) -> None:
    """The token opens the API for `TOKEN_SECONDS` with these scopes.

    Raises OvertakenError when the credentials, right a moment ago, are not any more: whoever replaces a stolen secret
    kills the tokens there are, and none may come after that.
    """
    digest = token_digest(token)
    details: dict[str, JSON] = {
        "application": application.slug,
        "scopes": list(scopes),
        "expires_in": TOKEN_SECONDS,
        "token": digest[:8].hex(),
    }
    with transaction.atomic():
        same = Application.objects.filter(pk=application.pk, secret_digest=application.secret_digest, enabled=True)
        if not same.select_for_update(no_key=True).exists():
            raise OvertakenError
        AccessToken.objects.create(
            digest=digest,
            application=application,
            scopes=list(scopes),
            expires_at=timezone.now() + timedelta(seconds=TOKEN_SECONDS),
        )
        record("token.issued", actor=actors.application(application.slug), details=details)


def revoke_token(*, application: Application, token: str) -> bool:
    """The application's token is dead within half a second; False when it had no such token. Idempotent."""
    with transaction.atomic():
        found = AccessToken.objects.select_for_update().filter(application=application, digest__in=token_digests(token))
        gone = found.first()
        if gone is None:
            return False
        name = bytes(gone.digest)[:8].hex()
        gone.delete()
        details = {"application": application.slug, "token": name}
        record("token.revoked", actor=actors.application(application.slug), details=details)
        transaction.on_commit(partial(forget_grant, token))
    return True


def purge_tokens() -> int:
    """Tokens past their time are gone from the database; returns how many."""
    return AccessToken.objects.filter(expires_at__lte=timezone.now()).delete()[0]


# --- the two addresses ----------------------------------------------------------------------------------------------
@csrf_exempt
def token(request: HttpRequest) -> HttpResponse:
    """`POST /oauth/token`."""
    return _answer(request, _tokens.create_token_response)


@csrf_exempt
def revoke(request: HttpRequest) -> HttpResponse:
    """`POST /oauth/revoke`."""
    return _answer(request, _revocation.create_revocation_response)


def _answer(request: HttpRequest, endpoint: Any) -> HttpResponse:
    if request.method != "POST":
        return _error(405, "invalid_request", "This address takes POST.", {"Allow": "POST"})
    flaw, form = _form(request)
    if flaw:
        return _error(400, "invalid_request", flaw)
    headers = {"Authorization": request.META.get("HTTP_AUTHORIZATION", "")}
    try:
        found, body, status = endpoint(request.path, http_method="POST", body=urlencode(form), headers=headers)
    except OvertakenError:
        return _refused(request, headers, dict(form))
    except ThrottledError as error:
        words = "Too many tokens: keep one until it ends."
        return _error(429, "temporarily_unavailable", words, {"Retry-After": str(error.seconds)})
    if status == 401:
        return _refused(request, headers, dict(form))
    response = HttpResponse(body, status=status, content_type="application/json")
    for name, value in {**found, **NO_STORE}.items():
        response[name] = value
    return response


def _form(request: HttpRequest) -> tuple[str, list[tuple[str, str]]]:
    """What is wrong with the form, or nothing and its parameters."""
    if request.META.get("QUERY_STRING"):
        return "Parameters stand in the body, never in the address (RFC 6749 section 3.2).", []
    if request.content_type != "application/x-www-form-urlencoded":
        return "The body is application/x-www-form-urlencoded.", []
    try:
        pairs = parse_qsl(raw_body(request).decode(), keep_blank_values=True, max_num_fields=50, errors="strict")
    except (ValueError, DomainError):
        return "The form cannot be read.", []
    named = [(name, value) for name, value in pairs if name in PARAMETERS]
    if len(dict(named)) != len(named) or any("\0" in value for _, value in named):
        return "A parameter stands twice or cannot be read.", []
    form = [(name, value) for name, value in named if value]  # one without a value counts as left out (RFC 6749 3.2)
    if "client_secret" in dict(form) and request.META.get("HTTP_AUTHORIZATION"):
        return "Credentials are given once: in the header or in the form.", []
    return "", form


def credentials(request: Request) -> tuple[str, str]:
    """Client id and secret of the header (RFC 6749 2.3.1: each form-encoded) or the form; empty texts without."""
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return request.client_id or "", request.client_secret or ""
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    client_id, _, secret = text.partition(":")
    client_id, secret = unquote_plus(client_id), unquote_plus(secret)
    if request.client_id not in (None, client_id) or "\0" in client_id:
        return "", ""
    return client_id, secret


def _refused(request: HttpRequest, headers: Mapping[str, str], form: Mapping[str, str]) -> HttpResponse:
    """401, counted and recorded; 429 without a record once there were too many."""
    named = Request("", body=urlencode(form), headers=headers)
    client_id = credentials(named)[0][:80]
    known = Application.objects.filter(client_id=client_id).first() if client_id else None
    turn = take((LIMIT, f"{client_id if known else ''} {where(request)}"))
    if turn.wait:
        return _error(429, "invalid_client", "Too many wrong credentials.", {"Retry-After": str(turn.wait)})
    details = {
        "application": known.slug if known else None,
        "reason": "disabled" if known and not known.enabled else "invalid_client",
    }
    with transaction.atomic():
        record(
            "token.refused", actor=actors.application(known.slug) if known else actors.system("web"), details=details
        )
    return _error(401, "invalid_client", "The credentials are not right.", {"WWW-Authenticate": 'Basic realm="oauth"'})


def _error(status: int, code: str, description: str, headers: Mapping[str, str] | None = None) -> HttpResponse:
    body = json.dumps({"error": code, "error_description": description})
    response = HttpResponse(body, status=status, content_type="application/json")
    for name, value in {**NO_STORE, **(headers or {})}.items():
        response[name] = value
    return response
