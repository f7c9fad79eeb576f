from django.apps import AppConfig


class ConsentConfig(AppConfig):
    name = "consent"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """The floors below know the catalogue by what is registered here."""
        from consent import holdings, selectors
        from consent.services import imports
        from subjects import hooks

        hooks.register_import(
            values=imports.check_values, consents=imports.check_consents, write=imports.import_consents
        )
        hooks.register_titles(purpose=selectors.purpose_title, field=selectors.field_title)
        holdings.register_all()
