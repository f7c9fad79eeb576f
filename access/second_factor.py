"""Two factors on every page by default-deny, and step-up for what must not happen on a stolen session.

A path is public because it is declared so below, and for no other reason (threat T41). /api/ and /oauth/ have an
authentication of their own. Fresh means: a factor was proven in this session within `settings.STEP_UP_SECONDS`; a
password alone never makes fresh (threats T50, T51).
"""

import time
from collections.abc import Callable
from functools import wraps
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any, cast
from urllib.parse import urlencode

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import Resolver404, resolve, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django_otp import login as otp_login
from django_otp.models import Device

from access.models import Account
from access.services import passkeys
from access.services.factors import has_factor, ways
from access.services.passkeys import Answer
from access.services.signin import step_up_by_factor, step_up_by_passkey
from gdpr_portal.errors import DomainError

PUBLIC_PATHS = frozenset(
    {
        "/login", "/login/passkey", "/login/passkey/options",
        "/logout", "/language", "/request", "/privacy",
        "/livez", "/readyz", "/metrics", "/favicon.ico", "/robots.txt",
        "/signup", "/signup/code", "/signup/password",
        "/lost-factor", "/lost-factor/sent",
        "/password-reset", "/password-reset/code", "/password-reset/password",
    }
)  # fmt: skip
PUBLIC_PREFIXES = (
    "/static/",
    "/.well-known/",
    "/api/",
    "/oauth/",
    "/request/",
    "/confirmation/",
    "/lost-factor/",
    "/staff-invitation/",
)
FRONT_PAGE = "/"
"""Public to those who are not signed in at all; it shows them no data."""
HALF_WAY_PATHS = frozenset(
    {
        "/login/factor", "/login/factor/passkey", "/login/factor/passkey/options", "/login/recovery",
        "/signup/totp", "/signup/passkey", "/signup/passkey/options",
    }
)  # fmt: skip
"""For sessions with a password and no factor yet: where they prove or enrol one."""

FRESH_KEY = "factor_at"
"""Where the session keeps when a factor was last proven (seconds since 1970)."""
_SALT = "access.confirm"
_FIELD = "otp"
PASSKEY_FIELD = "passkey"
"""The field of a form that holds what a passkey answered."""
_CHALLENGES = "passkey_challenges"
OPEN_CHALLENGES = 4
"""Challenges one session may have open, so that two tabs do not get in each other's way."""

View = Callable[..., HttpResponse]


class DefaultDenyMiddleware:
    """No view runs for a session without a second factor, but for the public ones."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.refusal(request) or self.get_response(request)
        if not request.path_info.startswith(PUBLIC_PREFIXES):
            response.headers.setdefault("Cache-Control", "no-store")
        return response

    def refusal(self, request: HttpRequest) -> HttpResponse | None:
        """None when the request may go on; otherwise where the person is led, or 403 for what is not a GET."""
        path = request.path_info
        if path in PUBLIC_PATHS or path.startswith(PUBLIC_PREFIXES) or is_verified(request):
            return None
        signed_in = request.user.is_authenticated
        if (signed_in and path in HALF_WAY_PATHS) or (not signed_in and path == FRONT_PAGE) or not _exists(path):
            return None
        if request.method not in {"GET", "HEAD"}:
            return render(request, "errors/403.html", {"reason": "second_factor"}, status=403)
        if "HX-Request" in request.headers:  # it wants a part of a page; a whole one for signing in would stand inside
            return render(request, "access/no_longer_signed_in.html", status=401)
        return redirect(f"{_step_missing(request)}?{urlencode({'next': _wanted(request)})}")


def is_verified(request: HttpRequest) -> bool:
    """Whether password and second factor of this session were both proven."""
    user = request.user
    return user.is_authenticated and cast(Any, user).is_verified()


def verify_session(request: HttpRequest, device: Device) -> None:
    """The session counts as proven by this device, under a new key, and is fresh (threat T42)."""
    otp_login(request, device)
    mark_fresh(request)


def mark_fresh(request: HttpRequest) -> None:
    """Sensitive acts are possible for `settings.STEP_UP_SECONDS`; the session has a new key."""
    request.session.cycle_key()
    request.session[FRESH_KEY] = time.time()


def is_fresh(request: HttpRequest) -> bool:
    """Whether a factor was proven here within `settings.STEP_UP_SECONDS`; never once the clock went back."""
    age = time.time() - float(request.session.get(FRESH_KEY, float("-inf")))
    return is_verified(request) and 0 <= age < settings.STEP_UP_SECONDS


def verify_fresh_or_code(request: HttpRequest) -> bool:
    """Whether the session is fresh, or made so by the form: a code in its field `otp`, or an answer in `passkey`.

    Raises Refused("throttled", "wrong_code", "wrong_passkey" or "passkey_copied") for one that does not do.
    """
    if is_fresh(request):
        return True
    given = any(request.POST.get(name) for name in (_FIELD, PASSKEY_FIELD))
    if not given or not is_verified(request):
        return False
    step_up(request, code=request.POST.get(_FIELD, ""))
    return True


def step_up(request: HttpRequest, *, code: str) -> None:
    """The session is fresh, by the passkey that answered in this form or else by the code. Errors as those."""
    account = cast(Account, request.user)
    if request.POST.get(PASSKEY_FIELD):
        step_up_by_passkey(account=account, answer=passkey_answer(request), where=where(request))
    else:
        step_up_by_factor(account=account, code=code, where=where(request))
    mark_fresh(request)


def new_challenge(request: HttpRequest, ceremony: str) -> str:
    """A challenge that this session alone can have answered. Raises Refused("throttled", 429)."""
    challenge = passkeys.new_challenge(ceremony=ceremony, where=where(request))
    request.session[_CHALLENGES] = [*request.session.get(_CHALLENGES, []), challenge][-OPEN_CHALLENGES:]
    return challenge


def passkey_answer(request: HttpRequest) -> Answer:
    """What the form brought from a passkey, with the challenges of this session."""
    return Answer(request.POST.get(PASSKEY_FIELD, ""), tuple(request.session.get(_CHALLENGES, ())))


def require_fresh_factor(request: HttpRequest) -> HttpResponse | None:
    """None when the session is fresh; otherwise the answer that asks for a code and then goes on.

    A GET is led to /confirm and back. A form that was sent is kept: the answer (403) holds its fields and asks for the
    code beside them, so that nothing need be typed again. Files are not kept: views that take files ask beforehand.
    """
    try:
        if verify_fresh_or_code(request):
            return None
        problem, status = "", 403
    except DomainError as error:
        problem, status = error.in_words, error.status
    if request.method in {"GET", "HEAD"}:
        return redirect(confirm_url(request.get_full_path()))
    kept = [(name, value) for name in request.POST for value in request.POST.getlist(name) if name not in _OWN_FIELDS]
    context = {"kept": kept, "problem": problem, "ways": ways(cast(Account, request.user))}
    return render(request, "access/confirm_form.html", context, status=status)


_OWN_FIELDS = frozenset({_FIELD, PASSKEY_FIELD, "csrfmiddlewaretoken"})


def step_up_required(view: View) -> View:
    """The view runs only for a session that is fresh; see `require_fresh_factor`."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return require_fresh_factor(request) or view(request, *args, **kwargs)

    return guarded


def confirm_url(path: str) -> str:
    """The address that asks for a code and then leads to `path`, which is signed against being replaced."""
    return f"{reverse('confirm')}?{urlencode({'next': signing.dumps(path, salt=_SALT)})}"


def confirmed_next(request: HttpRequest) -> str:
    """The path a confirmation leads to: the signed one, or the front page."""
    try:
        path = signing.loads(request.GET.get("next", ""), salt=_SALT, max_age=3600)
    except signing.BadSignature:
        return reverse("home")
    return safe_path(request, str(path))


def safe_path(request: HttpRequest, path: str | None) -> str:
    """The path if it leads to a page of this service, else the front page (CWE-601)."""
    own = path is not None and path.startswith("/") and url_has_allowed_host_and_scheme(path, allowed_hosts=None)
    return path if own and path else reverse("home")


def where(request: HttpRequest) -> str:
    """The network address tries are counted by; of IPv6 the /64, which is what one household holds."""
    address: str = request.META.get("REMOTE_ADDR", "")
    try:
        known = ip_address(address)
    except ValueError:  # whatever a proxy wrote there
        return address
    if isinstance(known, IPv6Address):
        return str(known.ipv4_mapped or ip_network((known, 64), strict=False))
    return address


def _step_missing(request: HttpRequest) -> str:
    if not request.user.is_authenticated:
        return reverse("login")
    return reverse("login_factor") if has_factor(request.user) else reverse("signup_totp")


def _wanted(request: HttpRequest) -> str:
    if request.path_info in {reverse("admin:login"), reverse("admin:logout")}:
        return reverse("admin:index")
    return request.get_full_path()


def _exists(path: str) -> bool:
    try:
        resolve(path)
    except Resolver404:
        return False
    return True
