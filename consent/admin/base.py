"""What every desk of something reviewed has in common: who may draft, what is shown for approval, and the acts on it.

Drafting is for the author alone; all else happens through `consent.services.review`, after a fresh second factor.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.core.exceptions import PermissionDenied
from django.db.models import DateTimeField, Field
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from access.admin_base import DeskAdmin
from access.desks import account_of
from access.models import Account
from access.saying import saying
from access.second_factor import require_fresh_factor
from consent import fitness, review_history
from consent.admin import acts
from consent.admin.readable import Readable, Shown
from consent.digests import content_digest
from consent.models.governance import Reviewed, ReviewState, SourceKind
from consent.names import Names
from consent.qa.fields import LocalField
from consent.services import review
from consent.wording import country


def roles_of(request: HttpRequest) -> frozenset[str]:
    """The roles of who is signed in."""
    return request.user.roles if isinstance(request.user, Account) else frozenset()


def may_draft(request: HttpRequest, item: Reviewed | None) -> bool:
    """Whether this person may write: a drafting role, and nobody but the author of a draft."""
    if not roles_of(request) & review.DRAFTERS:
        return False
    return item is None or (item.state == ReviewState.DRAFT and item.author_id == request.user.pk)


IN_WORDS = {name: f"{name}_in_words" for name in ("fields", "purposes", "country", "supplied_by", "sources")}
"""Columns of codes, and what shows them in words to who only reads."""


MOMENTS: "Mapping[type[Field[Any, Any]], Mapping[str, Any]]" = {
    DateTimeField: {
        "form_class": LocalField,
        "widget": forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    }
}
"""A date and a time in one field of the browser's own, with its label; Django's two need a script."""


def told(item: Reviewed, names: Iterable[str]) -> list[str]:
    """Those of these columns in which something stands."""
    return [name for name in names if getattr(item, name, None) not in (None, "")]


class ReviewedAdmin(DeskAdmin):
    """The desk of one kind of reviewed thing."""

    formfield_overrides = MOMENTS

    actions = None
    list_filter: ClassVar[Any] = ("state",)
    list_select_related: ClassVar[Any] = ("author", "approver", "assigned_to")
    list_display: Any = (
        "__str__", "state", "author", "approver", "submitted_at", "published_at",
    )  # fmt: skip
    readonly_fields: ClassVar[Any] = (
        "state", "author", "assigned_to", "approver", "approved_for", "publish_at", "digest", "review_note",
    )  # fmt: skip
    change_form_template = "admin/consent/reviewed.html"
    change_list_template = "admin/consent/list.html"

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(roles_of(request))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(roles_of(request))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return may_draft(request, None)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_draft(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """What there is to tell: no approver, moment or note before there is one."""
        return () if obj is None else told(obj, super().get_readonly_fields(request, obj))

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        """A choice without Django's links beside it, which open windows by a script that no page here loads."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        widget = getattr(field, "widget", None)
        if field is not None and isinstance(widget, RelatedFieldWidgetWrapper):
            field.widget = widget.widget
        return field

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Who may not write reads the titles in the panel, where they stand as they would be approved."""
        fields = super().get_fields(request, obj)
        if obj is None or self.has_change_permission(request, obj):
            return fields
        return [IN_WORDS.get(str(name), name) for name in fields if not str(name).startswith("title_")]

    @admin.display(description=gettext_lazy("Fields"))
    def fields_in_words(self, item: Any) -> str:
        return _named("field", item.fields)

    @admin.display(description=gettext_lazy("Purposes"))
    def purposes_in_words(self, item: Any) -> str:
        return _named("purpose", item.purposes)

    @admin.display(description=gettext_lazy("Country"))
    def country_in_words(self, item: Any) -> str:
        return country(item.country, get_language() or "")

    @admin.display(description=gettext_lazy("Supplied by"))
    def supplied_by_in_words(self, item: Any) -> str:
        return ", ".join(str(SourceKind(each).label) for each in item.supplied_by)

    @admin.display(description=gettext_lazy("Sources"))
    def sources_in_words(self, item: Any) -> str:
        return ", ".join(str(SourceKind(each).label) for each in item.sources)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """A draft belongs to who writes it; a draft of somebody else is not changed, whatever the page allowed."""
        if change:
            rows = self.model._default_manager.select_for_update().filter(pk=obj.pk)
            obj.state, obj.author_id = rows.values_list("state", "author_id").get()
        else:
            obj.author = request.user
        if not may_draft(request, obj):
            raise PermissionDenied
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """With its texts written, the draft is recorded."""
        super().save_related(request, form, formsets, change)
        review.record_draft(item=form.instance, author=account_of(request))

    # --- the review panel --------------------------------------------------------------------------------------
    def get_urls(self) -> list[URLPattern]:
        info = self.opts.app_label, self.opts.model_name
        view = self.admin_site.admin_view(self.act)
        return [path("<path:object_id>/review/", view, name="{}_{}_review".format(*info)), *super().get_urls()]

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        item = context.get("original")
        if item is not None:
            context["panel"] = self.panel(request, item)
        return super().render_change_form(request, context, *args, **kwargs)

    def panel(self, request: HttpRequest, item: Any) -> dict[str, Any]:
        """Exactly what an approval would be bound to, its digest, what this person can do with it, and its history."""
        content, account = item.content(), account_of(request)
        names = acts.offered(account, item)
        info = self.opts.app_label, self.opts.model_name
        return {
            "content": self.bound_to(item),
            "written": json.dumps(content, ensure_ascii=False, indent=2, sort_keys=True),
            "digest": content_digest(content),
            "acts": [(act, acts.LABELS[act]) for act in names],
            "why_not": acts.why_not(account, item),
            "reviewers": acts.reviewers(item) if "assign" in names else [],
            "flaws": fitness.flaws(item) if item.state in ("draft", "in_review") else [],
            "owed": fitness.flaws_of_publishing(item) if item.state in ("approved", "scheduled") else [],
            "time_zone": timezone.get_current_timezone_name(),
            "comments": review_history.comments_of(item),
            "history": review_history.history_of(item),
            "url": reverse("admin:{}_{}_review".format(*info), args=[item.pk]),
        }

    def bound_to(self, item: Any) -> list[tuple[str, Shown]]:
        """Every member of the content with what it is called, in words."""
        return Readable(type(item)).content(item.content())

    def act(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """One act of the review, by POST, after a fresh second factor (a comment needs none); then back to the page."""
        item = self.get_object(request, object_id)
        if item is None or request.method != "POST" or not self.has_view_permission(request, item):
            return redirect(reverse("admin:index"))
        name = request.POST.get("act", "")
        challenge = None if name == "comment" else require_fresh_factor(request)
        if challenge is not None:
            return challenge
        if name == "retire" and request.POST.get("confirmed") != "yes":
            return self.sure(request, item)
        with saying(request, _("Done.")):
            item = acts.perform(name, item, account_of(request), request.POST)
        return redirect(reverse(f"admin:consent_{item._meta.model_name}_change", args=[item.pk]))

    def sure(self, request: HttpRequest, item: Any) -> HttpResponse:
        """What is retired does not come back: it is asked once more before it is done."""
        info = self.opts.app_label, self.opts.model_name
        context = self.admin_site.each_context(request) | {
            "title": acts.LABELS["retire"], "item": item, "opts": self.opts,
            "kept": [("act", "retire"), ("confirmed", "yes")],
            "action": reverse("admin:{}_{}_review".format(*info), args=[item.pk]),
            "back": reverse("admin:{}_{}_change".format(*info), args=[item.pk]),
        }  # fmt: skip
        return render(request, "admin/consent/retire.html", context)


def _named(kind: str, slugs: list[str]) -> str:
    names = Names()
    return ", ".join(names.of(kind, slug) for slug in slugs) or "-"
