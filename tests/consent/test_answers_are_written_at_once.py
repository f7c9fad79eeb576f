"""An answer costs few statements, whatever came before; dies at any of them and leaves nothing; and waits its turn.

What it writes is held by `test_consent_events` and, over thousands of random steps, by `test_decisions_model`.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone
from psycopg import Cursor

from access.models import IdempotencyKey
from access.rest import remembered
from access.services.applications import set_endpoint
from audit.models import AuditEvent
from consent.models import ConsentEvent, Delivery, Standing
from consent.services.consents import record_consent_of
from consent.services.decisions import decide_for
from consent.services.objections import object_to
from consent.services.standing import compare_standing
from gdpr_portal import prepared
from gdpr_portal.prepared import Connected, Loaded, Prepared
from subjects.models import ApplicationLink, Identifier, Subject
from subjects.services import people
from tests.consent.people import answer, share, wording
from tests.frame.doors import QuickClient
from vault.models import DataKey, Tombstone, UnwrittenLine


@pytest.fixture(params=["view", "quick"])
def client_at(request, client_for, monkeypatch) -> Callable[[Any], Any]:
    """`client_at(application)`: a client of the view, and one of what stands in front of it. What was asked once of the
    token and the connection is not asked again, however slow the machine."""
    monkeypatch.setattr(remembered, "SECONDS", 600)
    monkeypatch.setattr(prepared, "TRUSTED_SECONDS", 600.0)
    if request.param == "view":
        return client_for
    return lambda application: QuickClient(client_for(application).token)


pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("catalogue")]

TABLES = (ConsentEvent, Standing, AuditEvent, Delivery, Tombstone, UnwrittenLine, IdempotencyKey)
PERSON = (Subject, Identifier, ApplicationLink, DataKey, AuditEvent, IdempotencyKey)
GIVE, WITHDRAW = 3, 6
"""Statements: lock, look, write; then what an end of a consent asks for, and the ledger's two."""


@contextmanager
def statements() -> Iterator[list[str]]:
    """What this process sends to the database, by whatever way."""
    sent: list[str] = []
    with _seen(lambda text, _: sent.append(text)):
        yield sent


@contextmanager
def _seen(after: Callable[[str, Any], None]) -> Iterator[None]:
    """`after` is called with each statement, by a cursor or prepared, and its connection once it was answered."""
    by_cursor, prepared = Cursor.execute, Connected.rows

    def execute(self: Any, query: Any, *given: Any, **named: Any) -> Any:
        done = by_cursor(self, query, *given, **named)
        after(str(query), self.connection)
        return done

    def rows(self: Any, statement: Any, values: Any) -> Any:
        found = prepared(self, statement, values)
        after(statement.text, self.made)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Cursor, "execute", execute)
        patch.setattr(Connected, "rows", rows)
        yield


def body(action: str, number: int = 0) -> dict[str, Any]:
    seen = wording()
    notice = {"version": seen.version, "language": seen.language, "digest": seen.digest}
    return {"purpose": "newsletter", "action": action, "notice": notice if action == "give" else None}


def counts(tables: Any = TABLES) -> list[int]:
    return [table.objects.count() for table in tables]


# --- few ------------------------------------------------------------------------------------------------------------
def test_an_answer_takes_as_many_statements_after_a_hundred_as_after_none(alice, shop, client_at):
    api, path = client_at(shop), f"/api/v1/subjects/{alice.id_for(shop)}/consents"
    bodies = {action: body(action) for action in ("give", "withdraw")}
    for action in ("give", "withdraw"):  # the token, the share and the health of the connection are known from now on
        assert api.post(path, bodies[action]).status_code == 201
    for _ in range(50):
        answer(alice.subject, "give")
        answer(alice.subject, "withdraw")
    for action, number in (("give", GIVE), ("withdraw", WITHDRAW)):
        api.post(path, bodies["withdraw" if action == "give" else "give"])
        with statements() as sent:
            assert api.post(path, bodies[action]).status_code == 201
        assert len(sent) == number, sent


def test_a_person_takes_two_statements(shop, client_at, bob):
    api = client_at(shop)
    assert api.post("/api/v1/subjects", {"identifiers": {"email": "first@example.org"}}).status_code == 201
    with statements() as sent:
        made = api.post("/api/v1/subjects", {"identifiers": {"email": "next@example.org", "customer_id": "7"}})
    assert (made.status_code, made.body["identifiers"]) == (201, ["customer_id", "email"])
    assert len(sent) == 2, sent
    again = api.post("/api/v1/subjects", {"identifiers": {"email": "next@example.org"}})
    assert (again.status_code, again.body) == (200, made.body)


def test_a_key_takes_three_statements_more_than_its_act(alice, shop, client_at):
    """Lock, look and keep; and the savepoint that lets a refusal be kept."""
    api, path = client_at(shop), f"/api/v1/subjects/{alice.id_for(shop)}/consents"
    yes, no = body("give"), body("withdraw")
    for each in (yes, no):
        api.post(path, each)
    with statements() as sent:
        assert api.post(path, yes, HTTP_IDEMPOTENCY_KEY="one").status_code == 201
    assert len([each for each in sent if "SAVEPOINT" not in each]) == GIVE + 3, sent


# --- whole ----------------------------------------------------------------------------------------------------------
def test_what_is_returned_is_what_was_written(alice, shop):
    for event in (answer(alice.subject, "give"), answer(alice.subject, "withdraw"), answer(alice.subject, "refuse")):
        row = ConsentEvent.objects.get(event=event.event)
        for field in ConsentEvent._meta.concrete_fields:
            assert getattr(row, field.attname) == getattr(event, field.attname), field


def test_random_answers_leave_what_their_events_derive(alice, frozen):
    dice = Random(45)
    frozen.shift(timedelta(hours=1))
    for _ in range(120):
        frozen.shift(timedelta(minutes=dice.randint(0, 3)))
        late = timedelta(minutes=dice.choice((0, 0, 0, 1, 7, 7)))
        answer(alice.subject, dice.choice(("give", "withdraw", "refuse")), at=timezone.now() - late)
        if dice.random() < 0.1:
            object_to(subject=alice.subject, purpose="newsletter", actor="subject")
        if decide_for(application=None, subject=alice.subject, purpose="newsletter").allowed and dice.random() < 0.3:
            share(alice.subject, True)
    answers, switches = ConsentEvent.objects.filter(recipient=""), ConsentEvent.objects.exclude(recipient="")
    assert answers.count() > 60 and switches.count() > 6
    assert compare_standing() == []
    assert AuditEvent.objects.filter(action__startswith="consent.").count() == answers.count()
    assert AuditEvent.objects.filter(action__startswith="sharing.").count() == switches.count()


# --- dead at any statement --------------------------------------------------------------------------------------------
@contextmanager
def dies_at(number: int) -> Iterator[list[int]]:
    """The connection is cut just after that statement reached the database, as when the process is killed there."""
    left = [number]

    def cut(_: str, made: Any) -> None:
        left[0] -= 1
        if left[0] == 0:
            made.pgconn.finish()
            raise OperationalError("cut")

    with _seen(cut):
        yield left


@pytest.mark.parametrize("action", ["give", "withdraw"])
def test_cut_at_any_statement_nothing_of_the_act_is_left_and_the_retry_acts_once(alice, shop, client_at, action):
    set_endpoint(application=shop, url="https://shop.example/hook")
    if action == "withdraw":
        answer(alice.subject, "give")
        share(alice.subject, True)
    api, path, asked = client_at(shop), f"/api/v1/subjects/{alice.id_for(shop)}/consents", body(action)
    api.get(f"/api/v1/subjects/{alice.id_for(shop)}")
    before, number, acted = counts(), 0, False
    while not acted:
        number += 1
        with dies_at(number) as left:
            answered = api.post(path, asked, HTTP_IDEMPOTENCY_KEY="once")
        acted = answered.status_code == 201
        if not acted:
            assert (answered.status_code, answered.body["code"]) == (503, "unavailable"), number
            connection.close()
            if counts() != before:  # the act has committed: the cut was in the writing of the ledger's lines
                assert action == "withdraw" and UnwrittenLine.objects.count() == 2
                break
        assert left[0] <= 0 or acted
    assert number > GIVE
    again = api.post(path, asked, HTTP_IDEMPOTENCY_KEY="once")
    assert (again.status_code, again["Idempotency-Replayed"]) == (201, "true")
    assert ConsentEvent.objects.filter(recipient="", action=action).count() == 1
    assert AuditEvent.objects.filter(action=f"consent.{'given' if action == 'give' else 'withdrawn'}").count() == 1
    told = Delivery.objects.filter(type__in=["consent.withdrawn", "sharing.stopped"]).count()
    assert told == (2 if action == "withdraw" else 0)
    assert compare_standing() == []


def test_cut_at_any_statement_no_part_of_a_person_is_left(shop, client_at):
    api, asked = client_at(shop), {"identifiers": {"email": "new@example.org", "customer_id": "9"}}
    api.post("/api/v1/subjects", {"identifiers": {"email": "first@example.org"}})
    before, number = counts(PERSON), 0
    while True:
        number += 1
        with dies_at(number):
            answered = api.post("/api/v1/subjects", asked, HTTP_IDEMPOTENCY_KEY="once")
        if answered.status_code == 201:
            break
        assert answered.status_code == 503
        connection.close()
        assert counts(PERSON) == before, number
    assert number > 3
    added = [after - then for after, then in zip(counts(PERSON), before, strict=True)]
    assert added == [1, 2, 1, 1, 1, 1]


# --- one after the other ----------------------------------------------------------------------------------------------
def withdrawn_while_given(alice: Any, shop: Any) -> str:
    """A withdrawal that begins while a giving is under way; the standing before, as the ledger has it."""
    pairwise, seen, began = alice.id_for(shop), wording(), threading.Event()
    errors: list[BaseException] = []

    def act(action: str) -> None:
        record_consent_of(
            pairwise=pairwise, application=shop, purpose="newsletter", action=action, channel="web",
            actor="application:shop", notice=seen if action == "give" else None,
        )  # fmt: skip

    def withdraw() -> None:
        try:
            began.set()
            act("withdraw")
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=withdraw)
    with transaction.atomic():
        act("give")
        thread.start()
        began.wait(120)
        for _ in range(200):
            with connection.cursor() as cursor:
                cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
                if cursor.fetchone()[0] or not thread.is_alive():
                    break
            thread.join(0.01)
    thread.join()
    assert not errors
    return "withdrawn after given" if Tombstone.objects.filter(kind="withdrawn").exists() else "withdrawn unseen"


def test_a_withdrawal_waits_for_a_giving_and_sees_it(alice, shop):
    assert withdrawn_while_given(alice, shop) == "withdrawn after given"
    assert [event.action for event in ConsentEvent.objects.order_by("seq")] == ["give", "withdraw"]
    assert Standing.objects.get(recipient="").state == "withdrawn" and compare_standing() == []


def test_without_the_lock_it_would_not(alice, shop, monkeypatch):
    """Teeth: the two are not one after the other by luck."""
    from subjects import selectors

    monkeypatch.setattr(people, "_LOCKED_KNOWN", Loaded(Subject, selectors.KNOWN))
    assert withdrawn_while_given(alice, shop) == "withdrawn unseen"


# --- a connection that answered lately --------------------------------------------------------------------------------
ASKED = Prepared("SELECT 1")


def test_a_connection_is_asked_whether_it_lives_once_a_second_and_replaced_when_not(client, monkeypatch):
    from django.core.signals import request_started

    clock = [100.0]
    monkeypatch.setattr(prepared.time, "monotonic", lambda: clock[0])
    ASKED.one()

    def a_request() -> list[str]:
        clock[0] += 0.4
        connection.health_check_done = False  # as at every request's start; a test's connection is not looked at there
        prepared.trusted()
        with statements() as sent:
            ASKED.one()
        return sent

    assert request_started.has_listeners() and [len(a_request()) for _ in range(3)] == [1, 1, 1]
    clock[0] += 1
    assert len(a_request()) == 2
    clock[0] += 1
    connection.connection.pgconn.finish()
    assert a_request()[-1] == "SELECT 1" and ASKED.one() == (1,)
