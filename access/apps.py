from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccessConfig(AppConfig):
    name = "access"
    verbose_name = _("Accounts")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from access import checks  # noqa: F401 (registers the check)
        from access.rest import converters  # noqa: F401 (registers `<id:...>` before any route is read)
        from access.services.renewal import register_columns
        from access.services.resealing import register_sealed

        register_columns()
        register_sealed()
