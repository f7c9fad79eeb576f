"""Components, purposes, notices, recipients and data contracts, each with its desk; and the one queue of what waits."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Max
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _

from consent.admin import forms
from consent.admin.base import ReviewedAdmin, may_draft, roles_of
from consent.fitness import Item
from consent.models import Component, DataContract, Notice, NoticeText, Purpose, Recipient
from consent.models.governance import ReviewState

KINDS: tuple[type[Item], ...] = (Component, Purpose, Notice, Recipient, DataContract)


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
        desk = path("desk/", self.admin_site.admin_view(self.desk), name="review_desk")
        return [desk, *super().get_urls()]

    def desk(self, request: HttpRequest) -> HttpResponse:
        """What waits for a reviewer, what waits for publication, and the drafts of who is asking."""
        if not roles_of(request):
            raise PermissionDenied
        context = self.admin_site.each_context(request) | {
            "title": _("What waits for whom"),
            "waiting": _rows(request, state=ReviewState.IN_REVIEW),
            "approved": _rows(request, state=ReviewState.APPROVED),
            "drafts": _rows(request, state=ReviewState.DRAFT, author=request.user.pk),
        }
        return render(request, "admin/consent/desk.html", context)


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

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.readonly_fields if obj is None else (*self.readonly_fields, "purpose")


@admin.register(Recipient)
class RecipientAdmin(ReviewedAdmin):
    """Third parties that data can be shared with."""

    form = forms.RecipientForm
    ordering = ("slug",)


@admin.register(DataContract)
class DataContractAdmin(ReviewedAdmin):
    """Which fields an application needs for a purpose, and why."""

    form = forms.DataContractForm
    ordering = ("application__slug", "purpose__slug")
    list_select_related = ("author", "approver", "purpose", "application")


def _rows(request: HttpRequest, **where: Any) -> list[dict[str, Any]]:
    """Items of every kind, the longest waiting first."""
    found = [item for kind in KINDS for item in _related(kind).filter(**where)]
    return [_row(request, item) for item in sorted(found, key=lambda item: item.submitted_at or item.created_at)]


def _related(kind: type[Item]) -> Any:
    related = {Notice: ("purpose",), DataContract: ("purpose", "application")}.get(kind, ())
    return kind.objects.select_related("author", *related)


def _row(request: HttpRequest, item: Item) -> dict[str, Any]:
    return {
        "item": item,
        "kind": item._meta.verbose_name,
        "url": reverse(f"admin:consent_{item._meta.model_name}_change", args=[item.pk]),
        "own": item.author_id == request.user.pk,
    }
