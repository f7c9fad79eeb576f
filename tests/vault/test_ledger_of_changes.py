"""Withdrawals, restrictions and objections outlive a restore: their lines follow the commit (Art. 7(3), 18, 21)."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction
from psycopg.conninfo import make_conninfo

from gdpr_portal.errors import Unavailable
from vault import ledger, ledger_file, services
from vault.models import Tombstone, UnwrittenLine

pytestmark = pytest.mark.django_db(transaction=True)
ACTS = [(ledger.WITHDRAWN, "newsletter", ""), (ledger.RESTRICTED, "legal_claims"), (ledger.OBJECTED, "newsletter")]


def lines(settings) -> list[dict]:
    path: Path = settings.SHRED_LEDGER_FILE
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def withdraw(owner: UUID, *what: str) -> None:
    with transaction.atomic():
        ledger.record_change(ledger.WITHDRAWN, owner, *(what or ("newsletter", "")))


def overdue(line: UUID) -> None:
    """The row of a line that somebody died before writing, long ago."""
    Tombstone.objects.create(id=line, mark=b"m", kind="withdrawn", at="2026-11-01T00:00:00Z")
    UnwrittenLine.objects.create(id=line, since="2026-11-01T00:00:00Z")


def test_a_line_tells_neither_who_nor_what(owner, settings):
    for kind, *what in ACTS:
        with transaction.atomic():
            ledger.record_change(kind, owner, *what)

    text = settings.SHRED_LEDGER_FILE.read_text()
    assert [line["kind"] for line in lines(settings)] == ["withdrawn", "restricted", "objected"]
    assert len({line["mark"] for line in lines(settings)}) == 3
    assert not any(word in text for word in ("newsletter", "legal_claims", str(owner), owner.hex))
    assert all(set(line) == {"id", "mark", "kind", "at"} for line in lines(settings))


def test_the_row_commits_with_the_act_and_the_line_follows(owner, settings):
    with transaction.atomic():
        ledger.record_change(ledger.WITHDRAWN, owner, "newsletter", "")
        assert lines(settings) == []
        assert UnwrittenLine.objects.count() == 1

    assert len(lines(settings)) == Tombstone.objects.count() == 1
    assert not UnwrittenLine.objects.exists()


def test_what_is_rolled_back_leaves_no_line(owner, settings):
    with pytest.raises(RuntimeError), transaction.atomic():
        ledger.record_change(ledger.WITHDRAWN, owner, "newsletter", "")
        raise RuntimeError
    with transaction.atomic():
        ledger.record_change(ledger.OBJECTED, owner, "newsletter")
        with pytest.raises(RuntimeError), transaction.atomic():
            ledger.record_change(ledger.WITHDRAWN, owner, "newsletter", "")
            raise RuntimeError

    assert [line["kind"] for line in lines(settings)] == ["objected"]
    assert ledger.replayed()


def test_a_savepoint_rolled_back_does_not_take_the_lines_of_others_along(owner, settings):
    with transaction.atomic():
        with pytest.raises(RuntimeError), transaction.atomic():
            ledger.record_change(ledger.WITHDRAWN, owner, "newsletter", "")
            raise RuntimeError
        ledger.record_change(ledger.OBJECTED, owner, "newsletter")
        with transaction.atomic():
            ledger.record_change(ledger.RESTRICTED, owner, "legal_claims")

    assert sorted(line["kind"] for line in lines(settings)) == ["objected", "restricted"]
    assert not UnwrittenLine.objects.exists()


def test_the_lines_of_one_transaction_are_flushed_once(owner, monkeypatch):
    flushed = []
    real = ledger_file.append
    monkeypatch.setattr(ledger_file, "append", lambda added: (flushed.append(len(added)), real(added)))

    with transaction.atomic():
        for number in range(20):
            ledger.record_change(ledger.WITHDRAWN, owner, "newsletter", f"recipient-{number}")

    assert flushed == [20]


def test_nobody_is_told_done_before_the_line_is_on_disk(owner, settings, monkeypatch):
    def full(added: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(Unavailable) as refused:
        patch.setattr(ledger_file, "append", full)
        withdraw(owner)
    assert refused.value.status == 503
    assert UnwrittenLine.objects.count() == Tombstone.objects.count() == 1

    with transaction.atomic():
        ledger.flush_on_commit()  # the act repeated: nothing new, but the line is written before the answer

    assert len(lines(settings)) == 1
    assert not UnwrittenLine.objects.exists()


def test_a_restored_database_is_noticed_and_lines_of_one_mark_are_weighed_in_their_order(owner):
    withdraw(owner)
    with transaction.atomic():
        ledger.record_change(ledger.OBJECTED, owner, "newsletter")
        ledger.record_change(ledger.RESTRICTED, owner, "legal_claims")
    with transaction.atomic():
        ledger.record_change(ledger.ENDED[ledger.RESTRICTED], owner, "legal_claims")
    assert ledger.replayed()

    Tombstone.objects.all().delete()

    assert not ledger.replayed()
    missing = ledger.lost()
    assert [entry.kind for entry in missing] == ["withdrawn", "objected", "restricted", "unrestricted"]
    assert ledger.standing_marks(ledger.RESTRICTED, missing) == {}
    marks = ledger.standing_marks(ledger.OBJECTED, missing)
    assert ledger.mark_of(ledger.OBJECTED, owner, "newsletter") in marks
    assert ledger.mark_of(ledger.OBJECTED, owner, "orders") not in marks
    assert ledger.mark_of(ledger.OBJECTED, uuid4(), "newsletter") not in marks
    ledger.note_all(missing)
    assert ledger.replayed()


def test_one_line_lost_is_noticed_although_another_waits_to_be_written(owner):
    """As many rows as lines, and still not the same ones."""
    withdraw(owner)
    Tombstone.objects.all().delete()
    overdue(uuid4())

    assert not ledger.replayed()


def test_an_overdue_line_has_no_ledger_read_line_by_line_and_hides_no_loss(owner, monkeypatch):
    """Every second, in every process, until the worker writes it."""
    withdraw(owner)
    waiting = [uuid4(), uuid4()]
    for each in waiting:
        overdue(each)
    with monkeypatch.context() as patch:
        patch.setattr(ledger_file, "entries", lambda: pytest.fail("the whole ledger was parsed"))
        assert ledger.replayed()

    Tombstone.objects.exclude(id__in=waiting).delete()
    assert not ledger.replayed()


def test_who_withdraws_while_the_ledger_is_compared_is_not_taken_for_lost(owner, monkeypatch):
    withdraw(owner)
    overdue(uuid4())
    read = ledger_file.entries

    def entries():
        withdraw(owner, "newsletter", "while it is read")
        yield from read()

    monkeypatch.setattr(ledger_file, "entries", entries)
    assert ledger.lost() == []


def test_a_key_that_is_being_destroyed_keeps_nobody_from_being_ready_but_one_that_failed_does(owner):
    services.create_data_key(owner)
    seen = []

    def look_from_outside() -> None:
        seen.append(ledger.replayed())
        connection.close()

    with pytest.raises(RuntimeError), transaction.atomic():
        services.destroy_data_key(owner)
        outside = threading.Thread(target=look_from_outside)
        outside.start()
        outside.join(60)
        raise RuntimeError

    assert seen == [True]
    assert not ledger.replayed()
    services.destroy_data_key(owner)
    assert ledger.replayed()


CODE = """
import django; django.setup()
from uuid import UUID
from django.db import transaction
from vault import ledger
with transaction.atomic():
    ledger.record_change("withdrawn", UUID("{owner}"), "newsletter", "")
"""


@pytest.mark.slow
@pytest.mark.parametrize(("place", "lines_left"), [("ledger:committed", 0), ("ledger:written", 1)])
def test_a_writer_killed_between_commit_and_line_leaves_a_line_that_is_written_once(owner, settings, place, lines_left):
    names = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
    parts = {key: connection.settings_dict[name] for key, name in names.items() if connection.settings_dict[name]}
    environment = os.environ | {
        "DATABASE_URL": make_conninfo(**parts), "FAILPOINT": place,
        "VAULT_KEY_FILE": str(settings.VAULT_KEY_FILE), "SHRED_LEDGER_FILE": str(settings.SHRED_LEDGER_FILE),
    }  # fmt: skip
    killed = subprocess.run([sys.executable, "-c", CODE.format(owner=owner)], env=environment, timeout=600)
    assert killed.returncode == -signal.SIGKILL
    assert len(lines(settings)) == lines_left
    assert UnwrittenLine.objects.count() == 1
    assert ledger.replayed()

    assert ledger.write_lines() == 1 - lines_left

    assert len(lines(settings)) == 1
    assert not UnwrittenLine.objects.exists()
    assert ledger.replayed()
    assert ledger.write_lines() == 0
