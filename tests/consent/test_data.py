"""Personal data over the API: whole or nothing, on a lawful ground, field by field, and always recorded."""

import pytest

from consent.models import NoticeText, Objection
from consent.services.consents import NoticeSeen, record_consent
from subjects.models import PersonalValue
from subjects.services import restrict

pytestmark = pytest.mark.usefixtures("catalogue")


@pytest.fixture
def api(client_for, shop):
    return client_for(shop)


@pytest.fixture
def path(alice, shop):
    return f"/api/v1/subjects/{alice.id_for(shop)}/data"


def consented(person, purpose="newsletter", action="give"):
    text = NoticeText.objects.get(notice__purpose__slug=purpose, language="en", notice__state="live")
    notice = NoticeSeen(text.notice.version, "en", text.digest)
    record_consent(
        subject=person.subject, purpose=purpose, action=action, notice=notice, channel="web", explicit=True,
        actor="subject",
    )  # fmt: skip


def body(purpose="orders", source="subject", **values):
    return {"purpose": purpose, "source": source, "values": values}


def test_what_the_contract_names_is_stored_sealed_and_read_back(api, path, audit_log):
    answer = api.put(path, body(given_name="Ada", phone="+49 30 901820"))
    assert (answer.status_code, answer.body) == (200, {"stored": ["given_name", "phone"], "purpose": "orders"})
    assert all(b"Ada" not in bytes(row.sealed) for row in PersonalValue.objects.all())
    read = api.get(path, {"purpose": "orders", "fields": "given_name,phone,email"})
    assert read.body == {
        "purpose": "orders", "values": {"given_name": "Ada", "phone": "+4930901820"}, "withheld": [],
    }  # fmt: skip
    [stored], [seen] = audit_log("data.stored"), audit_log("data.read")
    assert (stored.fields, stored.purpose) == (["given_name", "phone"], "orders")
    assert (seen.fields, seen.actor, seen.details["count"]) == (["given_name", "phone"], "application:shop", 2)
    assert "Ada" not in str([stored.details, seen.details])


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (body(given_name="Ada", vat_number="DE123456789"), 403, "not_in_contract"),
        (body("statistics", postal_address="Here"), 403, "not_in_contract"),
        (body("newsletter", given_name="Ada"), 403, "no_lawful_basis"),
        (body("profiling", email="a@example.org"), 403, "purpose_not_approved"),
        (body("nothing", email="a@example.org"), 404, "unknown_purpose"),
        (body("no such: purpose!", email="a@example.org"), 404, "unknown_purpose"),
        (body(given_name="Ada", email="not an address"), 422, "invalid_value"),
        (body(given_name="Ada", phone="12"), 422, "invalid_value"),
        (body(given_name="Ada", email=7), 422, "invalid_value"),
        (body(given_name="Ada", email=["a@example.org"]), 422, "invalid_value"),
        (body(given_name=""), 422, "invalid_value"),
        (body(given_name="A" * 201), 422, "invalid_value"),
        (body(), 422, "invalid_value"),
        (body(source="rumour", given_name="Ada"), 422, "invalid_value"),
        (body(source="third_party", given_name="Ada"), 400, "missing_member"),
        (body(given_name="Ada") | {"more": 1}, 400, "unknown_member"),
        ({"purpose": "orders", "source": "subject"}, 400, "missing_member"),
        ({"purpose": "orders", "source": "subject", "values": []}, 400, "invalid_type"),
    ],
)
def test_a_refusal_stores_nothing_at_all(api, path, sent, status, code):
    answer = api.put(path, sent)
    assert (answer.status_code, answer.body["code"]) == (status, code)
    assert not PersonalValue.objects.exists()
    assert "Ada" not in answer.content.decode() and "not an address" not in answer.content.decode()


def test_a_value_that_does_not_fit_is_pointed_at(api, path):
    answer = api.put(path, body(given_name="Ada", email="not an address"))
    assert [flaw["pointer"] for flaw in answer.body["errors"]] == ["/values/email"]


def test_a_refusal_is_recorded_without_what_was_sent(api, path, audit_log):
    api.put(path, body(given_name="Ada", **{"ada@example.org": "x", "vat_number": "y"}))
    [event] = audit_log("data.refused")
    assert event.fields == ["given_name", "vat_number"]
    assert event.details == {"application": "shop", "code": "not_in_contract", "count": 3, "operation": "store"}


def test_consent_opens_and_its_withdrawal_closes(api, path, alice):
    assert api.put(path, body("newsletter", given_name="Ada")).status_code == 403
    consented(alice)
    assert api.put(path, body("newsletter", given_name="Ada")).status_code == 200
    assert api.get(path, {"purpose": "newsletter"}).body["values"] == {"given_name": "Ada"}
    consented(alice, action="withdraw")
    answer = api.get(path, {"purpose": "newsletter"})
    assert (answer.status_code, answer.body["code"]) == (403, "consent_withdrawn")
    assert "Ada" not in answer.content.decode()


def test_restriction_closes_everything_but_storage(api, path, alice):
    api.put(path, body(given_name="Ada"))
    assert api.get(path, {"purpose": "orders"}).status_code == 200
    restrict(subject=alice.subject, ground="accuracy_contested", request=None, actor="subject")
    for answer in (api.get(path, {"purpose": "orders"}), api.put(path, body(given_name="Eve"))):
        assert (answer.status_code, answer.body["code"]) == (403, "restricted")
    assert PersonalValue.objects.count() == 1


def test_an_objection_closes_marketing(api, path, alice):
    api.put(path, body("direct_marketing", email="ada@example.org"))
    Objection.objects.create(subject=alice.subject, purpose="direct_marketing", since=alice.subject.created_at)
    answer = api.get(path, {"purpose": "direct_marketing"})
    assert (answer.status_code, answer.body["code"]) == (403, "objected")
    assert api.put(path, body("direct_marketing", email="a@example.org")).body["code"] == "no_lawful_basis"


def test_a_field_outside_the_contract_is_withheld_and_says_why(api, path):
    api.put(path, body(given_name="Ada"))
    answer = api.get(path, {"purpose": "orders", "fields": "given_name,vat_number"})
    assert answer.body["values"] == {"given_name": "Ada"}
    assert [(item["field"], item["code"]) for item in answer.body["withheld"]] == [("vat_number", "not_in_contract")]


def test_what_is_held_for_one_purpose_is_not_given_for_another(api, path):
    api.put(path, body("orders", phone="+4930901820"))
    assert api.get(path, {"purpose": "orders"}).body["values"] == {"phone": "+4930901820"}
    assert api.get(path, {"purpose": "emergency_contact"}).body["values"] == {}


def test_null_takes_a_field_from_this_purpose_only(api, path):
    for purpose in ("orders", "emergency_contact"):
        api.put(path, body(purpose, phone="+4930901820"))
    assert api.put(path, body("orders", phone=None)).body["stored"] == []
    assert api.get(path, {"purpose": "orders"}).body["values"] == {}
    assert api.get(path, {"purpose": "emergency_contact"}).body["values"] == {"phone": "+4930901820"}
    api.put(path, body("emergency_contact", phone=None))
    assert not PersonalValue.objects.exists()


def test_another_applications_id_is_unknown(api, bob, qa_sampler, client_for, shop):
    mine, foreign = bob.id_for(shop), bob.id_for(qa_sampler)
    assert api.get(f"/api/v1/subjects/{mine}/data", {"purpose": "orders"}).status_code == 200
    assert api.get(f"/api/v1/subjects/{foreign}/data", {"purpose": "orders"}).status_code == 404


def test_the_scope_is_needed(client_for, eve, path):
    answer = client_for(eve).get(path, {"purpose": "orders"})
    assert (answer.status_code, answer.body["code"]) == (403, "scope_missing")


@pytest.mark.parametrize(
    "query", [{}, {"purpose": "orders", "more": "1"}, {"purpose": "orders", "fields": "a@example.org"}]
)
def test_a_query_that_does_not_fit_is_refused(api, path, query):
    answer = api.get(path, query)
    assert (answer.status_code, answer.body["code"]) == (400, "invalid_parameter")
