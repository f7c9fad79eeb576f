"""Signing up: address, code from the mail, password; then `access.views.enrolment`."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from access.evenly import evenly
from access.forms import PasswordForm
from access.services import mailcodes, signin
from access.views.common import language, page, refuse, start_session
from access.views.mailbox import ask_address, ask_code, proven_code
from gdpr_portal.errors import DomainError, Gone

get_or_post = require_http_methods(["GET", "HEAD", "POST"])


@get_or_post
@evenly
def signup(request: HttpRequest) -> HttpResponse:
    """The address; the answer is the same whether it is known or not."""
    return ask_address(request, mailcodes.SIGNUP, "signup", "signup_code")


@get_or_post
def code(request: HttpRequest) -> HttpResponse:
    """The code from the mail."""
    return ask_code(request, mailcodes.SIGNUP, "signup_password")


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
