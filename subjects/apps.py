from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SubjectsConfig(AppConfig):
    """The people. Hands its Holdings to the registry and claims accounts for the people they belong to."""

    name = "subjects"
    verbose_name = _("People")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from access import hooks as access_hooks
        from subjects import own_holdings
        from subjects.services import claim_subject, speak_as_chosen

        own_holdings.register_all()
        access_hooks.account_ready.append(claim_subject)
        access_hooks.language_chosen.append(speak_as_chosen)

        from subjects.services.renewal import register_columns
        from subjects.services.resealing import register_sealed

        register_columns()
        register_sealed()
