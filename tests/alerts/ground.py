"""What faults are done to: one instance, the Prometheus that watches it, and somebody who uses it all the while."""

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg

from deploy.local.instance import free_port
from deploy.local.postgres import SUPERUSER, Cluster
from deploy.local.roles import DATABASE
from tests.alerts import compressed
from tests.faults.ground import ROOT, wait_for
from tests.journey.receiver import Receiver

PROGRAMS = {
    "web": "granian", "worker": "celery", "scheduler": "gdpr_portal.scheduler", "sequencer": "run_sequencer",
    "metrics": "gdpr_portal.exposition", "postgres": "postgres",
}  # fmt: skip
VOLUME_MEGABYTES = 600
SETTINGS = {"UNDO_WINDOW_SECONDS": "86400", "ERASURES_PER_HOUR": "20"}


class Shop(Receiver):
    """A recipient that takes every notice and confirms none; `gone` makes it answer 410."""

    gone = False

    def take(self, body: bytes, headers: dict[str, str]) -> int:
        return 410 if self.gone else super().take(body, headers)


class Ground:
    """A running instance; `close()` ends it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.run_dir = folder, folder / "run"
        self.run_dir.mkdir()
        self.volume, self.shop = _mounted(self.run_dir), Shop()
        env = os.environ | SETTINGS | {"RUN_DIR": str(self.run_dir), "PORT": str(free_port())}
        for name in ("DATABASE_URL", "BROKER_URL"):
            env.pop(name, None)
        with open(folder / "instance.log", "ab") as log:
            self.guard = subprocess.Popen(
                [sys.executable, "-m", "deploy.local"], cwd=ROOT, env=env, stdout=log, stderr=log,
                stdin=subprocess.DEVNULL,
            )  # fmt: skip
        try:
            self._begin()
        except BaseException:
            self.close()
            raise

    def _begin(self) -> None:
        wait_for(self._is_ready, 240, "the instance is not ready")
        self.demo: dict[str, Any] = json.loads((self.run_dir / "demo.json").read_text())
        told = self.manage("webhook_endpoint", "set", "shop", self.shop.url)
        self.shop.secret = next(word for word in told.split() if word.startswith("whsec_"))
        self.api = httpx.Client(base_url=f"{self.demo['web']}/api/v1", timeout=20)
        self.api.headers["Authorization"] = f"Bearer {self.token()}"

    def _is_ready(self) -> bool:
        log = self.folder / "instance.log"
        assert self.guard.poll() is None, log.read_text()[-2000:]
        return "guard     | ready after" in log.read_text()

    def close(self) -> None:
        """Nothing of it is left."""
        if self.guard.poll() is None:
            self.guard.send_signal(signal.SIGCONT)
            self.guard.send_signal(signal.SIGINT)
            self.guard.wait(90)
        self.shop.close()
        if self.volume:
            subprocess.run(["umount", "--lazy", str(self.run_dir)], check=False)

    # --- its processes -----------------------------------------------------------------------------------------------
    def pid(self, name: str) -> int:
        """The process of that name under the guard; it leads a group of its own."""
        word, guard = PROGRAMS[name], self.guard.pid
        for pid in Path(f"/proc/{guard}/task/{guard}/children").read_text().split():
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
            if any(each == word or each.endswith(f"/{word}") for each in words):
                return int(pid)
        raise ProcessLookupError(name)

    def is_there(self, name: str) -> bool:
        """Whether the guard has such a process."""
        try:
            self.pid(name)
        except (ProcessLookupError, FileNotFoundError):
            return False
        return True

    def kill(self, name: str, how: signal.Signals = signal.SIGKILL) -> None:
        """The process and all of its own get the signal."""
        os.killpg(self.pid(name), how)

    @contextmanager
    def asleep(self, name: str) -> Iterator[None]:
        """The process hangs: it is there and does nothing."""
        group = self.pid(name)
        os.killpg(group, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(group, signal.SIGCONT)

    @contextmanager
    def unguarded(self) -> Iterator[None]:
        """What ends meanwhile is not started again."""
        self.guard.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.guard.send_signal(signal.SIGCONT)
            wait_for(self.is_well, 90, "the instance does not come back")

    def is_well(self) -> bool:
        """Whether it would take traffic."""
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{self.demo['web']}/readyz", timeout=5).status_code == 200
        return False

    # --- its rows ----------------------------------------------------------------------------------------------------
    def connect(self) -> "psycopg.Connection[Any]":
        """A connection that no trigger and no role holds back."""
        password = json.loads((self.run_dir / "secrets.json").read_text())["postgres"]
        address = Cluster(self.run_dir / "postgres", prefix=[]).address(SUPERUSER, password, DATABASE)
        return psycopg.connect(address, autocommit=True, options="-c session_replication_role=replica")

    def rows(self, statement: str, *given: Any) -> list[Any]:
        """What the statement found or changed (`RETURNING`)."""
        with self.connect() as connection:
            found = connection.execute(statement, given)
            return found.fetchall() if found.description else []

    # --- from outside ------------------------------------------------------------------------------------------------
    def token(self) -> str:
        """A bearer token of shop."""
        keys = self.demo["applications"]["shop"]
        answer = httpx.post(
            f"{self.demo['web']}/oauth/token", data={"grant_type": "client_credentials"},
            auth=(keys["client_id"], keys["client_secret"]), timeout=20,
        )  # fmt: skip
        return str(answer.raise_for_status().json()["access_token"])

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """What the API answers to shop, asked again with a new token when that one is over."""
        answer = self.api.request(method, path, json=body)
        if answer.status_code == 401:
            self.api.headers["Authorization"] = f"Bearer {self.token()}"
            answer = self.api.request(method, path, json=body)
        return answer.raise_for_status().json()

    def person(self) -> str:
        """Somebody new with a name for orders; the id shop knows."""
        number = secrets.token_hex(6)
        given = {"identifiers": {"customer_id": number, "email": f"{number}@people.example"}}
        subject = str(self.call("POST", "/subjects", given)["id"])
        values = {"given_name": "Fay", "family_name": "Ault"}
        self.call("PUT", f"/subjects/{subject}/data", {"purpose": "orders", "values": values, "source": "subject"})
        return subject

    def file(self, right: str, subject: str, **details: Any) -> str:
        """The id of a new request."""
        body = {"subject": subject, "right": right, "verified_by": "account", "details": details}
        return str(self.call("POST", "/requests", body)["id"])

    def manage(self, *words: str) -> str:
        """What `manage.py` printed; AssertionError when it failed."""
        env = os.environ | self.demo["env"]
        done = subprocess.run(
            [*self.demo["manage"], *words], env=env, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


class Use:
    """Somebody who asks five times a second, and whether the service is ready, so that rates mean something."""

    def __init__(self, ground: Ground) -> None:
        self.ground, self.subject = ground, ground.person()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self._thread.start()

    def _ask(self) -> None:
        client = httpx.Client(base_url=self.ground.demo["web"], timeout=5)
        body = {"subject": self.subject, "purpose": "newsletter"}
        number = 0
        while not self._over.wait(0.2):
            number += 1
            headers = {"Authorization": self.ground.api.headers["Authorization"]}
            with contextlib.suppress(httpx.HTTPError):  # a service that is down is what is being tried
                if number % 5 == 0:
                    client.get("/readyz")
                if client.post("/api/v1/decisions", json=body, headers=headers).status_code == 401:
                    self.ground.api.headers["Authorization"] = f"Bearer {self.ground.token()}"

    def close(self) -> None:
        """Nobody asks any more."""
        self._over.set()
        self._thread.join(10)


class Watch:
    """Prometheus with our rules; what fires, by name."""

    def __init__(self, program: Path, ground: Ground) -> None:
        self.port = free_port()
        target = ground.demo["metrics"].split("/")[2]
        file = compressed.write(ground.folder, target)
        with open(ground.folder / "prometheus.log", "ab") as log:
            self.process = subprocess.Popen(
                [str(program), f"--config.file={file}", f"--storage.tsdb.path={ground.folder / 'tsdb'}",
                 f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=warn"],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        wait_for(self._is_ready, 60, f"no Prometheus: see {ground.folder / 'prometheus.log'}")

    def _is_ready(self) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"http://127.0.0.1:{self.port}/-/ready", timeout=5).status_code == 200
        return False

    def firing(self) -> set[str]:
        """The alerts that fire now."""
        told = httpx.get(f"http://127.0.0.1:{self.port}/api/v1/alerts", timeout=10).raise_for_status().json()
        return {each["labels"]["alertname"] for each in told["data"]["alerts"] if each["state"] == "firing"}

    def close(self) -> None:
        """Nobody watches any more."""
        self.process.terminate()
        self.process.wait(20)


def _mounted(folder: Path) -> bool:
    """Whether the instance lies on a small volume of its own, so that it can be full."""
    size = f"size={VOLUME_MEGABYTES}m,mode=0755"
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(folder)], capture_output=True, check=False)
    return done.returncode == 0
