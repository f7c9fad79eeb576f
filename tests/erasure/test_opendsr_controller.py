"""OpenDSR 2.0, we being the controller: processors of ours are asked, followed and believed only when they sign."""

import base64
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from django.core.management import CommandError, call_command
from django.utils import timezone

from consent.models import Delivery
from erasure.models import OpenDsrCall, OpenDsrProcessor, RightsRequest, Step
from erasure.opendsr.client import Said
from erasure.services import opendsr_calls, step_acts
from tests.erasure.people import file, run_all, store
from tests.erasure.test_opendsr_verify import KEY, OTHER_KEY, certificate

pytestmark = [pytest.mark.django_db]
DOMAIN = "127.0.0.1"


@dataclass
class Processor:
    """A processor on this machine. What it does wrong is set by the test."""

    url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    status: str = "pending"
    code: int = 201
    key: Any = KEY
    domain: str = DOMAIN
    identities: tuple[tuple[str, str], ...] = (("email", "raw"), ("controller_customer_id", "raw"))
    kinds: tuple[str, ...] = ("access", "erasure")
    discovery: dict[str, Any] = field(default_factory=dict)
    pem: bytes = b""
    gets: list[str] = field(default_factory=list)
    before_answer: Callable[[], None] = lambda: None

    def signature(self, body: bytes) -> str:
        return base64.b64encode(self.key.sign(body, padding.PKCS1v15(), hashes.SHA256())).decode()

    def described(self) -> dict[str, Any]:
        identities = [{"identity_type": name, "identity_format": how} for name, how in self.identities]
        told = {"api_version": "2.0", "supported_identities": identities, "processor_certificate": f"{self.url}/cert"}
        return told | {"supported_subject_request_types": list(self.kinds)} | self.discovery


@pytest.fixture
def vendor() -> Iterator[Processor]:
    now = timezone.now()
    vendor = Processor(pem=certificate(DOMAIN, since=now - timedelta(days=1), until=now + timedelta(days=40)))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            vendor.gets.append(self.path)
            vendor.tokens.add(str(self.headers["Authorization"]))
            if self.path.endswith("/cert"):
                self._say(200, vendor.pem)
            elif self.path.endswith("/discovery"):
                self._say(200, json.dumps(vendor.described()).encode())
            else:
                self._answer(200, {"request_status": vendor.status})

        def do_POST(self) -> None:
            vendor.tokens.add(str(self.headers["Authorization"]))
            vendor.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            vendor.before_answer()
            self._answer(vendor.code, {"subject_request_id": vendor.asked[-1]["subject_request_id"]})

        def _answer(self, code: int, told: dict[str, Any]) -> None:
            about = {"subject_request_id": self.path.rpartition("/")[2]}
            self._say(code, json.dumps(about | told).encode())

        def _say(self, code: int, body: bytes) -> None:
            self.send_response(code)
            self.send_header("X-OpenDSR-Processor-Domain", vendor.domain)
            self.send_header("X-OpenDSR-Signature", vendor.signature(body))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer((DOMAIN, 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    vendor.url = f"http://{DOMAIN}:{server.server_port}/v2"
    yield vendor
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def connected(vendor: Processor, shop: Any, tmp_path: Path, catalogue: None) -> OpenDsrProcessor:
    (tmp_path / "token").write_text("their-token\n")
    call_command("opendsr_processor", "set", "shop", vendor.url, token_file=str(tmp_path / "token"))
    return OpenDsrProcessor.objects.get(application=shop)


@pytest.fixture
def erasing(alice: Any, shop: Any, connected: OpenDsrProcessor, settings: Any) -> Step:
    """The step of an erasure that asks shop."""
    settings.UNDO_WINDOW_SECONDS = 0
    store(shop, alice.subject, "orders", given_name="Alice-Marker")
    request = file(alice.subject, "erasure")
    return Step.objects.get(request=request, target="shop")


def turn(step: Step) -> Step:
    """What the worker does, every pause being over."""
    OpenDsrCall.objects.exclude(state="closed").update(next_at=timezone.now())
    opendsr_calls.call_due()
    step.refresh_from_db()
    return step


def call_back(client: Any, step: Step, vendor: Processor, **changed: Any) -> int:
    body = {
        "controller_id": "us", "expected_completion_time": "2026-12-31T00:00:00Z",
        "status_callback_url": opendsr_calls.callback_url(step.id), "subject_request_id": str(step.id),
        "request_status": "completed",
    }  # fmt: skip
    raw = json.dumps(body | changed).encode()
    headers = {"X-OpenDSR-Processor-Domain": vendor.domain, "X-OpenDSR-Signature": vendor.signature(raw)}
    where = f"/api/opendsr/v2/callbacks/{step.id}"
    return int(client.post(where, raw, content_type="application/json", headers=headers).status_code)


def test_an_erasure_is_asked_followed_and_done(
    erasing: Step, vendor: Processor, alice: Any, shop: Any, client: Any
) -> None:
    assert (erasing.kind, erasing.state, erasing.delivery) == ("notify", "waiting", None)
    assert not Delivery.objects.filter(application=shop, type="erasure.requested").exists(), "told one way, not two"
    assert erasing.identities_sealed is not None
    run_all(erasing.request)  # the erasure here does not wait for the processor
    alice.subject.refresh_from_db()
    assert alice.subject.erased_at is not None
    turn(erasing)
    (asked,) = vendor.asked
    assert asked["subject_request_id"] == str(erasing.id) and asked["subject_request_type"] == "erasure"
    assert asked["regulation"] == "gdpr" and asked["api_version"] == "2.0"
    identities = {each["identity_type"]: each["identity_value"] for each in asked["subject_identities"]}
    assert identities == {"email": alice.email, "controller_customer_id": "c-alice"}, (
        "the processor's own number of her"
    )
    assert {each["identity_format"] for each in asked["subject_identities"]} == {"raw"}
    assert asked["status_callback_urls"] == [opendsr_calls.callback_url(erasing.id)]
    assert vendor.tokens == {"Bearer their-token", "None"}, "the certificate is fetched without it"
    assert erasing.state == "waiting" and erasing.identities_sealed is None, "accepted: nothing personal is kept"
    vendor.status = "in_progress"
    turn(erasing)
    assert erasing.state == "waiting" and OpenDsrCall.objects.get().status == "in_progress"
    assert call_back(client, erasing, vendor) == 202
    erasing.refresh_from_db()
    assert (erasing.state, OpenDsrCall.objects.get().state) == ("done", "closed")
    assert call_back(client, erasing, vendor) == 202, "repeated: nothing changes"
    assert run_all(erasing.request).state == "completed" and len(vendor.asked) == 1


def test_a_copy_waits_for_a_processor_no_longer_than_it_takes(
    alice: Any, shop: Any, connected: OpenDsrProcessor, vendor: Processor
) -> None:
    store(shop, alice.subject, "orders", given_name="Alice-Marker")
    request = file(alice.subject, "access")
    step, copy = request.steps.get(target="shop"), request.steps.get(kind="archive")
    turn(step)
    assert step.state == "waiting" and copy.next_at is not None
    vendor.status = "completed"
    assert turn(step).state == "done"
    copy.refresh_from_db()
    assert copy.next_at is None, "nobody is waited for any more"
    assert run_all(request).state == "completed"


def test_polling_alone_finds_the_end(erasing: Step, vendor: Processor) -> None:
    turn(erasing)
    vendor.status = "completed"
    assert opendsr_calls.call_due() == 0, "not before its time"
    assert turn(erasing).state == "done"


def test_a_cancelled_request_is_somebodys_matter(erasing: Step, vendor: Processor) -> None:
    turn(erasing)
    vendor.status = "cancelled"
    assert turn(erasing).state == "failed" and erasing.last_error == "cancelled"


def test_answers_that_are_not_the_processors_own_are_not_believed(erasing: Step, vendor: Processor) -> None:
    vendor.key = OTHER_KEY
    assert turn(erasing).identities_sealed is not None
    assert OpenDsrCall.objects.get().last_error == "answer_unsigned"
    vendor.key, vendor.domain = KEY, "other.example"
    turn(erasing)
    assert OpenDsrCall.objects.get().last_error == "answer_unsigned"
    vendor.domain = DOMAIN
    turn(erasing)
    assert OpenDsrCall.objects.get().status == "pending"
    vendor.key, vendor.status = OTHER_KEY, "completed"
    assert turn(erasing).state == "waiting"
    assert {asked["subject_request_id"] for asked in vendor.asked} == {str(erasing.id)}, "one id, however often"


def test_callbacks_that_are_not_genuine_are_403_and_change_nothing(
    erasing: Step, vendor: Processor, client: Any
) -> None:
    turn(erasing)
    vendor.key = OTHER_KEY
    assert call_back(client, erasing, vendor) == 403
    vendor.key, vendor.domain = KEY, "other.example"
    assert call_back(client, erasing, vendor) == 403
    vendor.domain = DOMAIN
    assert call_back(client, erasing, vendor, status_callback_url="https://elsewhere.example/") == 403
    assert call_back(client, erasing, vendor, subject_request_id="a7551968-d5d6-44b2-9831-815ac9017798") == 403
    assert call_back(client, erasing, vendor, request_status="excellent") == 400
    assert (
        client.post("/api/opendsr/v2/callbacks/a7551968-d5d6-44b2-9831-815ac9017798", b"{}", "text/x").status_code
        == 403
    )
    erasing.refresh_from_db()
    assert erasing.state == "waiting"
    assert call_back(client, erasing, vendor) == 202


def test_a_status_never_goes_back(erasing: Step, vendor: Processor, client: Any) -> None:
    turn(erasing)
    assert call_back(client, erasing, vendor, request_status="in_progress") == 202
    assert call_back(client, erasing, vendor, request_status="pending") == 202
    assert OpenDsrCall.objects.get().status == "in_progress"


@pytest.mark.parametrize(("code", "state"), [(400, "failed"), (401, "waiting"), (503, "waiting"), (302, "waiting")])
def test_a_refusal_is_somebodys_matter_and_trouble_is_tried_again(
    erasing: Step, vendor: Processor, code: int, state: str
) -> None:
    vendor.code = code
    assert turn(erasing).state == state
    row = OpenDsrCall.objects.get()
    if state == "failed":
        assert erasing.last_error == "http_400" and erasing.identities_sealed is None and row.state == "closed"
    else:
        assert row.last_error == f"http_{code}" and row.next_at is not None and row.next_at > timezone.now()
        vendor.code = 201
        turn(erasing)
        assert OpenDsrCall.objects.get().status == "pending"


def test_a_call_nobody_accepts_is_given_up_after_thirty_days(erasing: Step, vendor: Processor) -> None:
    vendor.code = 503
    turn(erasing)
    OpenDsrCall.objects.update(created_at=timezone.now() - timedelta(days=31))
    assert turn(erasing).state == "waiting", "the request is not due yet"
    RightsRequest.objects.update(due_at=timezone.now())
    assert turn(erasing).state == "failed"


def test_a_worker_that_lost_its_lease_settles_no_call(erasing: Step) -> None:
    slow = opendsr_calls.claim(erasing.id)
    assert slow is not None and opendsr_calls.claim(erasing.id) is None
    OpenDsrCall.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert opendsr_calls.claim(erasing.id) is not None
    opendsr_calls.settle(slow, Said(status="completed"))
    erasing.refresh_from_db()
    assert erasing.state == "waiting"


def test_a_step_closed_by_hand_is_asked_no_more(erasing: Step, vendor: Processor, olga: Any) -> None:
    step_acts.close_by_hand(step_id=erasing.id, operator=olga.account)
    turn(erasing)
    assert vendor.asked == [] and OpenDsrCall.objects.get().state == "closed"


def test_an_identity_is_given_in_the_format_the_processor_takes(
    alice: Any, shop: Any, vendor: Processor, connected: OpenDsrProcessor, settings: Any
) -> None:
    settings.UNDO_WINDOW_SECONDS = 0
    store(shop, alice.subject, "orders", given_name="Alice-Marker")
    connected.identities, connected.checked_at = ["email:sha256"], timezone.now()
    connected.save()
    step = Step.objects.get(request=file(alice.subject, "erasure"), target="shop")
    turn(step)
    (identity,) = vendor.asked[0]["subject_identities"]
    assert identity["identity_value"] == hashlib.sha256(alice.email.encode()).hexdigest()
    connected.identities = ["roku_publisher_id:raw", "email:md5"]
    connected.save()
    OpenDsrCall.objects.update(accepted_at=None, status="")
    assert turn(step).state == "failed" and step.last_error == "no_identity_in_common"


WRONG = {
    "version_unknown": {"api_version": "1.0"},
    "discovery_incomplete": {"supported_subject_request_types": None},
    "certificate_elsewhere": {"processor_certificate": "https://elsewhere.example/cert.pem"},
}


def test_a_discovery_that_does_not_fit_is_refused(vendor: Processor, shop: Any, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("their-token")

    def connect() -> None:
        call_command("opendsr_processor", "set", "shop", vendor.url, token_file=str(tmp_path / "token"))

    for why, changed in WRONG.items():
        vendor.discovery = changed
        with pytest.raises(CommandError, match=why):
            connect()
    vendor.discovery, good = {}, vendor.pem
    vendor.pem = certificate("other.example")
    with pytest.raises(CommandError, match="certificate_of_another_domain"):
        connect()
    vendor.pem = b"no certificate"
    with pytest.raises(CommandError, match="bad_certificate"):
        connect()
    assert not OpenDsrProcessor.objects.exists()
    vendor.pem = good
    connect()
    row = OpenDsrProcessor.objects.get()
    assert row.kinds == ["access", "erasure"] and b"their-token" not in bytes(row.token_sealed)


def test_a_right_the_processor_does_not_take_goes_the_old_way(
    alice: Any, shop: Any, vendor: Processor, connected: OpenDsrProcessor
) -> None:
    store(shop, alice.subject, "orders", given_name="Alice-Marker")
    request = file(alice.subject, "restriction", ground="accuracy_contested")
    assert Step.objects.get(request=request, target="shop").kind == "manual"
    assert not OpenDsrCall.objects.exists()
