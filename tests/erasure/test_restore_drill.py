"""The drill: a real backup, people undo things, the real backup is restored, and nothing undone is back (R50, F23).

`make restore-drill` runs it alone. The restored database is a second one on the same server, so every look at it is by
a process of its own, as in real life.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings as django_settings
from django.test import override_settings
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from audit import actors
from consent.services.data import store_data
from consent.services.objections import object_to
from consent.services.sharing import set_sharing
from deploy.local.postgres import binaries
from erasure.services import requests
from subjects.services import restrict
from tests.conftest import make_person
from tests.consent.people import answer
from tests.erasure.people import sweep_all
from tests.plugins.exhaustive import its_turn
from tests.plugins.postgres import address, test_database

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("catalogue"),
    its_turn(1),
]
RESTORED = "restore_drill"
LOOK = """
import django, json, time; django.setup()
from django.test import Client
from consent.models import Objection, Standing
from gdpr_portal.errors import DomainError
from subjects.models import Identifier, PersonalValue, Restriction, Subject
from vault.models import DataKey
from vault.services import subject_key
def person(subject):
    try:
        subject_key(subject.pk); readable = True
    except DomainError:
        readable = False
    return {
        "readable": readable, "identifiers": Identifier.objects.filter(subject=subject).count(),
        "values": PersonalValue.objects.filter(subject=subject).count(),
        "consents": {f"{row.purpose}/{row.recipient}": row.state for row in Standing.objects.filter(subject=subject)},
        "restricted": Restriction.objects.filter(subject=subject, lifted_at=None).count(),
        "objections": list(Objection.objects.filter(subject=subject, ended_at=None).values_list("purpose", flat=True)),
    }
for _try in range(5):  # the first answer of a process on a busy machine may be too slow for readiness
    ready = Client(headers={"host": "localhost"}).get("/readyz")
    if {name for name, state in ready.json()["checks"].items() if state != "ok"} <= {"shred_ledger"}:
        break
    time.sleep(1.1)
print(json.dumps({"ready": ready.status_code, "checks": ready.json()["checks"],
                  "people": {str(subject.pk): person(subject) for subject in Subject.objects.all()}}))
"""


@pytest.fixture
def backup(tmp_path: Path) -> Callable[[], Path]:
    """`backup()`: a dump of the database as it is, by pg_dump."""

    def dump() -> Path:
        file = tmp_path / "backup.dump"
        run(["pg_dump", "--format=custom", f"--file={file}", "--dbname", without_password(address(test_database()))])
        return file

    return dump


@pytest.fixture
def restored() -> Iterator[Callable[[Path], dict[str, str]]]:
    """`restored(file)`: the dump in a database of its own, and the environment of a service on it."""
    name = sql.Identifier(RESTORED)

    def restore(file: Path) -> dict[str, str]:
        with psycopg.connect(address("postgres"), autocommit=True) as server:
            server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
            server.execute(sql.SQL("CREATE DATABASE {}").format(name))
        run(["pg_restore", "--exit-on-error", "--dbname", without_password(address(RESTORED)), str(file)])
        return {"DATABASE_URL": address(RESTORED), "SHRED_LEDGER_FILE": str(django_settings.SHRED_LEDGER_FILE)}

    yield restore
    with psycopg.connect(address("postgres"), autocommit=True) as server:
        server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))


def run(command: list[str]) -> None:
    environment = os.environ | {"PGPASSWORD": str(conninfo_to_dict(address("postgres")).get("password", ""))}
    program = str(binaries() / command[0])
    done = subprocess.run([program, *command[1:]], env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr


def without_password(where: str) -> str:
    """The password goes by the environment: a command line can be read by others."""
    return " ".join(f"{key}={value}" for key, value in conninfo_to_dict(where).items() if key != "password")


def manage(service: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "manage.py", *words]
    return subprocess.run(command, env=os.environ | service, capture_output=True, text=True, timeout=600)


def look(service: dict[str, str]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", LOOK], env=os.environ | service, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.fixture
def people(alice: Any, bob: Any, shop: Any) -> dict[str, Any]:
    """Everybody has an address, said yes to the newsletter, and shares with acme."""
    everybody = {"alice": alice, "bob": bob} | {name: make_person(name, shop) for name in ("carol", "dave", "erin")}
    for person in everybody.values():
        store_data(
            application=shop, subject=person.subject, purpose="orders", values={"given_name": "X"}, source="subject"
        )
        answer(person.subject, "give")
        set_sharing(
            subject=person.subject, recipient="acme", purpose="newsletter", shared=True, channel="web",
            actor=actors.SUBJECT,
        )  # fmt: skip
    return everybody


@override_settings(UNDO_WINDOW_SECONDS=0)
def undo(people: dict[str, Any]) -> None:
    """Alice is erased, Bob withdraws, Carol is restricted, Dave objects, and Erin shares with nobody any more."""
    requests.file_request(
        subject=people["alice"].subject, right="erasure", details={}, verified_by="account", actor=actors.SUBJECT
    )
    sweep_all()
    answer(people["bob"].subject, "withdraw")
    restrict(subject=people["carol"].subject, ground="legal_claims", request=None, actor=actors.SUBJECT)
    object_to(subject=people["dave"].subject, purpose="newsletter", actor=actors.SUBJECT)
    set_sharing(
        subject=people["erin"].subject, recipient="acme", purpose="newsletter", shared=False, channel="web",
        actor=actors.SUBJECT,
    )  # fmt: skip


def test_backup_undo_restore_replay(people: dict[str, Any], backup: Any, restored: Any, tmp_path: Path) -> None:
    taken = backup()
    undo(people)
    service = restored(taken)
    ids = {name: str(person.subject.pk) for name, person in people.items()}

    # Teeth: without the ledger everything that was undone is back, and the service would say it is ready.
    forgetful = look(service | {"SHRED_LEDGER_FILE": str(tmp_path / "lost.jsonl")})
    assert forgetful["ready"] == 200, forgetful["checks"]
    assert forgetful["people"][ids["alice"]]["readable"]
    assert forgetful["people"][ids["bob"]]["consents"] == {"newsletter/": "given", "newsletter/acme": "given"}
    assert not forgetful["people"][ids["carol"]]["restricted"] and not forgetful["people"][ids["dave"]]["objections"]

    fenced = look(service)
    assert (fenced["ready"], fenced["checks"]["shred_ledger"]) == (503, "failing")
    check = manage(service, "restore_fence", "--check")
    assert check.returncode == 1
    for words in ("1 restrictions are missing", "1 objections are missing", "The fence is up"):
        assert words in check.stderr, check.stderr
    assert look(service)["people"] == forgetful["people"]  # saying it changes nothing

    replayed = manage(service, "restore_fence")
    assert replayed.returncode == 0, replayed.stderr
    assert "The fence is down" in replayed.stdout

    found = look(service)
    assert found["ready"] == 200, found["checks"]
    assert found["people"][ids["alice"]] | {"consents": None} == {
        "readable": False, "identifiers": 0, "values": 0, "restricted": 0, "objections": [], "consents": None,
    }  # fmt: skip
    assert "given" not in found["people"][ids["alice"]]["consents"].values()
    assert found["people"][ids["bob"]]["consents"] == {"newsletter/": "withdrawn", "newsletter/acme": "withdrawn"}
    assert found["people"][ids["carol"]]["restricted"] == 1
    assert found["people"][ids["dave"]]["objections"] == ["newsletter"]
    assert found["people"][ids["erin"]]["consents"] == {"newsletter/": "given", "newsletter/acme": "withdrawn"}
    assert found["people"][ids["erin"]]["readable"] and not found["people"][ids["erin"]]["restricted"]

    assert manage(service, "restore_fence").returncode == 0  # again: nothing more to do
    assert look(service) == found
