"""Decisions over the API: they flip at the commit, explain themselves, look back, and come in batches."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from consent.models import DataContract, Notice, NoticeText, Objection, Purpose
from consent.services import review
from subjects.models import Restriction, Retention
from subjects.services import mark_erased
from tests.consent.people import answer, share
from tests.consent.test_data import consented
from tests.consent.test_review import approved, copy_of

pytestmark = pytest.mark.usefixtures("catalogue")


@pytest.fixture
def api(client_for, shop):
    return client_for(shop)


@pytest.fixture
def ask(api, alice, shop):
    def asked(purpose="newsletter", query="", **more):
        answer = api.post(f"/api/v1/decisions{query}", {"subject": str(alice.id_for(shop)), "purpose": purpose} | more)
        assert answer.status_code == 200, answer.content
        return answer.body

    return asked


def test_a_decision_has_the_shape_of_the_contract(ask):
    answer = ask("orders", fields=["email", "vat_number"])
    assert answer.keys() == {
        "allowed", "code", "basis", "notice_version", "fields", "evaluated_at", "valid_until",
    }  # fmt: skip
    assert answer["fields"] == {"email": "allowed", "vat_number": "not_in_contract"}
    assert (answer["allowed"], answer["code"], answer["basis"]) == (False, "not_in_contract", "contract")
    assert answer["evaluated_at"] < answer["valid_until"]


def test_the_decision_flips_with_every_answer(ask, alice):
    assert ask()["code"] == "consent_missing"
    consented(alice)
    assert (ask()["code"], ask()["notice_version"]) == ("allowed", 1)
    consented(alice, action="withdraw")
    assert ask()["code"] == "consent_withdrawn"
    consented(alice, action="refuse")
    assert ask()["code"] == "consent_refused"


def test_sharing_is_off_until_the_person_switches_it_on(ask, alice):
    consented(alice)
    assert ask()["allowed"]
    assert ask(recipient="acme")["code"] == "sharing_off"
    assert ask(recipient="nobody")["code"] == "sharing_off"


def test_a_major_notice_asks_again_and_a_minor_one_does_not(ask, alice, olga, rita):
    consented(alice)
    purpose = Purpose.objects.get(slug="newsletter")
    review.publish(item=approved(copy_of(purpose, olga, is_major=False), olga, rita), actor=rita.account)
    assert ask()["code"] == "allowed"
    before = timezone.now()
    review.publish(item=approved(copy_of(purpose, olga, is_major=True), olga, rita), actor=rita.account)
    assert ask()["code"] == "notice_outdated"
    assert ask(query=f"?at={before.isoformat().replace('+00:00', 'Z')}")["code"] == "allowed"


def test_who_answers_to_a_major_notice_shares_nothing_until_they_switch_it_on_again(ask, alice, olga, rita, audit_log):
    """What they shared, they shared as the old wording had it; after a minor one it goes on (Art. 5(1)(b), 7(3))."""
    purpose = Purpose.objects.get(slug="newsletter")
    consented(alice)
    share(alice.subject, True)
    review.publish(item=approved(copy_of(purpose, olga, is_major=False), olga, rita), actor=rita.account)
    answer(alice.subject, "give")
    assert ask(recipient="acme")["code"] == "allowed"

    review.publish(item=approved(copy_of(purpose, olga, is_major=True), olga, rita), actor=rita.account)
    assert ask(recipient="acme")["code"] == "notice_outdated"
    answer(alice.subject, "give")
    assert (ask()["code"], ask(recipient="acme")["code"]) == ("allowed", "sharing_off")
    [stopped] = audit_log("sharing.stopped")
    assert stopped.details["reason"] == "notice_outdated"
    share(alice.subject, True)
    assert ask(recipient="acme")["code"] == "allowed"


def test_the_past_is_answered_from_what_held_then(ask, alice):
    moments = [timezone.now()]
    consented(alice)
    moments.append(timezone.now())
    consented(alice, action="withdraw")
    moments.append(timezone.now())
    Restriction.objects.create(subject=alice.subject, ground="accuracy_contested", since=timezone.now())
    found = [ask(query=f"?at={moment.isoformat().replace('+00:00', 'Z')}") for moment in moments]
    assert [answer["code"] for answer in found] == ["consent_missing", "allowed", "consent_withdrawn"]
    assert ask()["code"] == "restricted"
    assert found[1]["valid_until"] == found[1]["evaluated_at"]


def test_an_objection_holds_from_its_first_to_its_last_moment(ask, alice):
    now = timezone.now()
    row = Objection.objects.create(subject=alice.subject, purpose="fraud_prevention", since=now)
    assert ask("fraud_prevention")["code"] == "objected"
    assert ask("orders")["code"] == "allowed"
    row.ended_at = timezone.now()
    row.save()
    assert ask("fraud_prevention")["code"] == "allowed"
    assert ask("fraud_prevention", query=f"?at={now.isoformat().replace('+00:00', 'Z')}")["code"] == "objected"


def test_the_future_is_not_decided(api, alice, shop):
    later = (timezone.now() + timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    body = {"subject": str(alice.id_for(shop)), "purpose": "orders"}
    answer = api.post(f"/api/v1/decisions?at={later}", body)
    assert (answer.status_code, answer.body["code"]) == (400, "invalid_parameter")


def test_an_explanation_shows_every_rule_in_order(ask):
    trace = ask(query="?explain=1")["trace"]
    assert [step["rule"] for step in trace][:2] == ["unknown_subject", "erased"]
    said = "the standing consent is never asked"
    assert trace[-1] == {"rule": "consent_missing", "input": said, "outcome": "refused"}


def test_an_expired_contract_gives_nothing_any_more(ask, olga, rita, shop):
    assert ask("orders")["allowed"]
    now = timezone.now()
    contract = DataContract.objects.get(application=shop, purpose__slug="orders")
    draft = DataContract.objects.create(
        application=shop, purpose=contract.purpose, fields=["email"], reason="Less.", owner="sales",
        expires_at=now + timedelta(seconds=1), author=olga.account,
    )  # fmt: skip
    review.publish(item=approved(draft, olga, rita), actor=rita.account)
    DataContract.objects.get(pk=contract.pk, state="retired")
    assert ask("orders", fields=["phone"])["code"] == "not_in_contract"


def test_an_erased_person_is_erased_but_for_what_a_law_keeps(ask, alice):
    assert ask("tax_records")["allowed"]
    until = timezone.now() + timedelta(days=1)
    Retention.objects.create(
        subject=alice.subject, purpose="tax_records", fields=["family_name"], article="Art. 17(3)(b)", until=until
    )
    mark_erased(subject=alice.subject, actor="subject")
    assert ask("orders")["code"] == "erased"
    answer = ask("tax_records", fields=["family_name", "vat_number"])
    assert answer["fields"] == {"family_name": "allowed", "vat_number": "erased"}
    assert ask("nothing")["code"] == "erased"


@pytest.mark.parametrize("purpose", ["nothing", "no such: purpose!"])
def test_unknown_people_and_purposes_are_answers_not_errors(api, ask, purpose):
    assert ask(purpose)["code"] == "unknown_purpose"
    answer = api.post("/api/v1/decisions", {"subject": str(uuid4()), "purpose": purpose})
    assert (answer.status_code, answer.body["code"]) == (200, "unknown_subject")


def test_another_applications_id_is_an_unknown_person(client_for, qa_sampler, api, alice, shop):
    body = {"subject": str(alice.id_for(qa_sampler)), "purpose": "orders"}
    assert api.post("/api/v1/decisions", body).body["code"] == "unknown_subject"
    assert api.post("/api/v1/decisions", body | {"subject": str(alice.id_for(shop))}).body["code"] == "allowed"


def test_a_batch_answers_in_order(api, alice, bob, shop):
    consented(bob)
    items = [
        {"subject": str(person.id_for(shop)), "purpose": purpose}
        for person in (alice, bob)
        for purpose in ("newsletter", "orders", "nothing")
    ]
    results = api.post("/api/v1/decisions/batch", {"items": items}).body["results"]
    assert [result["code"] for result in results] == [
        "consent_missing", "allowed", "unknown_purpose", "allowed", "allowed", "unknown_purpose",
    ]  # fmt: skip


def test_a_batch_takes_as_many_statements_as_one_decision(api, alice, bob, shop):
    def statements(count):
        people = [(alice, bob)[at % 2] for at in range(count)]
        items = [{"subject": str(person.id_for(shop)), "purpose": "orders"} for person in people]
        with CaptureQueriesContext(connection) as seen:
            assert len(api.post("/api/v1/decisions/batch", {"items": items}).body["results"]) == count
        return len(seen)

    statements(1)
    assert statements(2) == statements(1000)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"items": [{}] * 1001}, 422, "batch_too_large"),
        ({"items": [{"subject": "x", "purpose": "orders"}]}, 422, "invalid_value"),
        ({"items": [{"purpose": "orders"}]}, 400, "missing_member"),
        ({"items": [], "more": 1}, 400, "unknown_member"),
        ({}, 400, "missing_member"),
    ],
)
def test_a_batch_that_cannot_be_read_is_refused(api, body, status, code):
    answer = api.post("/api/v1/decisions/batch", body)
    assert (answer.status_code, answer.body["code"]) == (status, code)


def test_a_decision_changes_nothing(ask, alice, audit_log):
    before = len(audit_log())
    ask()
    assert len(audit_log()) == before
    assert Notice.objects.count() == 9 and NoticeText.objects.count() == 27
