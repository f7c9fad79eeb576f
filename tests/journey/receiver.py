"""A recipient like any other: verifies the signature of every notice, answers 2xx, acknowledges through the API."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook

Notice = dict[str, Any]


class Receiver:
    """Listens on a free port of this machine; `down` makes it answer 503. What it verified stands in `notices`."""

    def __init__(self, acknowledge: Callable[[Notice], None] | None = None) -> None:
        self.notices: list[Notice] = []
        self.refused = 0
        self.down = False
        self.secret = ""
        self.acknowledge = acknowledge
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Where notices go."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/notices"

    def of_type(self, kind: str) -> list[Notice]:
        """The verified notices of one type."""
        return [notice for notice in self.notices if notice["type"] == kind]

    def close(self) -> None:
        """Nobody listens any more."""
        self._server.shutdown()
        self._server.server_close()

    def take(self, body: bytes, headers: dict[str, str]) -> int:
        """The status answered; a notice whose signature does not fit is refused."""
        if self.down:
            return 503
        try:
            Webhook(self.secret).verify(body, headers)
        except Exception:  # whatever is wrong with it, it is not from the portal
            self.refused += 1
            return 401
        notice = json.loads(body)
        self.notices.append(notice)
        if self.acknowledge is not None:
            threading.Thread(target=self.acknowledge, args=[notice], daemon=True).start()
        return 202

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                status = receiver.take(body, {name.lower(): value for name, value in self.headers.items()})
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet."""

        return Handler
