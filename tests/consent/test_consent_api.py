"""Consents, sharing and deliveries over the API, as api.md fixes them; receipts; the standing rebuilt."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from consent.holdings import ConsentsHolding
from consent.models import ConsentEvent, Delivery, Standing
from consent.services.standing import compare_standing, rebuild_standing
from subjects.holdings import ExportScope
from tests.consent.people import answer, share, wording
from vault.signing import verify_jws

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]


@pytest.fixture
def api(client_for: Callable[..., Any], shop: Any) -> Any:
    return client_for(shop)


@pytest.fixture
def base(alice: Any, shop: Any) -> str:
    return f"/api/v1/subjects/{alice.id_for(shop)}"


def body(action: str = "give", purpose: str = "newsletter", **more: Any) -> dict[str, Any]:
    seen = wording(purpose)
    notice = {"version": seen.version, "language": seen.language, "digest": seen.digest}
    given = {"purpose": purpose, "action": action, "notice": notice, "channel": "web"}
    return given | more


def test_giving_and_withdrawing_have_the_shape_of_the_contract(api: Any, base: str) -> None:
    given = api.post(f"{base}/consents", body(explicit=False, recipient=None))
    assert given.status_code == 201
    assert set(given.body) == {"event", "purpose", "action", "state", "at", "receipt"}
    assert (given.body["state"], given.body["at"][-1]) == ("given", "Z")
    assert given.body["receipt"] == f"/api/v1/consents/{given.body['event']}/receipt"
    assert api.post(f"{base}/consents", body()).body["event"] == given.body["event"]

    withdrawn = api.post(f"{base}/consents", {"purpose": "newsletter", "action": "withdraw", "channel": "web"})
    assert (withdrawn.status_code, withdrawn.body["state"]) == (201, "withdrawn")

    told = api.get(f"{base}/consents").body
    assert set(told) == {"standing", "history"}
    line = next(line for line in told["standing"] if line["purpose"] == "newsletter")
    assert set(line) == {"purpose", "recipient", "state", "since", "expires_at", "notice"}
    assert [event["action"] for event in told["history"]] == ["withdraw", "give"]
    past = api.get(f"{base}/consents?at={given.body['at']}").body
    assert next(line["state"] for line in past["standing"] if line["purpose"] == "newsletter") == "given"


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"notice": None}, 409, "notice_outdated"),
        ({"purpose": "nothing"}, 404, "unknown_purpose"),
        ({"purpose": "profiling"}, 403, "purpose_not_approved"),
        ({"purpose": "orders"}, 409, "not_consent_based"),
        ({"purpose": "health_programme"}, 422, "explicit_consent_required"),
        ({"action": "expire"}, 422, "invalid_value"),
        ({"explicit": "yes"}, 400, "invalid_type"),
        ({"extra": 1}, 400, "unknown_member"),
        ({"channel": "alice@example.org"}, 422, "invalid_value"),
        ({"recipient": "nobody"}, 404, "not_found"),
    ],
)
def test_bad_input_has_its_code_and_stores_nothing(
    api: Any, base: str, change: dict[str, Any], status: int, code: str
) -> None:
    answered = api.post(f"{base}/consents", body() | change)
    assert (answered.status_code, answered.body["code"]) == (status, code)
    assert not ConsentEvent.objects.exists()


def test_one_member_missing_is_told(api: Any, base: str) -> None:
    answered = api.post(f"{base}/consents", {"action": "give"})
    assert (answered.status_code, answered.body["code"]) == (400, "missing_member")


def test_an_id_of_another_application_is_unknown(client_for: Any, acme: Any, base: str) -> None:
    for address in (f"{base}/sharing",):
        assert client_for(acme).get(address).status_code == 404


def test_the_future_is_no_moment(api: Any, base: str) -> None:
    answered = api.get(f"{base}/consents?at=2999-01-01T00:00:00Z")
    assert (answered.status_code, answered.body["code"]) == (400, "invalid_parameter")


def test_sharing_is_off_until_it_is_switched(api: Any, base: str) -> None:
    rows = api.get(f"{base}/sharing").body
    off = {"recipient": "acme", "purpose": "newsletter", "shared": False, "since": None, "last_delivery": None}
    assert rows == {"items": [off], "next": None}
    switch = {"purpose": "newsletter", "shared": True, "channel": "web"}
    refused = api.put(f"{base}/sharing/acme", switch)
    assert (refused.status_code, refused.body["code"]) == (409, "consent_missing")
    api.post(f"{base}/consents", body())

    row = api.put(f"{base}/sharing/acme", switch)

    assert (row.status_code, row.body["shared"], row.body["last_delivery"]["state"]) == (200, True, "queued")
    assert api.put(f"{base}/sharing/acme", switch | {"shared": False}).body["shared"] is False
    assert [row.type for row in Delivery.objects.order_by("sequence")] == ["sharing.started", "sharing.stopped"]


@pytest.mark.parametrize(
    ("recipient", "purpose", "status", "code"),
    [
        ("nobody", "newsletter", 404, "not_found"),
        ("acme", "orders", 404, "not_found"),
        ("acme", "nothing", 404, "unknown_purpose"),
        ("acme", "profiling", 403, "purpose_not_approved"),
    ],
)
def test_what_is_no_recipient_cannot_be_switched(
    api: Any, base: str, recipient: str, purpose: str, status: int, code: str
) -> None:
    for shared in (True, False):
        answered = api.put(f"{base}/sharing/{recipient}", {"purpose": purpose, "shared": shared, "channel": "web"})
        assert (answered.status_code, answered.body["code"]) == (status, code)
    without = api.put(f"{base}/sharing/acme", {"purpose": "newsletter", "shared": True})
    assert (without.status_code, without.body["code"]) == (400, "missing_member")


def test_a_delivery_is_its_addressees(client_for: Any, acme: Any, api: Any, alice: Any) -> None:
    answer(alice.subject, "give")
    share(alice.subject, True)
    address = f"/api/v1/deliveries/{Delivery.objects.get().pk}"
    word = {"outcome": "done", "evidence": {"ticket": "1"}, "data": {}}
    assert api.get(address).status_code == 404
    assert api.post(f"{address}/acknowledge", word).status_code == 404
    theirs = client_for(acme)
    told = theirs.get(address).body
    assert (told["state"], told["type"], told["subject"]) == ("queued", "sharing.started", str(alice.id_for(acme)))

    closed = theirs.post(f"{address}/acknowledge", word)

    assert (closed.status_code, closed.body) == (200, {"delivery": told["delivery"], "state": "acknowledged"})
    assert theirs.post(f"{address}/acknowledge", {"outcome": "done"}).status_code == 200
    other = theirs.post(f"{address}/acknowledge", {"outcome": "failed"})
    assert (other.status_code, other.body["code"]) == (409, "already_closed")


# --- receipts ---------------------------------------------------------------------------------------------------------
KANTARA = {
    "version", "jurisdiction", "consentTimestamp", "collectionMethod", "consentReceiptID", "piiPrincipalId",
    "piiControllers", "policyUrl", "services", "sensitive", "spiCat",
}  # fmt: skip


def test_receipts_come_in_three_forms_and_the_same_bytes(api: Any, alice: Any, shop: Any, audit_log: Any) -> None:
    event = answer(alice.subject, "give")
    address = f"/api/v1/consents/{event.event}/receipt"

    plain = api.get(address, HTTP_ACCEPT="application/json")
    signed = api.get(address, HTTP_ACCEPT="application/jose")
    linked = api.get(address, HTTP_ACCEPT="application/ld+json")

    kantara = json.loads(plain.content)
    assert kantara.keys() >= KANTARA
    assert kantara["version"] == "KI-CR-v1.1.0"
    assert kantara["piiPrincipalId"] == str(alice.id_for(shop))
    assert kantara["piiControllers"][0].keys() >= {"piiController", "contact", "address", "email", "phone"}
    purpose = kantara["services"][0]["purposes"][0]
    assert purpose.keys() >= {"purposeCategory", "consentType", "piiCategory", "termination", "thirdPartyDisclosure"}
    assert event.notice_digest in kantara["policyUrl"]
    assert signed["Content-Type"] == "application/jose"
    assert verify_jws(signed.content.decode()) == plain.content
    head = json.loads(base64.urlsafe_b64decode(signed.content.split(b".")[0] + b"=="))
    assert head["alg"] == "EdDSA"
    record = json.loads(linked.content)["dpv:hasRecordOfActivity"]
    assert linked["Content-Type"] == "application/ld+json"
    assert record["dpv:hasConsentStatus"][0]["@type"] == "dpv:ConsentGiven"
    assert record["dpv:hasLegalBasis"] == "eu-gdpr:A6-1-a"
    for accept, first in [("application/json", plain), ("application/jose", signed), ("application/ld+json", linked)]:
        assert api.get(address, HTTP_ACCEPT=accept).content == first.content
    assert {entry.details["format"] for entry in audit_log("consent.receipt_issued")} == {"json", "jose", "jsonld"}
    assert b"alice@" not in plain.content + linked.content


def test_other_forms_and_other_applications_get_nothing(
    api: Any, client_for: Any, eve: Any, alice: Any, bob: Any
) -> None:
    from access.models import Application
    from tests.conftest import make_application

    event = answer(alice.subject, "give")
    address = f"/api/v1/consents/{event.event}/receipt"
    answered = api.get(address, HTTP_ACCEPT="text/html")
    assert (answered.status_code, answered.body["code"]) == (406, "not_acceptable")
    stranger: Application = make_application("stranger", ["consent:read"])
    assert client_for(stranger).get(address).status_code == 404
    assert api.get("/api/v1/consents/00000000-0000-0000-0000-000000000001/receipt").status_code == 404


@pytest.mark.parametrize("action", ["refuse", "withdraw"])
def test_a_no_has_its_receipt_too(api: Any, alice: Any, action: str) -> None:
    event = answer(alice.subject, action)
    told = json.loads(api.get(f"/api/v1/consents/{event.event}/receipt", HTTP_ACCEPT="application/json").content)
    assert told["services"][0]["purposes"][0]["termination"].startswith(event.state)


# --- standing, holdings ---------------------------------------------------------------------------------------------
def test_standing_is_what_the_events_derive_and_is_mended(alice: Any, bob: Any) -> None:
    answer(alice.subject, "give")
    share(alice.subject, True)
    answer(bob.subject, "refuse")
    rows = list(Standing.objects.order_by("subject_id", "purpose", "recipient").values())
    assert compare_standing() == []
    call_command("rebuild_standing", "--check", verbosity=0)

    Standing.objects.filter(subject=bob.subject).update(state="given")
    Standing.objects.filter(subject=alice.subject, recipient="acme").delete()

    assert {row[0] for row in compare_standing()} == {str(alice.subject.pseudonym), str(bob.subject.pseudonym)}
    with pytest.raises(CommandError, match="2 standing rows"):
        call_command("rebuild_standing", "--check", verbosity=0)
    assert rebuild_standing() == 2
    mended = list(Standing.objects.order_by("subject_id", "purpose", "recipient").values())
    assert [{**row, "id": 0} for row in mended] == [{**row, "id": 0} for row in rows]


def test_the_holding_exports_plans_and_erases_all_but_the_proof(alice: Any) -> None:
    answer(alice.subject, "give")
    holding = ConsentsHolding()
    told = holding.export(alice.subject, ExportScope())
    assert told["history"][0]["notice_digest"] == wording().digest
    assert holding.export(alice.subject, ExportScope(portability=True)) == {}
    assert [line.fate for line in holding.plan(alice.subject, {})] == ["goes", "stays"]
    assert holding.residue(alice.subject, {}) == 1

    assert holding.erase(alice.subject, {}) == 1
    assert holding.erase(alice.subject, {}) == 0

    assert holding.residue(alice.subject, {}) == 0
    assert ConsentEvent.objects.count() == 1
    assert holding.plan(alice.subject, {})[0].article == "Art. 17(3)(e)"
