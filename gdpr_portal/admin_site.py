"""The admin of IRM, QA and operators: the second factor first, then the desks."""

from django.contrib.admin import AdminSite


class PortalAdminSite(AdminSite):
    """Django's admin behind our own sign-in with two factors."""

    site_header = site_title = "GDPR Portal"
