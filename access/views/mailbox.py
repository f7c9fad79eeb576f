"""The steps that signing up and a lost password share: an address, and the code from the mail.

Between the steps the session holds the id of the mail code, never the address.
"""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from access.forms import EmailForm, MailCodeForm
from access.second_factor import is_verified, safe_path, where
from access.services import mailcodes, signin
from access.views.common import language, page, refuse
from gdpr_portal.errors import DomainError

_CODE = {mailcodes.SIGNUP: "signup_code", mailcodes.RESET: "reset_code"}
"""Where the session keeps the code that was asked for."""


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


def ask_code(request: HttpRequest, reason: str, then: str) -> HttpResponse:
    """The page that asks for the code from the mail; a right one is proven for the steps that follow."""
    again = "signup" if reason == mailcodes.SIGNUP else "password_reset"
    state = request.session.get(_CODE[reason])
    if state is None:
        return redirect(again)
    form = MailCodeForm(request.POST or None)
    if form.is_valid():
        typed = "".join(form.cleaned_data["code"].split())
        if mailcodes.prove_code(code_id=UUID(state["id"]), reason=reason, code=typed):
            request.session.cycle_key()
            request.session[_CODE[reason]] = {"id": state["id"], "proven": True}
            return redirect(then)
        refuse(form, mailcodes.wrong_code(), "code")
    return page(request, "mail_code", form, again=again)


def proven_code(request: HttpRequest, reason: str) -> str | None:
    """The id of the code this session has proven, or None."""
    state = request.session.get(_CODE[reason]) or {}
    return state["id"] if state.get("proven") else None
