"""Enrolling a second factor: an authenticator by QR code or secret, then the recovery codes, shown once.

Passkeys are enrolled in `access.views.passkeys`, by the same rules.
"""

import base64
import json
from contextlib import suppress

import segno
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from access.forms import FactorForm
from access.models import Account, TotpDevice
from access.second_factor import is_verified, require_fresh_factor, verify_session, where
from access.services import factors, limits, lost_factor
from access.views.common import page, person, refuse, start_session
from gdpr_portal.errors import DomainError
from vault import services as vault
from vault.services import Place

_ONCE = "recovery_once"
_ENROLLING = "enrolling"
"""Where the session keeps which authenticator it shows the secret of: none that another session was shown."""
RESET = "factor_reset"
"""Where the session keeps which way back for lost factors its link and password have opened."""


@require_http_methods(["GET", "HEAD", "POST"])
def totp(request: HttpRequest) -> HttpResponse:
    """A new authenticator, by QR code or by typing its secret; the first one, or one more after a step-up."""
    account, first = person(request), is_first(request)
    refused = refused_enrolment(request)
    if refused:
        return refused
    device, secret = factors.pending_totp(account, request.session.get(_ENROLLING))
    request.session[_ENROLLING] = device.pk
    form = FactorForm(request.POST or None)
    replacing = is_replacing(request)
    if form.is_valid() and _confirmed(request, device, form):
        if replacing:
            begin_anew(request, account)
        verify_session(request, device)
        if not first:
            return redirect("security")
        keep_for_once(request, account, factors.new_recovery_codes(account))
        return redirect("signup_recovery")
    picture = segno.make(factors.provisioning_uri(secret), error="m").svg_data_uri(scale=5, border=2, light="#ffffff")
    return page(request, "signup_totp", form, secret=secret, picture=picture, first=first)


def is_first(request: HttpRequest) -> bool:
    """Whether this would be the account's first factor, or the one in the place of all that are lost."""
    return not factors.has_factor(person(request)) or is_replacing(request)


def is_replacing(request: HttpRequest) -> bool:
    """Whether this session came by the way back for lost factors, which is open still."""
    return lost_factor.is_open_to(person(request), request.session.get(RESET))


def begin_anew(request: HttpRequest, account: Account) -> None:
    """Every session of the account has ended, this one too: here is a new one."""
    account.refresh_from_db()
    start_session(request, account)


def refused_enrolment(request: HttpRequest) -> HttpResponse | None:
    """None when this session may add a factor: the first one, or one more when it is fresh (threat T41)."""
    if is_first(request):
        return None
    return require_fresh_factor(request) if is_verified(request) else redirect("login_factor")


def _confirmed(request: HttpRequest, device: TotpDevice, form: FactorForm) -> bool:
    """Whether the code confirms the authenticator; wrong ones are limited as every other guess is."""
    try:
        turn = limits.take((limits.FACTOR, f"enrol {device.pk}"), (limits.ADDRESS, where(request)))
        if turn.wait:
            raise factors.too_many(turn.wait)
    except DomainError as error:
        refuse(form, error, "code")
        return False
    code, account = form.cleaned_data["code"], person(request)
    if is_replacing(request):
        reset_id = request.session[RESET]
        right = lost_factor.enrol_totp(account=account, reset_id=reset_id, device=device, code=code)
    else:
        right = factors.confirm_totp(device=device, code=code)
    if right:
        return True
    refuse(form, factors.wrong_code(), "code")
    return False


@require_http_methods(["GET", "HEAD"])
def recovery(request: HttpRequest) -> HttpResponse:
    """The recovery codes, shown once."""
    sealed = request.session.pop(_ONCE, None)
    codes = []
    if sealed:
        key = vault.subject_key(person(request).id)
        with suppress(vault.Tampered):  # of an hour ago, and the key was renewed since: as if they had been shown
            codes = json.loads(key.open(_once_place(person(request)), base64.b64decode(sealed)))
    return page(request, "signup_recovery", codes=codes)


def keep_for_once(request: HttpRequest, account: Account, codes: list[str]) -> None:
    """The next page can show the codes, once; until then they lie in the session, sealed under the account's key."""
    sealed = vault.subject_key(account.id).seal(_once_place(account), json.dumps(codes).encode())
    request.session[_ONCE] = base64.b64encode(sealed).decode()


def _once_place(account: Account) -> Place:
    return Place("access_accountsession", "recovery_once", str(account.id))
