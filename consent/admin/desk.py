"""The pages beside the lists: what waits for whom, who stands in for whom, the record of processing for printing."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from access.desks import account_of, for_roles
from access.models import Account
from consent import review_queue
from consent.models.governance import ReviewState
from consent.records import record_of_processing
from consent.services import delegations


@for_roles()
def desk(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """What waits for a reviewer, what waits for publication or its moment, and the drafts of who is asking."""
    account = account_of(request)
    told = context | {
        "title": _("What waits for whom"),
        "waiting": _rows(account, ReviewState.IN_REVIEW),
        "approved": _rows(account, ReviewState.APPROVED, ReviewState.SCHEDULED),
        "drafts": _rows(account, ReviewState.DRAFT, author=account),
        "absent": delegations.standing(timezone.now()),
    }
    return render(request, "admin/consent/desk.html", told)


@for_roles()
def record_page(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """The record of processing activities, all of it on one page that prints (Art. 30(1))."""
    language = (get_language() or "en").split("-")[0]
    told = context | {"title": _("Record of processing activities"), "record": record_of_processing(language)}
    return render(request, "admin/consent/record.html", told)


def _rows(account: Account, *states: str, **where: object) -> list[dict[str, Any]]:
    return [_row(account, each) for each in review_queue.queue(asking=account, states=states, **where)]


def _row(account: Account, waiting: review_queue.Waiting) -> dict[str, Any]:
    item = waiting.item
    return {
        "item": item,
        "kind": item._meta.verbose_name,
        "url": reverse(f"admin:consent_{item._meta.model_name}_change", args=[item.pk]),
        "own": item.author_id == account.pk,
        "waiting": waiting,
    }
