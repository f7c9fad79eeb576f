"""Two registrations of one person at one moment give one person: the unique index decides, the loser looks again."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import IntegrityError, connection

from access.models import Application
from audit.models import AuditEvent
from subjects.models import ApplicationLink, Identifier, Subject
from subjects.services import people, register_subject
from tests.subjects.conftest import make_application
from vault.models import DataKey

pytestmark = pytest.mark.django_db(transaction=True)

AT_ONCE = 2
WHO = {"email": "ada@canary.example", "phone": "+4930123456"}


@pytest.fixture
def together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody has found nobody before anybody writes: the very window of the race."""
    gate, original, seen = threading.Barrier(AT_ONCE, timeout=120), people.owners_of, threading.local()

    def look(application: Application, given: Any) -> Any:
        found = original(application, given)
        if not getattr(seen, "waited", False):
            seen.waited = True
            gate.wait()
        return found

    monkeypatch.setattr(people, "owners_of", look)


def in_parallel(*acts: Callable[[], Any]) -> list[Any]:
    """What each act gave or raised, each on a connection of its own."""

    def on_own_connection(act: Callable[[], Any]) -> Any:
        try:
            return act()
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(on_own_connection, acts))


@pytest.mark.usefixtures("together")
def test_two_applications_at_one_moment_know_one_person() -> None:
    first, second = make_application("webshop"), make_application("bakery")
    answers = in_parallel(
        lambda: register_subject(application=first, identifiers=WHO),
        lambda: register_subject(application=second, identifiers=WHO),
    )
    assert sorted(is_new for _, is_new in answers) == [False, True]
    assert len({subject.pk for subject, _ in answers}) == 1
    assert Subject.objects.count() == DataKey.objects.count() == 1
    assert Identifier.objects.count() == len(WHO)
    assert ApplicationLink.objects.count() == AT_ONCE
    events = AuditEvent.objects.filter(action__startswith="subject.").values_list("action", flat=True)
    assert sorted(events) == ["subject.created", "subject.identified"]


@pytest.mark.usefixtures("together")
def test_teeth_without_looking_again_the_loser_would_be_turned_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people, "_UNIQUE", frozenset())
    shop = make_application("webshop")

    def register() -> Any:
        return register_subject(application=shop, identifiers=WHO)

    answers = in_parallel(register, register)
    assert [type(answer) for answer in answers if isinstance(answer, Exception)] == [IntegrityError]
    assert Subject.objects.count() == 1
