"""The batch of decisions in front of Django: item by item what the view says, and counted as by the view."""

import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from access.models import ThrottleWindow
from consent.models import DataContract, DecisionCount, Objection, Standing
from consent.services import batches, counting
from consent.services.counting import gathered
from subjects.models import Restriction
from subjects.services import mark_erased, retain
from tests.audit.tools import behind_the_triggers
from tests.consent.people import answer, share
from tests.frame.doors import DECISIONS, Doors, plans

PURPOSES = (
    "newsletter", "orders", "fraud_prevention", "direct_marketing", "tax_records", "health_programme", "statistics",
    "profiling", "none", "ß", " ", "p" * 200,
)  # fmt: skip


@pytest.fixture(autouse=True)
def _one_connection(monkeypatch):
    """Nothing is gathered, and the connection stays: a real one is looked at after each request, a test's is in use."""
    gathered.take()
    monkeypatch.setattr(connections["default"], "close_if_unusable_or_obsolete", lambda: None)
    yield
    gathered.take()


@pytest.fixture
def doors(catalogue, frozen, shop, alice, bob, client_for):
    return Doors(client_for(shop).token, str(alice.id_for(shop)), path=f"{DECISIONS}/batch")


@pytest.fixture
def items(doors, bob, shop):
    """Alice, Bob and nobody, for every purpose, alone and with recipients; in both cases of letters, and repeated."""
    people = (doors.id, str(bob.id_for(shop)), str(uuid4()), doors.id.upper())
    made = [{"subject": who, "purpose": slug} for slug in PURPOSES for who in people]
    for recipient in (None, "acme", "nobody"):
        made += [{"recipient": recipient, "purpose": "newsletter", "subject": who} for who in people]
    return [*made, *made[:3]]


def _codes(doors: Doors, items: Any) -> list[str]:
    """What both say at once; counted alike."""
    DecisionCount.objects.all().delete()
    said = doors.at_once(_raw(items))["results"]
    by_view = _counts()
    DecisionCount.objects.all().delete()
    gathered.write()
    assert _counts() == by_view
    return [each["code"] for each in said]


def _raw(items: Any) -> bytes:
    return json.dumps({"items": items}, ensure_ascii=False).encode()


def _counts() -> list[Any]:
    return sorted(DecisionCount.objects.values_list("application", "purpose", "code", "minute", "count"))


def test_every_item_is_decided_as_by_the_view(doors, items, alice, bob, frozen):
    """One life: answers, sharing, ends, objection, restriction, contract, erasure; every state over all items."""
    seen: set[str] = set()

    def look() -> None:
        frozen.shift(1)
        seen.update(_codes(doors, items))

    look()
    answer(alice.subject, "give")
    answer(bob.subject, "refuse")
    look()
    share(alice.subject, True)
    answer(bob.subject, "give")
    look()
    now = timezone.now()
    for ends in (now + timedelta(seconds=30), now + timedelta(days=300), now, now - timedelta(days=1)):
        Standing.objects.filter(subject=alice.subject).update(expires_at=ends)
        Standing.objects.filter(subject=bob.subject).update(expires_at=now + timedelta(seconds=50))
        _codes(doors, items)
    Standing.objects.filter(subject=bob.subject).update(state="pending", expires_at=None)
    Objection.objects.create(subject=alice.subject, purpose="fraud_prevention", since=now)
    Objection.objects.create(subject=alice.subject, purpose="orders", since=now)
    answer(alice.subject, "withdraw")
    look()
    with behind_the_triggers():
        DataContract.objects.filter(purpose__slug="orders").update(expires_at=now + timedelta(seconds=20))
    look()
    Restriction.objects.create(subject=bob.subject, ground="accuracy_contested", since=now)
    look()
    kept = {"purpose": "tax_records", "fields": ["family_name"], "article": "17(3)(b)"}
    retain(subject=alice.subject, until=timezone.now() + timedelta(days=300), **kept)
    mark_erased(subject=alice.subject, actor="staff:x")
    look()
    frozen.shift(600)
    assert seen >= {
        "allowed", "unknown_subject", "unknown_purpose", "purpose_not_approved", "not_in_contract", "consent_missing",
        "consent_refused", "consent_withdrawn", "consent_pending", "objected", "restricted", "erased", "sharing_off",
    }  # fmt: skip


def test_a_thousand_items_and_one(doors):
    one = {"subject": doors.id, "purpose": "orders"}
    assert _codes(doors, [one]) == ["allowed"]
    assert _codes(doors, [one] * 1000) == ["allowed"] * 1000
    assert doors.by_the_view({"items": [one] * 1001}).startswith("422")


def test_bodies_that_are_not_plain(doors):
    who, good = doors.id, {"subject": doors.id, "purpose": "orders"}
    bad = [
        [], {}, {"items": []}, {"items": {}}, {"items": None}, {"items": "x"}, {"items": [good], "more": 1},
        {"items": [1]}, {"items": [[]]}, {"items": [None]}, {"items": ["x"]}, {"items": [good, {}]},
        {"items": [good | {"more": 1}]}, {"items": [{"subject": who}]}, {"items": [{"purpose": "orders"}]},
        {"items": [good | {"fields": ["email"]}]}, {"items": [good, good | {"subject": "x"}]},
        {"items": [good | {"subject": None}]}, {"items": [good | {"subject": f"{{{who}}}"}]},
        {"items": [good | {"subject": f"{who},{who}"}]}, {"items": [good | {"subject": ""}]},
        {"items": [good | {"purpose": each} for each in ("", "orders")]}, {"items": [good | {"purpose": "p" * 201}]},
        {"items": [good | {"purpose": None}]}, {"items": [good | {"purpose": 1}]}, {"items": [good | {"purpose": []}]},
        {"items": [good | {"recipient": ""}]}, {"items": [good | {"recipient": 1}]},
        {"items": [good | {"recipient": {}}]}, {"items": [good | {"recipient": "r" * 201}]},
        {"items": {"subject": who, "purpose": "orders"}},
    ]  # fmt: skip
    for each in bad:
        assert doors.by_the_view(each)[:3] in {"400", "422"} or each == {"items": []}, each
    one = f'{{"subject": "{who}", "purpose": "orders"'
    raw = [
        b"", b"{", b"\xff", b'{"items": NaN}', f'{{"items": [{one}, "purpose": "orders"}}]}}'.encode(),
        f'{{"items": [{one}}}], "items": [{one}}}]}}'.encode(),
        f'{{"items": [{one}, "recipient": null, "recipient": null}}]}}'.encode(),
        f'{{"items": [{one}, "recipient": "\\u0000"}}]}}'.encode(), f'{{"items": [{one}}}]}} x'.encode(),
        f'{{"items": [{one}, "recipient": "\ud800"}}]}}'.encode("utf-8", "surrogatepass"),
    ]  # fmt: skip
    for each in raw:
        assert doors.by_the_view(each)[:3] == "400", each
    odd = f'{{"items": [{one}, "recipient": "\\"\\u00df"}}]}}'.encode()  # a backslash: in doubt
    assert doors.by_the_view(odd) == "200 OK"
    assert doors.by_the_view({"items": [good]}, QUERY_STRING="more=1").startswith("400")


def test_one_statement_whatever_the_number(doors, items):
    raw = _raw(items)
    doors.ask(doors.quick, raw)  # token and share are taken
    generic, _ = plans(batches.BATCH)
    with CaptureQueriesContext(connection) as others:
        doors.ask(doors.quick, raw)
    assert not others.captured_queries and not doors.passed_on
    assert plans(batches.BATCH) == (generic + 1, 0)
    assert ThrottleWindow.objects.get().used > 0


@pytest.mark.parametrize("what", ["places", "facts", "counts"])
def test_the_comparison_notices_a_difference(doors, items, monkeypatch, alice, what):
    """Teeth: answers in another order, a fact left out, one decision not counted."""
    answer(alice.subject, "give")
    if what == "places":
        real = batches.Alike
        monkeypatch.setattr(
            batches, "Alike", lambda d, p, places: real(d, p, [len(items) + 1 - each for each in places])
        )
    elif what == "facts":
        monkeypatch.setattr(batches, "Answer", lambda **_: None)
    else:
        monkeypatch.setattr(counting.Gathered, "add", lambda *_, **__: None)
    with pytest.raises(AssertionError):
        _codes(doors, items)
