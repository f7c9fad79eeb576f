"""The desk where an operator and an IRM reviewer agree that a member of staff who lost every factor enrols anew."""

from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from access import roles, selectors
from access.desks import account_of, for_roles
from access.saying import saying
from access.second_factor import require_fresh_factor
from access.services import lost_factor

for_desk = for_roles({roles.OPERATOR, roles.IRM})


@for_desk
@require_safe
def desk(request: HttpRequest) -> HttpResponse:
    """Every member of staff, who has agreed for whom, and a button for who still can."""
    frame = admin.site.each_context(request) | {"title": _("Lost second factors")}
    lines = selectors.staff_resets(account_of(request))
    return render(request, "admin/access/lost_factors.html", frame | {"lines": lines})


@for_desk
@require_POST
def agree(request: HttpRequest, account_id: UUID) -> HttpResponse:
    """One of the two agrees, after a fresh second factor."""
    refused = require_fresh_factor(request)
    if refused:
        return refused
    with saying(request):
        both = lost_factor.agree(account_id=account_id, by=account_of(request))
        words = _("Both have agreed: the link is on its way by mail.") if both else _("Noted. The other desk is next.")
        messages.success(request, words)
    return redirect("admin:lost_factors")


def patterns(site: AdminSite) -> list[URLPattern]:
    """The pages, each behind the admin's own door (both factors, staff)."""
    return [
        path("lost-factors/", site.admin_view(desk), name="lost_factors"),
        path("lost-factors/<uuid:account_id>/agree/", site.admin_view(agree), name="lost_factor_agree"),
    ]
