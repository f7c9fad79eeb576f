"""The admin of IRM, QA and operators: the portal's own sign-in with two factors first, then the desks."""

from typing import Any, cast
from urllib.parse import urlencode

from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from access.models import Account
from access.second_factor import is_verified


class PortalAdminSite(AdminSite):
    """Django's admin behind our own sign-in; it has no sign-in, sign-out or password pages of its own."""

    site_header = site_title = _("GDPR Portal")
    index_title = _("The desk")
    site_url = "/"
    enable_nav_sidebar = False

    def has_permission(self, request: HttpRequest) -> bool:
        """Staff, active, with both factors proven in this session (threat T41)."""
        return is_verified(request) and bool(request.user.is_active and request.user.is_staff)

    def get_urls(self) -> list[Any]:
        """The desks of our own, then Django's."""
        from access.audit_desk.urls import patterns as audit_patterns
        from access.lost_desk import patterns as lost_patterns
        from consent.desk.urls import patterns as sharing_patterns
        from consent.proof_desk import patterns as proof_patterns
        from consent.qa.urls import patterns as qa_patterns

        desks = [
            *audit_patterns(self),
            *lost_patterns(self),
            *sharing_patterns(self),
            *proof_patterns(self),
            *qa_patterns(self),
        ]
        return [*desks, *super().get_urls()]

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """The start: what waits for whoever looks, what is due, and charts (gdpr_portal.start)."""
        from consent.qa.views import LOOKERS
        from gdpr_portal.start import start

        account = cast(Account, request.user)
        context: dict[str, Any] = {"may_look": bool(account.roles & LOOKERS), **start(account)}
        return super().index(request, context | (extra_context or {}))

    def app_index(self, request: HttpRequest, app_label: str, extra_context: dict[str, Any] | None = None) -> Any:
        """One start page says what waits: the part of it that is one app's would say that nothing does."""
        return redirect("admin:index")

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The portal's sign-in, then back to the desk; people without a desk are told so."""
        if is_verified(request) and not self.has_permission(request):
            raise PermissionDenied
        return redirect(f"{reverse('login')}?{urlencode({'next': reverse('admin:index')})}")

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """The portal's sign-out, which takes POST."""
        return redirect("home")

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """The portal's page, which asks for a factor first."""
        return redirect("security_password")
