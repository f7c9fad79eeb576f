"""A lost password: a code by mail, then a new one. The second factor stays as it is (threat T41)."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from access.evenly import evenly
from access.forms import PasswordForm
from access.services import mailcodes, signin
from access.views.common import page, refuse
from access.views.mailbox import ask_address, ask_code, proven_code
from gdpr_portal.errors import DomainError

get_or_post = require_http_methods(["GET", "HEAD", "POST"])


@get_or_post
@evenly
def reset(request: HttpRequest) -> HttpResponse:
    """The address; the answer is the same whether it is known or not."""
    return ask_address(request, mailcodes.RESET, "reset", "password_reset_code")


@get_or_post
def code(request: HttpRequest) -> HttpResponse:
    """The code from the mail."""
    return ask_code(request, mailcodes.RESET, "password_reset_password")


@get_or_post
def password(request: HttpRequest) -> HttpResponse:
    """The new password; the person then signs in with it and with the second factor they have."""
    code_id = proven_code(request, mailcodes.RESET)
    if code_id is None:
        return redirect("password_reset")
    form = PasswordForm(request.POST or None)
    if form.is_valid():
        try:
            signin.reset_password(code_id=code_id, password=form.cleaned_data["password"])
        except DomainError as error:
            refuse(form, error)
        else:
            request.session.flush()
            messages.success(request, _("Your password is changed. Please sign in with it."))
            return redirect("login")
    return page(request, "reset_password", form)
