"""The commands of docs/developers.md are run as they stand there, so that a reader's first five minutes succeed."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("catalogue")]


@pytest.fixture
def demo(live_server: Any, shop: Any, tmp_path: Path) -> Path:
    """The folder of an instance, with what a reader finds in `demo.json`."""
    credentials = {"client_id": shop.client_id, "client_secret": shop.plain_secret}
    (tmp_path / "demo.json").write_text(json.dumps({"web": live_server.url, "applications": {"shop": credentials}}))
    return tmp_path


def block(repository: Path, heading: str, language: str) -> str:
    """The first fenced block of that language below the heading."""
    section = (repository / "docs/developers.md").read_text("utf-8").split(f"## {heading}\n")[1]
    found = re.search(rf"```{language}\n(.*?)```", section, re.DOTALL)
    assert found is not None, heading
    return found[1]


def run(command: list[str], text: str, folder: Path) -> str:
    env = os.environ | {"RUN_DIR": str(folder)}
    done = subprocess.run(command, input=text, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_first_stored_field_with_curl(demo: Path, repository: Path) -> None:
    told = run(["bash", "-eu"], block(repository, "Five minutes with curl", "sh"), demo)

    answers = [json.loads(line) for line in told.splitlines()]
    given, stored, read, decided = answers
    assert given["state"] == "given"
    assert stored == {"stored": ["given_name"], "purpose": "newsletter"}
    assert read == {"purpose": "newsletter", "values": {"given_name": "Ada"}, "withheld": []}
    assert decided["fields"] == {"email": "allowed", "given_name": "allowed"}
    assert decided["trace"]


def test_the_same_in_python(demo: Path, repository: Path) -> None:
    client = repository / "clients/python/src"
    text = f"import sys\nsys.path.insert(0, {str(client)!r})\n" + block(repository, "The same in Python", "python")

    assert run([sys.executable, "-"], text, demo).strip() == "{'given_name': 'Grace'}"


def test_every_status_and_type_of_notice_is_one_the_service_gives(repository: Path) -> None:
    from access.rest.codes import TITLES
    from consent.services.deliveries import TYPES

    page = (repository / "docs/developers.md").read_text("utf-8")
    errors = page.split("## When it goes wrong")[1].split("## Notices")[0]
    told = {code for row in errors.splitlines() if row.startswith("| 4") for code in re.findall(r"`([a-z_]+)`", row)}
    assert told - TITLES.keys() == set()
    assert set(TYPES) <= set(re.findall(r"`([a-z]+\.[a-z]+)`", page))
