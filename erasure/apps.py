from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ErasureConfig(AppConfig):
    name = "erasure"
    verbose_name = _("Requests")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """The floors below know what to ask this one for."""
        self._hand_over_holdings()
        self._hook_in()
        self._name_secrets()

    @staticmethod
    def _hand_over_holdings() -> None:
        from erasure.holdings.cases import CasesHolding
        from erasure.holdings.mandates import MandatesHolding
        from erasure.holdings.requests import ArchivesHolding, RequestsHolding
        from erasure.services.resealing import register_sealed
        from subjects.holdings import register

        register(RequestsHolding())
        register(ArchivesHolding())
        register(CasesHolding())
        register(MandatesHolding())
        register_sealed()

    @staticmethod
    def _hook_in() -> None:
        from consent.hooks import consent_ended, delivery_closed
        from erasure.ends import ends_of
        from erasure.services.periods import propose_ended
        from erasure.services.questions import described
        from erasure.services.step_acts import delivery_closed as settle
        from subjects.hooks import register_ends, register_questions

        delivery_closed.append(settle)
        consent_ended.append(propose_ended)
        register_questions(described)
        register_ends(ends_of)

    @staticmethod
    def _name_secrets() -> None:
        """What lies sealed under the key of secrets is found when that key is renewed."""
        from erasure.models import (
            Connector,
            Destination,
            ManualPlace,
            OpenDsrProcessor,
            RightsRequest,
            Step,
            Unidentified,
            WithheldRows,
        )
        from erasure.services.addresses import notice_place
        from erasure.services.connectors import identities_place, url_place
        from erasure.services.destinations import secret_place
        from erasure.services.opendsr_calls import token_place
        from erasure.services.places import respondent_place
        from erasure.services.unidentified import words_place
        from erasure.services.withheld import keys_place
        from vault.renewal import register_secret

        register_secret(RightsRequest, "notice_to_sealed", lambda row: notice_place(row.id))
        register_secret(ManualPlace, "respondent_sealed", respondent_place)
        register_secret(Connector, "url_sealed", url_place)
        register_secret(Unidentified, "words_sealed", words_place)
        register_secret(Destination, "secret_sealed", secret_place)
        register_secret(OpenDsrProcessor, "token_sealed", token_place)
        register_secret(WithheldRows, "keys_sealed", lambda row: keys_place(row.id))
        register_secret(Step, "identities_sealed", lambda row: identities_place(row.id))
