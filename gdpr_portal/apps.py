from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class FrameConfig(AppConfig):
    name = "gdpr_portal"


class PortalAdminConfig(AdminConfig):
    """The admin, with a site of ours that knows the second factor and the desks."""

    default_site = "gdpr_portal.admin_site.PortalAdminSite"
