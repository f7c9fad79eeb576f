"""What every request passes: its id, its numbers, a calm answer when something is down, headers, the language."""

import random
import re
import time
from collections.abc import Callable
from typing import Any, cast

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from django.middleware.locale import LocaleMiddleware
from django.utils import timezone, translation

from gdpr_portal import metrics, traces
from gdpr_portal.context import request_id
from gdpr_portal.errors import DomainError, Unavailable, is_unavailability
from gdpr_portal.formats.zones import controllers_zone
from vault import providers as vault

GetResponse = Callable[[HttpRequest], HttpResponseBase]

MACHINES = ("/api/v1/", "/oauth/")
"""Where programs ask: no cookies, no forms, one language."""
PROGRAMS = ("/api/", "/oauth/")
"""Where whoever asks follows no redirect from http to https."""

_ID = re.compile(r"[A-Za-z0-9._-]{1,128}", re.ASCII)
_WITH_PORT = re.compile(r"^(?:\[([0-9A-Fa-f:.]+)\](?::\d+)?|(\d+\.\d+\.\d+\.\d+):\d+)$", re.ASCII)
"""`[2001:db8::1]:4711`, `[2001:db8::1]`, `192.0.2.7:4711`: as Azure's Application Gateway and RFC 7239 write it."""
_OWN = "publickey-credentials-create=(self), publickey-credentials-get=(self)"
_POLICY = ", ".join(
    f"{feature}=()"
    for feature in (
        "accelerometer", "autoplay", "browsing-topics", "camera", "display-capture", "encrypted-media", "fullscreen",
        "geolocation", "gyroscope", "magnetometer", "microphone", "midi", "payment", "picture-in-picture",
        "screen-wake-lock", "sync-xhr", "usb", "xr-spatial-tracking",
    )
)  # fmt: skip


def request_id_of(given: str) -> str:
    """The id of a request: the caller's if well-formed, else a new one."""
    return given if given and _ID.fullmatch(given) else _new_id()


def _new_id() -> str:
    """A random UUID (RFC 9562, version 4), without the object."""
    text = f"{random.getrandbits(128):032x}"
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{_VARIANT[text[16]]}{text[17:20]}-{text[20:]}"


_VARIANT = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}


class ClientAddressMiddleware:
    """`REMOTE_ADDR` is the person's address, not the balancer's: limits count by it.

    Only as many entries of X-Forwarded-For are believed, from the right, as there are proxies of ours
    (`TRUSTED_PROXY_COUNT`); what a client wrote itself stands further left and is not looked at. Some proxies write the
    port beside the address, which is another for each connection and no part of who somebody is.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        hops = [hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()]
        count = settings.TRUSTED_PROXY_COUNT
        if count and len(hops) >= count:
            request.META["REMOTE_ADDR"] = _WITH_PORT.sub(r"\1\2", hops[-count])
        return self.get_response(request)


class RequestIdMiddleware:
    """The request has an id, the caller's if well-formed; it stands in logs, audit log and `X-Request-Id`."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        current = request_id_of(request.META.get("HTTP_X_REQUEST_ID", ""))
        token = request_id.set(current)
        try:
            response = self.get_response(request)
        finally:
            request_id.reset(token)
        response["X-Request-Id"] = current
        return response


class MetricsMiddleware:
    """Each request is counted and timed by the template of its route, its method and the class of its outcome."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        started = time.perf_counter()
        response = self.get_response(request)
        match = request.resolver_match
        route = match.route if match else "unmatched"
        method = request.method if request.method in metrics.METHODS else "other"
        traces.name_request(route, method)
        metrics.observe_request(
            route=route,
            method=method,
            outcome=f"{response.status_code // 100}xx",
            seconds=time.perf_counter() - started,
        )
        return response


class ErrorsMiddleware:
    """The one place that turns the services' errors into pages; a dependency that is down is 503, never 500.

    Errors of other middleware end in `gdpr_portal.views.server_error`, which answers the same.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        from gdpr_portal.views import not_allowed

        answer = self.get_response(request)
        return not_allowed(request, answer) if isinstance(answer, HttpResponseNotAllowed) else answer

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponseBase | None:
        from gdpr_portal.views import refused, unavailable

        if is_unavailability(error):
            return unavailable(request, error)
        return refused(request, error) if isinstance(error, DomainError) else None


class SealedMiddleware:
    """Without its keys the service answers nothing but whether it lives, and what the world may know (fault F26).

    Before any view runs, so that nothing is half done; default-deny, as a page that needs no key today may tomorrow.
    """

    OPEN = ("/livez", "/readyz", "/metrics", "/static/", "/favicon.ico", "/robots.txt", "/.well-known/security.txt")

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_: Any) -> HttpResponseBase | None:
        from gdpr_portal.views import unavailable

        if request.path_info.startswith(self.OPEN):
            return None
        try:
            vault.require_open()
        except Unavailable as error:
            return unavailable(request, error)
        return None


class TlsMiddleware:
    """A program that asks without TLS is refused; led to it, as people are, it would send its token in clear unnoticed.

    `SECURE_REDIRECT_EXEMPT` keeps Django from leading it there.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        from gdpr_portal.views import refused_without_tls

        in_clear = settings.SECURE_SSL_REDIRECT and not request.is_secure()
        if in_clear and request.path_info.startswith(PROGRAMS):
            return refused_without_tls()
        return self.get_response(request)


class HeadersMiddleware:
    """Nothing but static files is kept by caches; no device feature and no other origin gets at a page."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if not response.streaming and not response.has_header("Content-Length"):
            response["Content-Length"] = str(len(cast(HttpResponse, response).content))
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers.setdefault("Permissions-Policy", f"{_POLICY}, {_OWN}")
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        return response


class LanguageMiddleware(LocaleMiddleware):
    """Pages speak the account's language; without an account the cookie's, then what the browser prefers.

    Their times are the controller's, as its due dates are; each names its zone.
    """

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info.startswith(MACHINES):  # programs are answered in one language, whatever they send
            with translation.override(settings.LANGUAGE_CODE):
                return cast(HttpResponseBase, self.get_response(request))
        with timezone.override(controllers_zone()):
            return cast(HttpResponseBase, super().__call__(request))

    def process_view(self, request: HttpRequest, *_: Any) -> None:
        if request.path_info.startswith(MACHINES):
            return
        account = getattr(request, "user", None)
        language = getattr(account, "language", None) if account is not None and account.is_authenticated else None
        if language in dict(settings.LANGUAGES):
            translation.activate(language)
            request.LANGUAGE_CODE = translation.get_language()
