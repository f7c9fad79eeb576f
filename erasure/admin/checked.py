"""The desk of texts in which other people may stand: reviewers look, with a reason, and decide about each."""

from typing import Any, cast
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import F, OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.timezone import localtime
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from access.admin_base import OwnPages
from access.admin_filters import WhetherDone
from access.models import Account
from access.saying import saying
from access.second_factor import require_fresh_factor
from consent.models import Component
from consent.wording import title_in
from erasure.admin.reviewers import ForReviewers
from erasure.models import AnswerFile, CheckedText
from erasure.services import checking
from erasure.services.files import SUFFIXES
from erasure.words import TEXT_FIELDS, text_source
from gdpr_portal.errors import DomainError

LOOKS = (
    ("others_in_it", gettext_lazy("To see whether other people stand in it")),
    ("complaint", gettext_lazy("Because of a complaint")),
)


@admin.register(CheckedText)
class CheckedTextAdmin(OwnPages, ForReviewers):
    """Texts that wait before a copy is handed out, those of the request that is due next first."""

    empty_words = gettext_lazy(
        "Nothing waits. What is marked as text in which other people may stand comes here before a copy is handed out."
    )
    list_display = ("__str__", "about", "place", "called", "due", "decision", "decided_at")
    list_filter = (("decided_at", WhetherDone), "decision", "reason")
    list_select_related = ("step__request",)
    sortable_by = ()
    ordering = (F("decided_at").asc(nulls_first=True), "step__request__due_at", "source", "field")

    @admin.display(description=gettext_lazy("Request"))
    def about(self, row: CheckedText) -> str:
        return format_html("<code>{}</code>", str(row.step.request_id)[:8])

    @admin.display(description=gettext_lazy("Source"), ordering="source")
    def place(self, row: CheckedText) -> object:
        return text_source(row.source)

    @admin.display(description=gettext_lazy("Field"), ordering="field")
    def called(self, row: Any) -> object:
        return title_in(row.titles, get_language()) if row.titles else TEXT_FIELDS.get(row.field, row.field)

    @admin.display(description=gettext_lazy("Due"), ordering="step__request__due_at")
    def due(self, row: CheckedText) -> str:
        return date_format(localtime(row.step.request.due_at), "DATE_FORMAT")

    def get_queryset(self, request: HttpRequest) -> QuerySet[CheckedText]:
        """With the names of the field, where it is one of the catalogue."""
        titles = Component.objects.filter(slug=OuterRef("field")).values("titles")[:1]
        return super().get_queryset(request).annotate(titles=Subquery(titles))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.desk)
        return [path("<uuid:checked_id>/change/", view, name="erasure_checkedtext_change"), *super().get_urls()]

    def desk(self, request: HttpRequest, checked_id: UUID) -> HttpResponseBase:
        """All that waits of one archive: where it stands; what, only after a fresh second factor and with a reason."""
        row = CheckedText.objects.select_related("step__request").filter(pk=checked_id).first()
        if row is None or not self.has_view_permission(request):
            return redirect("admin:index")
        refused = require_fresh_factor(request) if request.method == "POST" else None
        if refused is not None:
            return refused
        if request.method == "POST":
            return self._act(request, row)
        return self._page(request, row)

    def _act(self, request: HttpRequest, row: CheckedText) -> HttpResponseBase:
        by, given = cast(Account, request.user), request.POST
        act, reason = given.get("act"), given.get("reason", "")
        try:
            if act == "open":
                return self._page(request, row, checking.reveal(step_id=row.step_id, reviewer=by, reason=reason))
            if act == "file":
                return _file(checking.reveal_file(checked_id=row.pk, reviewer=by, reason=reason))
        except DomainError as error:
            messages.error(request, error.in_words)
            return redirect("admin:erasure_checkedtext_change", row.pk)
        self._decide(request, by, checking.queue().filter(step=row.step_id))
        return redirect("admin:erasure_checkedtext_changelist")

    def _decide(self, request: HttpRequest, by: Account, rows: QuerySet[CheckedText]) -> None:
        for each in list(rows):
            decision, _colon, reason = request.POST.get(f"decision-{each.pk}", "").partition(":")
            lines = request.POST.get(f"passages-{each.pk}", "").splitlines()
            passages = [line.strip() for line in lines if line.strip()]
            if not decision:
                continue
            with saying(request, _("Done.")):
                checking.decide(checked_id=each.pk, reviewer=by, decision=decision, reason=reason, passages=passages)

    def _page(self, request: HttpRequest, row: CheckedText, shown: list[checking.Shown] | None = None) -> HttpResponse:
        context = self.admin_site.each_context(request) | {
            "title": _("Texts in which other people may stand"), "row": row, "opts": self.model._meta,
            "waiting": list(checking.queue().filter(step=row.step_id)[: checking.MOST]), "shown": shown,
            "looks": LOOKS, "decisions": decisions(), "article": checking.article_of(row.step.request),
        }  # fmt: skip
        return render(request, "admin/erasure/checked.html", context)


def decisions() -> list[tuple[str, str]]:
    """What can be decided, each with the reasons that fit it."""
    keep, redact = CheckedText.Decision.KEEP, CheckedText.Decision.REDACT
    return [
        (f"{decision.value}:{reason.value}", f"{decision.label}: {reason.label}")
        for decision in (keep, redact)
        for reason in CheckedText.Reason
        if (reason.value in checking.KEEPING) == (decision == keep)
    ]


def _file(found: tuple[AnswerFile, bytes]) -> HttpResponse:
    file, data = found
    response = HttpResponse(data, content_type=file.content_type)
    response["Content-Disposition"] = f'attachment; filename="attachment.{SUFFIXES[file.content_type]}"'
    return response
