"""docs/threats.md is true: every threat to the two rooms and every figure has its line, every test named is there."""

import re
from pathlib import Path

import pytest

from tests.laws.test_articles import is_test
from tests.mutants import MODULES

THREATS = {f"T{number}" for number in (*range(1, 16), 36, 37, 38)}
NOT_PROVEN = {"G22"}
FIGURES = {f"G{number}" for number in range(1, 31)} - NOT_PROVEN
NOT_PURE = {
    "vault": {"apps", "checks", "datakeys", "ledger", "models", "planner", "providers", "renewal", "rotation",
              "services", "tasks"},
    "audit": {"apps", "compare", "desk_models", "dump", "entries", "fields", "held", "models", "partitions",
              "reading", "retention", "selectors", "sequencer", "services", "store", "tasks", "verifications", "verify",
              "witnesses"},
}  # fmt: skip
"""Modules that know the database."""
OUTSIDE = {"vault": {"aws_kms", "transit", "checkpoint_key", "keyfiles", "ledger_file", "wrapping"}, "audit": set()}
"""Modules that read files or call others."""
PLAIN = {"audit": {"actors", "standalone_verifier"}, "vault": set()}
"""Pure: one has nothing in it to change, the other is proven by its own tests and not hunted yet (docs/figures.md)."""


@pytest.fixture
def lines(repository: Path) -> list[list[str]]:
    text = (repository / "docs/threats.md").read_text()
    found = [line for line in text.splitlines() if re.match(r"\| [TG]\d", line)]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in found]
    return [line for line in cells if len(line) == 4]  # the table of what was switched off by hand has three


def test_every_threat_and_figure_has_its_line(lines: list[list[str]]) -> None:
    assert {line[0].split()[0] for line in lines} == THREATS | FIGURES


def test_what_is_not_proven_says_so(repository: Path) -> None:
    _proven, _heading, owed = (repository / "docs/threats.md").read_text().partition("## What is not proven here")
    assert set(re.findall(r"\bG\d+\b", owed)) == NOT_PROVEN


def test_every_test_named_is_there(lines: list[list[str]], repository: Path) -> None:
    named = [name for line in lines for cell in line for name in re.findall(r"`(tests/\S+::\w+)`", cell)]
    assert len(named) > len(lines)
    assert [name for name in named if not is_test(name, repository)] == []


def test_every_line_has_a_test_and_every_threat_its_counterproof(lines: list[list[str]]) -> None:
    assert [line[0] for line in lines if "::" not in line[2]] == []
    threats = [line for line in lines if line[0].startswith("T")]
    assert [line[0] for line in threats if "::" not in line[3] and line[3] != "by hand"] == []


def test_every_pure_module_of_the_two_rooms_is_hunted(repository: Path) -> None:
    """A new module is pure and hunted for mutants, or says here why not (figure G23)."""
    for room, knows in NOT_PURE.items():
        modules = {path.stem for path in (repository / room).glob("*.py")} - {"__init__"}
        hunted = {name.partition(".")[2] for name in MODULES if name.startswith(f"{room}.")}
        assert modules == hunted | knows | OUTSIDE[room] | PLAIN[room], room
