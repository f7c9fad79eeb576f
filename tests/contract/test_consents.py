"""api.md, "Consent", and the receipts of each answer."""

import base64
import json
from datetime import UTC, datetime, timedelta

import jwt
import pytest

from consent.models import ConsentEvent
from tests.contract.conftest import refused


def path(person, more=""):
    return f"/api/v1/subjects/{person}/consents{more}"


def standing(api, person, purpose="newsletter", more=""):
    rows = api.get(path(person, more)).body["standing"]
    return next(row for row in rows if row["purpose"] == purpose and row["recipient"] is None)


def test_giving_is_201_with_the_event(api, ada):
    answer = api.consent(ada, "newsletter", "give")
    assert answer.status_code == 201
    assert answer.body.keys() == {"event", "purpose", "action", "state", "at", "receipt"}
    assert answer.body["receipt"] == f"/api/v1/consents/{answer.body['event']}/receipt"
    assert (answer.body["action"], answer.body["state"]) == ("give", "given")


def test_repeating_is_harmless(api, ada):
    first = api.consent(ada, "newsletter", "give").body
    again = api.consent(ada, "newsletter", "give")
    assert again.status_code == 201 and again.body["event"] == first["event"]
    assert ConsentEvent.objects.count() == 1


@pytest.mark.parametrize("change", [{"version": 2}, {"digest": "sha256:" + "0" * 64}, {"language": "de"}])
def test_giving_needs_the_live_wording(api, ada, change):
    wrong = api.consent(ada, "newsletter", "give", notice=api.notice("newsletter") | change)
    assert refused(wrong, 409, "notice_outdated")
    assert refused(api.consent(ada, "newsletter", "give", notice=None), 409, "notice_outdated")


@pytest.mark.parametrize(("action", "state"), [("withdraw", "withdrawn"), ("refuse", "refused")])
def test_saying_no_needs_no_wording(api, ada, action, state):
    api.consent(ada, "newsletter", "give")
    answer = api.consent(ada, "newsletter", action)
    assert (answer.status_code, answer.body["state"]) == (201, state)
    assert standing(api, ada)["state"] == state


def test_refusals(api, ada):
    assert refused(api.consent(ada, "orders", "withdraw"), 409, "not_consent_based")
    seen = {"notice": api.notice("health_programme")}
    without = api.consent(ada, "health_programme", "give", **seen)
    assert refused(without, 422, "explicit_consent_required")
    assert api.consent(ada, "health_programme", "give", explicit=True, **seen).status_code == 201
    assert refused(api.consent(ada, "profiling", "withdraw"), 403, "purpose_not_approved")
    assert refused(api.consent(ada, "astrology", "withdraw"), 404, "unknown_purpose")


def test_what_stands_and_how_it_came(api, ada):
    assert standing(api, ada) == {
        "purpose": "newsletter", "recipient": None, "state": "never_asked", "since": None, "expires_at": None,
        "notice": None,
    }  # fmt: skip
    api.consent(ada, "newsletter", "give")
    row = standing(api, ada)
    assert (row["state"], row["notice"]["version"]) == ("given", 1) and row["since"].endswith("Z")
    body = api.get(path(ada)).body
    assert body.keys() == {"standing", "history"} and len(body["history"]) == 1


def test_as_of_a_moment(api, ada):
    given = api.consent(ada, "newsletter", "give").body["at"]
    withdrawn = api.consent(ada, "newsletter", "withdraw").body["at"]
    assert standing(api, ada, more=f"?at={given}")["state"] == "given"
    assert standing(api, ada, more=f"?at={withdrawn}")["state"] == "withdrawn"
    earlier = (datetime.fromisoformat(given) - timedelta(microseconds=1)).isoformat().replace("+00:00", "Z")
    assert standing(api, ada, more=f"?at={earlier}")["state"] == "never_asked"
    for wrong in ("2999-01-01T00:00:00Z", "2026-01-01", "now", ""):
        assert refused(api.get(path(ada, f"?at={wrong}")), 400, "invalid_parameter")


def test_a_child_waits_for_its_parents(api):
    today = datetime.now(UTC)
    body = {"identifiers": {"customer_id": "k"}, "country": "DE", "birth_date": f"{today.year - 10}-01-01"}
    child = api.post("/api/v1/subjects", body).body["id"]
    assert api.consent(child, "newsletter", "give").body["state"] == "pending"
    assert api.decide(child, "newsletter")["code"] == "consent_pending"


def test_a_material_change_outdates(api, ada, olga, rita):
    from consent.models import Purpose
    from consent.services import review
    from tests.consent.test_review import approved, copy_of

    api.consent(ada, "newsletter", "give")
    purpose = Purpose.objects.get(slug="newsletter")
    review.publish(item=approved(copy_of(purpose, olga), olga, rita), actor=rita.account)
    assert standing(api, ada)["state"] == "outdated"
    assert api.decide(ada, "newsletter")["code"] == "notice_outdated"


# --- receipts ---------------------------------------------------------------------------------------------------------
@pytest.fixture
def receipt(api, ada):
    where = api.consent(ada, "newsletter", "give").body["receipt"]
    return lambda accept=None: api.get(where, **({"HTTP_ACCEPT": accept} if accept else {}))


def test_three_forms_and_no_other(receipt):
    for form in ("application/ld+json", "application/json", "application/jose"):
        answer = receipt(form)
        assert answer.status_code == 200 and answer["Content-Type"].partition(";")[0] == form
    for wrong in ("text/html", "application/xml", "application/pdf, text/*", "application/json;q=0"):
        assert refused(receipt(wrong), 406, "not_acceptable")
    assert receipt()["Content-Type"] == receipt("*/*")["Content-Type"] == "application/json"


def test_the_weights_of_accept_decide(receipt):
    for accept, form in [
        ("application/json;q=0.3, application/ld+json;q=0.9", "application/ld+json"),
        ("application/jose, application/json;q=0.5, */*;q=0.1", "application/jose"),
        ("application/json;q=0, application/*", "application/ld+json"),
        ("text/html, */*;q=0.1", "application/json"),
    ]:
        assert receipt(accept)["Content-Type"] == form, accept


def test_the_kantara_receipt(receipt, ada):
    body = json.loads(receipt("application/json").content)
    assert body["version"] == "KI-CR-v1.1.0" and body["piiPrincipalId"] == ada
    assert {"jurisdiction", "consentTimestamp", "collectionMethod", "consentReceiptID", "piiPrincipalId",
            "piiControllers", "policyUrl", "services", "sensitive", "spiCat"} <= body.keys()  # fmt: skip


def test_the_dpv_receipt(receipt):
    body = json.loads(receipt("application/ld+json").content)
    assert "@context" in body and body["dpv:hasRecordOfActivity"]["dpv:hasConsentStatus"]


def test_the_signed_receipt_is_the_kantara_one_byte_for_byte(receipt, client):
    token = receipt("application/jose").content.decode()
    header, payload, _ = token.split(".")
    assert base64.urlsafe_b64decode(payload + "==") == receipt("application/json").content
    keys = jwt.PyJWKSet.from_dict(client.get("/.well-known/jwks.json").json())
    fields = json.loads(base64.urlsafe_b64decode(header + "=="))
    key = next(key for key in keys.keys if key.key_id == fields["kid"])
    assert fields["alg"] == "EdDSA"
    assert jwt.api_jws.decode(token, key.key, algorithms=["EdDSA"]) == receipt("application/json").content
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.api_jws.decode(token[:-6] + "AAAAAA", key.key, algorithms=["EdDSA"])


def test_a_receipt_is_for_those_who_know_the_person(api, other, ada, nobody):
    where = api.consent(ada, "newsletter", "give").body["receipt"]
    theirs, none = other.get(where), other.get(f"/api/v1/consents/{nobody}/receipt")
    assert refused(theirs, 404, "not_found") and theirs.content == none.content
