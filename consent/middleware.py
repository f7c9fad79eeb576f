"""Browsers that speak for their people: `Sec-GPC: 1` on a page of somebody signed in is honoured before it is shown."""

from collections.abc import Callable
from typing import cast

from django.http import HttpRequest, HttpResponse

from access.models import Account
from access.second_factor import is_verified
from consent.services.signals import honour_signal
from subjects.selectors import subject_of_account

SEEN = "gpc"
"""Where the session keeps that its signal was passed on, so that no page asks the database again."""
_ELSEWHERE = ("/static/", "/.well-known/", "/api/", "/oauth/")


class PrivacySignalMiddleware:
    """Behind sign-in and second factor: the signal of a stranger who borrowed a password alone changes nothing."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.META.get("HTTP_SEC_GPC") == "1" and not request.path_info.startswith(_ELSEWHERE):
            self._pass_on(request)
        return self.get_response(request)

    def _pass_on(self, request: HttpRequest) -> None:
        if not is_verified(request) or request.session.get(SEEN):
            return
        subject = subject_of_account(cast(Account, request.user))
        if subject is not None:
            honour_signal(subject=subject)
        request.session[SEEN] = True
