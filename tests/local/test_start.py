"""`make run` refuses in words what it cannot do, before anything is started."""

import errno
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deploy.local import announce, instance, processes
from deploy.local.instance import MARK, Instance, Refusal
from deploy.local.programs import Plan
from deploy.local.roles import Addresses

ROOT = Path(__file__).resolve().parents[2]


def run(tmp_path: Path, *arguments: str, **env: str) -> "subprocess.CompletedProcess[str]":
    """`python -m deploy.local` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "deploy.local", *arguments],
        cwd=ROOT,
        env=os.environ | {"RUN_DIR": str(tmp_path / "run"), "DATABASE_URL": "", **env},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def test_a_taken_port_is_said_and_nothing_is_started(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run(tmp_path, PORT=str(port))
    assert done.returncode == 1
    assert f"Port {port} is taken" in done.stderr
    assert not (tmp_path / "run" / "postgres").exists()
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (PermissionError(errno.EACCES, "Permission denied"), "Port 80 is not for this user"),
        (OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address"), "Port 80 of 127.0.0.1 cannot be had: Cannot"),
    ],
)
def test_a_port_that_cannot_be_had_is_not_called_taken(
    monkeypatch: pytest.MonkeyPatch, error: OSError, said: str
) -> None:
    """Who is told that it is taken looks for a process that is not there."""

    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(socket.socket, "bind", refuse)
    assert instance.hindrance(80).startswith(said)


@pytest.mark.parametrize("port", ["eighty", "0", "65536", "-1"])
def test_a_port_that_is_none_is_said(tmp_path: Path, port: str) -> None:
    done = run(tmp_path, PORT=port)
    assert done.returncode == 1
    assert "PORT must be a number" in done.stderr


def test_a_second_start_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    first = Instance(instance.free_port(), tmp_path / "run")
    first.lock()
    for arguments in ([], ["reset"]):
        done = run(tmp_path, *arguments, PORT=str(instance.free_port()))
        assert done.returncode == 1
        assert "running on" in done.stderr
    assert (tmp_path / "run").exists()
    first.unlock()


def test_the_lock_ends_with_the_process_that_held_it(tmp_path: Path) -> None:
    code = (
        "import sys, time, pathlib; from deploy.local.instance import Instance;"
        "first = Instance(1, pathlib.Path(sys.argv[1])); first.lock(); print('held', flush=True); time.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "run")], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(Refusal):
            Instance(1, tmp_path / "run").lock()
        holder.kill()
    second = Instance(1, tmp_path / "run")
    second.lock()
    second.unlock()


def test_reset_clears_a_folder_of_ours_and_no_other(tmp_path: Path) -> None:
    strange = tmp_path / "run"
    strange.mkdir()
    (strange / "thesis.txt").write_text("mine")
    assert run(tmp_path, "reset").returncode == 1
    assert (strange / "thesis.txt").exists()
    (strange / "lock").touch()
    assert run(tmp_path, "reset").returncode == 0
    assert not strange.exists()


def test_secrets_are_made_once_and_read_by_nobody_else(tmp_path: Path) -> None:
    first = Instance(1, tmp_path)
    made = first.secret("django")
    assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600
    second = Instance(1, tmp_path)
    instance.load_secrets(second)
    assert second.secret("django") == made
    assert made not in repr(second)


def test_what_an_earlier_start_left_is_found_by_its_mark_and_ended(tmp_path: Path) -> None:
    sleeper = [sys.executable, "-c", "import time; time.sleep(600)"]
    with (
        subprocess.Popen(sleeper, env=os.environ | {MARK: str(tmp_path)}) as left,
        subprocess.Popen(sleeper, env=os.environ | {MARK: str(tmp_path) + "-other"}) as neighbour,
    ):
        wait_for(lambda: processes.left_behind(tmp_path) == [left.pid])
        said: list[str] = []
        processes.stop_left_behind(tmp_path, said.append)
        assert left.wait(60) == -signal.SIGTERM
        assert neighbour.poll() is None
        assert said
        neighbour.kill()


def wait_for(condition: "object", seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.02)


@pytest.mark.parametrize(("https", "scheme"), [(False, "http"), (True, "https")])
def test_people_are_told_an_address_on_which_passkeys_work_and_drivers_the_one_they_rely_on(
    tmp_path: Path, https: bool, scheme: str
) -> None:
    plan = Plan(Instance(8123, tmp_path, https), Addresses("a", "o", "s", ""), 9999)
    printed = announce.page(plan)
    assert f"Portal      {scheme}://localhost:8123/\n" in printed and f"{scheme}://127.0.0.1:8123" not in printed
    assert announce.description(plan)["web"] == f"{scheme}://127.0.0.1:8123"
    assert {"127.0.0.1", "localhost"} <= set(plan.settings()["ALLOWED_HOSTS"].split(","))
