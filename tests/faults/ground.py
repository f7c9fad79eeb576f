"""What faults are done to: a PostgreSQL, a web server behind a proxy, and workers, all processes of this run alone.

Nothing but what was started here is ever signalled, each by its own id. Import nothing of Django before `ground()`.
"""

import contextlib
import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from psycopg.conninfo import make_conninfo

from bench.world import World, service_stands, set_environment
from deploy.local.instance import free_port
from deploy.local.postgres import SETTINGS, SUPERUSER, Cluster, environment, wait_until_it_answers
from deploy.local.programs import WEB_OPTIONS
from tests.faults.proxy import Proxy

ROOT = Path(__file__).resolve().parents[2]
VOLUME_MEGABYTES = 400
ANSWER_SECONDS = 12.0
"""How long the driver waits for an answer; longer than anything may take."""


@dataclass
class Server:
    """The database server, to be killed and started again."""

    cluster: Cluster
    password: str
    process: Any = None

    def start(self, **settings: str) -> float:
        """It takes connections; seconds that took."""
        began = time.monotonic()
        kept = self.cluster.settings
        self.cluster.settings = kept | settings
        self.cluster.stop_orphan()
        with open(self.cluster.folder.parent / "postgres.log", "ab") as log:
            self.process = subprocess.Popen(
                self.cluster.command(), stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environment(),
                start_new_session=True,
            )  # fmt: skip
        self.cluster.settings = kept
        wait_until_it_answers(self.cluster, self.password, self.process)
        return time.monotonic() - began

    def stop(self, how: signal.Signals = signal.SIGQUIT) -> None:
        """SIGQUIT is its immediate shutdown: what a crash leaves; SIGINT the orderly one."""
        postmaster = int((self.cluster.data / "postmaster.pid").read_text().split("\n", 1)[0])
        os.kill(postmaster, how)
        self.process.wait(30)


@dataclass
class Web:
    """A web server of the service: granian with one worker process."""

    port: int
    env: dict[str, str]
    process: Any = None
    application: str = "gdpr_portal.wsgi:application"
    ready: str = "/readyz"

    def start(self) -> None:
        """It answers readyz with 200."""
        command = [
            sys.executable, "-W", "ignore", "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port",
            str(self.port), *WEB_OPTIONS, self.application,
        ]  # fmt: skip
        with open(Path(self.env["RUN_DIR"]) / "web.log", "ab") as log:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=self.env, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        wait_for(lambda: self.is_ready(), 120, "the web server is not ready")

    def is_ready(self) -> bool:
        """Whether it would take traffic."""
        return self.get(self.ready)[0] == 200

    def is_back(self) -> bool:
        """Ready; started anew when it ended, as a supervisor does: granian ends when its worker dies twice in 5.5 s."""
        if self.process.poll() is not None:
            self.start()
        return self.is_ready()

    def get(self, path: str, timeout: float = ANSWER_SECONDS) -> tuple[int, float]:
        """(status, seconds); status 0 for no answer."""
        began = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request("GET", path)
            return connection.getresponse().status, time.monotonic() - began
        except (OSError, http.client.HTTPException):
            return 0, time.monotonic() - began
        finally:
            connection.close()

    def workers(self) -> list[int]:
        """The ids of its worker processes: children of the process started here."""
        pid = self.process.pid
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def kill(self, *, all_of_it: bool) -> None:
        """kill -9 of its worker, or of the whole tree."""
        for pid in [*self.workers(), *([self.process.pid] if all_of_it else [])]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if all_of_it:
            self.process.wait(10)

    def stop(self) -> None:
        """SIGTERM, and it has ended."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(40)


@dataclass
class Ground:
    """Everything a fault needs."""

    folder: Path
    made: World
    server: Server
    proxy: Proxy
    web: Web
    dice: Random
    full: bool
    has_volume: bool
    is_alone: bool = True
    """On this machine, so that seconds can be promised; beside other tests what happens is seen, not how fast."""
    nurseries: list[Any] = field(default_factory=list)

    def nursery(self, **more: str) -> Any:
        """Where workers come from, with more in their environment; their leases are waited for, so they are short."""
        from tests.crashes.world import Nursery

        more = {"STEP_LEASE_SECONDS": "1"} | more

        made = Nursery(**more)
        self.nurseries.append(made)
        return made

    def count(self, statement: str, *given: Any) -> int:
        """A number from the database, by a connection of its own."""
        import psycopg

        with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
            found = connection.execute(statement, given).fetchone()
            return int(found[0]) if found else 0

    def many(self, short: int, full: int) -> int:
        """How often: the full number of the matrix, or fewer."""
        return full if self.full else short

    def token(self) -> str:
        """A bearer token of shop, good for ten minutes."""
        from access.oauth import save_token
        from access.tokens import new_token

        forget_connections()
        token = new_token()
        save_token(application=self.made.shop, token=token, scopes=self.made.shop.scopes)
        return token

    def person(self) -> Any:
        """Somebody new, with values under a contract; `.subject` as tests have it."""
        from consent.services.data import store_data
        from tests.conftest import make_person

        forget_connections()
        person = make_person(f"f{secrets.token_hex(6)}", self.made.shop)
        values = {"given_name": "Fay", "family_name": "Ault"}
        keep = {"application": self.made.shop, "subject": person.subject, "source": "subject"}
        store_data(purpose="orders", values=values, **keep)
        return person


def forget_connections() -> None:
    """This process connects anew: its old connection may be to a server that died."""
    from django.db import connections

    connections.close_all()


def wait_for(is_so: Any, seconds: float, otherwise: str) -> float:
    """It is so; after how many seconds."""
    began = time.monotonic()
    while not is_so():
        assert time.monotonic() - began < seconds, otherwise
        time.sleep(0.1)
    return time.monotonic() - began


@contextmanager
def ground(
    folder: Path, seed: int, *, full: bool, is_alone: bool = True, broker: str = "memory://"
) -> Iterator[Ground]:
    """All of it stands, and nothing of it is left afterwards. With `pgmq://` hints lie in the database's own queue."""
    volume = folder / "postgres"
    volume.mkdir()
    has_volume = _mounted(volume)
    cluster, password = Cluster(volume / "db", settings=dict(SETTINGS)), secrets.token_urlsafe(20)
    server = Server(cluster, password)
    cluster.create(password)
    server.start()
    proxy = web = None
    try:
        direct = cluster.address(SUPERUSER, password, "postgres")
        set_environment(folder, direct)
        os.environ |= {"UNDO_WINDOW_SECONDS": "0", "ERASURES_PER_HOUR": "0", "STATIC_ROOT": str(folder / "static")}
        os.environ["BROKER_URL"] = broker
        if broker == "pgmq://":
            _queue_stands(direct)
        made = service_stands()
        proxy = Proxy(cluster.sockets / ".s.PGSQL.5432")
        through = make_conninfo(
            host="127.0.0.1", port=str(proxy.port), user=SUPERUSER, password=password, dbname="postgres"
        )
        web = Web(free_port(), os.environ | {"DATABASE_URL": through, "ALLOWED_HOSTS": "127.0.0.1"})
        web.start()
        stands = Ground(folder, made, server, proxy, web, Random(seed), full, has_volume, is_alone)
        yield stands
        for each in stands.nurseries:
            each.close()
    finally:
        if web is not None:
            web.stop()
        if proxy is not None:
            proxy.close()
        if server.process.poll() is None:
            server.stop(signal.SIGINT)
        if has_volume:
            subprocess.run(["umount", "--lazy", str(volume)], check=False)


def _queue_stands(address: str) -> None:
    import psycopg

    from gdpr_portal.roles import install_queue

    with psycopg.connect(address, autocommit=True) as connection:
        install_queue(connection)


def _mounted(volume: Path) -> bool:
    """Whether the database lies on a small volume of its own, so that it can be full."""
    size = f"size={VOLUME_MEGABYTES}m,mode=0755"
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(volume)], capture_output=True, check=False)
    return done.returncode == 0


# --- the driver ------------------------------------------------------------------------------------------------------
@dataclass
class Load:
    """Threads that say yes and no by turns, each for a person of its own; what got no answer is asked again.

    Every act has an Idempotency-Key, so that asking again is safe. `finish()` ends it and returns what became of all.
    """

    stands: Ground
    threads: int = 4
    webs: list[Web] = field(default_factory=list)
    tolerated: frozenset[int] = frozenset({409, 503})
    statuses: Counter[int] = field(default_factory=Counter)
    slowest: float = 0.0
    _stop: threading.Event = field(default_factory=threading.Event)
    _hurry: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> "Load":
        from bench.imports import newsletter
        from subjects.services import register_subject
        from vault.services import pairwise_id

        forget_connections()
        self.webs = self.webs or [self.stands.web]
        shop = self.stands.made.shop
        self.notice = newsletter()["notice"]
        self.token = self.stands.token()
        self.people = [
            register_subject(application=shop, identifiers={"customer_id": secrets.token_hex(8)})[0]
            for _ in range(self.threads)
        ]
        ids = [pairwise_id(shop.pk, person.pk) for person in self.people]
        self.acked = [0] * self.threads
        self.jobs = [
            threading.Thread(target=self._work, args=(number, str(each)), daemon=True)
            for number, each in enumerate(ids)
        ]
        for job in self.jobs:
            job.start()
        return self

    def __exit__(self, *_given: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Nobody asks any more, answered or not."""
        self._stop.set()
        self._hurry.set()
        for job in self.jobs:
            job.join(2 * ANSWER_SECONDS)

    @property
    def total(self) -> int:
        """Acts that were acknowledged so far."""
        return sum(self.acked)

    def _work(self, number: int, subject: str) -> None:
        dice = Random(number)
        while not self._stop.is_set():
            action = ("give", "withdraw")[self.acked[number] % 2]
            body: dict[str, Any] = {"purpose": "newsletter", "action": action, "channel": "web"}
            body |= {"notice": self.notice} if action == "give" else {}
            key = secrets.token_hex(8)
            while not self._asked(dice.choice(self.webs), f"/api/v1/subjects/{subject}/consents", body, key):
                if self._hurry.wait(0.05):
                    return
            self.acked[number] += 1

    def _asked(self, web: Web, path: str, body: dict[str, Any], key: str) -> bool:
        began = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=ANSWER_SECONDS)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json", "Idempotency-Key": key}
        try:
            connection.request("POST", path, json.dumps(body), headers)
            answer = connection.getresponse()
            answer.read()
            status = answer.status
        except (OSError, http.client.HTTPException):
            status = 0
        finally:
            connection.close()
        with self._lock:
            self.statuses[status] += 1
            self.slowest = max(self.slowest, time.monotonic() - began)
        return status == 201

    def finish(self) -> str:
        """All is acknowledged; the rows have each act once. Returns it in words; AssertionError when not so."""
        self._stop.set()
        for job in self.jobs:
            job.join(60)
            assert not job.is_alive(), f"an act was never acknowledged: {dict(self.statuses)}"
        lost, doubled = self.differences()
        wrong = {status for status in self.statuses if status >= 400} - self.tolerated
        words = f"{self.total} acts, {lost} lost, {doubled} doubled, answers {dict(sorted(self.statuses.items()))}"
        assert not lost and not doubled and not wrong, words
        return words

    def differences(self) -> tuple[int, int]:
        """(lost, doubled), by the consent events and the audit log's entries of each person."""
        lost = doubled = 0
        for person, acked in zip(self.people, self.acked, strict=True):
            events = self.stands.count("SELECT count(*) FROM consent_consentevent WHERE subject_id = %s", person.pk)
            told = self.stands.count(
                "SELECT count(*) FROM audit_event WHERE subject = %s AND action ~ '^consent.(given|withdrawn)$'",
                person.pseudonym,
            )
            lost += max(acked - min(events, told), 0)
            doubled += max(max(events, told) - acked, 0)
        return lost, doubled


def idle_clients(port: int, count: int) -> list[socket.socket]:
    """So many connections that say nothing."""
    return [socket.create_connection(("127.0.0.1", port), timeout=5) for _ in range(count)]
