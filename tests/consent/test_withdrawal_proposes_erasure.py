"""Data whose only basis was a consent is proposed for erasure when that ends; what another basis needs stays (R48)."""

from typing import Any

import pytest

from consent.models import Purpose
from consent.services.consents import expire_due
from consent.services.data import store_data
from erasure.models import RetentionProposal
from subjects.selectors import values_held
from tests.audit.tools import behind_the_triggers
from tests.consent.people import answer

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]


def store(person: Any, shop: Any, purpose: str, **values: str) -> None:
    store_data(application=shop, subject=person.subject, purpose=purpose, values=values, source="subject")


@pytest.fixture
def held(alice: Any, shop: Any, frozen: Any) -> None:
    """A given name for newsletter and orders, a health note for the health programme alone."""
    answer(alice.subject, "give")
    answer(alice.subject, "give", "health_programme", explicit=True)
    store(alice, shop, "newsletter", given_name="Ada")
    store(alice, shop, "orders", given_name="Ada")
    store(alice, shop, "health_programme", health_note="none")


def test_what_only_the_consent_carried_is_proposed_at_once(alice: Any, held: None, audit_log: Any) -> None:
    answer(alice.subject, "withdraw", "health_programme")
    proposal = RetentionProposal.objects.get()
    assert (proposal.subject_id, proposal.fields, proposal.reason) == (
        alice.subject.pk, ["health_note"], "consent_ended"
    )  # fmt: skip
    assert proposal.decided_at is None and len(audit_log("retention.proposed")) == 1
    assert {value.field for value in values_held(alice.subject)} == {"given_name", "health_note"}


def test_what_another_basis_needs_is_not(alice: Any, held: None) -> None:
    answer(alice.subject, "withdraw")
    assert not RetentionProposal.objects.exists()


def test_an_expiry_proposes_too(alice: Any, held: None, frozen: Any) -> None:
    with behind_the_triggers():
        Purpose.objects.update(retention_days=4000)  # or the period is over as well, and the sweep of periods erases
    frozen.shift(366 * 86400)
    assert expire_due() == 1
    assert [proposal.fields for proposal in RetentionProposal.objects.all()] == [["health_note"]]


def test_a_refusal_of_what_was_never_given_proposes_nothing(bob: Any) -> None:
    answer(bob.subject, "refuse")
    assert not RetentionProposal.objects.exists()


def test_a_setting_erases_at_once(alice: Any, held: None, settings: Any) -> None:
    settings.ENDED_CONSENT_ERASES = True
    answer(alice.subject, "withdraw", "health_programme")
    assert {value.field for value in values_held(alice.subject)} == {"given_name"}
    assert not RetentionProposal.objects.exists()
