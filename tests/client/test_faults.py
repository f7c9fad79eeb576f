"""What the client does when the service is slow, busy, gone or lying; and what it takes for a genuine notice."""

import base64
import hmac
import json
import threading
import time
from collections.abc import Iterable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, get_type_hints
from uuid import uuid4

import httpx
import pytest
from gdpr_portal_client import (
    Conflict,
    NotFound,
    NotVerified,
    Portal,
    Problem,
    Retries,
    Throttled,
    Unreachable,
    verify,
)
from gdpr_portal_client._retries import retry_after
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
QUICK = Retries(tries=3, first=0.001, longest=0.01, deadline=2.0)
TOKEN = (200, {"access_token": "t", "expires_in": 600}, {})


class Scripted(HTTPServer):
    """Answers from a script, in order; remembers what it was asked."""

    def __init__(self, script: list[Any]) -> None:
        self.script, self.seen = script, []
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    server: Any

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/oauth/token":
            return self._answer(*TOKEN)
        self.server.seen.append((self.command, self.path, self.headers.get("Idempotency-Key")))
        step = self.server.script.pop(0)
        if step == "drop":
            self.connection.close()
            return None
        return self._answer(*step)

    do_GET = do_POST  # noqa: N815  the name http.server calls

    def _answer(self, status: int, body: Any, headers: dict[str, str]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def scripted() -> Iterator[Any]:
    servers = []

    def start(*script: Any) -> tuple[Portal, Scripted]:
        server = Scripted(list(script))
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return Portal(f"http://127.0.0.1:{server.server_port}", "id", "secret", retries=QUICK, timeout=30.0), server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


BUSY = (503, {"code": "unavailable", "detail": "later"}, {"Retry-After": "0"})
FOUND = (200, {"id": str(uuid4())}, {})


def test_a_busy_service_is_asked_again_under_the_same_key(scripted: Any) -> None:
    portal, server = scripted(BUSY, "drop", FOUND)
    with portal:
        portal.lookup(email="a@example.org")
    keys = {key for _method, _path, key in server.seen}
    assert len(server.seen) == 3 and len(keys) == 1 and None not in keys


def test_after_all_tries_it_gives_up_and_says_what_it_was_told(scripted: Any) -> None:
    portal, server = scripted(BUSY, BUSY, BUSY, BUSY)
    with portal, pytest.raises(Problem) as refused:
        portal.lookup(email="a@example.org")
    assert refused.value.code == "unavailable" and len(server.seen) == 3


def test_no_answer_at_all_is_unreachable(scripted: Any) -> None:
    portal, _server = scripted("drop", "drop", "drop")
    with portal, pytest.raises(Unreachable):
        portal.lookup(email="a@example.org")


def test_it_says_why_there_was_no_answer(scripted: Any) -> None:
    with Portal("http://127.0.0.1:1", "id", "secret", retries=QUICK) as portal, pytest.raises(Unreachable) as told:
        portal.purposes()
    assert isinstance(told.value.__cause__, httpx.ConnectError) and str(told.value.__cause__) in str(told.value)
    with pytest.raises(ValueError, match="https://"):
        Portal("portal.example", "id", "secret")


def test_an_archive_is_asked_for_again_with_a_new_token_and_when_busy(scripted: Any) -> None:
    expired = (401, {"code": "invalid_token"}, {"Content-Type": "application/problem+json"})
    portal, server = scripted(expired, BUSY, (200, "bytes", {}))
    with portal, portal.archive(uuid4()) as pieces:
        assert b"".join(pieces) == b'"bytes"'
    assert len(server.seen) == 3


def test_an_archive_that_breaks_off_is_unreachable_and_a_refused_one_a_problem(scripted: Any) -> None:
    portal, _server = scripted((200, "bytes", {"Content-Length": "4000", "Connection": "close"}))
    with portal, pytest.raises(Unreachable, match="broke off"), portal.archive(uuid4()) as pieces:
        b"".join(pieces)
    portal, _server = scripted((409, {"code": "not_ready"}, {}))
    with portal, pytest.raises(Conflict) as refused, portal.archive(uuid4()):
        pass
    assert refused.value.code == "not_ready"


def test_a_refusal_by_a_proxy_or_of_a_later_version_is_a_problem(scripted: Any) -> None:
    later = {"code": "invalid_value", "errors": [{"pointer": "/email", "code": "x", "detail": "y", "hint": "new"}]}
    portal, _server = scripted((422, later, {}), (400, ["no object"], {}), (422, {"code": "z", "errors": None}, {}))
    told = []
    for _ in range(3):
        with pytest.raises(Problem) as refused:
            portal.lookup(email="a@example.org")
        told.append(refused.value)
    portal.close()
    assert [problem.code for problem in told] == ["invalid_value", "unknown", "z"]
    assert [flaw.pointer for flaw in told[0].errors] == ["/email"]


def test_what_stands_in_a_path_is_one_step_of_it(scripted: Any) -> None:
    portal, server = scripted((404, {"code": "unknown_purpose"}, {}))
    with portal, pytest.raises(NotFound):
        portal.notice("news/../?language=en#")
    assert server.seen[0][1] == "/api/v1/purposes/news%2F..%2F%3Flanguage%3Den%23/notice"


def test_it_does_not_wait_longer_than_its_deadline(scripted: Any) -> None:
    portal, server = scripted((429, {"code": "throttled"}, {"Retry-After": "3600"}))
    began = time.monotonic()
    with portal, pytest.raises(Throttled) as refused:
        portal.lookup(email="a@example.org")
    assert refused.value.retry_after == 3600 and time.monotonic() - began < 60 and len(server.seen) == 1


def test_what_is_refused_is_not_asked_again(scripted: Any) -> None:
    portal, server = scripted((422, {"code": "invalid_value", "errors": []}, {}))
    with portal, pytest.raises(Problem):
        portal.lookup(email="a@example.org")
    assert len(server.seen) == 1


def test_a_first_try_that_still_runs_is_waited_for(scripted: Any) -> None:
    portal, server = scripted((409, {"code": "idempotency_in_progress"}, {}), FOUND)
    with portal:
        portal.lookup(email="a@example.org")
    assert len(server.seen) == 2


@given(st.integers(0, 30), st.floats(0, 100))
def test_waits_stay_within_their_bounds(tried: int, elapsed: float) -> None:
    pause = Retries(tries=5, longest=7).wait(tried, elapsed)
    assert pause is None or (0 <= pause <= 7 and tried < 5 and elapsed + pause <= 60)


def test_when_to_come_back_is_read_in_both_forms() -> None:
    assert retry_after("7", 0) == 7 and retry_after("Thu, 01 Jan 1970 00:00:09 GMT", 4) == 5
    assert retry_after(None, 0) is None and retry_after("soon", 0) is None


# --- notices ----------------------------------------------------------------------------------------------------------
def notice(**changes: Any) -> tuple[dict[str, str], bytes]:
    """A notice as another implementation of Standard Webhooks signs it."""
    from datetime import UTC, datetime

    data = {"delivery": str(uuid4()), "sequence": 1, "request": None, "purpose": "newsletter", "subject": str(uuid4())}
    data |= {"reference": "42", "fields": ["email"], "due_at": None}
    body = json.dumps({"type": "consent.withdrawn", "timestamp": "2026-11-24T10:00:00Z", "data": data | changes})
    now = datetime.now(UTC)
    signature = Webhook(SECRET).sign("msg_1", now, body)
    headers = {"Webhook-Id": "msg_1", "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": signature}
    return headers, body.encode()


def test_a_genuine_notice_is_taken() -> None:
    headers, body = notice()
    taken = verify(SECRET, headers, body)
    assert (taken.type, taken.purpose, taken.fields, taken.reference) == (
        "consent.withdrawn",
        "newsletter",
        ("email",),
        "42",
    )
    assert verify(["whsec_" + base64.b64encode(b"new" * 9).decode(), SECRET], headers, body) == taken


@pytest.mark.parametrize("header", ["Webhook-Id", "webhook-timestamp", "webhook-signature"])
def test_nothing_of_it_can_be_changed_or_left_out(header: str) -> None:
    headers, body = notice()
    for changed in ({**headers, header: headers[header] + "0"}, {k: v for k, v in headers.items() if k != header}):
        with pytest.raises(NotVerified):
            verify(SECRET, changed, body)


@given(st.integers(0, 200), st.integers(1, 255))
def test_no_byte_of_the_body_can_be_changed(at: int, flip: int) -> None:
    headers, body = notice()
    changed = bytearray(body)
    changed[at % len(body)] ^= flip
    with pytest.raises(NotVerified):
        verify(SECRET, headers, bytes(changed))


def test_a_secret_that_is_not_set_verifies_nothing() -> None:
    """An empty variable: anybody can sign with nothing."""
    headers, body = notice()
    signed = f"{headers['Webhook-Id']}.{headers['webhook-timestamp']}.".encode() + body
    forged = "v1," + base64.b64encode(hmac.digest(b"", signed, "sha256")).decode()
    for secrets in ("", "whsec_", [SECRET, ""]):
        with pytest.raises(ValueError, match="empty"):
            verify(secrets, {**headers, "webhook-signature": forged}, body)


@pytest.mark.parametrize("header", ["Webhook-Id", "webhook-signature"])
def test_bytes_that_are_no_text_are_not_verified(header: str) -> None:
    """As aiohttp hands them on: a stranger gets 400 with them, and no 500."""
    headers, body = notice()
    with pytest.raises(NotVerified):
        verify(SECRET, {**headers, header: "\udcff"}, body)


def test_an_old_one_and_another_secret_are_refused() -> None:
    headers, body = notice()
    with pytest.raises(NotVerified, match="old"):
        verify(SECRET, headers, body, now=time.time() + 301)
    with pytest.raises(NotVerified, match="fits"):
        verify("whsec_" + base64.b64encode(b"x" * 32).decode(), headers, body)
    with pytest.raises(NotVerified, match="no notice"):
        headers, body = notice(subject="not an id")
        verify(SECRET, headers, body)


def test_a_notice_is_verified_with_the_headers_of_any_framework() -> None:
    """A type checker takes them too: those of Flask are no Mapping."""

    class OfAFramework:
        def __init__(self, headers: dict[str, str]) -> None:
            self._headers = headers

        def items(self) -> Iterable[tuple[str, str]]:
            return self._headers.items()

    headers, body = notice()
    other = OfAFramework(headers)
    assert verify(SECRET, other, body) == verify(SECRET, headers, body)
    assert isinstance(other, get_type_hints(verify)["headers"])
