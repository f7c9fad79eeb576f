"""A small application that passes, to read and to try the kit with: `python -m gdpr_portal_conformance.sample`.

It keeps what it holds in memory: for each person the purposes it may use and whether they are restricted. A notice is
verified, put into a queue and answered at once; a worker carries it out, once, if it is not older than what is known,
and acknowledges it.
"""

import json
import os
import queue
import sys
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from gdpr_portal_client import NotFound, Notification, NotVerified, Portal, verify
from gdpr_portal_client.models import Outcome


@dataclass
class Held:
    """What the application holds about a person."""

    values: dict[str, str]
    purposes: set[str]
    restricted: bool = False


@dataclass
class Application:
    """The application. A subclass that does one thing wrong is what the kit is for."""

    portal: Portal
    secrets: list[str]
    held: dict[str, Held] = field(default_factory=dict)
    latest: dict[str, int] = field(default_factory=dict)
    handled: "Counter[str]" = field(default_factory=Counter)
    waiting: "queue.Queue[Notification]" = field(default_factory=queue.Queue)

    # --- notices ----------------------------------------------------------------------------------------------------
    def take(self, headers: Mapping[str, str], body: bytes) -> int:
        """The status for who sent it: 204 for a genuine notice, 400 for anything else."""
        try:
            self.waiting.put(self.verified(headers, body))
        except NotVerified:
            return 400
        return 204

    def verified(self, headers: Mapping[str, str], body: bytes) -> Notification:
        """The notice, or NotVerified."""
        return verify(self.secrets, headers, body)

    def work(self) -> None:
        """Every notice that waits is carried out and acknowledged."""
        while not self.waiting.empty():
            self.handle(self.waiting.get())

    def handle(self, notice: Notification) -> None:
        """Carried out the first time it comes, unless something newer is known; acknowledged in any case."""
        subject = str(notice.subject)
        if not self.is_known(notice):
            self.handled[notice.id] += 1
            if not self.is_late(notice):
                self.latest[subject] = notice.sequence
                self.carry_out(notice.type, subject, notice.purpose or "")
        self.acknowledge(notice)

    def is_known(self, notice: Notification) -> bool:
        """Whether it came before."""
        return notice.id in self.handled

    def is_late(self, notice: Notification) -> bool:
        """Whether something newer about the person is known."""
        return notice.sequence < self.latest.get(str(notice.subject), -1)

    def carry_out(self, kind: str, subject: str, purpose: str) -> None:
        """What the notice asks for is so."""
        held = self.held.get(subject)
        if held is None:
            return
        if kind == "consent.withdrawn":
            held.purposes.discard(purpose)
        elif kind in {"restriction.set", "restriction.lifted"}:
            held.restricted = kind == "restriction.set"
        elif kind == "erasure.requested":
            del self.held[subject]

    def acknowledge(self, notice: Notification) -> None:
        """The portal knows how it ended; a notice the portal does not know needs no answer."""
        try:
            self.portal.acknowledge(notice.delivery, self.outcome(notice))
        except NotFound:
            return

    def outcome(self, notice: Notification) -> Outcome:
        """How it ended."""
        return "done"

    # --- the probe: in the test set-up only ---------------------------------------------------------------------------
    def answer(self, question: Mapping[str, Any]) -> bool | int:
        """The answer to one question of the kit."""
        if question["ask"] == "handled":
            return self.handled[question["delivery"]]
        held = self.held.get(question["subject"])
        if question["ask"] == "meet":
            self.held[question["subject"]] = Held(dict(question["values"]), {question["purpose"]})
            return True
        if question["ask"] == "holds":
            return held is not None
        allowed = held is not None and question["purpose"] in held.purposes and not held.restricted
        return allowed and held is not None and question["field"] in held.values


def serve(application: Application, port: int = 0) -> ThreadingHTTPServer:
    """A server on this machine with `/notices` and `/probe`, not yet serving."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.path == "/probe":
                self._say(200, json.dumps({"answer": application.answer(json.loads(body))}).encode())
            else:
                self._say(application.take(dict(self.headers.items()), body), b"")

        def _say(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    return ThreadingHTTPServer(("127.0.0.1", port), Handler)


def main() -> int:
    """Serves until it is ended. `GDPR_PORTAL_URL`, `_CLIENT_ID`, `_CLIENT_SECRET`, `_WEBHOOK_SECRET`, `PORT`."""
    told = {name: os.environ[f"GDPR_PORTAL_{name}"] for name in ("URL", "CLIENT_ID", "CLIENT_SECRET", "WEBHOOK_SECRET")}
    portal = Portal(told["URL"], told["CLIENT_ID"], told["CLIENT_SECRET"], scopes=["deliveries:acknowledge"])
    application = Application(portal, [told["WEBHOOK_SECRET"]])
    server = serve(application, int(os.environ.get("PORT", "9801")))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    while True:
        application.handle(application.waiting.get())


if __name__ == "__main__":
    sys.exit(main())
