"""OpenDSR 2.0, we being the processor: received, followed, cancelled, collected, called back; every answer signed."""

import base64
import json
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from django.test import Client, override_settings
from django.utils import timezone

from access import scopes
from audit import actors
from audit.models import AuditEvent
from consent.webhook import Outcome
from erasure.models import OpenDsrCallback, OpenDsrRequest, RightsRequest
from erasure.services import opendsr, opendsr_callbacks, requests, steps
from erasure.services.requests import file_request
from tests.conftest import make_application
from tests.consent.people import Receiver, listening
from tests.erasure.people import file, run_all, store
from tests.erasure.test_opendsr_verify import KEY, OTHER_KEY, certificate
from vault.x509 import verify_domain_signature

pytestmark = [pytest.mark.django_db]
DOMAIN = "dsr.ours.example"
ROOT = "/api/opendsr/v2"


@pytest.fixture(autouse=True)
def set_up(tmp_path: Path, settings: Any) -> None:
    """A certificate and its key, valid on the day of the test."""
    settings.OPENDSR_DOMAIN = DOMAIN
    settings.OPENDSR_CERTIFICATE_FILE, settings.OPENDSR_KEY_FILE = tmp_path / "cert.pem", tmp_path / "key.pem"
    now = timezone.now()
    settings.OPENDSR_CERTIFICATE_FILE.write_bytes(
        certificate(DOMAIN, since=now - timedelta(days=1), until=now + timedelta(days=9))
    )
    write_key(settings, KEY)


def write_key(settings: Any, key: Any) -> None:
    encoding, kind = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    settings.OPENDSR_KEY_FILE.write_bytes(key.private_bytes(encoding, kind, serialization.NoEncryption()))


@pytest.fixture
def known(alice: Any, shop: Any, catalogue: None) -> Any:
    """Alice, whose data shop gave us."""
    store(shop, alice.subject, "orders", given_name="Alice-Marker")
    return alice


@pytest.fixture
def controller() -> Iterator[Receiver]:
    with listening() as receiver:
        yield receiver


def asks(email: str = "alice@example.org", kind: str = "access", **changed: Any) -> dict[str, Any]:
    body = {
        "regulation": "gdpr",
        "subject_request_id": str(uuid.uuid4()),
        "subject_request_type": kind,
        "submitted_time": "2026-11-02T15:00:00Z",
        "subject_identities": [{"identity_type": "email", "identity_value": email, "identity_format": "raw"}],
        "api_version": "2.0",
    }
    return {name: value for name, value in (body | changed).items() if value is not None}


def is_signed(answer: Any, settings: Any) -> bool:
    verify_domain_signature(
        body=answer.content, signature=answer["X-OpenDSR-Signature"],
        certificate=settings.OPENDSR_CERTIFICATE_FILE.read_bytes(), domain=answer["X-OpenDSR-Processor-Domain"],
        at=timezone.now(),
    )  # fmt: skip
    return bool(answer["X-OpenDSR-Processor-Domain"] == DOMAIN)


def send_all() -> None:
    """What the worker does, every pause being over."""
    opendsr.notice_changes()
    OpenDsrCallback.objects.filter(closed_at=None).update(next_at=timezone.now())
    opendsr_callbacks.send_due()


def test_discovery_and_certificate_are_public_and_signed(client: Any, settings: Any) -> None:
    answer = client.get(f"{ROOT}/discovery")
    assert answer.status_code == 200 and is_signed(answer, settings)
    told = answer.json()
    assert told["api_version"] == "2.0" and told["supported_subject_request_types"] == [
        "access", "portability", "erasure",
    ]  # fmt: skip
    assert {"identity_type": "email", "identity_format": "raw"} in told["supported_identities"]
    assert told["processor_certificate"].endswith(f"{ROOT}/certificate.pem")
    pem = client.get(f"{ROOT}/certificate.pem")
    assert pem.content == settings.OPENDSR_CERTIFICATE_FILE.read_bytes()


def test_an_access_request_from_first_to_last(known: Any, shop: Any, client_for: Any, settings: Any) -> None:
    client, body = client_for(shop, "opendsr:requests"), asks(known.email)
    raw = json.dumps(body)
    answer = client.generic("POST", f"{ROOT}/opendsr_requests", raw)
    assert answer.status_code == 201 and is_signed(answer, settings)
    told = answer.json()
    assert base64.b64decode(told["encoded_request"]).decode() == raw
    assert (told["controller_id"], told["subject_request_id"]) == ("shop", body["subject_request_id"])
    request = RightsRequest.objects.get()
    assert (request.right, request.application, request.verified_by) == ("access", shop, "account")
    assert request.received_at.isoformat() == "2026-11-02T15:00:00+00:00", "the clock runs from the person's own act"
    assert told["expected_completion_time"] == request.due_at.isoformat().replace("+00:00", "Z")
    where = f"{ROOT}/opendsr_requests/{body['subject_request_id']}"
    assert client.get(where).json()["request_status"] == "in_progress"
    assert client.get(f"{where}/results").status_code == 400, "not built yet"
    run_all(request)
    done = client.get(where)
    assert is_signed(done, settings) and done.json()["request_status"] == "completed"
    assert done.json()["results_url"].endswith(f"{where}/results")
    archive = client.get(f"{where}/results")
    assert archive.status_code == 200 and b"".join(archive.streaming_content)[:2] == b"PK"
    assert "opendsr.received" in set(AuditEvent.objects.values_list("action", flat=True))


def test_an_erasure_is_pending_and_can_be_cancelled_until_something_is_done(
    known: Any, shop: Any, client_for: Any, settings: Any
) -> None:
    client, body = client_for(shop, "opendsr:requests"), asks(known.email, "erasure")
    assert client.post(f"{ROOT}/opendsr_requests", body).status_code == 201
    where = f"{ROOT}/opendsr_requests/{body['subject_request_id']}"
    assert client.get(where).json()["request_status"] == "pending"
    answer = client.delete(where)
    assert answer.status_code == 202 and is_signed(answer, settings)
    assert client.get(where).json()["request_status"] == "cancelled"
    assert client.delete(where).status_code == 202, "cancelling again changes nothing"
    assert AuditEvent.objects.filter(action="request.withdrawn").count() == 1
    settings.UNDO_WINDOW_SECONDS = 0
    again = asks(known.email, "erasure")
    client.post(f"{ROOT}/opendsr_requests", again)
    steps.sweep()
    refused = client.delete(f"{ROOT}/opendsr_requests/{again['subject_request_id']}")
    assert refused.status_code == 400 and refused.json()["error"]["code"] == 400 and is_signed(refused, settings)


@override_settings(UNDO_WINDOW_SECONDS=0)
def test_a_controller_is_not_told_of_what_it_asked_for_itself(known: Any, shop: Any, client_for: Any) -> None:
    """Its erasure ends without anybody at our desk."""
    client, body = client_for(shop, "opendsr:requests"), asks(known.email, "erasure")
    assert client.post(f"{ROOT}/opendsr_requests", body).status_code == 201
    request = run_all(RightsRequest.objects.get())
    assert not request.steps.filter(target="shop").exists()
    where = f"{ROOT}/opendsr_requests/{body['subject_request_id']}"
    assert client.get(where).json()["request_status"] == "completed"


@pytest.mark.parametrize("other", ["person", "application"])
def test_a_controller_is_told_of_what_somebody_else_wants_too(
    known: Any, shop: Any, client_for: Any, settings: Any, other: str
) -> None:
    client, body = client_for(shop, "opendsr:requests"), asks(known.email, "erasure")
    client.post(f"{ROOT}/opendsr_requests", body)
    if other == "person":
        file(known.subject, "erasure")
    else:
        actor = actors.application("shop")
        requests.file_request(
            subject=known.subject, right="erasure", details={}, verified_by="account", application=shop, actor=actor
        )
    request = RightsRequest.objects.get()
    RightsRequest.objects.update(starts_at=timezone.now())
    assert run_all(request).steps.filter(target="shop").exists()


@pytest.mark.parametrize("name", ["discovery", "certificate.pem"])
def test_what_is_only_read_says_so(settings: Any, name: str) -> None:
    """And asks nobody for the token of a form."""
    assert Client(enforce_csrf_checks=True).post(f"{ROOT}/{name}", "{}", "application/json").status_code == 405


def test_the_same_request_again_is_that_one_and_another_under_its_id_is_refused(
    known: Any, shop: Any, client_for: Any
) -> None:
    client, body = client_for(shop, "opendsr:requests"), asks(known.email)
    first, second = client.post(f"{ROOT}/opendsr_requests", body), client.post(f"{ROOT}/opendsr_requests", body)
    assert second.status_code == 201 and second.content == first.content
    assert RightsRequest.objects.count() == 1
    other = client.post(f"{ROOT}/opendsr_requests", body | {"subject_request_type": "portability"})
    assert other.status_code == 400 and RightsRequest.objects.count() == 1


def test_each_of_two_requests_about_one_person_has_its_own_answer_and_end(
    known: Any, shop: Any, client_for: Any, settings: Any, controller: Receiver
) -> None:
    """Two copies asked at the same moment are two; two erasures are carried out together, and one can be cancelled."""
    client = client_for(shop, "opendsr:requests")

    def posted(kind: str) -> str:
        body = asks(known.email, kind, status_callback_urls=[controller.url])
        assert client.post(f"{ROOT}/opendsr_requests", body).status_code == 201
        return f"{ROOT}/opendsr_requests/{body['subject_request_id']}"

    def status(where: str) -> str:
        return str(client.get(where).json()["request_status"])

    first, second = posted("access"), posted("access")
    steps.sweep()
    assert client.get(first).json()["results_url"].endswith(f"{first}/results")
    assert client.get(second).json()["results_url"].endswith(f"{second}/results")
    assert RightsRequest.objects.filter(right="access", state="completed").count() == 2
    one, other, third = posted("erasure"), posted("erasure"), posted("erasure")
    erasure = RightsRequest.objects.get(right="erasure")
    assert client.delete(one).status_code == 202, "who asked first"
    assert (status(one), status(other), status(third)) == ("cancelled", "pending", "pending")
    assert client.delete(one).status_code == client.delete(other).status_code == 202
    erasure.refresh_from_db()
    assert erasure.state == "in_progress"
    assert client.delete(third).status_code == 202
    erasure.refresh_from_db()
    assert erasure.state == "withdrawn", "nobody is left who wants it"
    send_all()
    told = [json.loads(body) for _headers, body in controller.heard]
    ends = {each["subject_request_id"]: each["request_status"] for each in told}
    assert sorted(ends.values()) == ["cancelled"] * 3 + ["completed"] * 2


@pytest.mark.parametrize("by", [{"by_person": True}, {"application": "acme"}], ids=["person", "application"])
@pytest.mark.parametrize("first", ["others", "the controller"])
def test_a_controller_does_not_cancel_what_others_want_too(
    known: Any, shop: Any, acme: Any, client_for: Any, first: str, by: dict[str, Any]
) -> None:
    client, body = client_for(shop, "opendsr:requests"), asks(known.email, "erasure")
    who = {"application": acme} if "application" in by else by
    asked = [
        lambda: file_request(
            subject=known.subject, right="erasure", details={}, verified_by="account", actor="subject", **who
        ),
        lambda: client.post(f"{ROOT}/opendsr_requests", body),
    ]
    for ask in asked if first == "others" else reversed(asked):
        ask()
    where = f"{ROOT}/opendsr_requests/{body['subject_request_id']}"
    assert client.delete(where).status_code == 202 and client.get(where).json()["request_status"] == "cancelled"
    assert RightsRequest.objects.get().state == "in_progress"


def test_somebody_the_controller_did_not_give_us_has_nothing_here(
    known: Any, bob: Any, acme: Any, client_for: Any
) -> None:
    acme.scopes = ["opendsr:requests"]
    acme.save()
    client = client_for(acme, "opendsr:requests")
    answers = []
    for email in (known.email, "nobody@example.org"):  # known to us, but not to acme; known to nobody
        body = asks(email, "erasure")
        assert client.post(f"{ROOT}/opendsr_requests", body).status_code == 201
        answers.append(client.get(f"{ROOT}/opendsr_requests/{body['subject_request_id']}").json())
    assert [answer["request_status"] for answer in answers] == ["completed", "completed"]
    assert [answer["results_url"] for answer in answers] == [None, None]
    assert not RightsRequest.objects.exists()


def test_another_controllers_requests_are_not_there(known: Any, shop: Any, acme: Any, client_for: Any) -> None:
    acme.scopes = ["opendsr:requests"]
    acme.save()
    body = asks(known.email)
    client_for(shop, "opendsr:requests").post(f"{ROOT}/opendsr_requests", body)
    where = f"{ROOT}/opendsr_requests/{body['subject_request_id']}"
    stranger = client_for(acme, "opendsr:requests")
    assert client_for(shop, "opendsr:requests").get(where).status_code == 200
    assert {stranger.get(where).status_code, stranger.delete(where).status_code} == {404}
    assert stranger.get(f"{where}/results").status_code == 404
    assert client_for(shop, "requests:read", "requests:write").get(where).status_code == 403


@pytest.mark.parametrize("end", ["not-an-id", "%F0%9F%98%80", "1", str(uuid.UUID(int=7))])
def test_what_is_no_id_is_as_unknown_as_one_and_signed(shop: Any, client_for: Any, settings: Any, end: str) -> None:
    client, path = client_for(shop, "opendsr:requests"), f"{ROOT}/opendsr_requests/{end}"
    for answer in (client.get(path), client.delete(path), client.get(f"{path}/results")):
        assert answer.status_code == 404 and answer.json()["code"] == "not_found"
        assert is_signed(answer, settings)
    assert client_for(shop, "requests:read").get(path).status_code == 403


WRONG: dict[str, Any] = {
    "no regulation": {"regulation": None},
    "another regulation": {"regulation": "ccpa"},
    "another version": {"api_version": "1.0"},
    "another type": {"subject_request_type": "rectification"},
    "no id": {"subject_request_id": None},
    "an id of version 1": {"subject_request_id": "c232ab00-9414-11ec-b3c8-9f6bdeced846"},
    "an id in capitals": {"subject_request_id": "A7551968-D5D6-44B2-9831-815AC9017798"},
    "no time": {"submitted_time": None},
    "no moment": {"submitted_time": "2026-13-02T15:00:00Z"},
    "the future": {"submitted_time": "2090-01-01T00:00:00Z"},
    "nobody": {"subject_identities": []},
    "nobody at all": {"subject_identities": None},
    "a digest": {"subject_identities": [{"identity_type": "email", "identity_value": "x", "identity_format": "md5"}]},
    "no address": {"subject_identities": [{"identity_type": "email", "identity_value": "x", "identity_format": "raw"}]},
    "a list as type": {
        "subject_identities": [{"identity_type": ["email"], "identity_value": "x", "identity_format": "raw"}]
    },
    "a number": {"subject_identities": [{"identity_type": "email", "identity_value": 7, "identity_format": "raw"}]},
    "a place of ours": {"status_callback_urls": ["https://169.254.169.254:22/\\x"]},
    "no addresses": {"status_callback_urls": "https://shop.example/"},
    "too many": {"status_callback_urls": [f"https://shop.example/{at}" for at in range(6)]},
}


def test_what_does_not_fit_is_told_as_opendsr_says_and_does_nothing(
    known: Any, shop: Any, client_for: Any, settings: Any
) -> None:
    client = client_for(shop, "opendsr:requests")
    for name, changed in WRONG.items():
        answer = client.post(f"{ROOT}/opendsr_requests", asks(known.email, **changed))
        assert answer.status_code == 400 and is_signed(answer, settings), name
        told = answer.json()["error"]
        assert told["code"] == 400 and told["message"] and told["errors"][0]["domain"] == "Validation", name
        assert known.email not in answer.content.decode() and "received_at" not in answer.content.decode(), name
    for raw in ("", "[]", "{", '"x"'):
        answer = client.generic("POST", f"{ROOT}/opendsr_requests", raw)
        assert answer.status_code == 400 and "error" in answer.json(), raw
    assert not OpenDsrRequest.objects.exists() and not RightsRequest.objects.exists()


def test_unknown_members_and_other_processors_extensions_are_passed_over(
    known: Any, shop: Any, client_for: Any
) -> None:
    body = asks(known.email, group_id="g1", extensions={"other.example": {"id": 7}}, api_version="2")
    assert client_for(shop, "opendsr:requests").post(f"{ROOT}/opendsr_requests", body).status_code == 201


def test_nothing_is_done_while_answers_cannot_be_signed(
    known: Any, shop: Any, client_for: Any, client: Any, settings: Any
) -> None:
    caller = client_for(shop, "opendsr:requests")
    write_key(settings, OTHER_KEY)
    assert caller.post(f"{ROOT}/opendsr_requests", asks(known.email)).status_code == 503
    settings.OPENDSR_KEY_FILE.unlink()
    assert caller.post(f"{ROOT}/opendsr_requests", asks(known.email)).status_code == 503
    assert client.get(f"{ROOT}/discovery").status_code == 503
    assert not RightsRequest.objects.exists()
    write_key(settings, KEY)
    settings.OPENDSR_DOMAIN = "another.example"
    assert client.get(f"{ROOT}/discovery").status_code == 503
    settings.OPENDSR_DOMAIN = DOMAIN
    assert client.get(f"{ROOT}/discovery").status_code == 200
    settings.OPENDSR_CERTIFICATE_FILE.unlink()
    assert caller.post(f"{ROOT}/opendsr_requests", asks(known.email)).status_code == 404, "not set up at all"
    assert opendsr_callbacks.send_due() == 0 and not RightsRequest.objects.exists()


def test_every_change_of_status_is_called_back_signed(
    known: Any, shop: Any, client_for: Any, settings: Any, controller: Receiver
) -> None:
    body = asks(known.email, "erasure", status_callback_urls=[controller.url])
    client = client_for(shop, "opendsr:requests")
    client.post(f"{ROOT}/opendsr_requests", body)
    send_all()
    send_all()
    client.delete(f"{ROOT}/opendsr_requests/{body['subject_request_id']}")
    send_all()
    send_all()
    told = [json.loads(raw) for _headers, raw in controller.heard]
    assert [each["request_status"] for each in told] == ["pending", "cancelled"]
    assert {each["subject_request_id"] for each in told} == {body["subject_request_id"]}
    assert {each["status_callback_url"] for each in told} == {controller.url}
    headers, raw = controller.heard[0]
    verify_domain_signature(
        body=raw, signature=headers["x-opendsr-signature"],
        certificate=settings.OPENDSR_CERTIFICATE_FILE.read_bytes(), domain=headers["x-opendsr-processor-domain"],
        at=timezone.now(),
    )  # fmt: skip
    assert known.email not in raw.decode()


def test_a_callback_that_fails_is_tried_again_and_late_news_give_way(
    known: Any, shop: Any, client_for: Any, controller: Receiver
) -> None:
    body = asks(known.email, "erasure", status_callback_urls=[controller.url])
    client = client_for(shop, "opendsr:requests")
    client.post(f"{ROOT}/opendsr_requests", body)
    controller.answers = [503, 302]
    send_all()
    row = OpenDsrCallback.objects.get()
    assert (row.state, row.last_error) == ("queued", "http_503")
    assert row.next_at is not None and row.next_at > timezone.now()
    assert opendsr_callbacks.send_due() == 0, "not before its time"
    send_all()
    client.delete(f"{ROOT}/opendsr_requests/{body['subject_request_id']}")
    send_all()
    states = dict(OpenDsrCallback.objects.values_list("status", "state"))
    assert states == {"pending": "abandoned", "cancelled": "sent"}
    assert json.loads(controller.heard[-1][1])["request_status"] == "cancelled" and len(controller.heard) == 3


def test_a_worker_that_lost_its_lease_settles_no_callback(
    known: Any, shop: Any, client_for: Any, controller: Receiver
) -> None:
    body = asks(known.email, status_callback_urls=[controller.url])
    client_for(shop, "opendsr:requests").post(f"{ROOT}/opendsr_requests", body)
    opendsr.notice_changes()
    row = OpenDsrCallback.objects.get()
    slow = opendsr_callbacks.claim(row.id)
    assert slow is not None and opendsr_callbacks.claim(row.id) is None
    OpenDsrCallback.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert opendsr_callbacks.claim(row.id) is not None
    opendsr_callbacks.settle(slow, Outcome(status=200))
    row.refresh_from_db()
    assert row.state == "sending"


def test_a_callback_to_a_place_of_ours_is_not_made(
    known: Any, shop: Any, client_for: Any, controller: Receiver, settings: Any
) -> None:
    body = asks(known.email, status_callback_urls=[controller.url])
    client_for(shop, "opendsr:requests").post(f"{ROOT}/opendsr_requests", body)
    settings.WEBHOOK_LOOPBACK_ALLOWED = False
    send_all()
    assert OpenDsrCallback.objects.get().last_error == "https_only" and controller.heard == []


def test_the_scope_is_one_of_its_own() -> None:
    assert "opendsr:requests" in scopes.SCOPES
    assert make_application("other", ["opendsr:requests"]).scopes == ["opendsr:requests"]


def test_many_that_do_not_change_hide_none_that_did(
    known: Any, shop: Any, client_for: Any, controller: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opendsr, "BATCH", 1)
    client = client_for(shop, "opendsr:requests")
    still = asks(known.email, "erasure", status_callback_urls=[controller.url])
    changes = asks(known.email, "access", status_callback_urls=[controller.url])
    for body in (still, changes):
        client.post(f"{ROOT}/opendsr_requests", body)
    assert [opendsr.notice_changes(), opendsr.notice_changes()] == [1, 1]
    run_all(RightsRequest.objects.get(right="access"))
    assert opendsr.notice_changes() + opendsr.notice_changes() == 1
    assert OpenDsrRequest.objects.get(kind="access").told == "completed"
