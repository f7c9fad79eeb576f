"""T13, T14: whatever a superuser does to the log behind its triggers is found, and told by place and kind."""

import random
import uuid
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from audit import merkle, note, sequencer, signing, verify
from audit.models import AuditEvent, AuditLeaf, Checkpoint
from tests.audit.tools import NAME, PUBLIC, seal, tamper, write

pytestmark = pytest.mark.django_db(transaction=True)

Fill = Callable[[int], list[uuid.UUID]]


def found(**options: Any) -> list[verify.Damage]:
    report = verify.verify(**options)
    assert report.holds == (not report.damages)
    return report.damages


def kinds(damages: list[verify.Damage]) -> set[str]:
    return {damage.kind for damage in damages}


def test_a_log_nobody_touched_verifies_and_says_how_much(log: Fill) -> None:
    log(10)
    log(7)
    report = verify.verify(held=list(Checkpoint.objects.values_list("note", flat=True)))
    assert report.holds
    assert (report.size, report.checkpoints, report.held) == (17, 2, 2)
    assert report.root == bytes(Checkpoint.objects.get(size=17).root)


def test_an_empty_log_verifies(log: Fill) -> None:
    report = verify.verify()
    assert (report.holds, report.size) == (True, 0)


FLIPS = {
    "id": "gen_random_uuid()",
    "xid": "(xid::text::numeric + 1)::text::xid8",
    "at": "at + interval '1 microsecond'",
    "action": "action || 'x'",
    "actor": "'staff:' || gen_random_uuid()",
    "subject": "gen_random_uuid()",
    "request_id": "request_id || 'x'",
    "purpose": "coalesce(purpose, '') || 'x'",
    "fields": "fields || 'phone'::text",
    "details": "details || '{\"count\": 3}'",
}


def test_every_column_but_the_generated_one_is_flipped() -> None:
    columns = {field.column for field in AuditEvent._meta.concrete_fields}
    assert columns - {"ordinal"} == set(FLIPS)


@pytest.mark.parametrize("column", FLIPS)
@pytest.mark.parametrize("at", [0, 5, 12])
def test_one_flipped_column_is_found_at_its_entry(log: Fill, column: str, at: int) -> None:
    ids = log(13)
    assert found() == []
    assert tamper(f"UPDATE audit_event SET {column} = {FLIPS[column]} WHERE id = %s", ids[at]) == 1
    damages = found()
    assert (damages[0].first, damages[0].last, damages[0].event) == (at, at, str(ids[at]))
    assert damages[0].kind == ("missing" if column == "id" else "changed")
    if column == "id":
        assert damages[1].kind == "inserted"


@pytest.mark.parametrize(
    "column",
    [
        "xid = (xid::text::numeric + 1)::text::xid8",
        "ordinal = ordinal + 1",
        "event = gen_random_uuid()",
        "leaf_hash = sha256(leaf_hash)",
        "seq = 1000000000000",
    ],
)
@pytest.mark.parametrize("at", [0, 5, 12])
def test_one_flipped_column_of_a_leaf_is_found_at_its_entry(log: Fill, column: str, at: int) -> None:
    log(13)
    assert tamper(f"UPDATE audit_leaf SET {column} WHERE seq = %s", at) == 1
    damages = found()
    assert damages
    assert damages[0].first in {at, at + 1}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_node SET hash = sha256(hash) WHERE level = 2 AND index = 1",
        "DELETE FROM audit_node WHERE level = 2 AND index = 1",
        "INSERT INTO audit_node VALUES (1, 2000, sha256('')), (2, 0, sha256('')) ON CONFLICT DO NOTHING",
        "UPDATE audit_checkpoint SET root = sha256(root)",
        "UPDATE audit_checkpoint SET size = size - 1",
        "UPDATE audit_checkpoint SET size = 0",
        "UPDATE audit_checkpoint SET note = replace(note, '13', '12')",
        "UPDATE audit_checkpoint SET note = ''",
    ],
)
def test_a_touched_tree_or_checkpoint_is_found(log: Fill, statement: str) -> None:
    log(13)
    assert found() == []
    assert tamper(statement) >= 1
    assert found()


@pytest.mark.parametrize("at", [0, 5, 11])
def test_a_deleted_event_is_missing(log: Fill, at: int) -> None:
    ids = log(12)
    tamper("DELETE FROM audit_event WHERE id = %s", ids[at])
    assert [(damage.kind, damage.first, damage.event) for damage in found()] == [("missing", at, str(ids[at]))]


@pytest.mark.parametrize("at", [0, 5])
def test_a_deleted_event_with_its_leaf_is_missing(log: Fill, at: int) -> None:
    ids = log(12)
    tamper("DELETE FROM audit_event WHERE id = %s", ids[at])
    tamper("DELETE FROM audit_leaf WHERE seq = %s", at)
    assert [(damage.kind, damage.first, damage.last) for damage in found()] == [("missing", at, at)]


@pytest.mark.parametrize("keep", [0, 1, 5, 11])
def test_a_deleted_tail_is_truncation(log: Fill, keep: int) -> None:
    log(12)
    tamper("DELETE FROM audit_event WHERE id IN (SELECT event FROM audit_leaf WHERE seq >= %s)", keep)
    tamper("DELETE FROM audit_leaf WHERE seq >= %s", keep)
    tamper("DELETE FROM audit_node WHERE (index + 1) << level > %s", keep)
    damages = found()
    assert [(damage.kind, damage.first, damage.last) for damage in damages] == [("truncated", keep, 11)]


def test_an_event_slipped_in_behind_the_seal_is_inserted(log: Fill) -> None:
    ids = log(12)
    tamper(
        "INSERT INTO audit_event (id, xid, at, action, actor, request_id, fields, details) OVERRIDING SYSTEM VALUE "
        "SELECT gen_random_uuid(), xid, at, action, actor, request_id, fields, details FROM audit_event WHERE id = %s",
        ids[3],
    )
    assert [damage.kind for damage in found()] == ["inserted"]


def test_an_event_slipped_in_with_a_leaf_of_its_own_is_found(log: Fill) -> None:
    log(12)
    tamper("UPDATE audit_leaf SET seq = -seq - 2 WHERE seq >= 5")
    tamper("UPDATE audit_leaf SET seq = -seq - 1 WHERE seq < 0")
    forged = write(1)[0]
    tamper(
        "INSERT INTO audit_leaf SELECT 5, e.id, e.xid, e.ordinal, sha256('') FROM audit_event e WHERE id = %s", forged
    )
    damages = found()
    assert {"changed", "reordered"} <= kinds(damages)
    assert damages[0].first == 5


def test_two_swapped_leaves_are_reordered(log: Fill) -> None:
    log(12)
    tamper("UPDATE audit_leaf SET seq = CASE seq WHEN 3 THEN -1 WHEN 8 THEN -2 END WHERE seq IN (3, 8)")
    tamper("UPDATE audit_leaf SET seq = CASE seq WHEN -1 THEN 8 ELSE 3 END WHERE seq < 0")
    damages = found()
    assert "reordered" in kinds(damages)
    assert {4, 8} <= {damage.first for damage in damages if damage.kind == "reordered"}


def test_two_events_swapped_between_their_leaves_are_reordered(log: Fill) -> None:
    ids = log(12)
    tamper("UPDATE audit_leaf SET event = gen_random_uuid() WHERE seq = 3")
    tamper("UPDATE audit_leaf SET event = %s WHERE seq = 8", ids[3])
    tamper("UPDATE audit_leaf SET event = %s WHERE seq = 3", ids[8])
    assert [(damage.kind, damage.first) for damage in found()] == [("reordered", 3), ("reordered", 8)]


def test_an_event_left_unsealed_too_long_is_told(log: Fill) -> None:
    log(4)
    forgotten = write(1)[0]
    assert found() == [], "seconds are the sequencer's"
    tamper("UPDATE audit_event SET at = at - interval '1 minute' WHERE id = %s", forgotten)
    assert [(damage.kind, damage.event) for damage in found()] == [("unsequenced", str(forgotten))]


# --- who owns database and, at last, the key -------------------------------------------------------------------------


def rebuild(signed: bool) -> None:
    """The whole tree is made anew from the rows as they now stand; `signed` with the log's own key."""
    for table in ("audit_leaf", "audit_node", "audit_checkpoint"):
        tamper(f"DELETE FROM {table}")
    if signed:
        seal()
        return
    while sequencer.integrate():
        pass


def test_a_row_changed_together_with_its_leaf_is_found_by_the_tree(log: Fill) -> None:
    ids = log(12)
    tamper("UPDATE audit_event SET action = 'data.erased' WHERE id = %s", ids[6])
    reseal_leaf(6)
    damages = found()
    assert [(damage.kind, damage.first, damage.last) for damage in damages] == [("changed", 6, 7)]


def reseal_leaf(seq: int) -> None:
    from audit import canonical

    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {canonical.COLUMNS} FROM audit_event e JOIN audit_leaf l ON l.event = e.id WHERE seq = %s", [seq]
        )
        value = merkle.leaf_hash(canonical.leaf_bytes(cursor.fetchone()))
    tamper("UPDATE audit_leaf SET leaf_hash = %s WHERE seq = %s", value, seq)


def test_a_tree_made_anew_without_the_key_is_found_by_the_checkpoints(log: Fill) -> None:
    log(6)
    ids = log(6)
    kept = list(Checkpoint.objects.order_by("size").values("size", "root", "note", "vkey", "at"))
    tamper("UPDATE audit_event SET action = 'data.erased' WHERE id = %s", ids[2])
    rebuild(signed=False)
    Checkpoint.objects.bulk_create(Checkpoint(**row) for row in kept)
    assert [(damage.kind, damage.first, damage.last) for damage in found()] == [("changed", 6, 11)]


def test_a_log_rewritten_and_signed_with_the_stolen_key_is_found_by_a_held_checkpoint_only(log: Fill) -> None:
    ids = log(12)
    held = Checkpoint.objects.get().note
    assert found(held=[held]) == []
    tamper("UPDATE audit_event SET action = 'data.erased' WHERE id = %s", ids[6])
    rebuild(signed=True)
    assert found() == [], "from inside nothing can be seen: that is why IRM and QA hold copies"
    assert [damage.kind for damage in found(held=[held])] == ["split view"]


def test_a_log_rolled_back_to_an_older_state_is_found_by_a_held_checkpoint(log: Fill) -> None:
    log(6)
    log(6)
    held = Checkpoint.objects.get(size=12).note
    tamper("DELETE FROM audit_event WHERE id IN (SELECT event FROM audit_leaf WHERE seq >= 6)")
    rebuild(signed=True)
    assert found() == []
    assert [(damage.kind, damage.first, damage.last) for damage in found(held=[held])] == [("truncated", 6, 11)]
    log(8)
    assert [damage.kind for damage in found(held=[held])] == ["split view"]


def test_a_forged_held_checkpoint_proves_nothing(log: Fill) -> None:
    log(3)
    stranger = note.sign(
        note.checkpoint_text(NAME, 3, bytes(32)), name=NAME, public_key=PUBLIC, sign=lambda message: bytes(64)
    )
    assert [damage.kind for damage in found(held=[stranger])] == ["forged"]
    assert [damage.kind for damage in found(held=["hello"])] == ["forged"]


def test_checkpoints_by_another_key_are_found(log: Fill, key: str) -> None:
    log(3)
    other = note.encode_vkey(NAME, bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"))
    assert found(vkeys=[key]) == []
    assert kinds(found(vkeys=[other])) == {"changed"}


# --- a thousand at random --------------------------------------------------------------------------------------------


def test_random_tampering_is_always_found_and_undone_is_never_alarmed(log: Fill) -> None:
    """100 rounds on one log: flip, see it found at its place, put it back, see the log clean."""
    ids, chance = log(60), random.Random(13)
    for _ in range(100):
        at, column = chance.randrange(60), chance.choice([name for name in FLIPS if name != "id"])
        tamper("CREATE TEMP TABLE kept AS SELECT * FROM audit_event WHERE id = %s", ids[at])
        tamper(f"UPDATE audit_event SET {column} = {FLIPS[column]} WHERE id = %s", ids[at])
        assert [(damage.kind, damage.first) for damage in found()] == [("changed", at)], column
        tamper(f"UPDATE audit_event e SET {column} = kept.{column} FROM kept WHERE e.id = kept.id")
        tamper("DROP TABLE kept")
    assert found() == []


# --- teeth -----------------------------------------------------------------------------------------------------------


def test_teeth_without_the_leaf_check_a_changed_row_passes(log: Fill, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = log(12)
    tamper("UPDATE audit_event SET action = 'data.erased' WHERE id = %s", ids[6])
    assert found()
    monkeypatch.setattr(verify, "leaf_matches", lambda columns, stored: True)
    assert found() == []


def test_teeth_without_the_signature_check_a_foreign_checkpoint_passes(log: Fill) -> None:
    log(3)
    tamper("DELETE FROM audit_checkpoint")
    signing.register_signer(NAME, lambda message: bytes(64), PUBLIC)
    sequencer.checkpoint()
    assert kinds(found()) == {"changed"}
    signing.register_verify(lambda public_key, message, signature: True)
    assert found() == []


# --- the command -----------------------------------------------------------------------------------------------------


def test_the_command_tells_damage_and_ends_with_1(log: Fill, tmp_path: Path) -> None:
    ids, out = log(12), StringIO()
    held = tmp_path / "held.txt"
    held.write_text(Checkpoint.objects.get().note, encoding="utf-8")
    call_command("verify_audit", "--checkpoint", str(held), stdout=out)
    assert out.getvalue().strip() == "ok: 12 entries, 1 checkpoints, 1 held"
    tamper("UPDATE audit_event SET action = 'data.erased' WHERE id = %s", ids[6])
    for arguments in ([], ["--json"]):
        told = StringIO()
        with pytest.raises(SystemExit) as end:
            call_command("verify_audit", *arguments, stdout=told)
        assert end.value.code == 1
        assert str(ids[6]) in told.getvalue()
    with pytest.raises(CommandError):
        call_command("verify_audit", "--checkpoint", str(tmp_path / "none"))


def test_the_command_without_a_registered_key_says_so(log: Fill) -> None:
    log(2)
    signing.forget()
    out, err = StringIO(), StringIO()
    call_command("verify_audit", stdout=out, stderr=err)
    assert "no key is registered" in err.getvalue()
    assert out.getvalue().startswith("ok")


def test_a_wide_gap_does_not_keep_the_verifier_busy(log: Fill) -> None:
    log(4)
    assert AuditLeaf.objects.count() == 4
    tamper("UPDATE audit_leaf SET seq = 9000000000000000000 WHERE seq = 3")
    assert next((damage.kind, damage.first) for damage in found()) == ("missing", 3)
