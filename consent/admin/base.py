"""What every desk of something reviewed has in common: who may draft, what is shown for approval, and the acts on it.

Drafting is for the author alone; all else happens through `consent.services.review`, after a fresh second factor.
"""

import json
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from access import roles
from access.models import Account
from access.second_factor import require_fresh_factor
from consent import fitness, review_states
from consent.digests import content_digest
from consent.models.governance import Reviewed, ReviewState
from consent.services import review
from gdpr_portal.errors import DomainError

LABELS = {
    "submit": gettext_lazy("Submit for review"),
    "approve": gettext_lazy("Approve"),
    "send_back": gettext_lazy("Send back"),
    "publish": gettext_lazy("Publish"),
    "retire": gettext_lazy("Retire"),
}


def roles_of(request: HttpRequest) -> frozenset[str]:
    """The roles of who is signed in."""
    return request.user.roles if isinstance(request.user, Account) else frozenset()


def may_draft(request: HttpRequest, item: Reviewed | None) -> bool:
    """Whether this person may write: a drafting role, and nobody but the author of a draft."""
    if not roles_of(request) & review.DRAFTERS:
        return False
    return item is None or (item.state == ReviewState.DRAFT and item.author_id == request.user.pk)


class ReviewedAdmin(admin.ModelAdmin):
    """The desk of one kind of reviewed thing."""

    actions = None
    list_filter: ClassVar[Any] = ("state",)
    list_select_related: ClassVar[Any] = ("author", "approver")
    list_display: Any = (
        "__str__", "state", "author", "approver", "submitted_at", "approved_at", "published_at",
    )  # fmt: skip
    readonly_fields: ClassVar[Any] = ("state", "author", "approver", "digest", "review_note")
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

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Who may not write reads the titles in the panel, where they stand as they would be approved."""
        fields = super().get_fields(request, obj)
        if obj is None or self.has_change_permission(request, obj):
            return fields
        return [name for name in fields if not str(name).startswith("title_")]

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
        review.record_draft(item=form.instance, author=_account(request))

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
        """Exactly what an approval would be bound to, its digest, and what this person can do with it."""
        content = item.content()
        own = item.author_id == request.user.pk
        acts = [act for act in review_states.actions(item.state) if self._offered(request, act, own)]
        info = self.opts.app_label, self.opts.model_name
        return {
            "content": [(name, _readable(value)) for name, value in content.items()],
            "digest": content_digest(content),
            "acts": [(act, LABELS[act]) for act in acts],
            "why_not": _why_not(request, item, own),
            "flaws": fitness.flaws(item) if item.state in ("draft", "in_review") else [],
            "url": reverse("admin:{}_{}_review".format(*info), args=[item.pk]),
        }

    def _offered(self, request: HttpRequest, act: str, own: bool) -> bool:
        if act == "submit":
            return own and bool(roles_of(request) & review.DRAFTERS)
        return roles.IRM in roles_of(request) and not (act == "approve" and own)

    def act(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """One act of the review, by POST, after a fresh second factor; then back to the page."""
        item = self.get_object(request, object_id)
        if item is None or request.method != "POST" or not self.has_view_permission(request, item):
            return redirect(reverse("admin:index"))
        challenge = require_fresh_factor(request)
        if challenge is not None:
            return challenge
        try:
            _act(request, item)
            messages.success(request, _("Done."))
        except DomainError as refused:
            messages.error(request, refused.message)
        return redirect(reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[object_id]))


def _act(request: HttpRequest, item: Any) -> None:
    account, given = _account(request), request.POST
    match given.get("act"):
        case "submit":
            review.submit(item=item, actor=account)
        case "approve":
            review.approve(item=item, approver=account, digest=given.get("digest", ""))
        case "send_back":
            review.send_back(item=item, reviewer=account, note=given.get("note", ""))
        case "publish":
            review.publish(item=item, actor=account)
        case "retire":
            review.retire(item=item, actor=account)


def _account(request: HttpRequest) -> Account:
    if not isinstance(request.user, Account):
        raise PermissionDenied
    return request.user


def _why_not(request: HttpRequest, item: Any, own: bool) -> str:
    """Why there is no button to approve, when somebody might look for it."""
    if item.state != ReviewState.IN_REVIEW:
        return ""
    if own:
        return _("You wrote this: somebody else has to approve it.")
    return "" if roles.IRM in roles_of(request) else _("Only IRM approves.")


def _readable(value: Any) -> str:
    """A value of the content for reading, all of it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=1)
