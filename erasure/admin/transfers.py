"""The desk of destinations: one reviewer proposes a controller, another approves it, after a fresh second factor."""

from typing import Any, cast

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.translation import gettext_lazy

from access.models import Account
from access.second_factor import require_fresh_factor
from erasure.admin.reviewers import ForReviewers
from erasure.admin.row_acts import act_on_each
from erasure.models import Destination
from erasure.services import destinations
from gdpr_portal.errors import DomainError


class DestinationForm(forms.ModelForm):
    """A controller and how it receives; the key is taken once and never shown again."""

    secret = forms.CharField(
        label=gettext_lazy("Shared key"),
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text=gettext_lazy("Base64 of at least 32 random bytes, agreed with the other controller."),
    )

    class Meta:
        model = Destination
        fields = ("slug", "name", "contact", "obstacle", "url")

    def clean(self) -> dict[str, Any]:
        """What the service would refuse is said at the form."""
        given = super().clean() or {}
        if not self.errors:
            try:
                destinations.checked(url=given["url"], obstacle=given["obstacle"], secret=given["secret"])
            except DomainError as error:
                self.add_error(None, error.in_words)
        return given


@admin.register(Destination)
class DestinationAdmin(ForReviewers):
    """Controllers that archives may be sent to, what waits for a second person first."""

    empty_words = gettext_lazy(
        "Name a controller that people may have their data sent to; a second reviewer approves it."
    )
    form = DestinationForm
    list_display = ("slug", "name", "obstacle", "proposed_at", "approved_at", "retired_at")
    list_display_links = None
    list_filter = ("obstacle",)
    ordering = ("approved_at", "name")
    actions = ("approve", "retire")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        refused = None
        if request.method == "POST" and self.has_add_permission(request):
            refused = require_fresh_factor(request)
        return refused or super().add_view(request, form_url, extra_context)

    def save_model(self, request: HttpRequest, obj: Destination, form: Any, change: bool) -> None:
        destinations.propose(destination=obj, secret=form.cleaned_data["secret"], by=cast(Account, request.user))

    @admin.action(description=gettext_lazy("Approve: people may have their data sent there"))
    def approve(self, request: HttpRequest, rows: QuerySet[Destination]) -> HttpResponseBase | None:
        return act_on_each(request, rows, lambda row, by: destinations.approve(destination_id=row.pk, by=by))

    @admin.action(description=gettext_lazy("Retire: nothing more is sent there"))
    def retire(self, request: HttpRequest, rows: QuerySet[Destination]) -> HttpResponseBase | None:
        return act_on_each(request, rows, lambda row, by: destinations.retire(destination_id=row.pk, by=by))
