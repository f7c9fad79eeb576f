"""Pages about requests in somebody else's name: asking, objecting to it, collecting for somebody.

A link shows a page and does nothing; the button on it acts. Whatever is wrong with a link, the page is the same.
"""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import get_language, gettext_noop
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from access.evenly import evenly
from access.saying import saying
from access.second_factor import where
from access.services import limits
from access.services.accounts import mailbox_of
from erasure.forms import ForSomebodyForm
from erasure.models import MandateLink
from erasure.selectors import request_of_account
from erasure.services.handing_over import collect_by_link
from erasure.services.mandate_links import opened_mandate_link
from erasure.services.mandates import object_to_mandate
from erasure.services.on_behalf import ask_for_somebody
from erasure.serving import archive_response
from erasure.views.requests import account_of
from erasure.words import mandate_in_words
from gdpr_portal.errors import DomainError, WrongState


@require_http_methods(["GET", "POST"])
@evenly
def for_somebody(request: HttpRequest) -> HttpResponse:
    """The form for representatives; the answer is the same for every address."""
    form = ForSomebodyForm(*([request.POST, request.FILES] if request.method == "POST" else []))
    if request.method == "POST" and form.is_valid():
        email, shown = form.cleaned_data["email"], form.shown()
        turn = limits.take(
            (limits.ADDRESS, where(request)),
            (limits.MAIL, f"request:{mailbox_of(email)}"),
            (limits.MAIL, f"for:{mailbox_of(shown.who.email)}"),
        )
        if not turn.wait:
            right, language = form.cleaned_data["right"], get_language() or "en"
            ask_for_somebody(email=email, right=right, words=form.wished(), shown=shown, language=language)
        return render(request, "erasure/for_somebody_sent.html")
    return render(request, "erasure/for_somebody.html", {"form": form})


@require_POST
def object_here(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """The person, signed in, does not want what was asked for in their name."""
    row = request_of_account(account_of(request), request_id)
    with saying(request, _("We have stopped it, and somebody looks at it now.")):
        if row.mandate_id is None:
            raise WrongState("wrong_state", gettext_noop("Nobody asked for this in your name."))
        object_to_mandate(mandate_id=row.mandate_id)
    return redirect("request", request_id=request_id)


@never_cache
@require_http_methods(["GET", "POST"])
def by_link(request: HttpRequest, link: UUID, token: str) -> HttpResponse:
    """Who asked in the person's name, and the button to object; 410 for every link that leads nowhere."""
    try:
        mandate = opened_mandate_link(link, token, MandateLink.Use.OBJECT).mandate
        if request.method == "POST":
            mandate = object_to_mandate(mandate_id=mandate.id)
    except DomainError as error:
        return render(request, "erasure/link_dead.html", status=error.status)
    return render(request, "erasure/asked_in_your_name.html", {"mandate": mandate_in_words(mandate)})


@never_cache
@require_http_methods(["GET", "POST"])
def collect(request: HttpRequest, link: UUID, token: str) -> HttpResponseBase:
    """The copy for a representative, by the link and the code from the desk. The page tells nothing before both fit."""
    context: dict[str, Any] = {}
    if request.method == "POST" and not limits.take((limits.ADDRESS, where(request))).wait:
        try:
            _archive, download = collect_by_link(link_id=link, token=token, code=request.POST.get("code", ""))
            return archive_response(request, download)
        except DomainError:
            context["error"] = _("The link or the code is wrong or no longer valid.")
    elif request.method == "POST":
        context["error"] = _("Too many tries. Wait a little.")
    return render(request, "erasure/collect.html", context, status=422 if context else 200)
