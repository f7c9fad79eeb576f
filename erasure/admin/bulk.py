"""Bulk acts on the list of requests: chosen, shown once more to be confirmed, then each done by itself (`desk.do`).

A refusal is none of them: each needs a reason of its own (Art. 12(4)).
"""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from access.admin_base import OwnPages
from access.models import Account
from erasure.admin import desk
from erasure.admin.row_acts import act_on_each, kept
from erasure.models import RightsRequest
from erasure.words import DESK_STATES

Action = Callable[[Any, HttpRequest, QuerySet[RightsRequest]], HttpResponseBase | None]
LABELS: dict[str, Any] = {
    "assign": gettext_lazy("Assign to me"),
    "approve": gettext_lazy("Grant the requests"),
    "retry_failed": gettext_lazy("Try their failed steps again"),
}
"""Acts of `desk.ACTS` that need nothing but the request, and can so be done to several."""
MOST = 200
"""So many requests at a time: what one page shows at most, and what somebody can still have looked at."""


class BulkActs(OwnPages):
    """Offers to each account the bulk acts its roles may do to one request."""

    def get_actions(self, request: HttpRequest) -> dict[str, tuple[Any, str, str] | None]:
        roles = request.user.roles if isinstance(request.user, Account) else frozenset()
        return {
            name: (_action(name), name, str(label)) for name, label in LABELS.items() if desk.ACTS[name].roles & roles
        }

    def confirm(self, request: HttpRequest, rows: QuerySet[RightsRequest], name: str) -> HttpResponseBase:
        """How many and which, before anything is done; references, rights, states and dates only."""
        context = self.admin_site.each_context(request) | {
            "title": LABELS[name],
            "kept": kept(name, rows),
            "chosen": [(row, DESK_STATES[row.state]) for row in rows],
            "opts": self.model._meta,
        }
        return render(request, "admin/erasure/bulk.html", context)


def _action(name: str) -> Action:
    def act(pages: BulkActs, request: HttpRequest, rows: QuerySet[RightsRequest]) -> HttpResponseBase | None:
        if rows.count() > MOST:
            messages.error(request, _("At most %(most)d requests at a time.") % {"most": MOST})
            return None
        if request.POST.get("confirmed") != "yes":
            return pages.confirm(request, rows, name)
        return act_on_each(
            request, rows, lambda row, who: desk.do(name=name, request_id=row.pk, account=who, given={}), named=_named
        )

    return act


def _named(row: RightsRequest) -> str:
    return f"{row.get_right_display()} {str(row.pk)[:8]}"
