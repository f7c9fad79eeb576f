"""The audit log over the API: events by page, proofs that a stranger can verify, and nothing without the scope."""

import base64
import json
import uuid

import pytest
from django.db import transaction

from audit import merkle, note
from audit.services import record
from tests.audit.conftest import key
from tests.audit.tools import seal

__all__ = ["key"]

EVENTS = "/api/v1/audit/events"


@pytest.fixture
def qa(qa_sampler, client_for):
    return client_for(qa_sampler)


def write(count: int, **about) -> list[uuid.UUID]:
    details = {"application": "qa_sampler", "count": 1}
    with transaction.atomic():
        return [record("audit.read", actor="application:qa_sampler", details=details, **about) for _ in range(count)]


def test_without_the_scope_nothing_is_told(shop, client_for, db):
    client = client_for(shop)
    for path in (EVENTS, f"{EVENTS}/{uuid.uuid4()}/proof", "/api/v1/audit/checkpoint", "/api/v1/audit/consistency"):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing"), path


def test_events_come_newest_first_and_each_once(qa):
    ids = [str(event) for event in write(5)]
    seen, cursor = [], None
    while True:
        page = qa.get(EVENTS, {"action": "audit.read", "limit": 2, **({"cursor": cursor} if cursor else {})}).json()
        seen += [event["id"] for event in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == ids[::-1]


def test_events_are_filtered_by_person_and_time(qa):
    person = uuid.uuid4()
    [mine] = write(1, subject=person)
    write(2)
    [event] = qa.get(EVENTS, {"subject": str(person)}).json()["items"]
    assert event["id"] == str(mine) and event["subject"] == str(person)
    assert event.keys() == {
        "id", "seq", "at", "action", "actor", "subject", "request_id", "purpose", "fields", "details"
    }  # fmt: skip
    assert qa.get(EVENTS, {"subject": str(person), "from": event["at"]}).json()["items"]
    assert not qa.get(EVENTS, {"subject": str(person), "to": event["at"]}).json()["items"]


@pytest.mark.parametrize("query", ["subject=x", "action=no.such", "from=yesterday", "to=2026-01-01", "who=1"])
def test_what_cannot_be_asked_is_400(qa, query):
    answer = qa.get(f"{EVENTS}?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")


@pytest.mark.django_db(transaction=True)
def test_a_proof_holds_against_its_checkpoint(transactional_db, qa, key):
    [event] = write(1)
    early = qa.get(f"{EVENTS}/{event}/proof")
    assert (early.status_code, early.json()["code"]) == (409, "not_sequenced")
    seal()
    proof = qa.get(f"{EVENTS}/{event}/proof").json()
    assert proof.keys() == {"index", "leaf", "inclusion", "checkpoint"}
    head = note.open_checkpoint(proof["checkpoint"], [key])
    leaf = base64.b64decode(proof["leaf"])
    hashes = [base64.b64decode(each) for each in proof["inclusion"]]
    assert merkle.inclusion_holds(
        leaf=merkle.leaf_hash(leaf), index=proof["index"], size=head.size, proof=hashes, root=head.root
    )
    assert json.loads(leaf)["id"] == str(event)
    checkpoint = qa.get("/api/v1/audit/checkpoint")
    assert checkpoint["Content-Type"].startswith("text/plain") and checkpoint.content.decode() == proof["checkpoint"]
    grown = qa.get("/api/v1/audit/consistency", {"from": 1, "to": head.size}).json()
    assert (grown["from"], grown["to"]) == (1, head.size) and isinstance(grown["hashes"], list)
    for smaller, larger in ((1, head.size + 1), ("1_0", head.size), ("1.0", head.size)):
        beyond = qa.get("/api/v1/audit/consistency", {"from": smaller, "to": larger})
        assert (beyond.status_code, beyond.json()["code"]) == (400, "invalid_parameter")


def test_an_unknown_event_is_404(qa):
    assert qa.get(f"{EVENTS}/{uuid.uuid4()}/proof").json()["code"] == "not_found"
