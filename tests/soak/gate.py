"""Calls in batches, the memory of the one process that answers them after each, and who holds what grew."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.cpu import resident_mib
from gdpr_portal import leaks
from tests.faults.ground import wait_for
from tests.soak.slopes import Sample, Slope, slope

BATCHES = 8
ROUNDS = 3
"""A cache that fills looks like a leak and stops: a leak is what is seen in every round."""
WARM_UP = 0.5
"""Calls before the first sample, as a share of those that are measured: caches fill, the allocator settles."""
SEEN_SECONDS = 60.0
"""A process looks for notes every ten seconds (gdpr_portal.lifetimes)."""


@dataclass
class Target:
    """A process and how to call it: `call(n)` does the work n times over. Allowed are so many KiB in 1,000 calls."""

    name: str
    process: str
    pid: int
    call: Callable[[int], None]
    allowance: float
    calls: int


@dataclass(frozen=True)
class Row:
    """What was seen of one target. `grown` names lines and distributions when it leaks."""

    target: str
    slope: Slope
    verdict: str
    limit: float
    grown: Sequence[dict[str, Any]] = field(default_factory=tuple)


def measured(target: Target) -> list[Sample]:
    """The samples of one round."""
    size = max(1, target.calls // BATCHES)
    samples = []
    for batch in range(BATCHES + 1):
        samples.append((batch * size, resident_mib(target.pid) * 1024))
        if batch < BATCHES:
            target.call(size)
    return samples


def judged(target: Target, notes: Path) -> Row:
    """The row of a target; one that leaks is followed for another batch, so that its report can name who holds."""
    target.call(int(target.calls * WARM_UP))
    for _round in range(ROUNDS):
        found = slope(measured(target))
        verdict = found.verdict(target.allowance)
        if verdict == "flat":
            break
    grown = named(target, notes) if verdict == "leak" else ()
    return Row(target.name, found, verdict, found.limit(target.allowance), grown)


def named(target: Target, notes: Path) -> list[dict[str, Any]]:
    """Line, distribution and version of what this process keeps, the greatest first (gdpr_portal.leaks)."""
    leaks.start(notes, target.process)
    wait_for(lambda: _state(notes, target) == "following", SEEN_SECONDS, "the process did not see the note")
    target.call(max(1, target.calls // BATCHES))
    leaks.stop(notes, target.process)
    wait_for(lambda: _state(notes, target) == "done", SEEN_SECONDS, "the process did not report")
    report = leaks.report(notes, target.process)
    return list(report["grown"]) if report else []


def _state(notes: Path, target: Target) -> str:
    report = leaks.report(notes, target.process)
    return str(report["state"]) if report else ""


def table(rows: Sequence[Row], changes: Sequence[str]) -> str:
    """The report, in Markdown."""
    lines = ["| what | KiB in 1,000 calls | noise | too much from | verdict |", "| --- | ---: | ---: | ---: | --- |"]
    for row in rows:
        numbers = f"{row.slope.kib:.1f} | {row.slope.noise:.1f} | {row.limit:.1f}"
        lines.append(f"| {row.target} | {numbers} | {row.verdict} |")
    for row in rows:
        for each in row.grown[:5]:
            who = f"{each['distribution']} {each['version']}"
            lines.append(f"\n{row.target}: {each['bytes'] / 1024:.0f} KiB more at {each['place']} ({who})")
    words = "\n".join(f"* {each}" for each in changes) or "* none"
    return "\n".join([*lines, f"\nDependencies that changed since the gate passed:\n{words}"])
