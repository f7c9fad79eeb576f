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
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path
from typing import ClassVar

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


class Seen(BaseHTTPRequestHandler):
    """A web process that remembers the headers it was sent."""

    headers_seen: ClassVar[list[dict[str, str]]] = []

    def do_GET(self) -> None:
        if self.path != "/readyz":
            self.headers_seen.append({name.lower(): value for name, value in self.headers.items()})
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def balanced(repository: Path, tmp_path: Path) -> Iterator[tuple[str, int]]:
    """The balancer with our file, in front of a web process."""
    web = ThreadingHTTPServer(("127.0.0.1", 0), Seen)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    there = f"127.0.0.1:{web.server_port}"
    env = {"FLEET_BIND": f"127.0.0.1:{port}", "FLEET_WEB_1": there, "FLEET_WEB_2": there,
           "FLEET_STATS": str(tmp_path / "stats")}  # fmt: skip
    threading.Thread(target=web.serve_forever, daemon=True).start()
    command = [str(HAPROXY), "-db", "-f", str(repository / "deploy" / "fleet" / "haproxy.cfg")]
    with subprocess.Popen(
        command, env=os.environ | env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as balancer:
        try:
            yield "127.0.0.1", port
        finally:
            balancer.terminate()
            web.shutdown()
            web.server_close()


@pytest.mark.skipif(HAPROXY is None, reason="NO haproxy: apt-get install haproxy")
def test_nobody_writes_their_own_address(balanced: tuple[str, int]) -> None:
    """A WSGI server takes `X_Forwarded_For` for the balancer's own, and limits would count by it (T40)."""
    forged = [
        f"{name}: 6.6.6.6" for name in ("X-Forwarded-For", "X_Forwarded_For", "X_forwarded-for", "X_Forwarded_Proto")
    ]
    asked = "\r\n".join(
        ["GET /login HTTP/1.1", "Host: portal", *forged, "Accept: text/html", "Connection: close", "", ""]
    )
    Seen.headers_seen.clear()
    for _try in range(100):  # until it listens and has looked at the web process
        with suppress(OSError), socket.create_connection(balanced, timeout=5) as caller:
            caller.sendall(asked.encode())
            if b" 200 " in caller.recv(20):
                break
        time.sleep(0.1)
    [headers] = Seen.headers_seen
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
