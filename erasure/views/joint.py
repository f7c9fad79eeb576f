"""The portal pages of several rights asked for together: one guided form, one page for all of them."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from access.saying import saying
from access.second_factor import is_fresh, require_fresh_factor
from audit import actors
from erasure import plans
from erasure.forms import WishesForm
from erasure.models import RightsRequest
from erasure.selectors import joint_case_of_account, request_of_account
from erasure.services.joint import file_together, go_ahead_without_copy
from erasure.services.joint_order import COPIES, in_order
from erasure.views.requests import CONFIRMED_BY_FACTOR, account_of, subject_of
from erasure.words import joint_in_words
from gdpr_portal.errors import DomainError
from subjects.models import Subject

Wishes = list[tuple[str, dict[str, Any]]]


@require_http_methods(["GET", "POST"])
def together(request: HttpRequest) -> HttpResponseBase:
    """First what is wanted, then the order it is done in and what an erasure takes; only then is it sent."""
    subject = subject_of(request)
    if subject is None:
        return render(request, "consent/nobody.html", {"title": _("Ask for several things at once")})
    form = WishesForm(request.POST if request.method == "POST" else None)
    if request.method != "POST" or not form.is_valid():
        return render(request, "erasure/together.html", {"form": form})
    wishes: Wishes = in_order(form.wishes())
    if "confirm" not in request.POST:
        return _look_again(request, subject, form, wishes)
    refused = require_fresh_factor(request) if _needs_factor(wishes) else None
    return refused or _filed(request, subject, form, wishes)


def _needs_factor(wishes: Wishes) -> bool:
    return any(right in CONFIRMED_BY_FACTOR for right, _details in wishes)


def _look_again(
    request: HttpRequest, subject: Subject, form: WishesForm, wishes: Wishes, problem: str = ""
) -> HttpResponse:
    rights = {right for right, _details in wishes}
    context = {
        "wishes": form.in_words(wishes),
        "given": [(name, value) for name in form.fields for value in request.POST.getlist(name)],
        "asks_factor": _needs_factor(wishes) and not is_fresh(request),
        "plan": plans.preview(subject) if "erasure" in rights else None,
        "erasure_waits": "erasure" in rights and bool(COPIES & rights),
        "problem": problem,
    }
    return render(request, "erasure/together_confirm.html", context, status=422 if problem else 200)


def _filed(request: HttpRequest, subject: Subject, form: WishesForm, wishes: Wishes) -> HttpResponse:
    try:
        filed = file_together(
            subject=subject,
            wishes=[*wishes],
            verified_by=RightsRequest.VerifiedBy.ACCOUNT,
            actor=actors.SUBJECT,
            by_person=True,
        )
    except DomainError as error:
        return _look_again(request, subject, form, wishes, problem=error.in_words)
    messages.success(request, _("We have received what you asked for."))
    if filed[0].joint_id is None:
        return redirect("request", request_id=filed[0].id)
    return redirect("request-case", case_id=filed[0].joint_id)


@require_GET
def case(request: HttpRequest, case_id: UUID) -> HttpResponse:
    """Everything asked for together: each right with its state and date, and what came of the whole."""
    joint = joint_case_of_account(account_of(request), case_id)
    return render(request, "erasure/joint.html", {"case": joint_in_words(joint)})


@require_POST
def without_copy(request: HttpRequest, request_id: UUID) -> HttpResponseBase:
    """The person does not wait for the copy any more: it is given up, and the erasure goes ahead."""
    row = request_of_account(account_of(request), request_id)
    refused = require_fresh_factor(request)
    if refused is not None:
        return refused
    with saying(request, _("The erasure goes ahead without the copy.")):
        go_ahead_without_copy(request=row)
    return redirect("request", request_id=request_id)
