"""Components, purposes, notices, recipients and data contracts, each with its desk."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.db.models import Max
from django.http import HttpRequest, HttpResponseBase
from django.urls import URLPattern, path

from consent import reports
from consent.admin import absence, desk, forms
from consent.admin.base import ReviewedAdmin, may_draft, roles_of, told
from consent.models import Component, DataContract, Notice, NoticeText, Purpose, Recipient
from consent.models.governance import ReviewState
from consent.notices import points
from consent.notices.points import LANGUAGES
from consent.services.forecast import forecast


@admin.register(Component)
class ComponentAdmin(ReviewedAdmin):
    """Collection components: which personal fields may be collected, and why."""

    form = forms.ComponentForm
    ordering = ("slug",)


@admin.register(Purpose)
class PurposeAdmin(ReviewedAdmin):
    """Purposes, and the queue of everything that waits for a review."""

    form = forms.PurposeForm
    ordering = ("slug",)
    list_filter = ("state", "lawful_basis")

    def get_urls(self) -> list[URLPattern]:
        pages = {"desk": desk.desk, "absence": absence.absence, "record": desk.record_page}
        own = [path(f"{name}/", self._page(view), name=f"review_{name}") for name, view in pages.items()]
        return [*own, *super().get_urls()]

    def _page(self, view: Callable[[HttpRequest, dict[str, Any]], HttpResponseBase]) -> Any:
        def shown(request: HttpRequest) -> HttpResponseBase:
            return view(request, self.admin_site.each_context(request))

        return self.admin_site.admin_view(shown)


class NoticeTextInline(admin.StackedInline):
    """The wording in each language, with the notice it belongs to."""

    model = NoticeText
    form = forms.NoticeTextForm
    extra = 3
    max_num = 3
    readonly_fields = ("digest",)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(roles_of(request))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_draft(request, obj)

    has_delete_permission = has_change_permission

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_draft(request, obj)


@admin.register(Notice)
class NoticeAdmin(ReviewedAdmin):
    """Versions of the wording of a purpose."""

    form = forms.NoticeForm
    inlines = (NoticeTextInline,)
    ordering = ("purpose__slug", "-version")
    list_select_related = ("author", "approver", "purpose")
    list_display = ("__str__", "is_major", *ReviewedAdmin.list_display[1:])
    readonly_fields = ("version", *ReviewedAdmin.readonly_fields)

    def save_model(self, request: HttpRequest, obj: Notice, form: Any, change: bool) -> None:
        """A new notice is the next version of its purpose."""
        if not change:
            Purpose.objects.select_for_update().get(pk=obj.purpose_id)
            obj.version = (obj.purpose.notices.aggregate(last=Max("version"))["last"] or 0) + 1
        super().save_model(request, obj, form, change)

    def get_formset_kwargs(self, request: HttpRequest, obj: Any, inline: Any, prefix: str) -> dict[str, Any]:
        """A new notice begins with the headings that the points of Art. 13 are looked for under."""
        given: dict[str, Any] = super().get_formset_kwargs(request, obj, inline, prefix)
        if obj.pk is None:
            given["initial"] = [{"language": each, "body": points.skeleton(each)} for each in points.LANGUAGES]
        return given

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return () if obj is None else told(obj, (*self.readonly_fields, "purpose"))

    def panel(self, request: HttpRequest, item: Any) -> dict[str, Any]:
        """With what the checks say of the wording, until it is retired."""
        panel = super().panel(request, item)
        if item.state == ReviewState.RETIRED:
            return panel
        before_live = item.state != ReviewState.LIVE
        checks = {
            "report": reports.report_of(item), "languages": LANGUAGES, "compares": before_live,
            "can_approve": any(act == "approve" for act, _label in panel["acts"]),
            "forecast": forecast(item) if before_live else None,
        }  # fmt: skip
        return panel | {"checks": checks}


@admin.register(Recipient)
class RecipientAdmin(ReviewedAdmin):
    """Third parties that data can be shared with."""

    form = forms.RecipientForm
    ordering = ("slug",)

    def panel(self, request: HttpRequest, item: Any) -> dict[str, Any]:
        """With the purposes whose people are not told of it yet."""
        return super().panel(request, item) | {"unnamed": reports.wordings_without(item)}


@admin.register(DataContract)
class DataContractAdmin(ReviewedAdmin):
    """Which fields an application needs for a purpose, and why."""

    form = forms.DataContractForm
    ordering = ("application__slug", "purpose__slug")
    list_select_related = ("author", "approver", "purpose", "application")
