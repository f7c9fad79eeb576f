from django.apps import AppConfig, apps
from django.contrib.admin.apps import AdminConfig


class FrameConfig(AppConfig):
    name = "gdpr_portal"

    def ready(self) -> None:
        # Here rather than in `__init__`, so that the scheduler and the metrics process do without Django. Celery's
        # current app is a matter of each thread; the default one is every thread's.
        from django.conf import settings
        from django.core.signals import request_started
        from django.db.backends.signals import connection_created
        from django.db.models.signals import pre_migrate

        from gdpr_portal import breakers, checks, outages, traces  # noqa: F401 (checks register themselves)
        from gdpr_portal.celery import app
        from gdpr_portal.histories import refuse_another
        from gdpr_portal.patience import bound
        from gdpr_portal.prepared import trusted

        app.set_default()
        breakers.watchers[:] = [outages.note]
        connection_created.connect(bound, dispatch_uid="patience")
        if settings.TRACES_URL:
            connection_created.connect(traces.watch_statements, dispatch_uid="traces")
        request_started.connect(trusted, dispatch_uid="trusted")
        # Of the many senders one, that has models: ours has none, and so none to hear of.
        pre_migrate.connect(refuse_another, sender=apps.get_app_config("audit"), dispatch_uid="histories")


class PortalAdminConfig(AdminConfig):
    """The admin, with a site of ours that knows the second factor and the desks."""

    default_site = "gdpr_portal.admin_site.PortalAdminSite"

    def ready(self) -> None:
        super().ready()
        from django.contrib import admin

        from gdpr_portal.admin_words import name_all

        name_all(admin.site)
