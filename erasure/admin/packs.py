"""The desk of evidence packs: for IRM and privacy officers, every act after a fresh second factor."""

from datetime import datetime, time, timedelta
from typing import Any, cast
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from access.admin_base import OwnPages
from access.models import Account
from access.saying import saying
from access.second_factor import require_fresh_factor
from erasure.admin.reviewers import ForReviewers
from erasure.models import EvidencePack
from erasure.services import packs
from gdpr_portal.errors import DomainError


class AskForm(forms.Form):
    """About a person, or about a period; why."""

    pseudonym = forms.UUIDField(
        required=False,
        label=gettext_lazy("Person"),
        help_text=gettext_lazy("The audit pseudonym, as it stands in the list of people and in the log."),
    )
    first = forms.DateField(
        required=False, label=gettext_lazy("Or: first day"), widget=forms.DateInput(attrs={"type": "date"})
    )
    last = forms.DateField(
        required=False, label=gettext_lazy("Last day"), widget=forms.DateInput(attrs={"type": "date"})
    )
    reason = forms.ChoiceField(label=gettext_lazy("Reason"), choices=[("", "-"), *EvidencePack.Reason.choices])

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        period = [given.get("first"), given.get("last")]
        if bool(given.get("pseudonym")) == any(period) or any(period) != all(period):
            raise forms.ValidationError(_("Name a person, or the first and last day of a period."))
        return given


@admin.register(EvidencePack)
class EvidencePackAdmin(OwnPages, ForReviewers):
    """Packs that were asked for, the newest first."""

    list_display = ("__str__", "about", "reason", "asked_by", "asked_at", "agreed_by", "agreed_at")
    list_filter = ("reason",)
    list_select_related = ("asked_by", "agreed_by", "subject")
    ordering = ("-asked_at",)

    @admin.display(description=gettext_lazy("About"))
    def about(self, row: EvidencePack) -> str:
        return about(row)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("add/", view(self.ask), name="erasure_evidencepack_add"),
            path("<uuid:pack_id>/change/", view(self.desk), name="erasure_evidencepack_change"),
        ]
        return own + super().get_urls()

    def ask(self, request: HttpRequest) -> HttpResponseBase:
        """A pack is asked for."""
        if not self.has_view_permission(request):
            return redirect("admin:index")
        form = AskForm(request.POST or None)
        if request.method == "POST":
            refused = require_fresh_factor(request)
            if refused is not None:
                return refused
            if form.is_valid() and (row := self._asked(request, form.cleaned_data)) is not None:
                return redirect("admin:erasure_evidencepack_change", row.pk)
        context = {"title": _("Ask for an evidence pack"), "form": form, "opts": self.model._meta}
        return render(request, "admin/erasure/pack_ask.html", self.admin_site.each_context(request) | context)

    def _asked(self, request: HttpRequest, given: dict[str, Any]) -> EvidencePack | None:
        by, reason = cast(Account, request.user), given["reason"]
        try:
            if given["pseudonym"]:
                return packs.ask_about_person(pseudonym=given["pseudonym"], reason=reason, by=by)
            since, until = _start(given["first"]), _start(given["last"] + timedelta(days=1))
            return packs.ask_about_period(since=since, until=until, reason=reason, by=by)
        except DomainError as error:
            messages.error(request, error.in_words)
            return None

    def desk(self, request: HttpRequest, pack_id: UUID) -> HttpResponseBase:
        """One pack: who asked and agreed, and what can be done."""
        row = self.get_queryset(request).select_related("asked_by", "agreed_by", "subject").filter(pk=pack_id).first()
        if row is None or not self.has_view_permission(request):
            return redirect("admin:index")
        if request.method == "POST":
            return self._act(request, row)
        context = self.admin_site.each_context(request) | {
            "title": str(row), "row": row, "about": about(row), "opts": self.model._meta,
            "may_agree": not row.may_be_fetched and row.asked_by_id != cast(Account, request.user).pk,
        }  # fmt: skip
        return render(request, "admin/erasure/pack.html", context)

    def _act(self, request: HttpRequest, row: EvidencePack) -> HttpResponseBase:
        refused = require_fresh_factor(request)
        if refused is not None:
            return refused
        by = cast(Account, request.user)
        with saying(request):
            if request.POST.get("act") == "fetch":
                return _download(row, packs.fetch(pack_id=row.pk, by=by))
            packs.agree(pack_id=row.pk, by=by)
            messages.success(request, _("Done."))
        return redirect("admin:erasure_evidencepack_change", row.pk)


def about(row: EvidencePack) -> str:
    """The person by the log's pseudonym, or the days of the period."""
    if row.subject is not None:
        return str(row.subject.pseudonym)
    zone = ZoneInfo(settings.CONTROLLER_TIME_ZONE)
    first, last = (row.since or row.asked_at), (row.until or row.asked_at) - timedelta(seconds=1)
    return " – ".join(date_format(moment.astimezone(zone), "SHORT_DATE_FORMAT") for moment in (first, last))


def _start(day: Any) -> datetime:
    """The day's first moment where the controller is."""
    return datetime.combine(day, time(0), tzinfo=ZoneInfo(settings.CONTROLLER_TIME_ZONE))


def _download(row: EvidencePack, data: bytes) -> HttpResponse:
    response = HttpResponse(data, "application/zip")
    response["Content-Disposition"] = f'attachment; filename="evidence-{str(row.pk)[:8]}.zip"'
    response["Cache-Control"] = "no-store"
    return response
