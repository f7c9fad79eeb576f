"""Workers that can be killed, and the world they work in: a real process, real commits, a receiver that counts."""

import json
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import connections
from django.utils import timezone
from psycopg.conninfo import make_conninfo

from access.models import Application
from audit import actors
from audit.models import AuditEvent
from consent.models import Delivery
from consent.services.deliveries import acknowledge
from erasure.models import RightsRequest
from erasure.services.requests import file_request
from subjects.models import Subject

KILLED = -9
LEASE_SECONDS = 300
SWEEP = "from erasure.tasks import sweep; [sweep() for _ in range(5)]"
SEND = "from consent.tasks import sweep_deliveries; sweep_deliveries()"
NO_HINTS = "from gdpr_portal import wake; wake._send = lambda *given: None; "
"""Hints are not sent: what the sweep alone can do is what counts."""


def environment(**more: str) -> dict[str, str]:
    """The service's environment, on the test database, with leases that outlast a slow machine, and no undo window."""
    database = connections["default"].settings_dict
    names = {"host": "HOST", "port": "PORT", "dbname": "NAME", "user": "USER", "password": "PASSWORD"}
    address = make_conninfo(**{key: str(database[name]) for key, name in names.items() if database[name]})
    own = {
        "DATABASE_URL": address,
        "STEP_LEASE_SECONDS": str(LEASE_SECONDS),
        "UNDO_WINDOW_SECONDS": "0",
        "STATIC_ROOT": str(settings.STATIC_ROOT),
    }
    return os.environ | own | more


class Nursery:
    """Forks workers of the service; see tests/crashes/nursery.py. Ends with `close`."""

    def __init__(self, **more: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "tests.crashes.nursery"], cwd=settings.BASE_DIR,
            env=environment(**more), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def start(self, code: str, failpoint: str = "") -> int:
        """A worker that does this and ends, or is killed at the failpoint; its pid."""
        return self._ask({"code": NO_HINTS + code, "env": {"FAILPOINT": failpoint}})

    def finish(self, pid: int) -> int:
        """How it ended: 0, KILLED; anything else is a fault."""
        ended = self._ask({"wait": pid})
        assert ended in {0, KILLED}, ended
        return ended

    def work(self, code: str, failpoint: str = "") -> int:
        """What a worker does in one go; KILLED when it came by the failpoint."""
        return self.finish(self.start(code, failpoint))

    def close(self) -> None:
        """Nobody is left."""
        self._process.communicate(timeout=120)

    def _ask(self, order: dict[str, Any]) -> int:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


def lease_over() -> None:
    """Whoever was killed has lost what it held: every lease ended a second ago, instead of being waited for."""
    for model in apps.get_models():
        if any(each.name == "lease_until" for each in model._meta.concrete_fields):
            held = model._base_manager.filter(lease_until__isnull=False)
            held.update(lease_until=timezone.now() - timedelta(seconds=1))


def file(person: Any, right: str, **details: Any) -> RightsRequest:
    """A request of the person, verified, under way."""
    subject = Subject.objects.get(pk=person.subject.pk)
    return file_request(
        subject=subject, right=right, details=details, verified_by="account", actor=actors.SUBJECT, by_person=True
    )


def mails(request: RightsRequest) -> int:
    """How many completion mails about this request lie in the mail folder."""
    found = [path.read_text() for path in Path(settings.MAIL_DIR).glob("*.eml")]
    return sum(str(request.id) in text.replace("=\n", "") for text in found)


def recorded(request: RightsRequest) -> Counter[str]:
    """What the log says of the request, by action and step; `data.*`, `key.*` and such are told by their reason."""
    events = AuditEvent.objects.filter(subject=request.subject.pseudonym).order_by("ordinal")
    names = ("kind", "target", "reason")
    return Counter(
        " ".join([event.action, *(str(event.details[name]) for name in names if event.details.get(name))])
        for event in events
    )


@dataclass
class Receiver:
    """A server of an application: counts notices by `webhook-id`, acknowledges each, as often as it hears it."""

    application: Application
    url: str = ""
    counts: Counter[str] = field(default_factory=Counter)
    bodies: dict[str, set[bytes]] = field(default_factory=dict)

    def acknowledge_all(self) -> None:
        """Every notice heard is confirmed, once for each time it was heard."""
        for delivery, count in self.counts.items():
            for _ in range(count):
                acknowledge(
                    application=self.application, delivery_id=Delivery.objects.get(pk=delivery).pk, outcome="done",
                    evidence={}, data={},
                )  # fmt: skip


@contextmanager
def receiving(application: Application) -> Iterator[Receiver]:
    """A receiver on a free port of this machine, gone afterwards."""
    receiver = Receiver(application)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            message = self.headers["webhook-id"]
            json.loads(body)
            receiver.counts[message] += 1
            receiver.bodies.setdefault(message, set()).add(body)
            self.send_response(202)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    receiver.url = f"http://127.0.0.1:{server.server_port}/notices"
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
