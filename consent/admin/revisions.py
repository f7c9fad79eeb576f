"""The desk of revisions: what is changed about something live, side by side, reviewed like everything else."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from consent import revised
from consent.admin.base import ReviewedAdmin
from consent.admin.readable import Readable, Shown, of_revision
from consent.admin.revision_forms import FORMS, RevisionForm
from consent.models import Revision


@admin.register(Revision)
class RevisionAdmin(ReviewedAdmin):
    """Next versions of components, purposes and recipients; they begin on the page of what they are of."""

    form = RevisionForm
    ordering = ("kind", "slug", "-version")
    list_filter = ("kind", "state")
    list_display = ("__str__", "kind", *ReviewedAdmin.list_display[1:])
    readonly_fields = ("kind", "slug", "version", *ReviewedAdmin.readonly_fields)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """The fields are those of what is revised."""
        if obj is not None and self.has_change_permission(request, obj):
            kwargs["form"] = FORMS[obj.kind]
        return super().get_form(request, obj, change, **kwargs)

    def panel(self, request: HttpRequest, item: Any) -> dict[str, Any]:
        """Besides what every item has: before and after, and who is asked again."""
        again = revised.purposes_asked_again(item) if revised.thing_of(item) else []
        readable = Readable(revised.MODELS[item.kind])
        return super().panel(request, item) | {
            "changes": readable.changes(item.before, item.values, revised.changed(item)),
            "material": revised.is_material(item),
            "asked_again": [(purpose, revised.notice_to_go_with(item, purpose) if item.submitted_at else None)
                            for purpose in again],
        }  # fmt: skip

    def bound_to(self, item: Any) -> list[tuple[str, Shown]]:
        """The values before and after in the words of what they are of."""
        return of_revision(item)
