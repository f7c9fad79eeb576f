from django.apps import AppConfig


class ConsentConfig(AppConfig):
    name = "consent"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """The floors below know the catalogue by what is registered here."""
        from consent import holdings, selectors
        from consent.confirmation_holdings import EvidenceHolding
        from consent.services import imports
        from consent.services.data import store_data
        from subjects import hooks
        from subjects.holdings import register

        hooks.register_import(
            values=imports.check_values,
            consents=imports.check_consents,
            write=imports.import_consents,
            store=store_data,
            refused=imports.without_ground,
            stand=imports.consents_stand,
        )
        hooks.register_titles(purpose=selectors.purpose_title, fields=selectors.field_titles)
        holdings.register_all()
        register(EvidenceHolding())
        _register_columns()


def _register_columns() -> None:
    """What this app keeps under the service's own key follows `keys rotate secrets`."""
    from consent.models import Delivery
    from consent.services.deliveries import words_place
    from consent.services.sending import reference_place
    from vault.renewal import register_secret

    register_secret(Delivery, "reference_sealed", lambda row: reference_place(row.pk))
    register_secret(Delivery, "evidence_sealed", lambda row: words_place(row, "evidence_sealed"))
