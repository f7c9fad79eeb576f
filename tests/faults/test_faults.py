"""The fault matrix in its short form (`make faults` is the whole of it): every promise is kept."""

import subprocess
import sys

import pytest

from tests.faults.ground import ROOT
from tests.faults.matrix import FAULTS, SHORT
from tests.plugins.exhaustive import TURNS, every_turn, turn


def test_the_matrix_is_whole() -> None:
    assert [fault.name for fault in FAULTS] == [f"F{number}" for number in range(1, 28)]
    assert set(SHORT) <= {fault.name for fault in FAULTS}


@pytest.mark.slow
def test_the_short_matrix_is_kept() -> None:
    names = SHORT if every_turn() else SHORT[turn() :: TURNS]
    command = [sys.executable, "-m", "tests.faults", *names, "--short", "--seed", "20261129"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    rows = [line for line in done.stdout.splitlines() if line.startswith("| F")]
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert len(rows) == len(names) and all(row.endswith(("| yes |", "| not here |")) for row in rows), done.stdout
