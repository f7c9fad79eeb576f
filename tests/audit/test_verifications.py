"""One click verifies the whole log: a row, a worker, progress, a result in the log; what dies is taken over."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from audit import tasks, verifications
from audit.models import AuditEvent, Checkpoint, Verification
from tests.audit.tools import tamper

pytestmark = pytest.mark.django_db(transaction=True)

Fill = Callable[[int], list[uuid.UUID]]
RITA = "staff:7d1a62fc-6f6a-4bd6-9f4f-0d7d8f6b9a11"


@pytest.fixture(autouse=True)
def _no_hints(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hint is lost: the sweep does it."""
    monkeypatch.setattr(verifications, "wake", lambda *args: None)


def test_a_sound_log_is_verified_and_the_log_says_so(log: Fill) -> None:
    log(10)
    asked = verifications.ask(actor=RITA)
    assert (asked.state, verifications.last()) == ("queued", None)
    assert verifications.sweep() == 1
    row = Verification.objects.get()
    assert row.holds and (row.checked, row.expected, row.damages) == (10, 10, 0)
    event = AuditEvent.objects.get(action="audit.verified")
    assert event.actor == RITA
    assert event.details["verdict"] == "holds" and event.details["size"] == 10
    assert event.details["verification"] == str(row.pk)
    assert verifications.last() == row


def test_damage_is_told_by_entry_and_kind(log: Fill) -> None:
    ids = log(10)
    tamper("UPDATE audit_event SET actor = 'staff:nobody' WHERE id = %s", ids[6])
    verifications.run(verifications.ask(actor=RITA).pk)
    row = Verification.objects.get()
    assert (row.holds, row.damages) == (False, 1)
    assert row.report is not None
    damage = row.report["damages"][0]
    assert (damage["kind"], damage["first"], damage["event"]) == ("changed", 6, str(ids[6]))
    assert AuditEvent.objects.get(action="audit.verified").details["verdict"] == "damaged"


def test_a_held_checkpoint_shows_the_rollback(log: Fill) -> None:
    log(6)
    log(4)
    kept = Checkpoint.objects.get(size=10).note
    tamper("DELETE FROM audit_event WHERE id IN (SELECT event FROM audit_leaf WHERE seq >= 6)")
    tamper("DELETE FROM audit_leaf WHERE seq >= 6")
    tamper("DELETE FROM audit_node WHERE (index + 1) << level > 6")
    tamper("DELETE FROM audit_checkpoint WHERE size > 6")
    verifications.run(verifications.ask(actor=RITA).pk)
    verifications.run(verifications.ask(actor=RITA, held=[kept]).pk)
    without, with_it = Verification.objects.order_by("asked_at")
    assert without.holds and not with_it.holds
    assert with_it.report is not None and with_it.report["damages"][0]["kind"] == "truncated"


def test_a_second_click_while_one_waits_asks_nothing_more(log: Fill) -> None:
    log(2)
    assert verifications.ask(actor=RITA) == verifications.ask(actor=RITA)
    assert verifications.ask(actor=RITA, held=[Checkpoint.objects.get().note]).pk is not None
    assert Verification.objects.count() == 2


def test_progress_is_seen_from_outside_while_it_runs(log: Fill, monkeypatch: pytest.MonkeyPatch) -> None:
    log(5)
    seen = []
    monkeypatch.setattr(verifications, "PROGRESS_SECONDS", 0.0)

    def verify(*, held: Any, progress: Any) -> Any:
        progress(3)
        seen.append(Verification.objects.values_list("state", "checked", "expected").get())
        return original(held=held, progress=progress)

    original = verifications.verify
    monkeypatch.setattr(verifications, "verify", verify)
    verifications.run(verifications.ask(actor=RITA).pk)
    assert seen == [("running", 3, 5)]


def test_a_worker_that_died_is_taken_over_and_cannot_write_afterwards(
    log: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    log(5)
    asked = verifications.ask(actor=RITA)

    def dies(**options: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(verifications, "verify", dies)
        verifications.run(asked.pk)
    late = Verification.objects.get()
    assert (late.state, verifications.sweep()) == ("running", 0), "its lease still runs"
    Verification.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert verifications.sweep() == 1
    assert Verification.objects.get().holds
    assert not verifications._settle(late, {"damages": 99}, None)
    assert AuditEvent.objects.filter(action="audit.verified").count() == 1


def test_one_that_dies_every_time_says_so(log: Fill) -> None:
    log(2)
    row = verifications.ask(actor=RITA)
    Verification.objects.update(attempts=verifications.MOST_ATTEMPTS)
    assert verifications.sweep() == 1
    row.refresh_from_db()
    assert (row.state, row.holds, verifications.last()) == ("failed", False, None)


def test_without_the_event_there_is_no_result(log: Fill, monkeypatch: pytest.MonkeyPatch) -> None:
    log(2)
    row = verifications.ask(actor=RITA)

    def fails(*args: Any, **options: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(verifications, "record", fails)
    with pytest.raises(RuntimeError):
        verifications.run(row.pk)
    row.refresh_from_db()
    assert (row.state, row.report) == ("running", None)


def test_the_log_is_verified_again_by_itself_once_a_day(log: Fill, settings: Any) -> None:
    assert verifications.ask_due() is None, "an empty log"
    log(3)
    tasks.sweep()
    assert Verification.objects.get().holds
    tasks.sweep()
    assert Verification.objects.count() == 1
    Verification.objects.update(asked_at=timezone.now() - timedelta(hours=25))
    tasks.sweep()
    assert Verification.objects.count() == 2
    settings.AUDIT_VERIFY_HOURS = 0
    Verification.objects.update(asked_at=timezone.now() - timedelta(hours=25))
    assert verifications.ask_due() is None
