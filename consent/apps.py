from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ConsentConfig(AppConfig):
    name = "consent"
    verbose_name = _("Governance")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """The floors below know the catalogue by what is registered here."""
        from consent import holdings, selectors
        from consent.confirmation_holdings import EvidenceHolding
        from consent.services import imports
        from consent.services.consents import end_answers_of_a_child
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
        hooks.birth_date_known.append(end_answers_of_a_child)
        hooks.register_titles(purpose=selectors.purpose_title, fields=selectors.field_titles)
        hooks.register_told_of(selectors.is_told_of)
        holdings.register_all()
        register(EvidenceHolding())
        _register_columns()


def _register_columns() -> None:
    """What this app keeps sealed follows `keys rotate`: of secrets the service's own, of data the people's."""
    from consent.models import Confirmation, ConsentProof, Delivery
    from consent.services.authorisations import holder_place
    from consent.services.deliveries import words_place
    from consent.services.paper import proof_place
    from consent.services.sending import reference_place
    from vault.datakeys import register_cell, register_file
    from vault.renewal import register_secret

    register_secret(Delivery, "reference_sealed", lambda row: reference_place(row.pk))
    register_secret(Delivery, "evidence_sealed", lambda row: words_place(row, "evidence_sealed"))
    register_cell(Delivery, "data_sealed", owner="subject_id", place=lambda row: words_place(row, "data_sealed"))
    register_cell(Confirmation, "holder_sealed", owner="subject_id", place=lambda row: holder_place(row.pk))
    register_file(ConsentProof, "sealed", owner="subject_id", place=lambda row: proof_place(row.pk))
