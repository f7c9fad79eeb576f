"""Absence: a reviewer names who stands in, and both can end it; everybody on the desk sees who stands in for whom."""

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from access import roles
from access.desks import account_of, for_roles
from access.models import Account
from access.saying import saying
from access.second_factor import require_fresh_factor
from consent.admin import acts
from consent.models import Delegation
from consent.services import delegations
from gdpr_portal.errors import Invalid


@for_roles()
def absence(request: HttpRequest, context: dict[str, Any]) -> HttpResponseBase:
    """Who stands in for whom; by POST, after a fresh second factor, somebody is named or it is ended."""
    account = account_of(request)
    if request.method == "POST":
        return require_fresh_factor(request) or _change(request, account)
    return _page(request, account, context)


def _page(request: HttpRequest, account: Account, context: dict[str, Any]) -> HttpResponse:
    now = timezone.now()
    reviews = roles.IRM in account.roles
    others = Account.objects.filter(is_active=True, is_staff=True, groups__name=roles.IRM).exclude(pk=account.pk)
    told = context | {
        "title": _("Absence and standing in"),
        "may_delegate": reviews,
        "reviewers": others.order_by("created_at") if reviews else [],
        "rows": [
            {"row": each, "now": each.starts_at <= now, "mine": account.pk in {each.principal_id, each.deputy_id}}
            for each in delegations.planned_or_standing(now)
        ],
        "time_zone": timezone.get_current_timezone_name(),
    }
    return render(request, "admin/consent/absence.html", told)


def _change(request: HttpRequest, account: Account) -> HttpResponse:
    given = request.POST
    with saying(request, _("Done.")):
        if given.get("end"):
            row = get_object_or_404(Delegation, pk=given["end"])
            delegations.end_delegation(delegation=row, actor=account)
        else:
            start = acts.moment(given["from"]) if given.get("from") else None
            deputy = Account.objects.filter(pk=given["deputy"]).first() if given.get("deputy") else None
            if deputy is None:
                raise Invalid("invalid_value", _("Choose who stands in."), status=422)
            delegations.delegate(
                principal=account, deputy=deputy, starts_at=start, ends_at=acts.moment(given.get("until", ""))
            )
    return redirect("admin:review_absence")
