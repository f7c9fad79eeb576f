"""api.md, "Personal data"."""

import pytest

from consent.models import DataContract
from subjects.models import PersonalValue
from tests.contract.conftest import refused


def test_what_was_stored_is_said_and_can_be_read(api, ada):
    answer = api.store(ada, "orders", {"given_name": "Ada", "email": "ada@example.org"})
    assert answer.status_code == 200
    assert sorted(answer.body["stored"]) == ["email", "given_name"] and answer.body["purpose"] == "orders"
    assert answer.body.keys() == {"stored", "purpose"}
    read = api.read(ada, "orders", "given_name,email")
    assert read.body == {
        "purpose": "orders", "values": {"given_name": "Ada", "email": "ada@example.org"}, "withheld": []
    }  # fmt: skip


@pytest.mark.parametrize(
    ("purpose", "values", "status", "code"),
    [
        ("orders", {"given_name": "Ada", "vat_number": "DE123456789"}, 403, "not_in_contract"),
        ("orders", {"given_name": "Ada", "shoe_size": "38"}, 403, "not_in_contract"),
        ("newsletter", {"given_name": "Ada"}, 403, "no_lawful_basis"),
        ("statistics", {"postal_address": "x"}, 403, "not_in_contract"),
        ("profiling", {"email": "ada@example.org"}, 403, "purpose_not_approved"),
        ("astrology", {"email": "ada@example.org"}, 404, "unknown_purpose"),
        ("orders", {"given_name": "Ada", "email": "no address"}, 422, "invalid_value"),
        ("orders", {"given_name": "Ada", "phone": 5}, 422, "invalid_value"),
        ("orders", {"given_name": "Ada", "phone": {"a": ["b"]}}, 422, "invalid_value"),
        ("orders", {"given_name": "x" * 20_000}, 422, "invalid_value"),
        ("orders", {}, 422, "invalid_value"),
    ],
)
def test_refused_whole(api, ada, purpose, values, status, code):
    assert refused(api.store(ada, purpose, values), status, code)
    assert PersonalValue.objects.count() == 0


def test_a_wrong_value_is_named_by_its_pointer(api, ada):
    answer = api.store(ada, "orders", {"email": "no address", "phone": 5})
    assert {flaw["pointer"] for flaw in answer.body["errors"]} == {"/values/email", "/values/phone"}
    assert {flaw["code"] for flaw in answer.body["errors"]} == {"invalid_value"}


def test_a_restricted_person_is_403(api, ada):
    api.store(ada, "orders", {"given_name": "Ada"})
    api.file(ada, "restriction", ground="accuracy_contested")
    assert refused(api.store(ada, "orders", {"given_name": "Eve"}), 403, "restricted")
    assert refused(api.read(ada, "orders"), 403, "restricted")
    assert api.get(f"/api/v1/subjects/{ada}").body["restricted"] is True


def test_the_source_is_told_and_a_third_party_named(api, ada):
    for source in ("subject", "observed", "derived"):
        assert api.store(ada, "orders", {"given_name": "Ada"}, source=source).status_code == 200
    assert refused(api.store(ada, "orders", {"given_name": "Ada"}, source="hearsay"), 422, "invalid_value")
    third = api.store(ada, "orders", {"given_name": "Ada"}, source="third_party")
    assert third.status_code in {400, 422}
    named = api.store(ada, "orders", {"given_name": "Ada"}, source="third_party", source_name="Agency")
    assert named.status_code == 200


def test_put_replaces_the_named_fields_and_null_takes_one_from_this_purpose(api, ada):
    api.store(ada, "orders", {"given_name": "Ada", "family_name": "L"})
    api.store(ada, "orders", {"given_name": "Augusta"})
    assert api.read(ada, "orders").body["values"] == {"given_name": "Augusta", "family_name": "L"}
    api.store(ada, "tax_records", {"family_name": "L"})
    gone = api.store(ada, "orders", {"family_name": None})
    assert gone.status_code == 200 and gone.body["stored"] == []
    assert api.read(ada, "orders").body["values"] == {"given_name": "Augusta"}
    assert api.read(ada, "tax_records").body["values"] == {"family_name": "L"}


def test_values_are_held_once(api, ada):
    api.store(ada, "orders", {"family_name": "L"})
    api.store(ada, "tax_records", {"family_name": "M"})
    assert api.read(ada, "orders").body["values"] == {"family_name": "M"}


def test_what_may_not_be_given_is_withheld_with_its_code(api, ada):
    api.store(ada, "orders", {"given_name": "Ada"})
    read = api.read(ada, "orders", "given_name,vat_number").body
    assert read["values"] == {"given_name": "Ada"}
    [withheld] = read["withheld"]
    assert withheld.keys() == {"field", "code", "detail"}
    assert (withheld["field"], withheld["code"]) == ("vat_number", "not_in_contract")


def test_nothing_at_all_is_403_with_the_deciding_code(api, ada):
    assert refused(api.read(ada, "newsletter"), 403, "consent_missing")
    api.consent(ada, "newsletter", "give")
    api.consent(ada, "newsletter", "withdraw")
    assert refused(api.read(ada, "newsletter"), 403, "consent_withdrawn")
    assert refused(api.read(ada, "orders", "vat_number"), 403, "not_in_contract")
    assert refused(api.read(ada, "statistics"), 403, "not_in_contract")
    assert refused(api.read(ada, "profiling"), 403, "purpose_not_approved")
    assert refused(api.read(ada, "astrology"), 404, "unknown_purpose")
    assert refused(api.get(f"/api/v1/subjects/{ada}/data"), 400, "invalid_parameter")


def test_every_read_is_audited_without_values(api, ada, audit_log):
    api.store(ada, "orders", {"given_name": "Ada Lovelace"})
    api.read(ada, "orders")
    [event] = audit_log("data.read")
    assert (event.purpose, event.fields, event.actor) == ("orders", ["given_name"], "application:shop")
    assert "Lovelace" not in str(vars(event))


def test_a_contract_of_another_application_is_none_of_mine(api, other, ada):
    mine = other.register(email="ada@example.org")
    assert DataContract.objects.count() > 0
    assert refused(other.store(mine, "orders", {"given_name": "Eve"}), 403, "not_in_contract")
    assert refused(other.read(mine, "orders"), 403, "not_in_contract")
