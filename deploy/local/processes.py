"""The guard over the child processes: starts them, passes on what they say, restarts what dies, stops all in order.

One loop in one thread. Every child leads a process group of its own, so that Ctrl-C reaches only the guard, and what a
killed child leaves behind can be ended with it.
"""

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from deploy.local.instance import MARK, ROOT
from deploy.local.postgres import die_with_parent

FIRST_PAUSE, LONGEST_PAUSE, HEALTHY_AFTER = 0.5, 15.0, 30.0
"""Seconds: pause before the first restart, the longest pause, and the life after which the count starts anew."""
LARGEST_LOG = 10 * 1024 * 1024
COLOURS = {"postgres": 34, "web": 32, "worker": 35, "scheduler": 36, "sequencer": 33, "metrics": 90, "guard": 1}


@dataclass(frozen=True)
class Program:
    """One kind of child: what is run, with which environment, and how it is asked to stop."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str]
    stop_signal: signal.Signals = signal.SIGTERM
    patience_seconds: float = 15.0
    dies_with_parent: bool = True

    def argv(self) -> list[str]:
        return [*(die_with_parent("TERM") if self.dies_with_parent else []), *self.command]


@dataclass
class Child:
    """A program under way: its process, or the time at which it is started again."""

    program: Program
    log: IO[bytes]
    process: "subprocess.Popen[bytes] | None" = None
    started: float = 0.0
    pause: float = field(default_factory=lambda: FIRST_PAUSE)
    start_again: float | None = None
    half_line: bytes = b""


@dataclass
class Guard:
    """The children, in the order they were started."""

    logs: Path
    children: dict[str, Child] = field(default_factory=dict)
    stop_asked: int = 0
    _selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    _colour: bool = field(default_factory=sys.stdout.isatty)
    _mute: bool = False

    def listen_to_signals(self) -> None:
        """Ctrl-C, SIGTERM and a closed terminal stop everything in order; a second one kills."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._asked_to_stop)

    def _asked_to_stop(self, *_: object) -> None:
        self.stop_asked += 1

    def start(self, program: Program) -> Child:
        """The program runs, and is started again whenever it ends."""
        self.logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        child = Child(program, self._log(program.name))
        self.children[program.name] = child
        self._spawn(child)
        return child

    def _log(self, name: str) -> IO[bytes]:
        path = self.logs / f"{name}.log"
        if path.exists() and path.stat().st_size > LARGEST_LOG:
            path.replace(path.with_suffix(".log.1"))
        return open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab", buffering=0)

    def _spawn(self, child: Child) -> None:
        child.process = subprocess.Popen(
            child.program.argv(),
            env=dict(child.program.env),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        child.started, child.start_again = time.monotonic(), None
        assert child.process.stdout is not None
        os.set_blocking(child.process.stdout.fileno(), False)
        self._selector.register(child.process.stdout, selectors.EVENT_READ, child)

    def run(self, program: Program) -> int:
        """The program has run to its end; returns its exit code. Asked to stop, it is ended early."""
        child = self.start(program)
        assert child.process is not None
        while child.process.poll() is None:
            if self.stop_asked:
                self._signal_group(child, signal.SIGTERM)
            self.pump(0.05, restart=False)
        code = child.process.returncode
        self._bury(child)
        del self.children[program.name]
        child.log.close()
        return code

    def pump(self, seconds: float = 0.2, *, restart: bool = True) -> None:
        """What children said in the next moment is passed on; who died is started again after a pause."""
        for key, _ in self._selector.select(seconds):
            self._read(key.data)
        if restart:
            for child in self.children.values():
                self._look_after(child)

    def _look_after(self, child: Child) -> None:
        now = time.monotonic()
        if child.process is not None and child.process.poll() is not None:
            code = child.process.returncode
            lived = now - child.started
            self._bury(child)
            child.pause = FIRST_PAUSE if lived > HEALTHY_AFTER else min(child.pause * 2, LONGEST_PAUSE)
            child.start_again = now + child.pause
            self.say(f"{child.program.name} ended ({ended(code)}); starting it again in {child.pause:.0f} s")
        elif child.start_again is not None and now >= child.start_again:
            self._spawn(child)

    def _bury(self, child: Child) -> None:
        """The last words are passed on, and nothing of the child's group is left."""
        if child.process is None:
            return
        self._signal_group(child, signal.SIGKILL)
        self._read(child)
        if child.process.stdout is not None:
            with contextlib.suppress(KeyError):
                self._selector.unregister(child.process.stdout)
            child.process.stdout.close()
        child.process = None

    def _read(self, child: Child) -> None:
        if child.process is None or child.process.stdout is None:
            return
        while chunk := self._chunk(child.process.stdout):
            child.log.write(chunk)
            *lines, child.half_line = (child.half_line + chunk).split(b"\n")
            for line in lines:
                self._print(child.program.name, line.decode("utf-8", "replace"))
            if len(child.half_line) > 65536:
                child.half_line = b""

    def _chunk(self, pipe: IO[bytes]) -> bytes:
        try:
            chunk = os.read(pipe.fileno(), 65536)
        except BlockingIOError:
            return b""
        if not chunk:
            with contextlib.suppress(KeyError):
                self._selector.unregister(pipe)
        return chunk

    def say(self, text: str) -> None:
        """The line stands on the terminal, and in `logs/guard.log`."""
        for line in text.splitlines() or [""]:
            self._print("guard", line)
        with open(self.logs / "guard.log", "a", encoding="utf-8") as log:
            log.write(time.strftime("%Y-%m-%dT%H:%M:%SZ ", time.gmtime()) + text + "\n")

    def _print(self, name: str, line: str) -> None:
        if self._mute:
            return
        start = f"{name:<9} | "
        if self._colour:
            start = f"\x1b[{COLOURS.get(name, 37)}m{start}\x1b[0m"
        try:
            sys.stdout.write(start + line + "\n")
            sys.stdout.flush()
        except (BrokenPipeError, BlockingIOError):  # nobody reads any more: the log files still do
            self._mute = True

    def stop(self, names: Sequence[str]) -> None:
        """The named children, and then all others, have ended, one after the other in this order; none is left."""
        for child in self.children.values():
            child.start_again = None
        for name in [*names, *(name for name in list(self.children) if name not in names)]:
            if name in self.children and self.children[name].process is not None:
                self._stop(self.children[name])
        for child in self.children.values():
            child.log.close()
        self.children.clear()

    def _stop(self, child: Child) -> None:
        assert child.process is not None
        hurried = self.stop_asked > 1
        end = time.monotonic() + child.program.patience_seconds
        self._signal(child, signal.SIGKILL if hurried else child.program.stop_signal)
        while child.process.poll() is None:
            self.pump(0.05, restart=False)
            if time.monotonic() > end or (self.stop_asked > 1 and not hurried):
                hurried, end = True, time.monotonic() + 5
                self._signal_group(child, signal.SIGKILL)
        self._bury(child)

    def _signal(self, child: Child, number: int) -> None:
        assert child.process is not None
        with contextlib.suppress(ProcessLookupError):
            os.kill(child.process.pid, number)

    def _signal_group(self, child: Child, number: int) -> None:
        assert child.process is not None
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.process.pid, number)


def ended(code: int) -> str:
    """An exit code in words."""
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def left_behind(run_dir: Path) -> list[int]:
    """Processes that an earlier start of this very instance left, known by the mark in their environment."""
    mark = f"{MARK}={run_dir}".encode()
    return [pid for pid in running() if pid != os.getpid() and mark in environment_of(pid)]


def running() -> list[int]:
    """The ids of all processes."""
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def environment_of(pid: int) -> list[bytes]:
    """The environment a process was started with; empty when it is gone or not ours to see."""
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []


def stop_left_behind(run_dir: Path, say: Callable[[str], None]) -> None:
    """Nothing of an earlier start runs any more. A process is ended only if it carries this instance's mark."""
    for number, patience in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)):
        found = left_behind(run_dir)
        for pid in found:
            say(f"stopping process {pid}, left by an earlier start")
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        end = time.monotonic() + patience
        while found and left_behind(run_dir) and time.monotonic() < end:
            time.sleep(0.1)
