"""The simulator asks the function that decides, about people who do not exist."""

import pytest
from django.urls import reverse

pytestmark = pytest.mark.usefixtures("catalogue")


def ask(browser, **facts):
    asked = {"application": "shop", "purpose": "newsletter", "answer": "given"} | facts
    page = browser.get(reverse("admin:qa_simulator"), asked)
    assert page.status_code == 200 and not page.context["form"].errors
    return page


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({}, "allowed"),
        ({"answer": "withdrawn"}, "consent_withdrawn"),
        ({"answer": "never_asked"}, "consent_missing"),
        ({"answer": "expired"}, "consent_expired"),
        ({"answer": "outdated"}, "notice_outdated"),
        ({"answer": "withdrawn", "restricted": "on"}, "restricted"),
        ({"age": "14", "country": "FR"}, "consent_pending"),
        ({"age": "15", "country": "FR"}, "allowed"),
        ({"age": "15", "country": "DE"}, "consent_pending"),
        ({"erased": "on"}, "erased"),
        ({"purpose": "direct_marketing", "objected": "on"}, "objected"),
        ({"purpose": "statistics"}, "not_in_contract"),
        ({"purpose": "profiling"}, "purpose_not_approved"),
        ({"recipient": "acme"}, "sharing_off"),
        ({"recipient": "acme", "sharing": "on"}, "allowed"),
        ({"application": "acme"}, "not_in_contract"),
    ],
)
def test_the_invented_person_is_decided_on_by_the_same_rules(quentin, facts, code):
    page = ask(quentin.browser(), **facts)
    assert page.context["code"] == code


def test_each_field_has_its_trace_in_words(quentin):
    page = ask(quentin.browser(), answer="withdrawn", age="15", country="FR")
    assert {each["field"] for each in page.context["seen"]} == {"E-mail address", "Given name"}
    assert "the standing consent is withdrawn" in page.content.decode()
    assert "processing is not restricted" in page.content.decode()


def test_nothing_is_asked_about_real_people_or_written(quentin, alice, audit_log):
    before = len(audit_log())
    ask(quentin.browser())
    assert len(audit_log()) == before
