"""T14: checkpoints go to holders outside by themselves, and one that holds another log than this is an alarm."""

import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from audit import cosignatures, held, note, selectors, witnesses
from audit.models import Checkpoint, Cosignature, HeldCopy, Witness
from tests.audit import fake_witness
from tests.audit.tools import NAME, PUBLIC, seal, sign, tamper, write

pytestmark = pytest.mark.django_db(transaction=True)

Fill = Callable[[int], list[uuid.UUID]]


@pytest.fixture
def folder(settings: Any, tmp_path: Path) -> Path:
    settings.AUDIT_WITNESS_DIR, settings.AUDIT_WITNESS_SECONDS = str(tmp_path), 0
    return tmp_path


@pytest.fixture
def witness(settings: Any, key: str) -> Iterator[fake_witness.FakeWitness]:
    with fake_witness.running(fake_witness.FakeWitness(key)) as running:
        settings.AUDIT_WITNESS_URL, settings.AUDIT_WITNESS_VKEY = running.url, fake_witness.vkey()
        settings.AUDIT_WITNESS_SECONDS = 0
        yield running


def forget_everything() -> None:
    """The database as an older backup has it: shorter, and its row of the holder too."""
    tamper("DELETE FROM audit_event WHERE id IN (SELECT event FROM audit_leaf WHERE seq >= 4)")
    tamper("DELETE FROM audit_leaf WHERE seq >= 4")
    tamper("DELETE FROM audit_node WHERE (index + 1) << level > 4")
    tamper("DELETE FROM audit_checkpoint WHERE size > 4")
    tamper("UPDATE audit_witness SET size = 4, next_at = now() - interval '1 day'")


def row(name: str) -> Witness:
    return Witness.objects.get(name=name)


# --- a folder ---------------------------------------------------------------------------------------------------------
def test_the_folder_gets_each_new_checkpoint_once(log: Fill, folder: Path) -> None:
    log(4)
    assert [witnesses.push_due(), witnesses.push_due()] == [1, 0]
    log(3)
    assert witnesses.push_due() == 1
    assert sorted(path.name for path in folder.iterdir()) == ["4.checkpoint", "7.checkpoint"]
    assert (folder / "7.checkpoint").read_text() == Checkpoint.objects.get(size=7).note
    assert list(HeldCopy.objects.order_by("size").values_list("size", "role", "way")) == [
        (4, "witness", "pushed"), (7, "witness", "pushed"),
    ]  # fmt: skip


def test_a_log_rolled_back_and_gone_on_is_refused_by_the_folder(log: Fill, folder: Path) -> None:
    log(4)
    log(5)
    assert witnesses.push_due() == 1
    forget_everything()
    write(9)
    seal()
    assert witnesses.push_due() == 0
    assert row("folder").last_error == "contradiction"
    assert sorted(path.name for path in folder.iterdir()) == ["9.checkpoint"]


def test_a_log_shorter_than_what_the_folder_has_is_refused(log: Fill, folder: Path) -> None:
    log(4)
    log(5)
    witnesses.push_due()
    forget_everything()
    tamper("UPDATE audit_witness SET size = 0")
    assert (witnesses.push_due(), row("folder").last_error) == (0, "contradiction")


def test_a_file_the_log_never_signed_is_told(log: Fill, folder: Path) -> None:
    log(4)
    (folder / "9.checkpoint").write_text(Checkpoint.objects.get().note.replace("\n4\n", "\n9\n"))
    assert (witnesses.push_due(), row("folder").last_error) == (0, "file_not_ours")


def test_a_folder_that_is_away_is_tried_again_from_the_row(log: Fill, settings: Any, tmp_path: Path) -> None:
    settings.AUDIT_WITNESS_DIR, settings.AUDIT_WITNESS_SECONDS = str(tmp_path / "away"), 0
    log(4)
    assert witnesses.push_due() == 0
    failed = row("folder")
    assert (failed.last_error, failed.attempts) == ("folder_not_writable", 1)
    assert failed.next_at > timezone.now()
    assert witnesses.push_due() == 0, "not before its time"
    (tmp_path / "away").mkdir()
    witnesses.push_now()
    assert witnesses.push_due() == 1
    assert (row("folder").last_error, row("folder").attempts, row("folder").size) == ("", 0, 4)


def test_a_process_that_died_with_the_claim_holds_nobody_up(log: Fill, folder: Path) -> None:
    log(4)
    witnesses.configured()
    Witness.objects.update(lease_until=timezone.now() + timedelta(seconds=30))
    assert witnesses.push_due() == 0
    Witness.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert witnesses.push_due() == 1


# --- a witness over HTTP ----------------------------------------------------------------------------------------------
def test_a_witness_cosigns_and_its_line_stands_under_the_note(log: Fill, witness: Any, key: str) -> None:
    log(4)
    assert witnesses.push_due() == 1
    log(5)
    assert witnesses.push_due() == 1
    assert [body.split("\n")[0] for body in witness.bodies] == ["old 0", "old 4"]
    head = held.latest_cosigned()
    assert head is not None and head.size == 9
    text = held.with_cosignatures(head)
    assert text.startswith(head.note) and text.count("— witness.example/w1 ") == 1
    assert "somebody.else" not in text
    assert note.open_checkpoint(text, [key]).size == 9
    assert HeldCopy.objects.get(size=9).way == "cosigned"


def test_a_witness_that_knows_more_than_our_row_is_given_the_proof_from_there(log: Fill, witness: Any) -> None:
    log(4)
    witnesses.push_due()
    Witness.objects.update(size=0)
    log(3)
    assert witnesses.push_due() == 1
    assert [body.split("\n")[0] for body in witness.bodies] == ["old 0", "old 0", "old 4"]


def test_a_log_rolled_back_and_gone_on_is_refused_by_the_witness(log: Fill, witness: Any) -> None:
    log(4)
    log(5)
    witnesses.push_due()
    forget_everything()
    write(9)
    seal()
    assert (witnesses.push_due(), row("http").last_error) == (0, "contradiction")
    assert not Cosignature.objects.filter(size__gt=9).exists()


def test_a_log_signed_anew_with_the_stolen_key_is_refused_by_the_witness(log: Fill, witness: Any, key: str) -> None:
    ids = log(9)
    witnesses.push_due()
    tamper("UPDATE audit_event SET action = 'data.erased' WHERE id = %s", ids[2])
    for table in ("audit_checkpoint", "audit_node", "audit_leaf"):
        tamper(f"DELETE FROM {table}")
    seal()
    write(1)
    seal()
    assert (witnesses.push_due(), row("http").last_error) == (0, "contradiction")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((200, "— witness.example/w1 " + "A" * 100 + "\n"), "no_cosignature"),
        ((200, ""), "no_cosignature"),
        ((404, "which log?"), "http_404"),
        ((403, "no"), "http_403"),
        ((500, "oh"), "http_500"),
        ((409, "77\n"), "contradiction"),
        ((302, "elsewhere"), "http_302"),
    ],
)
def test_what_is_no_cosignature_is_not_taken_for_one(log: Fill, witness: Any, answer: Any, error: str) -> None:
    log(4)
    witness.answer = answer
    assert (witnesses.push_due(), row("http").last_error) == (0, error)
    assert not Cosignature.objects.exists() and not HeldCopy.objects.exists()
    assert row("http").size == 0


def test_a_cosignature_by_another_key_or_over_another_checkpoint_is_none(log: Fill) -> None:
    log(4)
    log(4)
    own, other = (row.note for row in Checkpoint.objects.order_by("size"))
    key = cosignatures.witness_key(fake_witness.vkey())
    line = fake_witness.cosign(own)
    found = cosignatures.find(line, own, key, verify=fake_witness.ed.ed25519_verify)
    assert found is not None and int(found.at.timestamp()) == 1_800_000_000
    thief = fake_witness.cosign(own, seed=bytes(32))
    for wrong, text in ((line, other), (thief, own), (line[:-6] + "AAAAA=", own)):
        assert cosignatures.find(wrong, text, key, verify=fake_witness.ed.ed25519_verify) is None


def test_nothing_listens_and_nothing_breaks(log: Fill, settings: Any) -> None:
    settings.AUDIT_WITNESS_URL, settings.AUDIT_WITNESS_VKEY = "http://127.0.0.1:9/", fake_witness.vkey()
    log(4)
    assert (witnesses.push_due(), row("http").last_error) == (0, "connect_failed")


def test_a_wrong_witness_key_is_told_before_any_call(log: Fill, witness: Any, settings: Any, key: str) -> None:
    settings.AUDIT_WITNESS_VKEY = key
    log(4)
    assert (witnesses.push_due(), row("http").last_error) == (0, "witness_key_unreadable")
    assert witness.bodies == []


def test_the_example_of_the_specification_is_read(key: str) -> None:
    assert selectors.latest_size() == 0
    assert cosignatures.key_id("w", PUBLIC) != note.key_id("w", PUBLIC)
    text = note.sign(note.checkpoint_text(NAME, 1, bytes(32)), name=NAME, public_key=PUBLIC, sign=sign)
    assert cosignatures.message(text, 7).decode() == f"cosignature/v1\ntime 7\n{NAME}\n1\n{'A' * 43}=\n"
