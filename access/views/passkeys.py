"""Passkeys: what the script asks for in JSON, and the forms it sends with what the authenticator answered.

The pages work by forms; `static/passkeys.js` only fetches the options, speaks to the authenticator and sends the form.
"""

from collections.abc import Mapping
from typing import Any, cast

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from access.forms import FactorForm, PasskeyForm, SignInForm
from access.models import Account, PasskeyDevice
from access.saying import saying
from access.second_factor import (
    is_verified,
    new_challenge,
    passkey_answer,
    safe_path,
    step_up_required,
    verify_session,
    where,
)
from access.services import factors, lost_factor, passkeys, signin
from access.services.passkeys import REGISTER, SECOND, SIGN_IN, STEP_UP
from access.views.common import page, person, refuse, start_session
from access.views.enrolment import RESET, begin_anew, is_first, is_replacing, keep_for_once, refused_enrolment
from access.views.signin import query
from gdpr_portal.errors import DomainError, Missing


@require_POST
def sign_in_options(request: HttpRequest) -> HttpResponse:
    """A challenge for any passkey of this service: whoever asks has not said who they are."""
    return _request_options(request, SIGN_IN, None)


@require_POST
def sign_in(request: HttpRequest) -> HttpResponse:
    """The whole sign-in: a passkey that verified the person, in place of password and code."""
    if is_verified(request):
        return redirect(safe_path(request, request.GET.get("next")))
    try:
        device = signin.sign_in_by_passkey(answer=passkey_answer(request), where=where(request))
    except DomainError as error:
        return _refused(request, "login", SignInForm(), error)
    start_session(request, device.user)
    verify_session(request, device)
    return redirect(safe_path(request, request.GET.get("next")))


@require_POST
def second_factor_options(request: HttpRequest) -> HttpResponse:
    """A challenge for the passkeys of the account whose password was proven."""
    return _request_options(request, SECOND, person(request))


@require_POST
def second_factor(request: HttpRequest) -> HttpResponse:
    """A passkey in place of the one-time code; then the session is proven."""
    if is_verified(request):
        return redirect(safe_path(request, request.GET.get("next")))
    account = person(request)
    try:
        device = signin.sign_in_by_passkey(answer=passkey_answer(request), where=where(request), account=account)
    except DomainError as error:
        return _refused(request, "factor", FactorForm(), error, ways=factors.ways(account))
    verify_session(request, device)
    return redirect(safe_path(request, request.GET.get("next")))


@require_POST
def step_up_options(request: HttpRequest) -> HttpResponse:
    """A challenge for a passkey of the person who is signed in; the answer goes with the form it stands in."""
    return _request_options(request, STEP_UP, person(request))


@require_http_methods(["GET", "HEAD", "POST"])
def add(request: HttpRequest) -> HttpResponse:
    """A new passkey; the first factor of the account, or one more after a step-up."""
    account, first = person(request), is_first(request)
    refused = refused_enrolment(request)
    if refused:
        return refused
    form = PasskeyForm(request.POST or None)
    if form.is_valid():
        try:
            device = _added(request, account, form.cleaned_data["label"])
        except DomainError as error:
            refuse(form, error)
        else:
            if not first:
                messages.success(request, _("The passkey is added."))
                return redirect("security")
            verify_session(request, device)
            keep_for_once(request, account, factors.new_recovery_codes(account))
            return redirect("signup_recovery")
    return page(request, "signup_passkey", form, first=first)


def _added(request: HttpRequest, account: Account, label: str) -> PasskeyDevice:
    answer = passkey_answer(request)
    if not is_replacing(request):
        return passkeys.add_passkey(account=account, answer=answer, label=label)
    reset_id = request.session[RESET]
    device = lost_factor.enrol_passkey(account=account, reset_id=reset_id, answer=answer, label=label)
    begin_anew(request, account)
    return device


@require_POST
def add_options(request: HttpRequest) -> HttpResponse:
    """A challenge for a new passkey, and which of the account's the authenticator may hold already."""
    if refused_enrolment(request):
        return JsonResponse({"message": _("Please open this page again.")}, status=403)
    return _options(request, REGISTER, lambda challenge: passkeys.registration_options(person(request), challenge))


@require_http_methods(["GET", "HEAD", "POST"])
@step_up_required
def rename(request: HttpRequest, device_id: int) -> HttpResponse:
    """The passkey has another name."""
    account = person(request)
    try:
        device = passkeys.passkey_of(account, device_id)
        form = PasskeyForm(request.POST or None, initial={"label": device.label})
        if form.is_valid():
            passkeys.rename_passkey(account=account, device_id=device_id, label=form.cleaned_data["label"])
            messages.success(request, _("The passkey has its new name."))
            return redirect("security")
    except Missing:
        raise Http404 from None
    return page(request, "rename_passkey", form)


@require_POST
@step_up_required
def remove(request: HttpRequest, device_id: int) -> HttpResponse:
    """The passkey counts no more."""
    with saying(request, _("The passkey is removed.")):
        passkeys.remove_passkey(account=person(request), device_id=device_id)
    return redirect("security")


def _request_options(request: HttpRequest, ceremony: str, account: Account | None) -> HttpResponse:
    return _options(request, ceremony, lambda challenge: passkeys.request_options(ceremony, challenge, account))


def _options(request: HttpRequest, ceremony: str, options: Any) -> HttpResponse:
    try:
        found = cast(Mapping[str, Any], options(new_challenge(request, ceremony)))
    except DomainError as error:
        return JsonResponse({"message": error.in_words}, status=error.status)
    return JsonResponse(dict(found))


def _refused(request: HttpRequest, template: str, form: Any, error: DomainError, **context: Any) -> HttpResponse:
    messages.error(request, error.in_words)
    answer = page(request, template, form, query=query(request), **context)
    answer.status_code = error.status
    return answer
