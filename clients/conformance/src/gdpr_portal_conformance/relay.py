"""Stands between the portal and the application: takes the portal's notices, and plays them on as a check needs it.

The sandbox portal has this address for the application, so what is played is what the portal really sent: the same
bytes, the same delivery, which the application can acknowledge. Each playing is signed anew (Standard Webhooks 1.0).
"""

import json
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import httpx
from gdpr_portal_client import Notification, NotVerified, verify
from standardwebhooks import Webhook

MOST_BYTES = 1 << 20
TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True)
class Notice:
    """A notice as bytes, and as what it says."""

    id: str
    body: bytes
    said: Mapping[str, Any]

    def changed(self, **data: Any) -> bytes:
        """The body with other members of `data`, or another `type`."""
        kind = data.pop("type", self.said["type"])
        return json.dumps({**self.said, "type": kind, "data": {**self.said["data"], **data}}).encode()


class Relay:
    """Listens at `host:port` (0 picks one) for the portal; `with Relay(secret) as relay: ...`."""

    def __init__(self, secret: str, endpoint: str, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.secret, self.endpoint = secret, endpoint
        self._notices: list[tuple[Notification, Notice]] = []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer((host, port), _handler(self))

    @property
    def url(self) -> str:
        """Where the portal is to send the application's notices."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}/notices"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def take(self, headers: Mapping[str, str], body: bytes) -> int:
        """The status for the portal: 204 for a genuine notice, which is kept, 400 for anything else."""
        try:
            told = verify(self.secret, headers, body)
        except NotVerified:
            return 400
        with self._lock:
            self._notices.append((told, Notice(told.id, body, json.loads(body))))
        return 204

    def received(self, kind: str, subject: Any) -> Notice | None:
        """The latest notice of a type about a person, if the portal sent one."""
        with self._lock:
            found = [notice for told, notice in self._notices if (told.type, told.subject) == (kind, subject)]
        return found[-1] if found else None

    # --- towards the application --------------------------------------------------------------------------------------
    def play(
        self, id: str, body: bytes, *, secrets: Iterable[str] = (), age: timedelta = timedelta(), sent: bytes = b""
    ) -> int:
        """The status the application answers. Signed by `secrets` (the endpoint's own, unless given), `age` ago;
        `sent` is what goes out in place of the body that was signed. 0 when there was no answer."""
        at = datetime.now(UTC) - age
        signed = [Webhook(each).sign(id, at, body.decode()) for each in (list(secrets) or [self.secret])]
        headers = {
            "webhook-id": id, "webhook-timestamp": str(int(at.timestamp())), "webhook-signature": " ".join(signed)
        }  # fmt: skip
        return self.post(sent or body, headers)

    def post(self, body: bytes, headers: Mapping[str, str]) -> int:
        """The status the application answers to exactly this; 0 when there was no answer."""
        try:
            all_headers = {"content-type": "application/json", **headers}
            return httpx.post(self.endpoint, content=body, headers=all_headers, timeout=TIMEOUT_SECONDS).status_code
        except httpx.HTTPError:
            return 0


def _handler(relay: Relay) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            status = 413 if length > MOST_BYTES else relay.take(dict(self.headers.items()), self.rfile.read(length))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    return Handler
