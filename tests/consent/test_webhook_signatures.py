"""Standard Webhooks on our side, each promise with teeth: two secrets while one is changed; a cap on what is read."""

import base64
import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from access.models import WebhookEndpoint
from access.services.applications import PREVIOUS_SECRET_KEPT, set_endpoint, webhook_secrets
from consent import webhook
from consent.models import Delivery
from consent.services import deliveries, sending
from tests.consent.people import answer, share

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]
URL = "https://acme.example/hook"
Calls = list[tuple[bytes, dict[str, str]]]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    made: Calls = []

    def post(url: str, body: bytes, headers: dict[str, str], allow: bool = False, **more: Any) -> webhook.Outcome:
        made.append((body, headers))
        return webhook.Outcome(status=202)

    monkeypatch.setattr(sending.webhook, "post", post)
    return made


def send(alice: Any, calls: Calls) -> tuple[bytes, dict[str, str]]:
    Delivery.objects.update(state="queued", lease_until=None, next_at="2026-01-01T00:00:00Z")
    deliveries.send_due(10)
    return calls[-1]


@pytest.fixture
def shared(alice: Any, acme: Any) -> str:
    """The first secret; a notice waits."""
    secret = set_endpoint(application=acme, url=URL)
    answer(alice.subject, "give")
    share(alice.subject, True)
    return secret


def test_while_a_secret_is_changed_both_hold_and_afterwards_the_new_one_alone(
    alice: Any, acme: Any, shared: str, calls: Calls
) -> None:
    body, headers = send(alice, calls)
    assert len(headers["webhook-signature"].split()) == 1
    newer = set_endpoint(application=acme, url=URL)
    body, headers = send(alice, calls)
    assert len(headers["webhook-signature"].split()) == 2
    for secret in (shared, newer):
        assert Webhook(secret).verify(body, headers)
    over = WebhookEndpoint.objects.get().previous_until
    assert over is not None
    WebhookEndpoint.objects.update(previous_until=over - PREVIOUS_SECRET_KEPT)
    body, headers = send(alice, calls)
    assert Webhook(newer).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(shared).verify(body, headers)


def test_a_third_secret_ends_the_first_at_once(alice: Any, acme: Any, shared: str, calls: Calls) -> None:
    second, third = (set_endpoint(application=acme, url=URL) for _ in range(2))
    assert webhook_secrets(acme) == [third, second]
    body, headers = send(alice, calls)
    with pytest.raises(WebhookVerificationError):
        Webhook(shared).verify(body, headers)


def test_teeth_with_one_secret_only_the_older_receiver_would_be_lost(
    alice: Any, acme: Any, shared: str, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = set_endpoint(application=acme, url=URL)
    monkeypatch.setattr(sending, "webhook_secrets", lambda application: [newer])
    body, headers = send(alice, calls)
    with pytest.raises(WebhookVerificationError):
        Webhook(shared).verify(body, headers)


def test_the_signature_is_over_id_time_and_the_exact_bytes(alice: Any, acme: Any, shared: str, calls: Calls) -> None:
    body, headers = send(alice, calls)
    assert Webhook(shared).verify(body, headers)
    other = "whsec_" + base64.b64encode(b"x" * 32).decode()
    forged = [
        (other, body, {}),
        (shared, body.replace(b":", b": ", 1), {}),
        (shared, body, {"webhook-id": "5f0c0a1e-0000-0000-0000-000000000000"}),
        (shared, body, {"webhook-timestamp": str(int(headers["webhook-timestamp"]) - 1)}),
        (shared, body, {"webhook-timestamp": str(int(headers["webhook-timestamp"]) - 3600)}),
        (shared, body, {"webhook-signature": headers["webhook-signature"].replace("v1,", "v1a,")}),
        (shared, body, {"webhook-signature": ""}),
    ]
    for secret, altered, changed in forged:
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(altered, headers | changed)


def test_retry_after_of_the_past_and_none_at_all_leave_our_own_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending._dice, "uniform", lambda low, high: 1.0)
    assert sending.pause_seconds(3, None) == sending.pause_seconds(3, 0.0) == sending.pause_seconds(3, 1.0) == 8.0
    assert sending.pause_seconds(3, 60.0) == 60.0
    assert sending.pause_seconds(3, 10**9) == timedelta(days=1).total_seconds()


# --- what is read of the answer ---------------------------------------------------------------------------------------
@pytest.fixture
def endless() -> Iterator[str]:
    """A server that goes on sending as long as anybody reads."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            try:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
                while True:
                    connection.send(b"x" * 16384)
            except OSError:
                return

    thread = threading.Thread(target=serve)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    thread.join(timeout=10)
    listener.close()


def read_of(url: str, monkeypatch: pytest.MonkeyPatch, seconds: float) -> int:
    """How many bytes our side took from the connection in all."""
    taken: list[int] = []
    original = webhook._Bounded.read

    def counted(self: Any, max_bytes: int, timeout: float | None = None) -> bytes:
        got = original(self, max_bytes, timeout)
        taken.append(len(got))
        return got

    monkeypatch.setattr(webhook._Bounded, "read", counted)
    webhook.post(url, b"{}", {}, allow_loopback=True, timeout_seconds=seconds)
    return sum(taken)


def test_no_more_than_the_cap_is_taken_from_the_connection(endless: str, monkeypatch: pytest.MonkeyPatch) -> None:
    one_read = 64 * 1024
    assert read_of(endless, monkeypatch, 5) <= webhook.READ_CAP_BYTES + 2 * one_read


def test_teeth_with_a_larger_cap_more_is_taken(endless: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "READ_CAP_BYTES", 8 * 1024 * 1024)
    assert read_of(endless, monkeypatch, 5) > 1024 * 1024
