"""The answer to an access request tells Art. 15(1)(a) to (h) of this very person, not of everybody (R29 to R36)."""

from typing import Any

import pytest
from django.conf import settings

from consent.services.data import store_data
from erasure.archives.content import content
from erasure.models import RightsRequest
from erasure.services import steps
from tests.conftest import make_person
from tests.consent.people import answer
from tests.crashes.world import file

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]


def told(person: Any) -> dict[str, Any]:
    body: dict[str, Any] = content(file(person, "access"), language="en")
    return body


def keep(shop: Any, person: Any, purpose: str, **values: str) -> None:
    store_data(application=shop, subject=person.subject, purpose=purpose, values=values, source="subject")


def test_purposes_grounds_and_periods_are_those_of_the_person(alice: Any, bob: Any, shop: Any) -> None:
    keep(shop, alice, "tax_records", vat_number="DE811907980")
    keep(shop, bob, "orders", given_name="Bob")
    of_alice, of_bob = told(alice)["information"]["purposes"], told(bob)["information"]["purposes"]
    assert [each["purpose"] for each in of_alice] == ["tax_records"]
    assert [each["purpose"] for each in of_bob] == ["orders"]
    for each in of_alice + of_bob:
        assert all(each[key] for key in ("title", "lawful_basis", "why", "fields", "kept_for_days")), each
    assert of_alice[0]["kept_under"] and of_bob[0]["kept_under"] is None


def test_recipients_are_named_to_whom_they_concern(alice: Any, bob: Any, shop: Any) -> None:
    answer(alice.subject, "give")
    keep(shop, bob, "orders", given_name="Bob")
    assert [each["name"] for each in told(alice)["information"]["recipients"]] == ["Acme Mailings GmbH"]
    assert told(bob)["information"]["recipients"] == []


def test_rights_complaint_and_automated_decisions_are_told(alice: Any, shop: Any) -> None:
    keep(shop, alice, "orders", given_name="Alice")
    information = told(alice)["information"]
    assert information["rights"] and all(information["rights"])
    assert information["complaint"]["authority"] == settings.CONTROLLER["authority"]
    assert information["complaint"]["address"].startswith("https://")
    assert information["automated_decisions"]
    assert information["controller"]["name"] == settings.CONTROLLER["name"]


def test_a_person_without_values_gets_a_confirmation_and_no_error(shop: Any) -> None:
    nobody = make_person("newcomer")
    request = file(nobody, "portability")
    steps.sweep()
    done = RightsRequest.objects.get(pk=request.pk)
    assert done.state == "completed"
    assert done.archive.complete
