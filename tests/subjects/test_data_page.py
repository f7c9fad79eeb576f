"""The pages of what is held and who saw it: masked until asked for, with a fresh factor, one's own alone."""

from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from audit import actors
from audit import services as audit
from subjects.services import store_values

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]
SECRET = "Canary-Given-Name"


@pytest.fixture
def held(alice: Any, shop: Any) -> Any:
    """Alice, of whom shop holds a name for two purposes."""
    for purpose in ("newsletter", "orders"):
        store_values(
            subject=alice.subject, purpose=purpose, values={"given_name": SECRET}, source="subject", application=shop
        )
    return alice


def test_the_page_says_what_is_held_for_what_and_hides_the_values(held: Any) -> None:
    page = held.browser().get("/data").content.decode()
    assert "Given name" in page
    assert "you gave it" in page
    assert "Show the values" in page
    assert SECRET not in page
    assert held.email not in page


def test_values_are_shown_on_demand_and_the_log_knows(held: Any, audit_log: Any) -> None:
    page = held.browser().post("/data").content.decode()
    assert page.count(SECRET) == 2
    assert held.email in page
    (event,) = audit_log("data.revealed")
    assert (event.actor, event.subject, event.fields) == ("subject", held.subject.pseudonym, ["given_name"])


def test_a_session_without_a_fresh_factor_is_asked_for_a_code_first(held: Any, audit_log: Any) -> None:
    answer = held.browser(fresh=False).post("/data")
    assert answer.status_code == 403
    assert SECRET not in answer.content.decode()
    assert not audit_log("data.revealed")


def test_nobody_sees_anothers_values(held: Any, bob: Any) -> None:
    page = bob.browser().post("/data").content.decode()
    assert SECRET not in page
    assert "No personal fields are held about you" in page


def test_without_an_account_there_is_no_page(held: Any) -> None:
    for path in ("/data", "/activity"):
        assert Client().get(path).status_code == 302


def test_every_access_is_told_in_words_to_the_person_alone(held: Any, bob: Any, client_for: Any, shop: Any) -> None:
    assert "Nobody has looked at your data" in held.browser().get("/activity").content.decode()
    client_for(shop).get(f"/api/v1/subjects/{held.id_for(shop)}/data?purpose=orders&fields=given_name")
    page = held.browser().get("/activity").content.decode()
    assert "Shop" in page
    assert "Saw Given name for" in page
    assert SECRET not in page
    assert "Nobody has looked at your data" in bob.browser().get("/activity").content.decode()


def test_fields_and_purposes_that_were_retired_are_still_told(held: Any) -> None:
    with transaction.atomic():
        audit.record(
            "data.read", actor=actors.application("gone-shop"), subject=held.subject.pseudonym,
            purpose="old_purpose", fields=["old_field"], details={"count": 1},
        )  # fmt: skip
    page = held.browser().get("/activity").content.decode()
    assert "Saw Old field for Old purpose" in page
