"""The hot paths in front of Django: what applications ask all the time, without the cost of a framework.

Same process, settings, connection and rules as the views (docs/decisions/0040, 0044, 0050). Only the plain case is
answered here, a 200 or 201. Odd headers, a query or body that does not fit, a token that is not live or lacks the
scope, a limit reached, a refusal, a sealed vault, a database that is down: whatever is in doubt goes on to Django with
its body unread, and the view answers it; but nothing does once a commit was tried (gdpr_portal.quick.writing).
tests/frame/test_quick*.py hold every answer, and the rows it leaves, to the view's.

A route is a line in `ROUTES` and a module: what it takes for plain (`understand`) and what it says (`answer`).
"""

import io
import logging
import re
import threading
import time
from collections.abc import Callable, Iterable
from http.client import responses
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection

from access.models import Application
from access.rest.authentication import bearer_token
from access.rest.remembered import count_in_shares, counts_in_shares, grant_remembered, take_back
from access.rest.throttling import Allowance
from gdpr_portal import metrics, traces
from gdpr_portal.context import request_id
from gdpr_portal.errors import DomainError, kind_of
from gdpr_portal.middleware import request_id_of
from gdpr_portal.prepared import begin
from gdpr_portal.quick import consents, data, decisions, following, people, remembered
from gdpr_portal.quick.plain import Environ, frame_headers, is_plain, scheme_of
from gdpr_portal.quick.route import Route, Said
from gdpr_portal.quick.writing import written
from gdpr_portal.shedding import is_overdue
from vault import providers as vault

log = logging.getLogger(__name__)

StartResponse = Callable[..., Any]
Wsgi = Callable[[Environ, StartResponse], Iterable[bytes]]
Answer = tuple[Said, Allowance]

ROUTES: tuple[Route, ...] = (decisions.SINGLE, decisions.BATCH, data.READ, consents.RECORD, people.REGISTER)
_STATUS = {status: f"{status} {phrase}" for status, phrase in responses.items()}


class QuickAnswers:
    """The service as WSGI: what is plain on one of `ROUTES` at once, everything else by `django`.

    `first` is called once, before the first of them.
    """

    def __init__(self, django: Wsgi, first: Callable[[], None] = lambda: None) -> None:
        self.django = django
        self._first: Callable[[], None] | None = first
        self._lock = threading.Lock()
        schemes = ("https",) if settings.SECURE_SSL_REDIRECT else ("https", "http")
        self.headers = {scheme: {each.name: frame_headers(each, scheme) for each in ROUTES} for scheme in schemes}

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        route, found = _route(environ)
        frames = self.headers.get(scheme_of(environ))
        if route is None or found is None or frames is None or not is_plain(environ, route) or is_overdue(environ):
            return self._passed_on(environ, start_response)
        began, raw = time.perf_counter(), _body(environ, route)
        self._begin()
        current = request_id_of(environ.get("HTTP_X_REQUEST_ID", ""))
        answer = None if raw is None else _answer(route, environ, found, raw, current)
        if answer is None:
            return self._passed_on(environ, start_response)
        if route.writes:
            _acted(environ)
        said, allowance = answer
        own = [
            ("Content-Type", said.content_type), ("Content-Length", str(len(said.body))), ("X-Request-Id", current),
            *allowance.headers().items(), *said.headers,
        ]  # fmt: skip
        seconds = time.perf_counter() - began
        traces.name_request(route.name, route.method)
        outcome = f"{said.status // 100}xx"
        metrics.observe_request(route=route.name, method=route.method, outcome=outcome, seconds=seconds)
        start_response(_STATUS[said.status], [*frames[route.name], *own])
        return [said.body]

    def _passed_on(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        try:
            return self.django(environ, start_response)
        finally:
            _acted(environ)

    def _begin(self) -> None:
        if self._first is not None:
            with self._lock:
                first, self._first = self._first, None
            if first is not None:
                first()


def _acted(environ: Environ) -> None:
    if remembered.is_on():
        following.acted(environ["REQUEST_METHOD"], environ["PATH_INFO"])


def _route(environ: Environ) -> tuple[Route | None, re.Match[str] | None]:
    method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
    for route in ROUTES:
        found = route.path.fullmatch(path) if method == route.method else None
        if found is not None:
            return route, found
    return None, None


def _body(environ: Environ, route: Route) -> bytes | None:
    """What came, to be read again by the view; None where it was cut off on the way."""
    if not route.most_bytes:
        return b""
    length = int(environ["CONTENT_LENGTH"])
    raw: bytes = environ["wsgi.input"].read(length)
    environ["wsgi.input"] = io.BytesIO(raw)
    return raw if len(raw) == length else None


def _answer(route: Route, environ: Environ, found: re.Match[str], raw: bytes, current: str) -> Answer | None:
    """The answer and what is left to ask; None when the view has to answer."""
    token = request_id.set(current)
    try:
        vault.require_open()
        begin()
        return _asked(route, environ, found, raw)
    except DomainError:  # a body that is no JSON, a vault without its key, a cell that does not open: the view says so
        return None
    except DatabaseError as error:  # the view asks on a connection of its own, or says that there is none
        log.warning("answered by the view", extra={"error": kind_of(error)})
        connection.close()
        return None
    except Exception as error:  # an edge like the view's: it answers, and nobody sees a stack trace
        log.error("answered by the view after an error", exc_info=error)
        return None
    finally:
        request_id.reset(token)


def _asked(route: Route, environ: Environ, found: re.Match[str], raw: bytes) -> Answer | None:
    token = bearer_token(environ.get("HTTP_AUTHORIZATION", ""))
    grant = grant_remembered(token) if token else None
    if grant is None or route.scope not in grant.scopes:
        return None
    application, asked = grant.application, route.understand(found, environ.get("QUERY_STRING", ""), raw)
    if asked is None or (route.may_pass_on and not counts_in_shares(application)):
        return None
    allowance = count_in_shares(application)
    if allowance.exceeded:
        return None
    said = None
    try:
        said = written(route, environ, application, asked, raw) if route.writes else _read(route, application, asked)
    finally:
        if said is None:  # the view counts it
            take_back(allowance)
    return None if said is None else (said, allowance)


def _read(route: Route, application: Application, asked: Any) -> Said | None:
    body = route.answer(application, asked)
    return None if body is None else Said(route.status, body)
