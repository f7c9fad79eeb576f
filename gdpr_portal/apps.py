from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class FrameConfig(AppConfig):
    name = "gdpr_portal"

    def ready(self) -> None:
        # Tasks bind to the app that is known when they are first called; here rather than in `__init__`, so that the
        # scheduler and the metrics process do without Django.
        from gdpr_portal import celery  # noqa: F401


class PortalAdminConfig(AdminConfig):
    """The admin, with a site of ours that knows the second factor and the desks."""

    default_site = "gdpr_portal.admin_site.PortalAdminSite"
