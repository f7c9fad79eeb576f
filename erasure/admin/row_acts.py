"""Acts on chosen rows of a list at the desk: after a fresh second factor, each row by itself, and said of each."""

from collections.abc import Callable
from typing import Any, cast

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _

from access.models import Account
from access.saying import saying
from access.second_factor import require_fresh_factor


def kept(name: str, rows: QuerySet[Any]) -> list[tuple[str, str]]:
    """What the page that asks once more carries on: the act, its yes, and the rows."""
    return [("action", name), ("confirmed", "yes"), *((ACTION_CHECKBOX_NAME, str(row.pk)) for row in rows)]


def act_on_each(
    request: HttpRequest,
    rows: QuerySet[Any],
    act: Callable[[Any, Account], object],
    *,
    named: Callable[[Any], str] | None = None,
) -> HttpResponseBase | None:
    """None when every row had its turn; otherwise the page that asks for the factor. A refusal is a message.

    With `named` each message says of which row it is.
    """
    refused = require_fresh_factor(request)
    if refused is not None:
        return refused
    for row in rows:
        with saying(request, _("Done."), which=f"{named(row)}: " if named else ""):
            act(row, cast(Account, request.user))
    return None
