"""What the pages of accounts have in common."""

from typing import Any, cast

from django import forms
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language

from access.models import Account
from access.sessions import SIGNED_IN, new_sign_in
from gdpr_portal.errors import DomainError


def page(request: HttpRequest, template: str, form: forms.Form | None = None, **context: Any) -> HttpResponse:
    """The page; 400 when its form was sent and does not do, 429 when it came too often."""
    status = getattr(form, "status", 400) if form is not None and form.is_bound and form.errors else 200
    return render(request, f"access/{template}.html", {"form": form, **context}, status=status)


def refuse(form: forms.Form, error: DomainError, field: str | None = None) -> None:
    """The form says what was refused, at the field it is about."""
    form.add_error(field, error.in_words)
    if error.status == 429:
        cast(Any, form).status = 429


def person(request: HttpRequest) -> Account:
    """The account signed in; the middleware let nobody else come here."""
    return cast(Account, request.user)


def start_session(request: HttpRequest, account: Account) -> None:
    """The session belongs to the account by password, under a new key; nothing from before is kept (threat T42)."""
    request.session.flush()
    login(request, account, backend="access.backends.SealedEmailBackend")
    request.session[SIGNED_IN] = new_sign_in(request.headers.get("User-Agent", ""))


def cleared(response: HttpResponse) -> HttpResponse:
    """The answer to who signed out: the browser forgets what it kept of the pages (Clear-Site-Data; over TLS alone).

    Cookies are not named: the session's is dead already, and the language stays.
    """
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


def language() -> str:
    """The language of this page."""
    return (get_language() or "en").split("-")[0]
