"""A worker whose clock is ahead would end undo windows and periods of the law too early: it carries nothing out."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import OperationalError

from erasure import tasks
from erasure.services.steps import sweep
from gdpr_portal import clocks
from gdpr_portal.clocks import is_too_early
from subjects.models import Subject
from tests.conftest import Person
from tests.erasure.people import file

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch, _clocks_agree: None) -> None:
    """The database is asked, as in a worker."""
    monkeypatch.setattr(clocks, "is_too_early", is_too_early)
    clocks.forget()


def begun(person: Person) -> bool:
    return Subject.objects.get(pk=person.subject.pk).erased_at is not None


@pytest.mark.usefixtures("catalogue")
def test_two_days_ahead_no_erasure_begins_in_its_undo_window(alice: Person, caplog: pytest.LogCaptureFixture) -> None:
    request = file(alice.subject, "erasure")
    with time_machine.travel(datetime.now(UTC) + timedelta(days=2)):
        tasks.sweep()
        tasks.advance(str(request.id))
        assert not begun(alice) and "this clock is ahead" in caplog.text
        sweep()
        assert begun(alice), "without the guard it would have begun"


@pytest.mark.parametrize(("by", "early"), [(61, True), (59, False), (-3600, False)])
def test_a_minute_is_the_most_and_behind_does_no_harm(by: int, early: bool) -> None:
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=by), tick=False):
        assert is_too_early() is early


def test_the_database_is_asked_every_half_minute_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[Any] = []
    monkeypatch.setattr(clocks, "ahead", lambda: found.append(1) or timedelta())
    assert not is_too_early() and not is_too_early() and len(found) == 1
    moved = clocks.time.monotonic() + clocks.ASKED_SECONDS
    monkeypatch.setattr(clocks.time, "monotonic", lambda: moved)
    assert not is_too_early() and len(found) == 2


def test_a_database_that_does_not_answer_says_nothing_of_clocks(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> timedelta:
        raise OperationalError("away")

    monkeypatch.setattr(clocks, "ahead", fails)
    assert not is_too_early()
