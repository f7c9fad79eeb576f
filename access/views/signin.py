"""Signing in: password, then factor; confirming; signing out; the language."""

from django.conf import settings
from django.contrib.auth import logout as end_session
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django.views.i18n import LANGUAGE_QUERY_PARAMETER
from django.views.i18n import set_language as choose_language

from access.forms import FactorForm, RecoveryForm, SignInForm
from access.second_factor import PASSKEY_FIELD, confirmed_next, is_verified, safe_path, step_up, verify_session, where
from access.services import accounts, factors, signin
from access.views.common import cleared, page, person, refuse, start_session
from gdpr_portal.errors import DomainError

get_or_post = require_http_methods(["GET", "HEAD", "POST"])


@get_or_post
def login(request: HttpRequest) -> HttpResponse:
    """Password first. The answer to a wrong one tells nothing about the address."""
    if is_verified(request):
        return redirect(safe_path(request, request.GET.get("next")))
    form = SignInForm(request.POST or None)
    if form.is_valid():
        try:
            account = signin.prove_password(request=request, where=where(request), **form.cleaned_data)
        except DomainError as error:
            refuse(form, error)
        else:
            start_session(request, account)
            return go_on(request, "login_factor" if factors.has_factor(account) else "signup_totp")
    return page(request, "login", form, query=query(request))


@get_or_post
def factor(request: HttpRequest) -> HttpResponse:
    """The one-time code; then the session is proven."""
    return _by_factor(request, FactorForm(request.POST or None), recovery=False)


@get_or_post
def recovery(request: HttpRequest) -> HttpResponse:
    """A recovery code in place of the one-time code."""
    return _by_factor(request, RecoveryForm(request.POST or None), recovery=True)


def _by_factor(request: HttpRequest, form: FactorForm | RecoveryForm, *, recovery: bool) -> HttpResponse:
    if is_verified(request):
        return redirect(safe_path(request, request.GET.get("next")))
    if not factors.has_factor(person(request)):
        return go_on(request, "signup_totp")
    if form.is_valid():
        try:
            code = form.cleaned_data["code"]
            device = signin.sign_in_by_factor(
                account=person(request), code=code, where=where(request), recovery=recovery
            )
        except DomainError as error:
            refuse(form, error, "code")
        else:
            verify_session(request, device)
            return redirect(safe_path(request, request.GET.get("next")))
    can = factors.ways(person(request))
    if not recovery and not any(can.values()):  # the only one was switched off as a copy
        return go_on(request, "login_recovery")
    return page(request, "recovery" if recovery else "factor", form, query=query(request), ways=can)


@get_or_post
def confirm(request: HttpRequest) -> HttpResponse:
    """Step-up: a one-time code again or a passkey, then on to where the person was going."""
    by_passkey = bool(request.POST.get(PASSKEY_FIELD))
    form = FactorForm(request.POST or None)
    form.fields["code"].required = not by_passkey
    if form.is_valid():
        try:
            step_up(request, code=form.cleaned_data["code"])
        except DomainError as error:
            refuse(form, error, None if by_passkey else "code")
        else:
            return redirect(confirmed_next(request))
    return page(request, "confirm", form, ways=factors.ways(person(request)))


@require_safe
def stay(request: HttpRequest) -> HttpResponse:
    """Nothing; to ask for it is to use the session (static/session.js)."""
    return HttpResponse(status=204)


@require_POST
def logout(request: HttpRequest) -> HttpResponse:
    """The session is gone, here and in the database."""
    end_session(request)
    return cleared(redirect("login"))


@require_POST
def set_language(request: HttpRequest) -> HttpResponse:
    """The pages are in the language chosen; mail too, for whoever is signed in."""
    response = choose_language(request)
    chosen = response.cookies.get(settings.LANGUAGE_COOKIE_NAME)
    if chosen is not None and is_verified(request):
        accounts.set_language(account=person(request), language=request.POST[LANGUAGE_QUERY_PARAMETER])
    return response


def go_on(request: HttpRequest, name: str) -> HttpResponseRedirect:
    """On to the next step of signing in, and from there to where the person was going."""
    return HttpResponseRedirect(reverse(name) + query(request))


def query(request: HttpRequest) -> str:
    """Where the person was going, as a query string; empty for the front page."""
    wanted = safe_path(request, request.GET.get("next"))
    return f"?{urlencode({'next': wanted})}" if wanted != reverse("home") else ""
