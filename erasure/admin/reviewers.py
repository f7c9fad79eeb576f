"""What pages for IRM and privacy officers have in common in the admin."""

from typing import Any

from django.http import HttpRequest

from access.admin_base import DeskAdmin
from access.models import Account
from erasure.admin.desk import REVIEWERS


def reviews(request: HttpRequest) -> bool:
    """Whether who asks is a reviewer of rights requests."""
    return isinstance(request.user, Account) and bool(request.user.roles & REVIEWERS)


class ForReviewers(DeskAdmin):
    """Reviewers look; rows are neither added nor changed nor deleted by Django's own pages."""

    actions: Any = None

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return reviews(request)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return reviews(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
