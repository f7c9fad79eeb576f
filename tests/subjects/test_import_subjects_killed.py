"""An import killed with -9 in the middle of a transaction: nothing is half written, and running it again finishes."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from subjects.models import ApplicationLink, Identifier, PersonalValue, Subject, ValuePurpose
from tests.crashes.world import KILLED, environment
from vault.models import DataKey

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("catalogue")]

COMMAND = """
from django.core.management import call_command
call_command('import_subjects', {file!r}, application='shop'{more})
"""
# In the fourth batch, when people, keys and values are written and their events are not.
DYING = """
import os, signal
from audit import services
original, calls = services.record_many, []
def dying(entries):
    calls.append(1)
    if len(calls) == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(entries)
services.record_many = dying
"""


def run(file: Path, before: str = "", more: str = ", batch=30") -> "subprocess.CompletedProcess[str]":
    code = "import django; django.setup()\n" + before + COMMAND.format(file=str(file), more=more)
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], cwd=settings.BASE_DIR, env=environment(), capture_output=True,
        text=True, timeout=600, check=False,
    )  # fmt: skip


def line(number: int) -> str:
    values = {"given_name": f"Canaria{number}", "email": f"p{number}@canary.example"}
    identifiers = {"email": f"p{number}@canary.example", "customer_id": f"c{number}"}
    return json.dumps({"identifiers": identifiers, "data": {"orders": values}}) + "\n"


def held() -> dict[str, int]:
    models: tuple[Any, ...] = (Subject, DataKey, Identifier, ApplicationLink, PersonalValue, ValuePurpose)
    return {model.__name__: model.objects.count() for model in models}


def expected(before: dict[str, int], people: int) -> dict[str, int]:
    each = {"Subject": 1, "DataKey": 1, "Identifier": 2, "ApplicationLink": 1, "PersonalValue": 2, "ValuePurpose": 2}
    return {name: before[name] + people * each[name] for name in before}


def test_killed_in_a_transaction_and_run_again(tmp_path: Path, audit_log: Any) -> None:
    file = tmp_path / "people.jsonl"
    file.write_text("".join(line(number) for number in range(300)) + "{cut off")
    before = held()
    dead = run(file, before=DYING)
    assert dead.returncode == KILLED
    assert held() == expected(before, 90)
    assert len(audit_log("subject.imported")) == 90
    again = run(file)
    assert again.returncode == 1, again.stderr
    assert again.stdout.startswith("imported 210, already known 90, bad 1, seconds ")
    assert again.stderr.splitlines() == ["line 301: malformed_json"]
    assert held() == expected(before, 300)
    assert len(audit_log("subject.imported")) == 300
    assert "anaria" not in dead.stdout + dead.stderr + again.stdout + again.stderr
