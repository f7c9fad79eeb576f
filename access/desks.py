"""What the pages of the desks have in common: who is signed in there, and whom a page is for."""

from collections.abc import Callable, Collection
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from access import roles
from access.models import Account

View = Callable[..., HttpResponseBase]


def account_of(request: HttpRequest) -> Account:
    """Who is signed in. Raises PermissionDenied for nobody."""
    if not isinstance(request.user, Account):
        raise PermissionDenied
    return request.user


def for_roles(allowed: Collection[str] = roles.ALL) -> Callable[[View], View]:
    """The page is for staff of these roles; everybody else of the staff is refused."""

    def guard(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not account_of(request).roles & set(allowed):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return guarded

    return guard
