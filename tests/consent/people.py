"""What the tests of consents, sharing and deliveries share: acts in one line, and a receiver that listens for real."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from consent.models import ConsentEvent
from consent.selectors import live_notice, live_purpose
from consent.services.consents import record_consent
from consent.services.events import NoticeSeen
from consent.services.sharing import SharingRow, set_sharing
from subjects.models import Subject


def wording(purpose: str = "newsletter", language: str = "en") -> NoticeSeen:
    """The live text, as a person saw it."""
    text = live_notice(live_purpose(purpose), language)
    return NoticeSeen(text.notice.version, text.language, text.digest)


def answer(subject: Subject, action: str, purpose: str = "newsletter", **more: Any) -> ConsentEvent:
    """One act of the person in the portal."""
    seen = wording(purpose) if action == "give" else None
    arguments = {"notice": seen, "channel": "portal", "actor": "subject"} | more
    return record_consent(subject=subject, purpose=purpose, action=action, **arguments)


def share(subject: Subject, shared: bool, **more: Any) -> SharingRow:
    """One switch of the person in the portal."""
    arguments = {"recipient": "acme", "purpose": "newsletter", "channel": "portal", "actor": "subject"} | more
    return set_sharing(subject=subject, shared=shared, **arguments)


@dataclass
class Receiver:
    """A server of a recipient. `answers` are the next statuses (200 when it runs out); `heard` what came in."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    heard: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    before_answer: Callable[[], None] = lambda: None


@contextmanager
def listening() -> Iterator[Receiver]:
    """A receiver on a free port of this machine, gone afterwards."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.heard.append(({name.lower(): value for name, value in self.headers.items()}, body))
            receiver.before_answer()
            self.send_response(receiver.answers.pop(0) if receiver.answers else 200)
            for name, value in receiver.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    receiver.url = f"http://127.0.0.1:{server.server_port}/hook"
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
