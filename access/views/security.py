"""The security page: factors, recovery codes, password, sessions, the last sign-ins. Every change needs a step-up."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth import logout, update_session_auth_hash
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from access import selectors
from access.forms import ChangePasswordForm
from access.saying import saying
from access.second_factor import mark_fresh, step_up_required, where
from access.services import accounts, factors, passkeys, signin
from access.sessions import SIGNED_IN
from access.views.common import cleared, page, person, refuse
from access.views.enrolment import keep_for_once
from gdpr_portal.errors import DomainError


@require_GET
def security(request: HttpRequest) -> HttpResponse:
    """What protects the account, and what happened at its door."""
    account = person(request)
    return page(
        request,
        "security",
        totps=factors.confirmed_totps(account),
        passkeys=passkeys.passkeys_of(account),
        can_remove=factors.count_factors(account) > 1,
        codes_left=factors.recovery_codes_left(account),
        sessions=selectors.open_sessions(account, request.session.session_key),
        sign_ins=selectors.last_sign_ins(account),
    )


@require_POST
@step_up_required
def new_codes(request: HttpRequest) -> HttpResponse:
    """Ten new recovery codes, shown once; the old ones are void."""
    keep_for_once(request, person(request), factors.new_recovery_codes(person(request)))
    return redirect("signup_recovery")


@require_POST
@step_up_required
def remove_totp(request: HttpRequest, device_id: int) -> HttpResponse:
    """The authenticator counts no more."""
    with saying(request, _("The authenticator is removed.")):
        factors.remove_totp(account=person(request), device_id=device_id)
    return redirect("security")


@require_http_methods(["GET", "HEAD", "POST"])
@step_up_required
def change_password(request: HttpRequest) -> HttpResponse:
    """A new password for who knows the old one; every other session is signed out."""
    account = person(request)
    form = ChangePasswordForm(request.POST or None, account=account)
    if form.is_valid():
        try:
            signin.change_own_password(account=account, where=where(request), **form.cleaned_data)
        except DomainError as error:
            refuse(form, error, "current")
        else:
            update_session_auth_hash(request, account)
            mark_fresh(request)
            messages.success(request, _("Your password is changed, and every other session is signed out."))
            return redirect("security")
    return page(request, "change_password", form)


@require_POST
def sign_out_browser(request: HttpRequest, sign_in: UUID) -> HttpResponse:
    """One browser is signed out, this one too if it is meant. No step-up, as for all: a lost device is in a hurry."""
    here = request.session.get(SIGNED_IN, {}).get("id") == str(sign_in)
    try:
        accounts.sign_out_browser(account=person(request), sign_in=sign_in)
    except DomainError as error:
        messages.error(request, error.in_words)
        return redirect("security")
    if here:
        logout(request)
    messages.success(request, _("You are signed out.") if here else _("That browser is signed out."))
    return cleared(redirect("login")) if here else redirect("security")


@require_POST
def sign_out_everywhere(request: HttpRequest) -> HttpResponse:
    """Every session of the account is dead, this one too. No step-up: a person in a hurry must be able to."""
    accounts.sign_out_everywhere(account=person(request))
    logout(request)
    messages.success(request, _("You are signed out everywhere."))
    return cleared(redirect("login"))
