"""The desks of places run by hand: declared and approved by reviewers; their tasks, for who is named there as well."""

from typing import Any, cast
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from access.admin_base import OwnPages
from access.admin_filters import WhetherDone
from access.models import Account
from access.second_factor import require_fresh_factor
from access.services.accounts import account_email
from audit import actors
from consent.names import Names
from erasure.admin.reviewers import ForReviewers, reviews
from erasure.admin.row_acts import act_on_each
from erasure.models import ManualPlace, PlaceTask
from erasure.models.places import MOST_DAYS
from erasure.services import place_tasks, places
from erasure.views.places import form_context, take_answer
from gdpr_portal.errors import DomainError


class StaffField(forms.ModelMultipleChoiceField):
    """Members of staff by their address: nothing else of them can be told apart."""

    def label_from_instance(self, obj: Any) -> str:
        return account_email(obj)


class PlaceForm(forms.ModelForm):
    """A place as it is declared; who answers is sealed on the way."""

    purposes = forms.MultipleChoiceField(label=gettext_lazy("Purposes"), widget=forms.CheckboxSelectMultiple)
    identifiers = forms.MultipleChoiceField(
        label=gettext_lazy("What the place may see of a person"),
        choices=ManualPlace.Shown.choices,
        widget=forms.CheckboxSelectMultiple,
    )
    respondent_name = forms.CharField(label=gettext_lazy("Who answers there"), max_length=120)
    respondent_email = forms.EmailField(label=gettext_lazy("Their e-mail address"))
    days = forms.IntegerField(label=gettext_lazy("Days the place has to answer."), min_value=1, max_value=MOST_DAYS)
    shown_by = forms.CharField(
        label=gettext_lazy("Who is known to show, link to or copy it"),
        help_text=gettext_lazy("Of what is public: search engines, archives, partners. One in each line, no people."),
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
    )
    staff = StaffField(
        label=gettext_lazy("Who may answer here as well."),
        queryset=Account.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    class Meta:
        model = ManualPlace
        fields = (
            "slug",
            "name",
            "description",
            "purposes",
            "identifiers",
            "language",
            "days",
            "may_name_others",
            "is_public",
            "shown_by",
            "staff",
        )

    def clean_shown_by(self) -> list[str]:
        return [line.strip() for line in self.cleaned_data["shown_by"].splitlines() if line.strip()]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast(forms.MultipleChoiceField, self.fields["purposes"]).choices = Names().choices("purpose", live=True)
        staff = Account.objects.filter(is_staff=True, is_active=True).order_by("id")
        cast(StaffField, self.fields["staff"]).queryset = staff


@admin.register(ManualPlace)
class ManualPlaceAdmin(ForReviewers):
    """Places run by hand: an approved one never changes, it is declared anew."""

    empty_words = gettext_lazy(
        "Declare a paper file, an old system or a processor without an interface; "
        "a second reviewer approves it, then requests ask it by mail."
    )
    form = PlaceForm
    list_display = ("name", "slug", "respondent", "days", "declared_by", "approved_by", "approved_at", "retired_at")
    list_filter = (("approved_at", WhetherDone), ("retired_at", WhetherDone))
    list_select_related = ("declared_by", "approved_by")
    ordering = (F("retired_at").asc(nulls_first=True), "slug")
    actions = ("approve", "retire")

    @admin.display(description=gettext_lazy("Who answers there"))
    def respondent(self, row: ManualPlace) -> str:
        found = places.respondent_of(row)
        return f"{found.name}, {found.email}"

    def get_fields(self, request: HttpRequest, obj: ManualPlace | None = None) -> Any:
        first, last = (
            ("slug", "name", "description", "purposes", "identifiers"),
            ("language", "days", "may_name_others", "is_public", "shown_by", "staff"),
        )
        if obj is None:
            return (*first, "respondent_name", "respondent_email", *last)
        return (*first, "respondent", *last, "declared_by", "declared_at", "approved_by", "approved_at", "retired_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def add_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        refused = require_fresh_factor(request) if request.method == "POST" else None
        return refused or super().add_view(request, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: ManualPlace, form: Any, change: bool) -> None:
        given = form.cleaned_data
        respondent = places.Respondent(given["respondent_name"], given["respondent_email"])
        names = (
            "slug",
            "name",
            "description",
            "purposes",
            "identifiers",
            "language",
            "days",
            "staff",
            "may_name_others",
            "is_public",
            "shown_by",
        )
        by = cast(Account, request.user)
        row = places.declare(respondent=respondent, by=by, **{name: given[name] for name in names})
        obj.__dict__.update(row.__dict__)

    @admin.action(description=gettext_lazy("Approve"))
    def approve(self, request: HttpRequest, rows: QuerySet[ManualPlace]) -> HttpResponseBase | None:
        return act_on_each(request, rows, lambda row, by: places.approve(place_id=row.pk, by=by))

    @admin.action(description=gettext_lazy("Ask no more"))
    def retire(self, request: HttpRequest, rows: QuerySet[ManualPlace]) -> HttpResponseBase | None:
        return act_on_each(request, rows, lambda row, by: places.retire(place_id=row.pk, by=by))


@admin.register(PlaceTask)
class PlaceTaskAdmin(OwnPages):
    """What places run by hand are asked, the next due first; reviewers see all, others those they are named for."""

    empty_words = gettext_lazy(
        "When a request needs a place that is run by hand, the question to it stands here until it is answered."
    )
    list_display = ("__str__", "place", "right", "asked_at", "due_at", "answered_at")
    list_filter = (("answered_at", WhetherDone),)
    list_select_related = ("place", "step__request")
    sortable_by = ()
    ordering = (F("answered_at").asc(nulls_first=True), "due_at")
    actions = None

    @admin.display(description=gettext_lazy("Right"))
    def right(self, row: PlaceTask) -> str:
        return row.step.request.get_right_display()

    def get_queryset(self, request: HttpRequest) -> QuerySet[PlaceTask]:
        rows = super().get_queryset(request)
        return rows if reviews(request) else rows.filter(place__staff=request.user.pk)

    def has_view_permission(self, request: HttpRequest, obj: PlaceTask | None = None) -> bool:
        if reviews(request):
            return True
        if not isinstance(request.user, Account) or not request.user.roles:
            return False
        return obj is None or obj.place.staff.filter(pk=request.user.pk).exists()

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: PlaceTask | None = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.desk)
        return [path("<uuid:task_id>/change/", view, name="erasure_placetask_change"), *super().get_urls()]

    def desk(self, request: HttpRequest, task_id: UUID) -> HttpResponseBase:
        """One task: what is asked about whom, and the form, after a fresh second factor."""
        rows = PlaceTask.objects.select_related("place", "step__request__subject")
        row = rows.filter(pk=task_id).first()
        if row is None or not self.has_view_permission(request, row):
            return redirect("admin:index")
        refused = require_fresh_factor(request)
        if refused is not None:
            return refused
        by, error = cast(Account, request.user), ""
        if request.method == "POST":
            try:
                take_answer(request, row, actor=actors.staff(by.id))
                messages.success(request, _("Done."))
                return redirect("admin:erasure_placetask_changelist")
            except DomainError as flaw:
                error = flaw.in_words
        try:
            shown = {} if row.answered_at else form_context(place_tasks.told_to_staff(row, by=by))
        except DomainError as refusal:
            messages.error(request, refusal.in_words)
            return redirect("admin:erasure_placetask_changelist")
        reason, text = place_tasks.reason_of(row.step)
        context = self.admin_site.each_context(request) | {"title": str(row), "opts": self.model._meta, "row": row}
        context |= {"error": error, "given": request.POST, "reason": reason, "text": text}
        context |= {"given_told": request.POST.getlist("told"), "others": place_tasks.others_told(row)}
        return render(request, "admin/erasure/task.html", context | shown, status=422 if error else 200)
