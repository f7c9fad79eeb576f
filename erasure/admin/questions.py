"""The desk of questions about accesses: for IRM and privacy officers, answers after a fresh second factor."""

from typing import Any, cast
from uuid import UUID

from django.contrib import admin
from django.db.models import F, OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from access.admin_base import OwnPages
from access.models import Account, Application
from access.saying import saying
from access.second_factor import require_fresh_factor
from erasure.admin.reviewers import ForReviewers
from erasure.models import AccessQuestion
from erasure.services import questions


@admin.register(AccessQuestion)
class AccessQuestionAdmin(OwnPages, ForReviewers):
    """Questions about accesses, the next due first."""

    list_display = ("__str__", "asked_about", "state", "owner", "asked_at", "due_at")
    list_filter = ("state", "outcome")
    list_select_related = ("owner",)
    sortable_by = ()
    ordering = (F("answered_at").asc(nulls_first=True), "due_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[AccessQuestion]:
        """With the name of the application, in one statement for the whole list."""
        name = Application.objects.filter(slug=OuterRef("application")).values("name")
        return super().get_queryset(request).annotate(called=Subquery(name[:1]))

    @admin.display(description=gettext_lazy("Application"), ordering="application")
    def asked_about(self, row: Any) -> str:
        return row.called or row.application or "-"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.desk)
        name = "erasure_accessquestion_change"
        return [path("<uuid:question_id>/change/", view, name=name), *super().get_urls()]

    def desk(self, request: HttpRequest, question_id: UUID) -> HttpResponseBase:
        """One question: what was asked about which entry, and the answer."""
        row = AccessQuestion.objects.select_related("subject", "owner").filter(pk=question_id).first()
        if row is None or not self.has_view_permission(request):
            return redirect("admin:index")
        if request.method == "POST":
            return self._act(request, row)
        asked, answer = questions.reveal(question=row, to=cast(Account, request.user))
        context = self.admin_site.each_context(request) | {
            "title": str(row), "row": row, "asked": asked, "answer": answer, "opts": self.model._meta,
            "outcomes": AccessQuestion.Outcome.choices, "longest": questions.LONGEST,
        }  # fmt: skip
        return render(request, "admin/erasure/question.html", context)

    def _act(self, request: HttpRequest, row: AccessQuestion) -> HttpResponseBase:
        refused = require_fresh_factor(request)
        if refused is not None:
            return refused
        by, given = cast(Account, request.user), request.POST
        with saying(request, _("Done.")):
            if given.get("act") == "take_up":
                questions.take_up(question_id=row.pk, by=by)
            else:
                text, outcome = given.get("text", ""), given.get("outcome", "")
                questions.explain(question_id=row.pk, by=by, text=text, outcome=outcome)
        return redirect("admin:erasure_accessquestion_change", row.pk)
