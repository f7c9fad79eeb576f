"""The middleware of pages: what people with browsers need and programs do not, who pass it by.

Sessions, forms' tokens, accounts, second factors and messages are no concern of `/api/v1/` and `/oauth/`: their callers
have an authentication of their own, and their views take no cookie for an answer (docs/decisions/0045).
"""

from typing import Any

from csp.utils import build_policy
from django.contrib.auth import middleware as auth
from django.contrib.messages import middleware as messages
from django.contrib.sessions import middleware as sessions
from django.core.exceptions import BadRequest
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware import csrf
from django.utils.deprecation import MiddlewareMixin

from gdpr_portal.middleware import MACHINES, GetResponse


class _PagesAlone(MiddlewareMixin):
    """Before a middleware in its bases: requests of programs go on as if it were not there."""

    def __call__(self, request: HttpRequest) -> Any:
        if request.path_info.startswith(MACHINES):
            return self.get_response(request)
        return super().__call__(request)


class SessionMiddleware(_PagesAlone, sessions.SessionMiddleware):
    """Sessions, of pages alone."""


class CsrfMiddleware(_PagesAlone, csrf.CsrfViewMiddleware):
    """Every form of a page carries its token."""

    def process_view(self, request: HttpRequest, *given: Any) -> Any:
        return None if request.path_info.startswith(MACHINES) else super().process_view(request, *given)


class PlainTextMiddleware:
    """400 for a page asked for with a NUL in query or form: no browser sends one, and PostgreSQL takes none."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, *_: Any) -> None:
        if request.path_info.startswith(MACHINES) or getattr(view, "csrf_exempt", False):
            return  # no page: its view reads the body by itself
        forms = (request.GET, request.POST) if request.method == "POST" else (request.GET,)
        if any("\0" in text for form in forms for name, values in form.lists() for text in (name, *values)):
            raise BadRequest("A NUL in query or form.")


class AuthenticationMiddleware(_PagesAlone, auth.AuthenticationMiddleware):
    """Accounts, of pages alone."""


class MessageMiddleware(_PagesAlone, messages.MessageMiddleware):
    """What the next page tells, of pages alone."""


class PolicyMiddleware:
    """The content security policy, the same on every answer and put together once (`CONTENT_SECURITY_POLICY`)."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self._policy = build_policy()

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", self._policy)
        return response
