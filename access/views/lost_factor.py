"""The way back for lost factors: the address, the link from the mail, the waiting period, the password; and its end."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from access.evenly import evenly
from access.forms import EmailForm, OldPasswordForm
from access.second_factor import safe_path, where
from access.services import lost_factor
from access.views.common import language, page, person, refuse, start_session
from access.views.enrolment import RESET
from gdpr_portal.errors import DomainError, Gone

get_or_post = require_http_methods(["GET", "HEAD", "POST"])


@get_or_post
@evenly
def ask(request: HttpRequest) -> HttpResponse:
    """The address; the answer is the same whether it is known or not."""
    form = EmailForm(request.POST or None)
    if form.is_valid():
        try:
            lost_factor.ask(email=form.cleaned_data["email"], language=language(), where=where(request))
        except DomainError as error:
            refuse(form, error)
        else:
            return redirect("lost_factor_sent")
    return page(request, "lost_factor", form)


@require_safe
def sent(request: HttpRequest) -> HttpResponse:
    """What happens next, for everybody alike."""
    return page(request, "lost_factor_sent")


@get_or_post
def link(request: HttpRequest, reset_id: UUID, token: str) -> HttpResponse:
    """What the link from the mail can do now: begin, be ended, or take the password; by POST, never by being opened."""
    try:
        return _act(request, reset_id, token) if request.method == "POST" else _show(request, reset_id, token)
    except Gone:
        return render(request, "access/lost_factor_dead.html", status=410)


def _show(request: HttpRequest, reset_id: UUID, token: str, form: OldPasswordForm | None = None) -> HttpResponse:
    reset = lost_factor.opened(reset_id=reset_id, token=token)
    is_open = reset.due_at is not None and reset.due_at <= timezone.now()
    return page(request, "lost_factor_link", form or OldPasswordForm(), reset=reset, is_open=is_open)


def _act(request: HttpRequest, reset_id: UUID, token: str) -> HttpResponse:
    act = request.POST.get("act")
    if act == "cancel":
        lost_factor.cancel_by_link(reset_id=reset_id, token=token)
        messages.success(request, _("It is ended. Your second factors stay as they are."))
        return redirect("login")
    if act == "begin":
        lost_factor.begin(reset_id=reset_id, token=token)
        return redirect(request.path)
    form = OldPasswordForm(request.POST)
    if form.is_valid():
        try:
            password = form.cleaned_data["password"]
            account = lost_factor.prove(reset_id=reset_id, token=token, password=password, where=where(request))
        except Gone:
            raise
        except DomainError as error:
            refuse(form, error, "password")
        else:
            start_session(request, account)
            request.session[RESET] = str(reset_id)
            return redirect("signup_totp")
    return _show(request, reset_id, token, form)


@require_POST
def cancel(request: HttpRequest) -> HttpResponse:
    """Whoever is signed in ends it at once. No step-up: a person in a hurry must be able to."""
    lost_factor.cancel(account=person(request), reason="signed_in")
    messages.success(request, _("It is ended. Your second factors stay as they are."))
    return redirect(safe_path(request, request.POST.get("next")))
