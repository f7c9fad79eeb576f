"""What a fleet is built with fits our code: the pooler's limits, the balancer's file, locks of sessions."""

import configparser
import os
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path

import pytest
from django.db import DataError, InternalError

from audit.management.commands import run_sequencer
from gdpr_portal import settings as written
from gdpr_portal.env import VARIABLES
from gdpr_portal.errors import is_unavailability
from gdpr_portal.shedding import _kind_of

HAPROXY = shutil.which("haproxy", path=f"{os.environ['PATH']}:/usr/sbin")
APPS = ("access", "audit", "vault", "subjects", "consent", "erasure", "gdpr_portal")
OF_A_SESSION = re.compile(r"pg_(?:try_)?advisory_lock\(|\bLISTEN \w|\bSET SESSION\b")


def pooler(repository: Path) -> configparser.ConfigParser:
    found = configparser.ConfigParser(interpolation=None, comment_prefixes=(";",), delimiters=("=",))
    found.read(repository / "deploy" / "fleet" / "pgbouncer.ini")
    return found


def test_the_pooler_sets_the_limits_it_takes_away(repository: Path) -> None:
    found = pooler(repository)
    assert "options" in found["pgbouncer"]["ignore_startup_parameters"]
    query = found["databases"]["portal"]
    assert f"SET statement_timeout = {VARIABLES['STATEMENT_TIMEOUT_MS'].default}" in query
    assert f"SET lock_timeout = {VARIABLES['LOCK_TIMEOUT_MS'].default}" in query
    assert "pool_mode=transaction" in query and "pool_mode=session" in found["databases"]["portal_session"]


@pytest.mark.parametrize("is_pooled", [True, False])
def test_behind_it_no_cursor_outlives_its_statement(is_pooled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(written, "DATABASE_POOLED", is_pooled)
    assert written.database("postgresql://u@h/d")["DISABLE_SERVER_SIDE_CURSORS"] is is_pooled


def test_only_the_sequencer_and_the_queue_hold_something_of_a_session(repository: Path) -> None:
    found = {
        str(path.relative_to(repository))
        for app in APPS
        for path in (repository / app).rglob("*.py")
        if "migrations" not in path.parts and OF_A_SESSION.search(path.read_text())
    }
    assert found == {"audit/sequencer.py", "gdpr_portal/broker.py"}  # seen there, and nowhere else


def test_a_server_lost_behind_the_pooler_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[float] = []

    @contextmanager
    def lost() -> Iterator[bool]:
        raise InternalError("server conn crashed?")
        yield True

    monkeypatch.setattr(run_sequencer.sequencer, "holding", lost)
    monkeypatch.setattr(run_sequencer.time, "sleep", calls.append)
    monkeypatch.setattr(run_sequencer.connection, "close", lambda: None)
    command = run_sequencer.Command(stderr=StringIO())
    command.work(0.1)
    assert calls == [run_sequencer.RETRY_SECONDS]
    assert is_unavailability(InternalError()) and not is_unavailability(DataError())


@pytest.mark.skipif(HAPROXY is None, reason="NO haproxy: apt-get install haproxy")
def test_the_balancer_reads_its_file(repository: Path, tmp_path: Path) -> None:
    env = {
        "FLEET_BIND": "127.0.0.1:8501", "FLEET_WEB_1": "127.0.0.1:8502", "FLEET_WEB_2": "127.0.0.1:8503",
        "FLEET_STATS": str(tmp_path / "stats"),
    }  # fmt: skip
    command = [str(HAPROXY), "-c", "-f", str(repository / "deploy" / "fleet" / "haproxy.cfg")]
    done = subprocess.run(command, env=os.environ | env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


class Behind(ThreadingHTTPServer):
    """A web process that is ready, and remembers which requests reached it, with what headers."""

    def __init__(self) -> None:
        self.reached: list[str] = []
        self.headers: list[dict[str, str]] = []
        super().__init__(("127.0.0.1", 0), _Answers)


class _Answers(BaseHTTPRequestHandler):
    server: Behind
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path != "/readyz":
            self.server.reached.append(self.path)
            self.server.headers.append({name.lower(): value for name, value in self.headers.items()})
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_POST = do_GET  # noqa: N815  the name http.server calls

    def log_message(self, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def balanced(repository: Path, tmp_path: Path) -> Iterator[tuple[int, Behind]]:
    """The balancer's port, and the one web process behind it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    behind = Behind()
    threading.Thread(target=behind.serve_forever, daemon=True).start()
    web = f"127.0.0.1:{behind.server_port}"
    values = {"FLEET_BIND": f"127.0.0.1:{port}", "FLEET_WEB_1": web, "FLEET_WEB_2": web}
    values["FLEET_STATS"] = str(tmp_path / "stats")
    command = [str(HAPROXY), "-db", "-f", str(repository / "deploy" / "fleet" / "haproxy.cfg")]
    process = subprocess.Popen(command, env=os.environ | values)
    yield port, behind
    process.terminate()
    process.wait()
    behind.shutdown()
    behind.server_close()


def _connected(port: int) -> socket.socket:
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port))
        except ConnectionRefusedError:
            time.sleep(0.05)


def _sent(port: int, path: str, body: bytes, length: int) -> socket.socket:
    opened = _connected(port)
    opened.sendall(f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n".encode() + body)
    return opened


@pytest.mark.skipif(HAPROXY is None, reason="NO haproxy: apt-get install haproxy")
def test_half_a_body_holds_no_thread_behind_the_balancer(balanced: tuple[int, Behind]) -> None:
    port, behind = balanced
    with _sent(port, "/half", b"a=", 3) as half:
        for number in range(20):
            with _sent(port, f"/whole/{number}", b"a=1", 3) as whole:
                assert whole.recv(100).startswith(b"HTTP/1.1 200")
        assert len(behind.reached) == 20 and "/half" not in behind.reached
        half.sendall(b"1")
        assert half.recv(100).startswith(b"HTTP/1.1 200") and behind.reached[-1] == "/half"


@pytest.mark.skipif(HAPROXY is None, reason="NO haproxy: apt-get install haproxy")
def test_nobody_writes_their_own_address(balanced: tuple[int, Behind]) -> None:
    """A WSGI server takes `X_Forwarded_For` for the balancer's own, and limits would count by it (T40)."""
    port, behind = balanced
    names = ("X-Forwarded-For", "X_Forwarded_For", "X_forwarded-for", "X_Forwarded_Proto")
    forged = "".join(f"{name}: 6.6.6.6\r\n" for name in names)
    with _connected(port) as caller:
        caller.sendall(f"GET /login HTTP/1.1\r\nHost: portal\r\n{forged}Accept: text/html\r\n\r\n".encode())
        assert caller.recv(20).startswith(b"HTTP/1.1 200")
    [headers] = behind.headers
    assert headers["x-forwarded-for"] == "127.0.0.1" and headers["accept"] == "text/html"
    assert not [name for name in headers if "_" in name]


def test_an_unsafe_request_is_never_sent_twice_by_the_balancer(repository: Path) -> None:
    text = (repository / "deploy" / "fleet" / "haproxy.cfg").read_text()
    assert re.findall(r"^\s*retry-on (.*)$", text, re.MULTILINE) == ["conn-failure"]


@pytest.mark.parametrize(
    "asked",
    [
        "POST /api/v1/subjects/1/consents", "PUT /api/v1/subjects/1/sharing/acme", "POST /api/v1/requests",
        "POST /api/v1/requests/1/verify", "POST /api/v1/deliveries/1/acknowledge", "POST /api/v1/decisions",
        "POST /api/v1/decisions/batch", "GET /api/v1/decisions/snapshot", "GET /api/v1/purposes",
        "GET /api/v1/requests", "GET /api/v1/audit/events", "GET /api/v1/requests/1/archive",
        "GET /api/v1/subjects/1/consents", "GET /api/docs/problems", "PUT /api/v1/subjects/1/data",
        "POST /api/v1/subjects", "POST /oauth/token", "GET /", "POST /requests/new",
    ],
)  # fmt: skip
def test_the_balancer_s_order_is_that_of_shedding(repository: Path, asked: str) -> None:
    text = (repository / "deploy" / "fleet" / "haproxy.cfg").read_text()
    acls = dict(re.findall(r"^\s*acl (\w+) path_reg (\S+)$", text, re.MULTILINE))
    method, path = asked.split()
    changes = method in {"POST", "PUT"}
    first = not path.startswith("/api/") or (changes and re.search(acls["rights"], path) is not None)
    last = not changes and re.search(acls["lists"], path) is not None
    kind, _patience = _kind_of(asked)
    assert (first, last) == (kind in {"rights", "page"}, kind == "lists")
