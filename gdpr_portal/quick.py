"""Single decisions in front of Django: `POST /api/v1/decisions` without the cost of a framework (docs/decisions/0040).

Same process, settings, connection and rules: the question is decided by `consent.services.decisions`, said by the
view's own `rendered`, counted and limited as there. Only the plain case is answered here, a 200. A query string, odd
headers, a body that does not fit, a token that is not live or lacks the scope, a limit reached, a sealed vault, a
database that is down: whatever is in doubt goes on to Django with its body unread, and the view answers it.
tests/frame/test_quick.py holds every answer to the view's.
"""

import io
import logging
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterable
from multiprocessing.util import Finalize
from typing import Any, TypeGuard

from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.core.signals import request_started
from django.db import Error as DatabaseError
from django.db import connection
from django.http import HttpResponse
from django.utils.module_loading import import_string

from access.rest.authentication import bearer_token
from access.rest.converters import IdConverter
from access.rest.parsers import parse
from access.rest.remembered import count_in_shares, grant_remembered
from access.rest.renderers import JSONRenderer
from access.rest.throttling import Allowance
from consent.api.decisions import MOST_FIELDS, DecisionsView, rendered
from consent.services.counting import WRITE_SECONDS, gathered
from consent.services.decisions import decide_one
from consent.services.facts import Question
from gdpr_portal import metrics
from gdpr_portal.errors import DomainError
from gdpr_portal.middleware import request_id_of
from vault import providers as vault

log = logging.getLogger(__name__)

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Wsgi = Callable[[Environ, StartResponse], Iterable[bytes]]
Headers = list[tuple[str, str]]

ROUTE = "api/v1/decisions"
MOST_BYTES = 65_536
MOST_LETTERS = 200
PLAIN_TYPES = frozenset({"application/json", "application/json; charset=utf-8"})
PLAIN_ACCEPTS = frozenset({"*/*", "application/json", "application/json, */*", "application/json, text/plain, */*"})
ODD_HEADERS = ("HTTP_TRANSFER_ENCODING", "HTTP_CONTENT_ENCODING")
MEMBERS = frozenset({"subject", "purpose", "recipient", "fields"})
FRAME = (
    "gdpr_portal.middleware.HeadersMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
)
"""The middleware that puts the same headers on every answer."""

_ID = re.compile(IdConverter.regex, re.ASCII)
_SCOPE = DecisionsView.scopes["POST"]


class QuickDecisions:
    """The service as WSGI: the plain single decision at once, everything else by `django`.

    `first` is called once, before the first of them.
    """

    def __init__(self, django: Wsgi, first: Callable[[], None] = lambda: None) -> None:
        self.django = django
        self._first: Callable[[], None] | None = first
        self._lock = threading.Lock()
        schemes = ("https",) if settings.SECURE_SSL_REDIRECT else ("https", "http")
        self.headers = {scheme: frame_headers(scheme) for scheme in schemes}

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        frame = self.headers.get(_scheme(environ))
        if environ["PATH_INFO"] != f"/{ROUTE}" or frame is None or not _is_plain(environ):
            return self.django(environ, start_response)
        began, raw = time.perf_counter(), environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        environ["wsgi.input"] = io.BytesIO(raw)
        self._begin()
        answer = _answer(environ.get("HTTP_AUTHORIZATION", ""), raw)
        if answer is None:
            return self.django(environ, start_response)
        body, allowance = answer
        current = request_id_of(environ.get("HTTP_X_REQUEST_ID", ""))
        own = [*allowance.headers().items(), ("Content-Length", str(len(body))), ("X-Request-Id", current)]
        seconds = time.perf_counter() - began
        metrics.observe_request(route=ROUTE, method="POST", outcome="2xx", seconds=seconds)
        start_response("200 OK", [*frame, *own])
        return [body]

    def _begin(self) -> None:
        if self._first is not None:
            with self._lock:
                first, self._first = self._first, None
            if first is not None:
                first()


def write_counts_on() -> None:
    """What is gathered is written from now on in a thread of its own, and once more at an orderly end."""
    Finalize(None, _write_counts, exitpriority=20)
    threading.Thread(target=_write_on, name="decision-counts", daemon=True).start()


def frame_headers(scheme: str) -> Headers:
    """The headers that the service's middleware puts on this route's answers, whatever they say."""
    answer = HttpResponse(content_type="application/json")
    chain: Callable[[Any], Any] = lambda _request: answer  # noqa: E731
    for name in reversed(FRAME):
        chain = import_string(name)(chain)
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": f"/{ROUTE}",
        "wsgi.url_scheme": scheme,
        "wsgi.input": io.BytesIO(),
    }
    if settings.SECURE_PROXY_SSL_HEADER:
        environ[settings.SECURE_PROXY_SSL_HEADER[0]] = scheme
    chain(WSGIRequest(environ))
    return [(name, value) for name, value in answer.items() if name != "Content-Length"]


# --- what is plain ----------------------------------------------------------------------------------------------------
def _is_plain(environ: Environ) -> bool:
    """Whether nothing about the request but its token and its body can make a difference."""
    length = environ.get("CONTENT_LENGTH") or ""
    return (
        environ["REQUEST_METHOD"] == "POST"
        and not environ.get("QUERY_STRING")
        and environ.get("CONTENT_TYPE") in PLAIN_TYPES
        and environ.get("HTTP_ACCEPT", "*/*") in PLAIN_ACCEPTS
        and length.isdecimal()
        and length.isascii()
        and 0 < int(length) <= MOST_BYTES
        and not any(name in environ for name in ODD_HEADERS)
    )


def _scheme(environ: Environ) -> str:
    """As `HttpRequest.scheme`: the proxy's word, where one is believed, else the server's."""
    if settings.SECURE_PROXY_SSL_HEADER:
        name, secure = settings.SECURE_PROXY_SSL_HEADER
        said = environ.get(name)
        if said is not None:
            return "https" if said.split(",", 1)[0].strip() == secure else "http"
    return str(environ["wsgi.url_scheme"])


def _question(raw: bytes) -> Question | None:
    """The question a body asks; None for one that the view has to look at."""
    asked = parse(raw)
    if not isinstance(asked, dict) or not asked.keys() <= MEMBERS:
        return None
    subject, purpose = asked.get("subject"), asked.get("purpose")
    recipient, fields = asked.get("recipient"), asked.get("fields", [])
    if not isinstance(subject, str) or not _ID.fullmatch(subject) or not _is_name(purpose):
        return None
    if not (recipient is None or _is_name(recipient)) or not isinstance(fields, list) or len(fields) > MOST_FIELDS:
        return None
    if not all(map(_is_name, fields)):
        return None
    return Question(uuid.UUID(subject), purpose, recipient, tuple(fields))


def _is_name(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and 0 < len(value) <= MOST_LETTERS


# --- the answer -------------------------------------------------------------------------------------------------------
def _answer(authorization: str, raw: bytes) -> tuple[bytes, Allowance] | None:
    """The body of the decision and what is left to ask; None when the view has to answer."""
    try:
        vault.require_open()
        request_started.send(sender=QuickDecisions)
        return _decided(authorization, raw)
    except DomainError:  # a body that is no JSON, a vault without its key: the view says so
        return None
    except DatabaseError as error:  # the view asks on a connection of its own, or says that there is none
        log.warning("decided by the view", extra={"error": type(error).__name__})
        connection.close()
        return None
    except Exception as error:  # an edge like the view's: it answers, and nobody sees a stack trace
        log.error("decided by the view after an error", exc_info=error)
        return None


def _decided(authorization: str, raw: bytes) -> tuple[bytes, Allowance] | None:
    token = bearer_token(authorization)
    grant = grant_remembered(token) if token else None
    question = _question(raw) if grant and _SCOPE in grant.scopes else None
    if grant is None or question is None:
        return None
    application = grant.application
    allowance = count_in_shares(application)
    if allowance.exceeded:
        return None
    decision = decide_one(application=application.id, question=question)
    purpose = question.purpose if decision.verdict.facts.purpose else ""
    gathered.add(application=application.slug, purpose=purpose, code=decision.code, at=decision.evaluated_at)
    return JSONRenderer().render(rendered(decision)), allowance


def _write_on() -> None:
    while True:
        time.sleep(WRITE_SECONDS)
        _write_counts()


def _write_counts() -> None:
    try:
        connection.close_if_unusable_or_obsolete()
        gathered.write()
    except DatabaseError as error:  # they are kept, and written when it is back
        log.warning("decisions not counted yet", extra={"error": type(error).__name__})
        connection.close()
