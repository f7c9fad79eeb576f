"""Consents recorded and people registered in front of Django: the view's answer, and the rows it leaves.

Statements counted, and the connection cut after each: `tests/consent/test_answers_are_written_at_once.py`, by both.
"""

import json
import re
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.db import connection, connections
from django.utils import translation

from access.models import IdempotencyKey
from access.rest import remembered
from audit.models import AuditEvent
from consent.models import ConsentEvent, Delivery, Standing
from consent.services.objections import object_to
from gdpr_portal import quick
from gdpr_portal.quick import consents
from subjects.models import Identifier, Subject
from subjects.services import mark_erased, people
from tests.conftest import make_application
from tests.consent.people import answer, share, wording
from tests.frame.doors import Doors, QuickClient, changes, told, without_rate
from vault import ledger

_ID = re.compile("[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[0-9a-f]{32}")
_ROWS = (
    (ConsentEvent, "seq", ("purpose", "recipient", "action", "state", "notice_version", "notice_language",
                           "notice_digest", "channel", "explicit", "actor", "at", "expires_at", "recorded_at")),
    (AuditEvent, "ordinal", ("at", "action", "actor", "subject", "request_id", "purpose", "fields", "details")),
    (Delivery, "created_at", ("type", "purpose", "state")),
    (IdempotencyKey, "id", ("key", "method", "path", "status", "content_type", "fingerprint")),
    (Identifier, "created_at", ("kind",)),
    (Subject, "created_at", ("language", "country")),
)  # fmt: skip
"""What is compared row by row; of all other tables how many rows were written."""


@dataclass
class WriteDoors(Doors):
    """As `Doors`: what the view wrote is undone before the quick door is asked, whose act stays."""

    def same(self, body: Any = None, **environ: Any) -> tuple[str, dict[str, Any]]:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        point, promised = connection.savepoint(), list(connection.run_on_commit)
        expected = self._seen(self.view, raw, environ)
        connection.savepoint_rollback(point)
        connection.run_on_commit = promised
        found = self._seen(self.quick, raw, environ)
        assert found == expected
        return found[0], self.said

    def _seen(self, door: Any, raw: bytes, environ: dict[str, Any]) -> Any:
        remembered.forget()
        before, hooks = changes(), len(connection.run_on_commit)
        last = [model.objects.count() for model, _, _ in _ROWS]
        status, headers, content = self.ask(door, raw, **environ)
        left = {name: count - before.get(name, 0) for name, count in changes().items() if count != before.get(name, 0)}
        rows = [list(model.objects.order_by(by).values(*names))[count:] for (model, by, names), count in
                zip(_ROWS, last, strict=True)]  # fmt: skip
        promised = [_hook(each[1]) for each in connection.run_on_commit[hooks:]]
        self.said = json.loads(content)
        return status, without_rate(headers), _anonymous(content.decode()), told(left), _anonymous(str(rows)), promised


def _hook(promised: Any) -> str:
    cells = [each.cell_contents for each in getattr(promised, "__closure__", None) or ()]
    return " ".join([getattr(promised, "__qualname__", repr(promised)[:60]), *(c for c in cells if isinstance(c, str))])


def _anonymous(text: str) -> str:
    """Ids of rows made are the door's own."""
    names: dict[str, str] = {}
    return _ID.sub(lambda found: names.setdefault(found[0], f"id-{len(names)}"), text)


@pytest.fixture
def _one_connection(monkeypatch):
    """The connection stays: a real one is looked at after each request, a test's is in use."""
    monkeypatch.setattr(connections["default"], "close_if_unusable_or_obsolete", lambda: None)


@pytest.fixture
def doors(_one_connection, catalogue, frozen, shop, alice, client_for):
    frozen.shift(timedelta(hours=1))
    return WriteDoors(
        client_for(shop).token, str(alice.id_for(shop)), path=f"/api/v1/subjects/{alice.id_for(shop)}/consents"
    )


def asked(action: str = "give", purpose: str = "newsletter", **more: Any) -> dict[str, Any]:
    seen = wording(purpose)
    notice = {"version": seen.version, "language": seen.language, "digest": seen.digest}
    return {"purpose": purpose, "action": action, "notice": notice if action == "give" else None} | more


# --- random lives -----------------------------------------------------------------------------------------------------
def test_random_answers_of_random_people(doors, alice, bob, shop, frozen):
    """Each answer by both doors, in a world that its own answers, the portal and objections move on."""
    dice, found, by_view, kept = Random(56), [], set(), []
    mark_erased(subject=bob.subject, actor="staff:x")
    ids = [doors.id] * 8 + [str(bob.id_for(shop)), str(uuid4()), doors.id.upper()]
    drawn = [(doors.path, asked() | odd, {}) for odd in _ODD] + [None] * 75
    for number, given in enumerate(drawn):
        frozen.shift(dice.choice((0, 1, 2)))
        if number % 6 == 5:
            _something_else(dice, alice)
        path, body, environ = given or (kept[-1] if kept and dice.random() < 0.1 else _request(dice, ids))
        if environ:
            kept.append((path, body, environ))
        before = len(doors.passed_on)
        status, said = doors.same(body, PATH_INFO=path, **environ)
        found.append(status[:3] if len(doors.passed_on) == before else f"{status[:3]} by the view")
        by_view.add(said.get("code", "replayed" if len(doors.passed_on) > before else ""))
    assert {"201", "201 by the view", "404 by the view", "410 by the view"} <= set(found), found
    assert set(found) - {"201"} == {each for each in found if each.endswith("view")}, "a refusal in front of the view"
    assert found.count("201") > 20
    assert {"notice_outdated", "explicit_consent_required", "missing_member", "not_consent_based", "replayed",
            "idempotency_mismatch"} <= by_view, by_view  # fmt: skip
    assert Standing.objects.filter(subject=alice.subject, recipient="acme").exists() and Delivery.objects.exists()


PURPOSES = ["newsletter"] * 5 + ["health_programme"]
_ODD: tuple[dict[str, Any], ...] = (
    {"explicit": True}, {"explicit": True}, {"channel": "kiosk-1"}, {"recipient": "acme"}, {"recipient": "nobody"},
    {"purpose": "orders"}, {"purpose": "profiling"}, {"purpose": "none"}, {"notice": None}, {"recipient": None},
    {"notice": {"version": 1, "language": "en", "digest": "sha256:" + "0" * 64}}, {"more": 1},
)  # fmt: skip


def _request(dice: Random, ids: list[str]) -> tuple[str, dict[str, Any], dict[str, str]]:
    body = asked(dice.choice(("give", "give", "withdraw", "refuse")), dice.choice(PURPOSES))
    body |= dice.choice(_ODD) if dice.random() < 0.4 else {}
    if dice.random() < 0.2:
        body.pop(dice.choice(["notice", "action", "purpose"]))
    key = {"HTTP_IDEMPOTENCY_KEY": dice.choice(["one", "two", "three", "four"])} if dice.random() < 0.3 else {}
    return f"/api/v1/subjects/{dice.choice(ids)}/consents", body, key


def _something_else(dice: Random, alice: Any) -> None:
    act = dice.randint(0, 2)
    if act == 0:
        object_to(subject=alice.subject, purpose="newsletter", actor="subject")
    elif act == 1:
        answer(alice.subject, dice.choice(("give", "withdraw")))
    else:
        answer(alice.subject, "give")
        share(alice.subject, True)


def test_with_an_endpoint_recipients_and_the_ledger_are_told_alike(doors, alice, shop):
    from access.services.applications import set_endpoint

    set_endpoint(application=shop, url="https://shop.example/hook")
    doors.created(asked())
    share(alice.subject, True)
    doors.created(asked("withdraw"), HTTP_IDEMPOTENCY_KEY="once")
    assert {each.type for each in Delivery.objects.all()} >= {"consent.withdrawn", "sharing.stopped"}
    with translation.override("de"):  # what a page spoke before in this thread is of no matter
        doors.created(asked())


# --- what is plain ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "raw",
    [
        b"", b"{", b"null", b"[]", b"{}", b'"x"', b"\xff", b"x" * 5_000,
        b'{"purpose": "newsletter", "purpose": "orders"}',
        b'{"purpose": "newsletter", "action": "give", "notice": {"version": 1, "version": 2}}',
        b'{"purpose": "newsletter", "action": "withdraw", "explicit": 1}',
        b'{"purpose": "newsletter", "action": "withdraw", "channel": null}',
        b'{"purpose": "newsletter", "action": "withdraw", "channel": "a b"}',
        b'{"purpose": "newsletter", "action": ["withdraw"]}', b'{"purpose": {"a": "b"}, "action": "give"}',
        b'{"purpose": "newsletter", "action": "give", "notice": {"version": 1.0, "language": "en", "digest": "x"}}',
        b'{"purpose": "newsletter", "action": "give", "notice": {"version": 0, "language": "", "digest": 1, "x": 1}}',
        b'{"purpose": "newsletter", "action": "give", "notice": []}', b'{"purpose": "a\\u0000", "action": "refuse"}',
    ],
    ids=lambda raw: repr(raw[-30:]),
)  # fmt: skip
def test_bodies_that_are_no_answer(doors, raw):
    assert doors.by_the_view(raw)[:3] in {"400", "404", "413", "422", "409"}


def test_requests_that_are_not_plain(doors, eve, client_for):
    body, odd = asked("refuse"), "gdpr_at_unknown"
    for environ, status in [
        ({"QUERY_STRING": "a=1"}, "400"), ({"CONTENT_TYPE": "text/plain"}, "415"),
        ({"HTTP_ACCEPT": "text/html"}, "406"),
        ({"HTTP_AUTHORIZATION": f"Bearer {odd}"}, "401"), ({"HTTP_IDEMPOTENCY_KEY": "a b"}, "400"),
        ({"HTTP_IDEMPOTENCY_KEY": "x" * 256}, "400"), ({"REQUEST_METHOD": "PUT"}, "405"),
        ({"PATH_INFO": "/api/v1/subjects/x/consents"}, "404"), ({"HTTP_IDEMPOTENCY_KEY": ""}, "400"),
    ]:  # fmt: skip
        assert (environ, doors.by_the_view(body, **environ)[:3]) == (environ, status)
    doors.token = client_for(eve).token
    assert doors.by_the_view(body)[:3] == "403"
    doors.token = client_for(make_application("small", ["consent:write"], requests_per_minute=60)).token
    assert doors.by_the_view(body)[:3] == "404"


# --- people -----------------------------------------------------------------------------------------------------------
def test_people_are_registered_alike(doors):
    doors.path = "/api/v1/subjects"
    new = {"email": " New@Example.org ", "customer_id": "42"}
    profile = {"birth_date": "1990-01-31", "language": "de", "country": "DE"}
    made = doors.created({"identifiers": new} | profile, HTTP_IDEMPOTENCY_KEY="one")
    assert made["identifiers"] == ["customer_id", "email"]
    doors.created({"identifiers": {"phone": "+4930123456"}, "language": None})
    person = {"identifiers": {"email": "new@example.org"}}
    known = [person, {"identifiers": {"email": "new@example.org", "phone": "+4930765432"}}]
    assert [doors.by_the_view(each)[:3] for each in known] == ["200", "200"]
    conflict = {"identifiers": {"customer_id": "42", "phone": "+4930123456"}}
    assert doors.by_the_view(conflict)[:3] == "409"
    again = {"HTTP_IDEMPOTENCY_KEY": "one"}
    assert doors.by_the_view(person, **again)[:3] == "422"
    for wrong in (
        {}, {"identifiers": {}}, {"identifiers": {"email": "no"}}, {"identifiers": {"email": 1}}, {"identifiers": []},
        {"identifiers": {"badge": "7"}}, {"identifiers": {"email": ""}}, {"identifiers": {"customer_id": "a\u0000"}},
        {"identifiers": {"customer_id": "8"}, "birth_date": "1990-02-31"}, person | {"more": 1},
        {"identifiers": {"customer_id": "8"}, "birth_date": "2990-02-01"},
        {"identifiers": {"customer_id": "8"}, "country": "Atlantis"},
        {"identifiers": {"customer_id": "8"}, "language": 1},
    ):  # fmt: skip
        assert doors.by_the_view(wrong)[:3] in {"400", "422"}, wrong


@pytest.mark.django_db(transaction=True)
def test_somebody_registered_meanwhile_is_found_by_the_view(shop, client_for, monkeypatch):
    api, person, looks = QuickClient(client_for(shop).token), {"identifiers": {"email": "new@example.org"}}, []
    first, real = api.post("/api/v1/subjects", person), people.owners_of

    def late(*given: Any) -> Any:
        looks.append(given)
        return real(*given) if len(looks) > 1 else {}

    monkeypatch.setattr(people, "owners_of", late)
    again = api.post("/api/v1/subjects", person)
    assert (first.status_code, again.status_code, again.body) == (201, 200, first.body)
    assert (len(api.passed_on), Subject.objects.count()) == (1, 1)


# --- once a commit was tried ------------------------------------------------------------------------------------------
def no_room(*_: Any) -> None:
    raise OSError("No space left on device")


def cut_in_commit(patch: pytest.MonkeyPatch) -> None:
    """The database commits, and the connection is gone before it can say so."""
    real = psycopg.Connection.commit

    def commit(self: Any) -> None:
        real(self)
        self.pgconn.finish()
        raise psycopg.OperationalError("cut")

    patch.setattr(psycopg.Connection, "commit", commit)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("failure", ["ledger", "commit"])
def test_after_the_commit_the_failure_is_answered_as_the_view_does_and_nothing_is_tried_again(
    catalogue, alice, bob, shop, client_for, monkeypatch, failure
):
    said, api = [], QuickClient(client_for(shop).token)
    for person, client in ((alice, client_for(shop)), (bob, api)):
        path = f"/api/v1/subjects/{person.id_for(shop)}/consents"
        client.post(path, asked())
        with monkeypatch.context() as patch:
            if failure == "ledger":
                patch.setattr(ledger, "write_lines", no_room)
            else:
                cut_in_commit(patch)
            answered = client.post(path, asked("withdraw"), HTTP_IDEMPOTENCY_KEY=person.name)
        said.append((answered.status_code, answered.body, answered["Content-Type"], answered["Retry-After"]))
        assert (ConsentEvent.objects.filter(subject=person.subject, action="withdraw").count()) == 1
        connection.close()
    assert said[0] == said[1] and said[0][0] == 503
    assert not api.passed_on
    again = api.post(path, asked("withdraw"), HTTP_IDEMPOTENCY_KEY=bob.name)
    assert (again.status_code, again["Idempotency-Replayed"]) == (201, "true")


@pytest.mark.django_db(transaction=True)
def test_passed_on_it_would_be_tried_again(catalogue, alice, shop, client_for, monkeypatch):
    """Teeth: a door that takes every failure for a refusal."""
    real = quick.written
    monkeypatch.setattr(quick, "written", lambda *given: said if (said := real(*given)) and said.status < 500 else None)
    api, path = QuickClient(client_for(shop).token), f"/api/v1/subjects/{alice.id_for(shop)}/consents"
    api.post(path, asked())
    with monkeypatch.context() as patch:
        cut_in_commit(patch)
        api.post(path, asked("withdraw"))
    assert len(api.passed_on) == 1


# --- teeth ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("what", ["answer", "event", "row"])
def test_the_comparison_notices_a_difference(doors, monkeypatch, what):
    real = consents.record_consent_within
    if what == "answer":
        monkeypatch.setattr(consents, "recorded", lambda event: {"event": str(event.event)})
    elif what == "event":
        monkeypatch.setattr(consents.actors, "application", lambda slug: "application:another")
        monkeypatch.setattr(
            "access.rest.views.actors", type("", (), {"application": lambda slug: f"application:{slug}"})
        )
    else:
        monkeypatch.setattr(
            consents,
            "record_consent_within",
            lambda **given: (real(**given), real(**given | {"action": "withdraw"}))[0],
        )
    with pytest.raises(AssertionError):
        doors.created(asked())
