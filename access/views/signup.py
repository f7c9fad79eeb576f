"""Signing up: address, code from the mail, password, authenticator, recovery codes.

Between the steps the session holds the id of the mail code, never the address.
"""

import base64
import json
from contextlib import suppress
from uuid import UUID

import segno
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from access.forms import EmailForm, FactorForm, MailCodeForm, PasswordForm
from access.models import Account, TotpDevice
from access.second_factor import is_verified, require_fresh_factor, safe_path, verify_session, where
from access.services import factors, limits, lost_factor, mailcodes, signin
from access.views.common import language, page, person, refuse, start_session
from gdpr_portal.errors import DomainError, Gone
from vault import services as vault
from vault.services import Place

get_or_post = require_http_methods(["GET", "HEAD", "POST"])
_CODE = {mailcodes.SIGNUP: "signup_code", mailcodes.RESET: "reset_code"}
_ONCE = "recovery_once"
_ENROLLING = "enrolling"
"""Where the session keeps which authenticator it shows the secret of: none that another session was shown."""
RESET = "factor_reset"
"""Where the session keeps which way back for lost factors its link and password have opened."""


@get_or_post
def signup(request: HttpRequest) -> HttpResponse:
    """The address; the answer is the same whether it is known or not."""
    return ask_address(request, mailcodes.SIGNUP, "signup", "signup_code")


@get_or_post
def code(request: HttpRequest) -> HttpResponse:
    """The code from the mail."""
    return ask_code(request, mailcodes.SIGNUP, "signup_code", "signup_password")


@get_or_post
def password(request: HttpRequest) -> HttpResponse:
    """The password; then the account exists and the person is signed in by it, to enrol a factor next."""
    code_id = proven_code(request, mailcodes.SIGNUP) or ""
    try:
        email = mailcodes.proven_email(code_id=UUID(code_id), reason=mailcodes.SIGNUP)
    except (Gone, ValueError):
        return redirect("signup")
    form = PasswordForm(request.POST or None)
    if form.is_valid():
        try:
            account = signin.sign_up(code_id=code_id, password=form.cleaned_data["password"], language=language())
        except DomainError as error:
            refuse(form, error)
        else:
            start_session(request, account)
            return redirect("signup_totp")
    return page(request, "signup_password", form, email=email)


@get_or_post
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


def ask_address(request: HttpRequest, reason: str, template: str, then: str) -> HttpResponse:
    """The page that asks for an address and sends it a code; known and unknown ones are answered alike."""
    if is_verified(request):
        return redirect(safe_path(request, None))
    form = EmailForm(request.POST or None)
    if form.is_valid():
        try:
            email = form.cleaned_data["email"]
            code_id = signin.send_code(reason=reason, email=email, language=language(), where=where(request))
        except DomainError as error:
            refuse(form, error)
        else:
            request.session.cycle_key()
            request.session[_CODE[reason]] = {"id": code_id, "proven": False}
            return redirect(then)
    return page(request, template, form)


def ask_code(request: HttpRequest, reason: str, template: str, then: str) -> HttpResponse:
    """The page that asks for the code from the mail; a right one is proven for the steps that follow."""
    state = request.session.get(_CODE[reason])
    if state is None:
        return redirect("signup" if reason == mailcodes.SIGNUP else "password_reset")
    form = MailCodeForm(request.POST or None)
    if form.is_valid():
        typed = "".join(form.cleaned_data["code"].split())
        if mailcodes.prove_code(code_id=UUID(state["id"]), reason=reason, code=typed):
            request.session.cycle_key()
            request.session[_CODE[reason]] = {"id": state["id"], "proven": True}
            return redirect(then)
        refuse(form, mailcodes.wrong_code(), "code")
    return page(request, template, form)


def proven_code(request: HttpRequest, reason: str) -> str | None:
    """The id of the code this session has proven, or None."""
    state = request.session.get(_CODE[reason]) or {}
    return state["id"] if state.get("proven") else None


def _once_place(account: Account) -> Place:
    return Place("access_accountsession", "recovery_once", str(account.id))
