"""The answer to an access request tells Art. 15(1)(a) to (h) of this very person, not of everybody (R29 to R36)."""

import re
from typing import Any

import pytest
from django.conf import settings

from consent.services.data import store_data
from erasure.archives import files
from erasure.archives.content import content
from erasure.archives.readable import Reader
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


def test_the_first_layer_leads_to_every_part_of_the_second(alice: Any, shop: Any) -> None:
    """R41 (EDPB guidelines 01/2022, 5.2.4): a summary first, and all of it reachable without another request."""
    keep(shop, alice, "orders", given_name="Layered-Canary")
    page = files.page(told(alice), Reader("en")).decode()
    glance = page.split("<nav", 1)[1].split("</nav>")[0]
    links, parts = re.findall(r'href="#([\w-]+)"', glance), re.findall(r'<h2 id="([\w-]+)"', page)
    assert {"part-1", "why", "recipients", "accesses", "rights", "controller"} <= set(links)
    assert [part for part in parts if part != "glance"] == links
    assert page.count("<h2") == len(parts)
    assert "Layered-Canary" in page.split("</nav>")[1]
