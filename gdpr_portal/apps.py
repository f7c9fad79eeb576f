from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class FrameConfig(AppConfig):
    name = "gdpr_portal"

    def ready(self) -> None:
        # Here rather than in `__init__`, so that the scheduler and the metrics process do without Django. Celery's
        # current app is a matter of each thread; the default one is every thread's.
        from gdpr_portal.celery import app

        app.set_default()


class PortalAdminConfig(AdminConfig):
    """The admin, with a site of ours that knows the second factor and the desks."""

    default_site = "gdpr_portal.admin_site.PortalAdminSite"
