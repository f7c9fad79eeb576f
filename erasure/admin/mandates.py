"""The desk's pages about mandates: recording a request in somebody's name, the document, handing over the copy."""

from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _

from access.admin_base import OwnPages
from access.models import Account
from access.second_factor import require_fresh_factor
from erasure.admin import desk
from erasure.admin.desk import REVIEWERS
from erasure.letters import RecordForm
from erasure.models import RightsRequest
from erasure.services.details import details_from_words
from erasure.services.files import SUFFIXES
from erasure.services.handing_over import hand_over
from erasure.services.on_behalf import record_letter, record_on_behalf
from gdpr_portal.errors import DomainError
from subjects.selectors import subject_by_email


class MandatePages(OwnPages):
    """Pages of the desk of requests, for IRM and privacy officers, each after a fresh second factor."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("record/", view(self.record), name="erasure_rightsrequest_record"),
            path("<uuid:request_id>/mandate/", view(self.mandate), name="erasure_rightsrequest_mandate"),
            path("<uuid:request_id>/hand-over/", view(self.hand_over), name="erasure_rightsrequest_hand_over"),
        ]
        return own + super().get_urls()

    def record(self, request: HttpRequest) -> HttpResponseBase:
        """What somebody asked for by letter. The factor is asked for first: a file is not typed again."""
        refused = _not_here(request)
        if refused is not None:
            return refused
        form = RecordForm(*([request.POST, request.FILES] if request.method == "POST" else []))
        if request.method == "POST" and form.is_valid():
            filed = _recorded(form, cast(Account, request.user))
            if filed:
                messages.success(request, _("Recorded."))
                return redirect(_page_of(filed[0].id))
        context = {"title": _("A request by letter"), "form": form}
        return self._page(request, "record.html", context)

    def mandate(self, request: HttpRequest, request_id: UUID) -> HttpResponseBase:
        """The document, with a reason that the log keeps."""
        refused = _not_here(request, only="POST")
        if refused is not None:
            return refused
        try:
            account = cast(Account, request.user)
            row, data = desk.reveal_mandate(request_id=request_id, account=account, given=request.POST)
        except DomainError as error:
            messages.error(request, error.in_words)
            return redirect(_page_of(request_id))
        response = HttpResponse(data, content_type=row.content_type)
        name = f"mandate-{str(row.id)[:8]}.{SUFFIXES[row.content_type]}"
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        return response

    def hand_over(self, request: HttpRequest, request_id: UUID) -> HttpResponseBase:
        """The representative gets the link by mail; the page shows the code, this once."""
        refused = _not_here(request, only="POST")
        if refused is not None:
            return refused
        try:
            code = hand_over(request_id=request_id, reviewer=cast(Account, request.user))
        except DomainError as error:
            messages.error(request, error.in_words)
            return redirect(_page_of(request_id))
        context = {"title": _("The copy for the representative"), "code": code, "request_id": request_id}
        response = self._page(request, "handed_over.html", context)
        response["Cache-Control"] = "no-store"
        return response

    def _page(self, request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
        base = self.admin_site.each_context(request) | {"opts": self.model._meta}
        return render(request, f"admin/erasure/{template}", base | context)


def _recorded(form: RecordForm, reviewer: Account) -> list[RightsRequest]:
    """What was filed; nothing with the reason in the form."""
    subject = subject_by_email(form.cleaned_data["email"])
    if subject is None:
        form.add_error("email", _("Nobody is known by this address."))
        return []
    try:
        wishes = [(right, details_from_words(subject, right, words)) for right, words in form.wishes()]
        if form.cleaned_data["who"] == form.SELF:
            return record_letter(subject=subject, wishes=wishes, reviewer=reviewer, received_at=form.received_at())
        return record_on_behalf(
            subject=subject,
            wishes=wishes,
            shown=form.shown(),
            reviewer=reviewer,
            received_at=form.received_at(),
        )
    except DomainError as error:
        form.add_error(None, error.in_words)
        return []


def _not_here(request: HttpRequest, only: str = "") -> HttpResponseBase | None:
    """The answer for whoever may not, or has no fresh factor; None for everybody else."""
    account = request.user
    if not isinstance(account, Account) or not account.roles & REVIEWERS or (only and request.method != only):
        return redirect("admin:index")
    return require_fresh_factor(request)


def _page_of(request_id: UUID) -> str:
    return reverse("admin:erasure_rightsrequest_change", args=[request_id])
