"""The desk's look at people: references and dates. Nothing is decrypted, nothing is changed, nobody is opened here.

The internal id stands in no address: rows lead nowhere, and what an operator needs of one person is in their requests.
"""

from typing import cast

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from access import roles
from access.admin_base import DeskAdmin
from access.admin_filters import WhetherDone
from access.models import Account
from subjects.models import Subject

SEEN_BY = frozenset({roles.OPERATOR, roles.PRIVACY_OFFICER})


@admin.register(Subject)
class SubjectAdmin(DeskAdmin):
    """Which people there are, by the pseudonym the audit log knows them by, in no telling order."""

    list_display = ("reference", "created_at", "erased_at")
    list_display_links = None
    list_filter = (("erased_at", WhetherDone),)
    ordering = ("pseudonym",)
    sortable_by = ()
    actions = None

    @admin.display(description=_("Audit pseudonym"))
    def reference(self, subject: Subject) -> str:
        return str(subject.pseudonym)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Subject]:
        # No sealed column leaves the database for a list.
        return super().get_queryset(request).only("id", "pseudonym", "created_at", "erased_at")

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Subject | None:
        """Nobody, whatever the address says: one person has no page at the desk."""
        return None

    def has_view_permission(self, request: HttpRequest, obj: Subject | None = None) -> bool:
        return bool(cast(Account, request.user).roles & SEEN_BY)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Subject | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Subject | None = None) -> bool:
        return False
