"""The second step of portability: to oneself, or directly to another controller where that is feasible (Art. 20(2))."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from access.saying import saying
from access.second_factor import is_fresh, require_fresh_factor
from audit import actors
from erasure.models import RightsRequest
from erasure.selectors import request_of_account
from erasure.services.transfers import ask_transfer, stop_transfer
from erasure.transfer_words import sending
from erasure.views.requests import account_of


@require_http_methods(["GET", "POST"])
def transfer(request: HttpRequest, request_id: UUID) -> HttpResponseBase:
    """Where the data goes: download it, or have it sent; a fresh second factor before anything is sent (threat T50)."""
    row = request_of_account(account_of(request), request_id)
    if row.right != RightsRequest.Right.PORTABILITY:
        return redirect("request", request_id=request_id)
    chosen = _chosen(request)
    if request.method == "POST" and chosen is not None:
        refused = require_fresh_factor(request)
        return refused or _asked(request, row, chosen)
    return _page(request, row, missing=request.method == "POST")


@require_POST
def stop(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """Nothing more is sent."""
    row = request_of_account(account_of(request), request_id)
    with saying(request, _("Nothing more is sent. You can download your data instead.")):
        stop_transfer(request=row, actor=actors.SUBJECT)
    return redirect("request", request_id=request_id)


def _chosen(request: HttpRequest) -> UUID | None:
    try:
        return UUID(request.POST.get("destination", ""))
    except ValueError:
        return None


def _asked(request: HttpRequest, row: RightsRequest, destination_id: UUID) -> HttpResponse:
    with saying(request, _("Your data will be sent. You see here how far it is.")):
        ask_transfer(request=row, destination_id=destination_id, actor=actors.SUBJECT)
    return redirect("request", request_id=row.id)


def _page(request: HttpRequest, row: RightsRequest, *, missing: bool) -> HttpResponse:
    context = {"row": row, "sending": sending(row), "asks_factor": not is_fresh(request), "missing": missing}
    return render(request, "erasure/transfer.html", context, status=422 if missing else 200)
