"""Snapshot and changes: replaying them gives what a decision would say, and no change is lost between transactions."""

import threading
import time
from datetime import timedelta

import pytest
import time_machine
from django.db import connection, transaction
from django.utils import timezone

from access.oauth import revoke_token
from access.rest import remembered
from consent.api.feed import MOST_WAITING, _waiting
from consent.models import DataContract, DecisionChange, Objection, Purpose
from consent.services import feed, review
from subjects.models import Restriction
from tests.consent.test_data import consented
from tests.consent.test_review import approved

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("catalogue")]
CHANGES, SNAPSHOT = "/api/v1/decisions/changes", "/api/v1/decisions/snapshot"


@pytest.fixture
def api(client_for, shop):
    return client_for(shop)


def replay(api, known, path, **query):
    """Every page from here on; returns the cursor to go on from."""
    while True:
        answer = api.get(path, query)
        assert answer.status_code == 200, answer.content
        for item in answer.body["items"]:
            known[item["subject"], item["purpose"], item["recipient"]] = item["code"]
        if answer.body["next"] is None:
            return answer.body["cursor"]
        query["cursor"] = answer.body["next"]


def asked(api, keys):
    """What decisions say to the same questions."""
    items = [{"subject": subject, "purpose": purpose, "recipient": recipient} for subject, purpose, recipient in keys]
    results = api.post("/api/v1/decisions/batch", {"items": items}).body["results"]
    return {key: result["code"] for key, result in zip(keys, results, strict=True)}


def test_snapshot_and_changes_give_the_present_standing(api, alice, bob, shop):
    known = {}
    cursor = replay(api, known, SNAPSHOT, limit=1)
    keys = list(known)
    assert {key[0] for key in keys} == {str(alice.id_for(shop)), str(bob.id_for(shop))}
    assert {key[1] for key in keys} >= {"newsletter", "orders"} and not {key[1] for key in keys} & {"statistics"}
    assert known == asked(api, keys)
    consented(alice)
    consented(bob)
    consented(bob, action="withdraw")
    Objection.objects.create(subject=alice.subject, purpose="direct_marketing", since=alice.subject.created_at)
    Restriction.objects.create(subject=bob.subject, ground="accuracy_contested", since=bob.subject.created_at)
    assert known != asked(api, keys)
    cursor = replay(api, known, CHANGES, cursor=cursor)
    assert known == asked(api, keys)
    assert replay(api, {}, CHANGES, cursor=cursor) is not None
    assert api.get(CHANGES, {"cursor": cursor}).body["items"] == []


def test_a_change_is_told_by_its_purpose_with_a_rising_number(api, alice):
    cursor = replay(api, {}, SNAPSHOT)
    consented(alice)
    consented(alice, action="withdraw")
    items = api.get(CHANGES, {"cursor": cursor}).body["items"]
    assert {item["purpose"] for item in items} == {"newsletter"}
    assert {item["recipient"] for item in items} == {None, "acme"}
    numbers = [item["seq"] for item in items]
    assert numbers == sorted(numbers) and len(set(numbers)) > 1
    assert items[0].keys() == {"subject", "purpose", "recipient", "state", "code", "seq"}


def test_a_transaction_that_commits_late_is_not_lost(api, alice, bob, shop):
    cursor = replay(api, {}, SNAPSHOT)
    begun, may_end = threading.Event(), threading.Event()

    def slow():
        with transaction.atomic():
            Objection.objects.create(subject=alice.subject, purpose="fraud_prevention", since=alice.subject.created_at)
            begun.set()
            may_end.wait(120)
        connection.close()

    thread = threading.Thread(target=slow)
    thread.start()
    begun.wait(120)
    Objection.objects.create(subject=bob.subject, purpose="fraud_prevention", since=bob.subject.created_at)
    known = {}
    cursor = replay(api, known, CHANGES, cursor=cursor)
    may_end.set()
    thread.join()
    replay(api, known, CHANGES, cursor=cursor)
    people = {str(person.id_for(shop)) for person in (alice, bob)}
    assert {key[0] for key, code in known.items() if code == "objected"} == people


def test_waiting_ends_with_the_change(api, alice):
    cursor = replay(api, {}, SNAPSHOT)

    def later():
        time.sleep(0.5)
        consented(alice)
        connection.close()

    thread = threading.Thread(target=later)
    thread.start()
    began = time.monotonic()
    items = api.get(CHANGES, {"cursor": cursor, "wait": 30}).body["items"]
    thread.join()
    assert time.monotonic() - began < 25
    assert "allowed" in {item["code"] for item in items}


def test_who_waits_leaves_threads_to_everybody_else(api, alice, monkeypatch):
    """Eight that waited held every thread of a process: nobody signed in, or withdrew, for half a minute (T46)."""
    cursor, slept = replay(api, {}, SNAPSHOT), []
    monkeypatch.setattr("consent.api.feed.time.sleep", lambda _seconds: (slept.append(1), consented(alice)))
    for _ in range(MOST_WAITING):
        assert _waiting.acquire(blocking=False)
    try:
        answer = api.get(CHANGES, {"cursor": cursor, "wait": 30})
    finally:
        for _ in range(MOST_WAITING):
            _waiting.release()
    assert (answer.status_code, answer.body["items"], slept) == (200, [], [])
    assert api.get(CHANGES, {"cursor": answer.body["cursor"], "wait": 30}).body["items"] and slept == [1]
    for _ in range(MOST_WAITING):
        assert _waiting.acquire(blocking=False), "who waited gave the place back"
    for _ in range(MOST_WAITING):
        _waiting.release()


@pytest.mark.parametrize("how", ["revoked", "disabled", "narrowed"])
def test_who_waits_with_a_token_that_dies_is_told_no_change(api, alice, shop, monkeypatch, how):
    """A revocation takes effect within one second on every endpoint (api.md), also while a request waits."""
    cursor = replay(api, {}, SNAPSHOT)

    def while_it_waits(_seconds):
        if how == "revoked":
            revoke_token(application=shop, token=api.token)
        elif how == "disabled":
            type(shop).objects.filter(pk=shop.pk).update(enabled=False)
        else:
            type(shop).objects.filter(pk=shop.pk).update(scopes=["data:read"])
        remembered.forget()  # half a second has gone by
        consented(alice)

    monkeypatch.setattr("consent.api.feed.time.sleep", while_it_waits)
    answer = api.get(CHANGES, {"cursor": cursor, "wait": 30})
    refusal = (403, "scope_missing") if how == "narrowed" else (401, "invalid_token")
    assert (answer.status_code, answer.body["code"]) == refusal
    assert "WWW-Authenticate" in answer.headers


def test_after_a_change_of_the_catalogue_one_takes_a_new_snapshot(api, rita):
    cursor = replay(api, {}, SNAPSHOT)
    assert api.get(CHANGES, {"cursor": cursor}).status_code == 200
    review.retire(item=Purpose.objects.get(slug="orders"), actor=rita.account)
    answer = api.get(CHANGES, {"cursor": cursor})
    assert (answer.status_code, answer.body["code"]) == (410, "cursor_expired")
    assert api.get(CHANGES, {"cursor": replay(api, {}, SNAPSHOT)}).status_code == 200


def test_a_contract_that_runs_out_ends_the_cursor_too(api, alice, shop, olga, rita):
    """No row changes when its time comes: the mark knows when it was last read."""
    contract = DataContract.objects.get(application=shop, purpose__slug="orders")
    soon = timezone.now() + timedelta(seconds=200)
    draft = DataContract.objects.create(
        application=shop, purpose=contract.purpose, fields=["email"], reason="Less.", owner="sales", expires_at=soon,
        author=olga.account,
    )  # fmt: skip
    review.publish(item=approved(draft, olga, rita), actor=rita.account)
    known = {}
    cursor = replay(api, known, SNAPSHOT)
    key = (str(alice.id_for(shop)), "orders", None)
    assert known[key] == "allowed" and timezone.now() < soon
    cursor = replay(api, known, CHANGES, cursor=cursor)
    with time_machine.travel(soon + timedelta(milliseconds=50)):
        assert api.get(CHANGES, {"cursor": cursor}).body["code"] == "cursor_expired"
        replay(api, known, SNAPSHOT)
        assert known[key] == "not_in_contract"


def test_a_cursor_older_than_the_feed_has_expired(api, alice):
    cursor = replay(api, {}, SNAPSHOT)
    consented(alice)
    consented(alice, action="withdraw")
    feed.order_changes()
    DecisionChange.objects.update(at="2020-01-01T00:00:00Z")
    assert feed.prune_changes() > 0
    assert api.get(CHANGES, {"cursor": cursor}).body["code"] == "cursor_expired"


def test_another_application_and_another_list_do_not_take_the_cursor(api, client_for, acme):
    from tests.conftest import make_application

    cursor = replay(api, {}, SNAPSHOT)
    other = client_for(make_application("other", ["decisions:read"]))
    for answer in (other.get(CHANGES, {"cursor": cursor}), api.get(SNAPSHOT, {"cursor": cursor}), api.get(CHANGES)):
        assert answer.status_code == 400
    assert other.get(SNAPSHOT).body["items"] == []


@pytest.mark.parametrize("wait", ["31", "-1", "1.0", "soon"])
def test_nobody_waits_longer_than_half_a_minute(api, wait):
    cursor = replay(api, {}, SNAPSHOT)
    assert api.get(CHANGES, {"cursor": cursor, "wait": wait}).body["code"] == "invalid_parameter"
