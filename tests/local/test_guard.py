"""The guard passes on, restarts, stops in order, and leaves nothing behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import processes
from deploy.local.processes import Guard, Program

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def guard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Guard]:
    monkeypatch.setattr(processes, "FIRST_PAUSE", 0.05)
    (tmp_path / "logs").mkdir()
    made = Guard(tmp_path / "logs")
    yield made
    made.stop([])
    made._selector.close()


def program(name: str, code: str, **env: str) -> Program:
    return Program(name, [sys.executable, "-u", "-c", code], os.environ | env)


def pump_until(guard: Guard, condition: object, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, "it never happened"
        guard.pump(0.02)


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_lines_carry_the_name_and_stand_in_the_log(guard: Guard, capsys: pytest.CaptureFixture[str]) -> None:
    assert guard.run(program("greeter", "print('hello'); print('bye')")) == 0
    assert capsys.readouterr().out == "greeter   | hello\ngreeter   | bye\n"
    log = guard.logs / "greeter.log"
    assert log.read_text() == "hello\nbye\n"
    assert log.stat().st_mode & 0o777 == 0o600


def test_the_exit_code_of_a_step_is_handed_back(guard: Guard) -> None:
    assert guard.run(program("step", "raise SystemExit(3)")) == 3
    assert guard.children == {}


def test_a_child_that_dies_is_started_again_and_it_is_said(guard: Guard, capsys: pytest.CaptureFixture[str]) -> None:
    child = guard.start(program("steady", "import time; time.sleep(600)"))
    assert child.process is not None
    first = child.process.pid
    os.kill(first, signal.SIGKILL)
    pump_until(guard, lambda: child.process is not None and child.process.pid != first)
    assert "steady ended (signal SIGKILL)" in capsys.readouterr().out
    guard.stop(["steady"])


def test_the_pause_grows_while_a_child_keeps_dying(guard: Guard) -> None:
    child = guard.start(program("broken", "raise SystemExit(1)"))
    pauses = []
    for _ in range(3):
        pump_until(guard, lambda: child.start_again is not None)
        pauses.append(child.pause)
        pump_until(guard, lambda: child.start_again is None)
    assert pauses == sorted(set(pauses)), "each pause is longer than the one before"
    guard.stop(["broken"])


def test_children_are_stopped_in_the_order_asked_for(guard: Guard, tmp_path: Path) -> None:
    code = (
        "import os, signal, sys, time\n"
        "def bye(*_):\n"
        "    open(os.environ['ORDER'], 'a').write(os.environ['ME'] + ' '); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, bye); print('up'); time.sleep(600)\n"
    )
    order = tmp_path / "order"
    for name in ("postgres", "worker", "web"):
        guard.start(program(name, code, ORDER=str(order), ME=name))
    pump_until(guard, lambda: all((guard.logs / f"{name}.log").read_text() for name in guard.children))
    guard.stop(["web", "worker", "postgres"])
    assert order.read_text().split() == ["web", "worker", "postgres"]


def test_a_child_deaf_to_sigterm_is_killed_after_its_patience(guard: Guard) -> None:
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up'); time.sleep(600)"
    deaf = Program("deaf", [sys.executable, "-u", "-c", code], os.environ, patience_seconds=0.3)
    child = guard.start(deaf)
    pump_until(guard, lambda: (guard.logs / "deaf.log").read_text())
    began = time.monotonic()
    guard.stop(["deaf"])
    assert child.process is None
    assert 0.2 < time.monotonic() - began < 100


def test_what_a_killed_child_leaves_in_its_group_ends_with_it(guard: Guard) -> None:
    code = (
        "import subprocess, sys, time\n"
        "grandchild = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(grandchild.pid, flush=True); time.sleep(600)\n"
    )
    child = guard.start(program("parent", code))
    log = guard.logs / "parent.log"
    pump_until(guard, lambda: log.read_text().endswith("\n"))
    grandchild = int(log.read_text())
    assert alive(grandchild)
    assert child.process is not None
    os.kill(child.process.pid, signal.SIGKILL)
    pump_until(guard, lambda: not alive(grandchild))
    guard.stop(["parent"])


def test_children_die_when_the_guard_is_killed(tmp_path: Path) -> None:
    code = (
        "import os, pathlib, sys\n"
        "from deploy.local.processes import Guard, Program\n"
        "guard = Guard(pathlib.Path(sys.argv[1]))\n"
        "code = 'import os, time; print(os.getpid()); time.sleep(600)'\n"
        "guard.start(Program('child', [sys.executable, '-uc', code], os.environ))\n"
        "while True: guard.pump()\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as guard:
        try:
            assert guard.stdout is not None
            pid = int(guard.stdout.readline().removeprefix("child     | "))
            assert alive(pid)
        finally:
            guard.kill()
    end = time.monotonic() + 50
    while alive(pid):
        assert time.monotonic() < end, "the child outlived its guard"
        time.sleep(0.02)
