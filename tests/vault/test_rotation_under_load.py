"""The short form of `bench/rotation.py` (G26): rotated under load, killed twice, nothing unreadable, nothing left."""

import json
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.exhaustive]  # by day tests/vault/test_rotation.py kills one, without load


def test_a_rotation_under_load_killed_twice_ends_whole() -> None:
    command = [sys.executable, "-m", "bench.rotation", "--subjects", "800", "--kills", "2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)

    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["failures"] == []
    assert len(found["rotation"]["killed_at_rows"]) == 2
    assert all(0 < rows < 800 for rows in found["rotation"]["killed_at_rows"])
    assert set(found["histogram"]) == {"2"}
    assert {each["kind"] for each in found["load"]} == {"read", "write"}
    assert all(each["done"] > 0 for each in found["load"])
