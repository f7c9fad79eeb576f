"""Every committed event is sealed exactly once, in one order, however late its transaction commits."""

import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction

from audit import actors, canonical, merkle, sequencer, services, store, verify
from audit.models import AuditEvent, AuditLeaf, AuditNode, Checkpoint
from gdpr_portal.errors import Unavailable
from tests.audit.tools import seal, write

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("key")]

INSERT = """INSERT INTO audit_event (id, at, action, actor, request_id, fields, details)
            VALUES (%s, now(), 'subject.created', 'subject', '', '{}', '{}')"""


@contextmanager
def second_connection() -> Iterator[psycopg.Connection[Any]]:
    """Somebody else, with transactions of their own."""
    parameters = connection.get_connection_params()
    parameters.pop("cursor_factory", None)
    parameters.pop("context", None)
    other = psycopg.connect(**parameters)
    try:
        yield other
    finally:
        other.close()


def drain() -> int:
    total = 0
    while taken := sequencer.integrate(10):
        total += taken
    return total


def test_events_are_sealed_in_order_with_their_hashes() -> None:
    ids = write(25)
    assert drain() == 25
    leaves = list(AuditLeaf.objects.order_by("seq"))
    assert [leaf.seq for leaf in leaves] == list(range(25))
    assert [leaf.event for leaf in leaves] == ids
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {canonical.COLUMNS} FROM audit_event e ORDER BY xid, ordinal")
        hashes = [merkle.leaf_hash(canonical.leaf_bytes(row)) for row in cursor.fetchall()]
    assert [bytes(leaf.leaf_hash) for leaf in leaves] == hashes
    expected = {place: value for place, value in merkle.subtree_lookup(hashes).items() if place[0]}
    assert {(node.level, node.index): bytes(node.hash) for node in AuditNode.objects.all()} == expected
    assert store.compact_range(25).root() == merkle.root(hashes)


@pytest.mark.parametrize("sizes", [(1, 1, 1), (3, 5, 8), (1, 1000, 2)])
def test_however_it_is_cut_into_batches_the_tree_is_the_same(sizes: tuple[int, ...]) -> None:
    write(40)
    for size in sizes:
        sequencer.integrate(size)
    drain()
    seal()
    assert AuditLeaf.objects.count() == 40
    assert verify.verify().holds


def test_a_batch_costs_the_same_statements_whatever_its_size(django_assert_max_num_queries: Any) -> None:
    write(200)
    sequencer.integrate(1)
    for size in (2, 100):
        with django_assert_max_num_queries(8):  # two of them BEGIN and COMMIT
            assert sequencer.integrate(size) == size


def test_a_late_transaction_is_not_skipped() -> None:
    """It took its xid before the others and commits after them: everything from it on waits for it."""
    with second_connection() as late:
        first, second = uuid.uuid4(), uuid.uuid4()
        late.execute(INSERT, [first])
        overtakers = write(6)
        assert drain() == 0, "nothing at or above the open transaction is taken"
        late.execute(INSERT, [second])  # its ordinal is above those of the overtakers
        late.commit()
    assert drain() == 8
    assert list(AuditLeaf.objects.order_by("seq").values_list("event", flat=True)) == [first, second, *overtakers]
    seal()
    assert verify.verify().holds


def test_teeth_the_order_of_ordinals_alone_would_have_skipped_it() -> None:
    """The naive watermark (`ordinal > last`) loses the late event on this very schedule: it is a real one."""
    with second_connection() as late:
        first = uuid.uuid4()
        late.execute(INSERT, [first])
        write(3)
        last = max(AuditEvent.objects.values_list("ordinal", flat=True))
        late.commit()
    taken = set(AuditEvent.objects.filter(ordinal__gt=last).values_list("pk", flat=True))
    assert first not in taken
    assert AuditEvent.objects.filter(pk=first, ordinal__lt=last).exists()


def test_events_of_savepoints_belong_to_their_outer_transaction() -> None:
    """A subtransaction has an id of its own; taken for the event's, a late commit could hide behind the horizon."""
    with transaction.atomic():
        services.record("subject.created", actor=actors.SUBJECT)
        with transaction.atomic():
            services.record("subject.created", actor=actors.SUBJECT)
    assert AuditEvent.objects.values("xid").distinct().count() == 1


def test_a_rolled_back_neighbour_leaves_no_hole() -> None:
    with second_connection() as other:
        other.execute(INSERT, [uuid.uuid4()])
        write(3)
        other.rollback()
    assert drain() == 3
    assert list(AuditLeaf.objects.order_by("seq").values_list("seq", flat=True)) == [0, 1, 2]


def test_many_writers_at_once_lose_nothing() -> None:
    """Four connections with short and long transactions, some rolled back, while the sequencer runs."""
    kept: set[uuid.UUID] = set()
    lock = threading.Lock()

    def writer(number: int) -> None:
        with second_connection() as mine:
            for turn in range(25):
                ids = [uuid.uuid4() for _ in range(3)]
                for event in ids:
                    mine.execute(INSERT, [event])
                    time.sleep(0.001 * ((number + turn) % 4))
                if turn % 5 == 4:
                    mine.rollback()
                else:
                    mine.commit()
                    with lock:
                        kept.update(ids)

    threads = [threading.Thread(target=writer, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        sequencer.integrate(7)
    for thread in threads:
        thread.join()
    drain()
    assert len(kept) == 4 * 20 * 3
    assert set(AuditLeaf.objects.values_list("event", flat=True)) == kept
    seal()
    assert verify.verify().holds


def test_a_checkpoint_is_signed_only_when_there_is_something_new() -> None:
    assert sequencer.checkpoint() is None
    write(3)
    drain()
    made = sequencer.checkpoint()
    assert made is not None
    assert made.size == 3
    assert sequencer.checkpoint() is None
    assert Checkpoint.objects.count() == 1


def test_without_the_key_nothing_is_signed() -> None:
    from audit import signing

    write(1)
    drain()
    signing.forget()
    with pytest.raises(Unavailable, match="no_signer"):
        sequencer.checkpoint()


def test_the_lag_is_the_age_of_the_oldest_event_not_sealed() -> None:
    assert sequencer.lag_seconds() == 0
    write(3)
    time.sleep(0.05)
    assert 0.05 <= sequencer.lag_seconds() < 30
    drain()
    assert sequencer.lag_seconds() == 0


def test_only_one_session_holds_the_sequencer() -> None:
    with second_connection() as other, sequencer.holding() as held:
        assert held
        query = "SELECT pg_try_advisory_lock(%s)"
        taken = other.execute(query, [sequencer.HOLDER_LOCK]).fetchone()
        assert taken == (False,)
    with second_connection() as other:
        assert other.execute(query, [sequencer.HOLDER_LOCK]).fetchone() == (True,)
        with sequencer.holding() as held:
            assert not held


RUNNER = """
import sys
import django
from django.conf import settings
django.setup()
settings.DATABASES["default"]["NAME"] = sys.argv[1]
from audit import signing
from tests.audit.tools import NAME, PUBLIC, sign
signing.register_signer(NAME, sign, PUBLIC)
from django.core.management import call_command
call_command("run_sequencer", "--interval", "0.05")
"""


def start_runner() -> "subprocess.Popen[str]":
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "LOG_LEVEL": "WARNING"}
    name = str(connection.settings_dict["NAME"])
    command = [sys.executable, "-c", RUNNER, name]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def wait_for(condition: Any, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)


def test_the_running_sequencer_seals_signs_drains_on_sigterm_and_hands_over() -> None:
    first = start_runner()
    second = None
    try:
        assert first.stdout is not None
        assert first.stdout.readline() == "sealing\n"
        write(10)
        wait_for(lambda: Checkpoint.objects.filter(size=10).exists())
        second = start_runner()
        write(5)
        first.send_signal(signal.SIGTERM)
        assert first.wait(120) == 0
        assert Checkpoint.objects.filter(size=15).exists(), "drained and signed before it went"
        assert second.stdout is not None
        assert second.stdout.readline() == "sealing\n"
        write(5)
        wait_for(lambda: Checkpoint.objects.filter(size=20).exists())
        second.send_signal(signal.SIGTERM)
        assert second.wait(120) == 0
    finally:
        for process in filter(None, (first, second)):
            process.kill()
            process.communicate()
    assert verify.verify().holds
