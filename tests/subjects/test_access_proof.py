"""A person takes home the proof of an entry about them; the entries of others do not exist for them."""

import base64
import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from audit import actors, sequencer, standalone_verifier
from audit.services import record
from tests.audit.conftest import key, log
from tests.audit.tools import seal
from tests.conftest import Person

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["key", "log"]


def read_of(person: Person) -> uuid.UUID:
    """One access to the person's data, sealed and signed."""
    from django.db import transaction

    with transaction.atomic():
        return record(
            "data.read", actor=actors.application("shop"), subject=person.subject.pseudonym, purpose="newsletter",
            fields=["email"], details={"application": "shop", "count": 1, "withheld": 0},
        )  # fmt: skip


def verdict(path: Path, key: str, capsys: Any) -> tuple[int, str]:
    code = standalone_verifier.main(["--proof", str(path), "--key", key])
    return code, capsys.readouterr().out


@pytest.fixture
def proof(log: Callable[[int], Any], alice: Person, key: str, tmp_path: Path) -> Path:
    log(7)
    event = read_of(alice)
    log(5)
    browser = alice.browser()
    assert f"/activity/{event}/proof" in browser.get("/activity").content.decode()
    answer = browser.get(f"/activity/{event}/proof")
    assert answer.status_code == 200 and "attachment" in answer["Content-Disposition"]
    path = tmp_path / "entry.proof.json"
    path.write_bytes(answer.content)
    return path


def test_what_is_downloaded_is_verified_without_the_service(proof: Path, key: str, capsys: Any) -> None:
    given = json.loads(proof.read_text())
    assert given["vkey"] == key
    code, said = verdict(proof, key, capsys)
    assert code == 0 and '"action":"data.read"' in said and f"entry {given['index']} of" in said


@pytest.mark.parametrize("member", ["leaf", "inclusion", "index", "checkpoint"])
def test_a_bent_proof_is_refused(proof: Path, key: str, capsys: Any, member: str) -> None:
    given = json.loads(proof.read_text())
    if member == "leaf":
        leaf = base64.b64decode(given["leaf"]).replace(b'"email"', b'"phone"')
        given["leaf"] = base64.b64encode(leaf).decode()
    elif member == "inclusion":
        given["inclusion"][0] = base64.b64encode(bytes(32)).decode()
    elif member == "index":
        given["index"] += 1
    else:
        given["checkpoint"] = given["checkpoint"].replace("\n", "\n1", 1)
    proof.write_text(json.dumps(given))
    assert verdict(proof, key, capsys)[0] == 1


def test_another_key_vouches_for_nothing(proof: Path, capsys: Any) -> None:
    from audit import note

    other = note.encode_vkey("gdpr-portal.example/audit", bytes(range(32)))
    code, said = verdict(proof, other, capsys)
    assert code == 1 and "forged" in said
    assert standalone_verifier.main(["--proof", str(proof)]) == 2
    proof.write_text("[]")
    assert standalone_verifier.main(["--proof", str(proof), "--key", other]) == 2


def test_the_entries_of_others_are_unknown(log: Callable[[int], Any], alice: Person, bob: Person) -> None:
    event = read_of(alice)
    others = log(3)
    assert alice.browser().get(f"/activity/{event}/proof").status_code == 200
    unknown = bob.browser().get(f"/activity/{uuid.uuid4()}/proof")
    for asked in (event, *others):
        answer = bob.browser().get(f"/activity/{asked}/proof")
        assert answer.status_code == unknown.status_code == 404
        assert b"checkpoint" not in answer.content


def test_in_the_first_seconds_the_page_says_to_ask_again(log: Any, alice: Person) -> None:
    seal()
    event = read_of(alice)
    assert alice.browser().get(f"/activity/{event}/proof").status_code == 409
    sequencer.integrate()
    sequencer.checkpoint()
    assert alice.browser().get(f"/activity/{event}/proof").status_code == 200
