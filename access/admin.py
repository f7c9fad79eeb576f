"""The desk's look at accounts: references, roles and dates. Nothing is decrypted, nothing is changed here."""

from typing import cast

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from access import roles
from access.admin_base import DeskAdmin
from access.admin_filters import ByRole
from access.models import Account

SEEN_BY = frozenset({roles.OPERATOR, roles.PRIVACY_OFFICER})


@admin.register(Account)
class AccountAdmin(DeskAdmin):
    """Which accounts there are; operators and privacy officers see it, and change them through services alone."""

    list_display = ("reference", "is_staff", "role_names", "is_active", "created_at", "last_login")
    list_filter = ("is_staff", "is_active", ("groups", ByRole))
    fields = ("reference", "is_staff", "role_names", "is_active", "language", "created_at", "last_login")
    readonly_fields = fields
    ordering = ("-created_at",)
    sortable_by = ("created_at",)
    actions = None

    @admin.display(description=_("Account"))
    def reference(self, account: Account) -> str:
        return str(account)

    @admin.display(description=_("Roles"))
    def role_names(self, account: Account) -> str:
        return roles.in_words(group.name for group in account.groups.all())

    def get_queryset(self, request: HttpRequest) -> QuerySet[Account]:
        return super().get_queryset(request).prefetch_related("groups")

    def has_view_permission(self, request: HttpRequest, obj: Account | None = None) -> bool:
        return bool(cast(Account, request.user).roles & SEEN_BY)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Account | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Account | None = None) -> bool:
        return False
