"""A month past retention goes whole; hashes stand, proofs hold, verifiers say so; a lie about it is damage."""

import json
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from audit import actors, merkle, partitions, retention, selectors, standalone_verifier, verify
from audit.models import AuditEvent, AuditLeaf, Checkpoint, HeldCopy, Retirement
from audit.services import record
from deploy.local.roles import APP
from gdpr_portal.errors import WrongState
from tests.audit.tools import seal, tamper, write

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _the_month_comes_back() -> Iterator[None]:
    first = partitions.partitions()[0]
    yield
    if first not in partitions.partitions():
        tamper("TRUNCATE audit_event")
        tamper(f"CREATE TABLE {first.name} PARTITION OF audit_event FOR VALUES FROM (MINVALUE) TO (%s)", first.ends)
        tamper(
            f"CREATE TRIGGER {first.name}_insert_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {first.name} "
            "FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change()"
        )


@pytest.fixture
def old(key: str, transactional_db: None, settings: Any) -> Iterator[partitions.Partition]:
    """Nine entries of the first month, seven of the next; it is the third, and one month is kept."""
    settings.AUDIT_RETENTION_MONTHS = 1
    first, second = partitions.partitions()[:2]
    write(9)
    seal()
    with time_machine.travel(first.ends + timedelta(days=9), tick=False):
        write(7)
        seal()
    with time_machine.travel(second.ends + timedelta(days=9), tick=False):
        yield first


def hold(size: int, *holders: str) -> None:
    for holder in holders:
        HeldCopy.objects.create(
            size=size, digest="0" * 64, holder=f"staff:{holder}", role=holder, way="downloaded",
            at=Checkpoint.objects.latest("size").at,
        )  # fmt: skip


def drop(partition: partitions.Partition) -> Retirement:
    hold(16, "irm", "qa")
    row = retention.retire(retention.plan(partition))
    assert row is not None
    seal()
    return row


def test_only_what_is_past_retention_is_due(old: partitions.Partition, settings: Any) -> None:
    assert retention.due() == [old]
    settings.AUDIT_RETENTION_MONTHS = 2
    assert retention.due() == []


def test_the_events_go_and_everything_else_holds(old: partitions.Partition) -> None:
    kept = Checkpoint.objects.get(size=16).note
    hashes = [bytes(value) for value in AuditLeaf.objects.order_by("seq").values_list("leaf_hash", flat=True)]
    row = drop(old)
    assert (row.ranges, row.month, row.size) == ([0, 8], old.label, 16)
    assert AuditEvent.objects.count() == 8 and AuditLeaf.objects.count() == 17
    assert [bytes(v) for v in AuditLeaf.objects.order_by("seq").values_list("leaf_hash", flat=True)][:16] == hashes
    report = verify.verify(held=[kept])
    assert report.holds and (report.retired, report.retired_first, report.retired_last) == (9, 0, 8)
    head = selectors.latest_checkpoint()
    for leaf in AuditLeaf.objects.filter(seq__gte=9):
        proof = selectors.proof(leaf.event)
        assert merkle.inclusion_holds(
            leaf=merkle.leaf_hash(proof.leaf), index=leaf.seq, size=head.size, proof=proof.inclusion,
            root=bytes(head.root),
        )  # fmt: skip
    event = AuditEvent.objects.get(action="audit.retired")
    assert event.details["digest"] == row.digest and event.details["count"] == 9


def test_the_verifiers_say_plainly_what_is_gone(
    old: partitions.Partition, tmp_path: Path, key: str, capsys: Any
) -> None:
    drop(old)
    out = StringIO()
    call_command("verify_audit", stdout=out)
    assert "entries 0 to 8 are past retention (9 in all); their hashes stand" in out.getvalue()
    path = tmp_path / "log.jsonl"
    call_command("audit_dump", str(path), stdout=StringIO())
    assert standalone_verifier.main([str(path), "--key", key]) == 0
    said = capsys.readouterr().out
    assert "entries 0 to 8 are past retention (9 in all); their hashes stand" in said and "ok: 17 entries" in said
    lines = path.read_text().splitlines()
    for bent, told in (
        (lines[1:], "nothing says it was taken out"),
        ([lines[0].replace("[0, 8]", "[0, 9]"), *lines[1:]], "no entry of the log says so"),
        ([lines[0].replace('"index": 16', '"index": 12'), *lines[1:]], "no entry of the log says so"),
        ([*lines[:12], json.dumps({"index": 11, "hash": "A" * 43 + "="}), *lines[13:]], "only its hash is shown"),
    ):
        path.write_text("\n".join(bent) + "\n")
        assert standalone_verifier.main([str(path), "--key", key]) == 1
        assert told in capsys.readouterr().out


@pytest.mark.parametrize(
    "lie",
    [
        "UPDATE audit_retirement SET ranges = '{0,9}'",
        "UPDATE audit_retirement SET ranges = '{0,8,9,9}', digest = 'sha256:' || encode(sha256('0,8,9,9'), 'hex')",
        "UPDATE audit_retirement SET event = gen_random_uuid()",
        "UPDATE audit_event SET details = details || '{\"count\": 8}' WHERE action = 'audit.retired'",
        "DELETE FROM audit_retirement",
        "DELETE FROM audit_event WHERE action = 'audit.retired'",
    ],
)
def test_a_lie_about_what_was_taken_out_is_damage(old: partitions.Partition, lie: str) -> None:
    drop(old)
    assert verify.verify().holds
    tamper(lie)
    report = verify.verify()
    assert not report.holds and report.found >= 9


def test_an_event_deleted_beside_the_month_is_missing_all_the_same(old: partitions.Partition) -> None:
    drop(old)
    tamper("DELETE FROM audit_event WHERE id = (SELECT event FROM audit_leaf WHERE seq = 12)")
    [damage] = verify.verify().damages
    assert (damage.kind, damage.first) == ("missing", 12)


def test_a_month_dropped_by_hand_is_missing(old: partitions.Partition) -> None:
    tamper(f"DROP TABLE {old.name}")
    assert verify.verify().found == 9


def test_nothing_is_dropped_that_nobody_holds(old: partitions.Partition, tmp_path: Path) -> None:
    planned = retention.plan(old)
    hold(8, "irm", "qa")
    hold(16, "irm")
    for held in ([], ["no checkpoint"], [Checkpoint.objects.get(size=16).note.replace("\n16\n", "\n17\n")]):
        with pytest.raises(WrongState, match="Nobody is known to hold"):
            retention.retire(planned, held=held)
    assert AuditEvent.objects.count() == 16
    assert retention.retire(planned, held=[Checkpoint.objects.get(size=9).note]) is not None


def test_a_damaged_month_is_not_disposed_of(old: partitions.Partition) -> None:
    tamper("UPDATE audit_event SET actor = 'staff:nobody' WHERE id = (SELECT event FROM audit_leaf WHERE seq = 4)")
    with pytest.raises(WrongState) as refused:
        retention.plan(old)
    assert refused.value.code == "damaged" and "entry 4" in refused.value.message


def test_what_was_dated_back_to_be_rid_of_it_stops_the_drop(old: partitions.Partition) -> None:
    with time_machine.travel(old.ends - timedelta(days=2), tick=False), transaction.atomic():
        record("subject.created", actor=actors.SUBJECT)
    with pytest.raises(WrongState) as refused:
        retention.plan(old)
    assert refused.value.code == "not_sealed"
    seal()
    with pytest.raises(WrongState) as refused:
        retention.plan(old)
    assert refused.value.code == "backdated" and "entry 16" in refused.value.message


def test_an_event_that_comes_in_between_stops_the_drop(old: partitions.Partition) -> None:
    planned = retention.plan(old)
    hold(16, "irm", "qa")
    with time_machine.travel(old.ends - timedelta(days=2), tick=False), transaction.atomic():
        record("subject.created", actor=actors.SUBJECT)
    with pytest.raises(WrongState) as refused:
        retention.retire(planned)
    assert refused.value.code == "changed_meanwhile"
    assert not Retirement.objects.exists() and not AuditEvent.objects.filter(action="audit.retired").exists()


def test_the_command_says_first_and_drops_only_when_told(old: partitions.Partition) -> None:
    out = StringIO()
    call_command("audit_retention", stdout=out)
    assert f"{old.label}: 9 entries" in out.getvalue() and AuditEvent.objects.count() == 16
    with pytest.raises(CommandError, match="not_held"):
        call_command("audit_retention", "--drop", stdout=out)
    hold(16, "irm", "qa")
    call_command("audit_retention", "--drop", stdout=out)
    assert old not in partitions.partitions()
    call_command("audit_retention", "--drop", stdout=out)
    assert "nothing is past retention" in out.getvalue()


def test_the_app_role_cannot_drop_a_month_or_say_that_it_was(
    old: partitions.Partition, as_role: Callable[[str], psycopg.Connection]
) -> None:
    hold(16, "irm", "qa")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL ROLE {APP}")
        for statement in (
            f"DROP TABLE {old.name}",
            f"ALTER TABLE audit_event DETACH PARTITION {old.name}",
            "INSERT INTO audit_retirement (month, ranges, digest, event, size, at) "
            f"VALUES ('2026-11', '{{0,8}}', '', '{uuid.uuid4()}', 9, now())",
        ):
            with pytest.raises(Exception, match=r"permission denied|must be owner"), transaction.atomic():
                cursor.execute(statement)
    assert AuditEvent.objects.count() == 16
