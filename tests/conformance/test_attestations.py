"""An attestation is taken with its signature checked, once, and stands at the QA desk; what is wrong is a finding."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.urls import reverse
from gdpr_portal_client import Portal
from gdpr_portal_conformance import attest, hand_in, load_key, new_key
from gdpr_portal_conformance.attestation import public_jwk, thumbprint
from gdpr_portal_conformance.checks import CHECKS, Outcome

from consent.models import Attestation, Finding
from consent.services.attestations import find_old, prune_attestations
from tests.conftest import make_application

pytestmark = pytest.mark.django_db
KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(bytes([1] * 32))
PATH = "/api/v1/attestations"


def document(shop: Any, *, failed: str = "", without: str = "", ago: timedelta = timedelta(), **more: Any) -> str:
    outcomes = [Outcome(name, "still_used" if name == failed else "") for name in CHECKS if name != without]
    at = datetime.now(UTC) - ago
    told = {"kit": "0.1.0", "application": shop.client_id, "portal": "http://127.0.0.1:8000", "release": "1.4.2"}
    return attest(KEY, outcomes, **(told | {"started_at": at, "finished_at": at} | more))


def body(signed: str, key: Ed25519PrivateKey = KEY) -> dict[str, Any]:
    return {"attestation": signed, "key": public_jwk(key)}


@pytest.fixture
def client(shop: Any, client_for: Any) -> Any:
    return client_for(shop, "attestations:write")


def test_one_that_passes_stands_at_the_desk_and_in_the_log(
    client: Any, shop: Any, quentin: Any, audit_log: Any
) -> None:
    signed = document(shop)
    answer = client.post(PATH, body(signed))
    assert answer.status_code == 201 and answer.body["passed"] is True
    assert (answer.body["failed"], answer.body["missing"]) == ([], [])
    row = Attestation.objects.get()
    assert (row.application, row.document, row.key, row.release) == (shop, signed, thumbprint(KEY), "1.4.2")
    (event,) = audit_log("attestation.received")
    assert event.actor == "application:shop" and event.details["passed"] is True
    assert event.details["digest"] == row.digest == answer.body["digest"]
    assert not Finding.objects.exists()
    page = quentin.browser().get(reverse("admin:qa_conformance")).content.decode()
    assert "Every check passed" in page and "10 of 10" in page
    download = quentin.browser().get(reverse("admin:qa_attestation", args=[row.pk]))
    assert download.content.decode() == signed and download["Content-Type"] == "application/jose"


def test_the_same_document_again_changes_nothing(client: Any, shop: Any, audit_log: Any) -> None:
    signed = document(shop, failed="honours_restriction")
    first, again = client.post(PATH, body(signed)), client.post(PATH, body(signed))
    assert (first.status_code, again.status_code) == (201, 200) and first.body == again.body
    assert Attestation.objects.count() == len(audit_log("attestation.received")) == 1
    assert Finding.objects.get().times == 1


def test_one_that_fails_is_a_finding_and_says_which_check(client: Any, shop: Any, quentin: Any) -> None:
    answer = client.post(PATH, body(document(shop, failed="honours_restriction")))
    assert answer.body["passed"] is False and answer.body["failed"] == ["honours_restriction"]
    finding = Finding.objects.get()
    assert (finding.kind, finding.application) == ("conformance", "shop")
    page = quentin.browser().get(reverse("admin:qa_conformance_of", args=[shop.pk])).content.decode()
    assert "Keeps restricted data and does not use it" in page and "It went on using the data" in page


def test_one_that_leaves_a_check_out_does_not_pass(client: Any, shop: Any, quentin: Any) -> None:
    answer = client.post(PATH, body(document(shop, without="erases_in_time")))
    assert answer.body["passed"] is False and answer.body["missing"] == ["erases_in_time"]
    assert Finding.objects.get().kind == "conformance"
    assert "Not looked at" in quentin.browser().get(reverse("admin:qa_conformance_of", args=[shop.pk])).content.decode()


def test_an_older_failure_handed_in_late_does_not_count(client: Any, shop: Any) -> None:
    client.post(PATH, body(document(shop)))
    late = client.post(PATH, body(document(shop, failed="erases_in_time", ago=timedelta(days=2))))
    assert late.status_code == 201 and not Finding.objects.exists()


def test_a_signature_by_another_key_is_refused(client: Any, shop: Any) -> None:
    assert client.post(PATH, body(document(shop))).status_code == 201
    signed = document(shop, release="1.4.3")
    head, payload, signature = signed.split(".")
    other = document(shop, release="1.4.4").split(".")
    for wrong in (
        body(signed, OTHER_KEY), body(f"{head}.{other[1]}.{signature}"), body(f"{head}.{payload}."), body("no jws"),
        body(jwt.encode({}, KEY, "EdDSA", headers={"typ": "JWT", "kid": thumbprint(KEY)})),
        body(jwt.encode(jwt.decode(signed, options={"verify_signature": False}), None, "none")),
    ):  # fmt: skip
        answer = client.post(PATH, wrong)
        assert (answer.status_code, answer.body["code"]) == (400, "bad_signature")
    assert Attestation.objects.count() == 1


def test_nobody_attests_for_another_application(client: Any, shop: Any) -> None:
    other = make_application("other", ["attestations:write"])
    answer = client.post(PATH, body(document(other)))
    assert (answer.status_code, answer.body["code"]) == (403, "not_yours") and not Attestation.objects.exists()


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2}, {"checks": []}, {"checks": "all"}, {"kit": ""}, {"kit": 1}, {"release": "a b"}, {"more": 1},
        {"started_at": "2026-01-01"}, {"finished_at": None}, {"finished_at": "2999-01-01T00:00:00+00:00"},
        {"started_at": "2999-01-01T00:00:00+00:00"}, {"application": None},
        {"checks": [{"name": "a", "passed": True, "reason": ""}] * 2},
        {"checks": [{"name": "ada@people.example", "passed": True, "reason": ""}]},
        {"checks": [{"name": "a", "passed": False, "reason": ""}]},
        {"checks": [{"name": "a", "passed": True, "reason": "still_used"}]},
        {"checks": [{"name": "a", "passed": 1, "reason": ""}]},
        {"checks": [{"name": "a", "passed": True}]}, {"checks": ["a"]},
    ],
)  # fmt: skip
def test_what_is_signed_must_be_an_attestation(client: Any, shop: Any, change: dict[str, Any]) -> None:
    said = jwt.decode(document(shop), options={"verify_signature": False})
    headers = {"typ": "gdpr-conformance+jws", "kid": thumbprint(KEY)}
    assert client.post(PATH, body(jwt.encode(said, KEY, "EdDSA", headers))).status_code == 201
    answer = client.post(PATH, body(jwt.encode(said | change, KEY, "EdDSA", headers)))
    assert (answer.status_code, answer.body["code"]) == (422, "invalid_value") and Attestation.objects.count() == 1


def test_an_old_one_becomes_a_finding_and_none_at_all_does_not(
    client: Any, shop: Any, acme: Any, settings: Any
) -> None:
    client.post(PATH, body(document(shop, ago=timedelta(days=settings.ATTESTATION_DAYS))))
    assert find_old() == 1 and find_old() == 1
    finding = Finding.objects.get()
    assert (finding.kind, finding.application) == ("attestation_old", "shop")
    client.post(PATH, body(document(shop)))
    assert find_old() == 0 and Finding.objects.count() == 1


def test_old_runs_go_but_for_the_last_of_each_application(client: Any, shop: Any, settings: Any) -> None:
    kept = timedelta(days=settings.ATTESTATION_KEPT_DAYS)
    for ago in (kept + timedelta(days=2), kept + timedelta(days=1)):
        client.post(PATH, body(document(shop, ago=ago)))
    assert Attestation.objects.count() == 2
    assert (prune_attestations(), prune_attestations()) == (1, 0)
    last = Attestation.objects.get()
    client.post(PATH, body(document(shop)))
    assert prune_attestations() == 1 and not Attestation.objects.filter(pk=last.pk).exists()


def test_another_key_than_before_is_told(client: Any, shop: Any, quentin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    address = reverse("admin:qa_conformance_of", args=[shop.pk])
    client.post(PATH, body(document(shop, ago=timedelta(hours=1))))
    assert "Another key than before" not in quentin.browser().get(address).content.decode()
    monkeypatch.setattr("tests.conformance.test_attestations.KEY", OTHER_KEY)
    assert client.post(PATH, body(document(shop), OTHER_KEY)).status_code == 201
    assert "Another key than before" in quentin.browser().get(address).content.decode()


def test_keys_are_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    new_key(path)
    assert path.stat().st_mode & 0o777 == 0o600 and public_jwk(load_key(path))["crv"] == "Ed25519"
    with pytest.raises(FileExistsError):
        new_key(path)


@pytest.mark.django_db(transaction=True)
def test_the_kit_hands_it_in(live_server: Any, shop: Any) -> None:
    with Portal(live_server.url, shop.client_id, shop.plain_secret, scopes=["attestations:write"]) as portal:
        answer = hand_in(portal, KEY, document(shop))
    assert answer["passed"] is True and json.dumps(Attestation.objects.get().checks)
