"""Which requests are plain, and the headers that the service's middleware puts on each answer."""

import io
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpResponse
from django.utils.module_loading import import_string

from gdpr_portal.quick.route import Route

Environ = dict[str, Any]
Headers = list[tuple[str, str]]

PLAIN_TYPES = frozenset({"application/json", "application/json; charset=utf-8"})
PLAIN_ACCEPTS = frozenset({"*/*", "application/json", "application/json, */*", "application/json, text/plain, */*"})
ODD_HEADERS = ("HTTP_TRANSFER_ENCODING", "HTTP_CONTENT_ENCODING")
FRAME = (
    "gdpr_portal.middleware.HeadersMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
)
"""The middleware that puts the same headers on every answer."""


def is_plain(environ: Environ, route: Route) -> bool:
    """Whether nothing about the request but its path, query, token and body can make a difference."""
    return (
        environ.get("HTTP_ACCEPT", "*/*") in PLAIN_ACCEPTS
        and not any(name in environ for name in ODD_HEADERS)
        and (_has_plain_body(environ, route.most_bytes) if route.most_bytes else _has_no_body(environ))
    )


def scheme_of(environ: Environ) -> str:
    """As `HttpRequest.scheme`: the proxy's word, where one is believed, else the server's."""
    if settings.SECURE_PROXY_SSL_HEADER:
        name, secure = settings.SECURE_PROXY_SSL_HEADER
        said = environ.get(name)
        if said is not None:
            return "https" if said.split(",", 1)[0].strip() == secure else "http"
    return str(environ["wsgi.url_scheme"])


def frame_headers(route: Route, scheme: str) -> Headers:
    """The headers that the service's middleware puts on this route's answers, whatever they say and of what type."""
    answer = HttpResponse(content_type="application/json")
    chain: Callable[[Any], Any] = lambda _request: answer  # noqa: E731
    for name in reversed(FRAME):
        chain = import_string(name)(chain)
    environ = {
        "REQUEST_METHOD": route.method,
        "PATH_INFO": route.example,
        "wsgi.url_scheme": scheme,
        "wsgi.input": io.BytesIO(),
    }
    if settings.SECURE_PROXY_SSL_HEADER:
        environ[settings.SECURE_PROXY_SSL_HEADER[0]] = scheme
    chain(WSGIRequest(environ))
    return [(name, value) for name, value in answer.items() if name not in {"Content-Length", "Content-Type"}]


def _has_plain_body(environ: Environ, most: int) -> bool:
    length = environ.get("CONTENT_LENGTH") or ""
    return (
        not environ.get("QUERY_STRING")
        and environ.get("CONTENT_TYPE") in PLAIN_TYPES
        and length.isdecimal()
        and length.isascii()
        and 0 < int(length) <= most
    )


def _has_no_body(environ: Environ) -> bool:
    return (environ.get("CONTENT_LENGTH") or "0") == "0"
