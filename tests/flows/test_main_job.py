"""The whole main job against a whole instance: embedded server, web, worker, scheduler and sequencer, all real."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.journey.people import App

ROOT = Path(__file__).resolve().parents[2]
OURS = ("DATABASE", "BROKER", "SECRET_KEY", "PROFILE", "RUN_DIR", "VAULT", "AUDIT", "SHRED", "MAIL_DIR", "PROMETHEUS")
READY_SECONDS = 90

pytestmark = pytest.mark.slow


class House:
    """`make run`, as somebody on a fresh machine starts it."""

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.process = self._start()

    def _start(self) -> "subprocess.Popen[bytes]":
        env = os.environ | {"RUN_DIR": str(self.run_dir), "PORT": str(self.port)}
        command = [sys.executable, "-m", "deploy.local"]
        with (self.run_dir.parent / "house.log").open("ab") as log:
            return subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log, start_new_session=True)

    def await_ready(self) -> None:
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end:
            try:
                if httpx.get(f"http://127.0.0.1:{self.port}/readyz", timeout=2).status_code == 200:
                    return
            except httpx.HTTPError:
                time.sleep(0.3)
        raise AssertionError((self.run_dir.parent / "house.log").read_text()[-3000:])

    def kill_everything(self) -> None:
        """Power off: every process of the instance gets a -9."""
        mark = f"RUN_DIR={self.run_dir}".encode()
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit() and int(folder.name) != os.getpid():
                try:
                    environ = (folder / "environ").read_bytes().split(b"\0")
                    if mark in environ:
                        os.kill(int(folder.name), signal.SIGKILL)
                except (OSError, ProcessLookupError):
                    continue
        self.process.wait(timeout=30)

    def start_again(self) -> None:
        self.process = self._start()
        self.await_ready()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=60)


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    for name in [name for name in os.environ if name.startswith(OURS)]:
        monkeypatch.delenv(name)  # what the other tests run on is nothing to this instance
    made = House(tmp_path / "run")
    try:
        made.await_ready()
        yield made
    finally:
        if made.process.poll() is None:
            made.stop()


def test_the_main_job_and_a_power_cut(house: House) -> None:
    env = os.environ | {"RUN_DIR": str(house.run_dir)}
    walk = [sys.executable, "-m", "tests.journey"]
    done = subprocess.run(walk, cwd=ROOT, env=env, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr

    about = json.loads((house.run_dir / "demo.json").read_text())
    shop = App(about["web"], True, about["applications"]["shop"])
    made = shop.call("POST", "subjects", {"identifiers": {"email": "before.the.cut@people.example"}}, 201)
    asked = shop.call("POST", "requests", {"subject": made["id"], "right": "access", "verified_by": "account"}, 201)
    shop.session.close()
    house.kill_everything()
    house.start_again()

    shop = App(about["web"], True, about["applications"]["shop"])
    found = shop.call("POST", "subjects/lookup", {"email": "before.the.cut@people.example"})
    assert found["id"] == made["id"]
    end = time.monotonic() + 300
    while shop.call("GET", f"requests/{asked['id']}")["state"] != "completed":
        assert time.monotonic() < end, "the request was not finished after the restart"
        time.sleep(0.3)
    shop.session.close()
    assert house.stop() == 0
