"""The hot paths find people by index, and read no more the more there are; as PostgreSQL plans their statements."""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, connections
from django.utils import timezone

from access.models import AccessToken, IdempotencyKey
from access.rest.authentication import _LIVE
from access.services.applications import set_endpoint
from bench.world import World, copy
from consent.models import Delivery, Objection
from consent.services import facts
from consent.services.batches import BATCH, BATCH_TO_KEEP
from consent.services.facts import ONE_DECISION, ONE_TO_KEEP, Question, asked_of_one
from consent.services.objections import object_to
from consent.services.reading import READ, _event
from consent.services.replica import _CHANGES
from gdpr_portal.prepared import Prepared
from subjects import cells
from subjects.models import Identifier, PersonalValue, Restriction, Subject, ValuePurpose
from tests.consent.people import wording
from tests.frame.doors import QuickClient
from vault.ledger import _TAKE
from vault.models import DataKey, Tombstone, UnwrittenLine
from vault.services import pairwise_id

PEOPLE = 3000
GROWING = {
    "subjects_subject", "subjects_applicationlink", "consent_standing", "consent_objection", "subjects_restriction",
}  # fmt: skip
HELD = {"subjects_personalvalue", "subjects_valuepurpose", "vault_datakey"}
"""Tables that grow with the people; those filled here, as an empty one is always read whole."""
ACTS = {
    "subjects_identifier", "consent_consentevent", "consent_delivery", "access_idempotencykey", "access_accesstoken",
    "vault_tombstone",
}  # fmt: skip
"""More tables that grow, with what is done."""
MOST_ROWS = 60
"""Read by all nodes of one decision; the demo catalogue has nine purposes and as many notices and contracts."""
BATCH_OF = 50
FIELDS = ("email", "given_name", "phone")


@pytest.fixture
def people(catalogue, shop) -> list[Any]:
    """So many people with an answer and an objection each, known to the planner."""
    made = World(shop, {})
    ids = made.people(PEOPLE)
    made.consents(ids, ["newsletter"], share=1)
    copy(
        Objection, ("id", "subject_id", "purpose", "since"), ((made._id(), each, "tax_records", _now()) for each in ids)
    )
    over = _now() - timedelta(days=1)
    copy(
        Restriction, ("id", "subject_id", "ground", "since", "lifted_at"),
        ((made._id(), each, "legal_claims", over, over) for each in ids),
    )  # fmt: skip
    _values(ids)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return ids


@pytest.mark.parametrize("statement", [ONE_DECISION, ONE_TO_KEEP], ids=["fresh", "to keep"])
def test_one_decision_reads_a_handful_of_rows_by_index(people, shop, statement):
    nodes = list(_nodes(_plan(statement.text, statement.names, _asked(people[7], shop))))
    assert {each["Relation Name"] for each in nodes if "Relation Name" in each} >= GROWING, "looked at nothing"
    assert not _read_whole(nodes)
    assert sum(_rows(each) for each in nodes) <= MOST_ROWS


def test_changes_are_found_by_their_transaction(people, shop):
    """Of as many changes as there are people only those that a snapshot missed are read."""
    with connection.cursor() as cursor:
        many = "SELECT gen_random_uuid(), now() FROM generate_series(1, %s)"
        cursor.execute(f"INSERT INTO consent_decisionchange (subject, at) {many}", [PEOPLE])
        cursor.execute("UPDATE consent_decisionchange SET xid = '3'::xid8")  # as if long ago
        cursor.execute("ANALYZE consent_decisionchange")
        cursor.execute("SELECT pg_current_snapshot()::text")
        [(seen,)] = cursor.fetchall()
    Objection.objects.create(subject_id=people[7], purpose="orders", since=_now())
    nodes = list(_nodes(_plan(_CHANGES.text, _CHANGES.names, {"seen": seen})))
    assert not _read_whole(nodes) and sum(_rows(each) for each in nodes) <= MOST_ROWS
    assert [row[3] for row in _CHANGES.all(seen=seen) if row[2]] == [people[7]]
    assert [row[2] for row in _CHANGES.all(seen=None)] == [None]


def test_an_audited_read_reads_a_handful_of_rows_by_index(people, shop):
    nodes = list(_nodes(_plan(READ.text, READ.names, _read(people[7], shop))))
    assert {each["Relation Name"] for each in nodes if "Relation Name" in each} >= GROWING | HELD | {"audit_event"}
    assert not _read_whole(nodes)
    assert sum(_rows(each) for each in nodes) <= MOST_ROWS


@pytest.mark.parametrize("statement", [BATCH, BATCH_TO_KEEP], ids=["fresh", "to keep"])
def test_a_batch_reads_a_handful_of_rows_for_each_item_by_index(people, shop, statement):
    nodes = list(_nodes(_plan(statement.text, statement.names, _batch(people[:BATCH_OF], shop))))
    assert {each["Relation Name"] for each in nodes if "Relation Name" in each} >= GROWING, "looked at nothing"
    assert not _read_whole(nodes)
    assert sum(_rows(each) for each in nodes) <= MOST_ROWS + 9 * BATCH_OF


def test_the_view_s_batch_finds_people_and_links_by_index(people, shop):
    """Planned for its values: a link looked for in EXISTS would be hashed, all of them."""
    statement = facts._PEOPLE.format(answers=facts._STANDING, more="")
    asked = _asked(people[7], shop) | {"ids": people[:BATCH_OF], "slugs": ["newsletter"], "known_at": None}
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", asked)
        nodes = list(_nodes(_json(cursor.fetchone()[0])))
    assert {each["Relation Name"] for each in nodes if "Relation Name" in each} >= GROWING
    assert not _read_whole(nodes)
    assert sum(_rows(each) for each in nodes) <= 6 * BATCH_OF


def test_a_live_token_is_found_by_index(shop):
    names = ("digest", "application_id", "scopes", "expires_at")
    later = _now() + timedelta(hours=1)
    copy(AccessToken, names, ((number.to_bytes(32, "big"), shop.pk, [], later) for number in range(PEOPLE)))
    statement = _LIVE._statement
    nodes = list(_nodes(_plan(statement.text, statement.names, {"digests": [bytes(32)], "now": _now()})))
    found = [each for each in nodes if each.get("Relation Name") == "access_accesstoken"]
    assert [each["Actual Rows"] for each in found] == [1] and found[0]["Node Type"] != "Seq Scan"


@pytest.mark.parametrize("which", ["decision", "read", "batch"])
def test_a_plan_without_indexes_is_noticed(people, shop, which):
    """Teeth: the same statements with index scans forbidden."""
    with connection.cursor() as cursor:
        for kind in ("indexscan", "bitmapscan", "indexonlyscan"):
            cursor.execute(f"SET LOCAL enable_{kind} = off")
    prepared, asked = {
        "decision": (ONE_DECISION, _asked(people[7], shop)), "read": (READ, _read(people[7], shop)),
        "batch": (BATCH, _batch(people[:2], shop)),
    }[which]  # fmt: skip
    nodes = list(_nodes(_plan(prepared.text, prepared.names, asked)))
    assert _read_whole(nodes) and sum(_rows(each) for each in nodes) > PEOPLE


# --- every statement --------------------------------------------------------------------------------------------------
@contextmanager
def pinned() -> Iterator[dict[Prepared, list[dict[str, Any]]]]:
    """The plan of each prepared statement that is sent meanwhile, with the values of its first use there."""
    plans: dict[Prepared, list[dict[str, Any]]] = {}
    real = Prepared._all

    def rows(self: Prepared, values: Mapping[str, Any]) -> Any:
        if self not in plans:
            point = connection.savepoint()
            plans[self] = list(_nodes(_plan(self.text, self.names, values)))
            connection.savepoint_rollback(point)
        return real(self, values)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Prepared, "_all", rows)
        yield plans


def test_every_prepared_statement_reads_a_handful_of_rows_by_index(people, shop, alice, client_for, monkeypatch):
    """Those of every act on a hot route, sent by the act itself; a new one has to be sent here, or excused."""
    _acts(people, shop)
    monkeypatch.setattr(connections["default"], "close_if_unusable_or_obsolete", lambda: None)
    set_endpoint(application=shop, url="https://shop.example/hook")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    with pinned() as plans:
        _lived(shop, people, alice, client_for(shop))
    whole = {statement.text: read for statement, nodes in plans.items() if (read := _read_whole(nodes))}
    assert whole == {}
    assert {s.text: n for s, nodes in plans.items() if (n := sum(map(_rows, nodes))) > MOST_ROWS} == {}
    looked_at = {each["Relation Name"] for nodes in plans.values() for each in nodes if "Relation Name" in each}
    assert looked_at >= ACTS | GROWING - {"subjects_restriction"}
    known = _prepared()
    assert {name for name, statement in known.items() if statement not in plans} == ELSEWHERE
    assert len(known) - len(ELSEWHERE) > 15


ELSEWHERE = {
    "consent.services.facts.ONE_DECISION", "consent.services.reading.READ", "consent.services.batches.BATCH",
    "consent.services.facts.ONE_TO_KEEP", "consent.services.batches.BATCH_TO_KEEP", "consent.services.replica._CHANGES",
    # above, each by itself
    "vault.ledger._KEYS_LOCKED",  # readiness, of the locks, while a key is being destroyed
    "access.services.mail._CLAIM",  # a worker's, by the key of its row
    "consent.services.deliveries._AFFECTED", "consent.services.deliveries._AFFECTED_BY", "erasure.ends._OF_ONE",
    "consent.services.deliveries._HOLDING",  # a period's end
    "erasure.selectors._HELD",  # of requests and pages
}  # fmt: skip
"""Prepared statements that no act on a hot route sends."""


def _prepared() -> dict[str, Prepared]:
    """Every prepared statement of the service, by the name it has in its module."""
    found = {}
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in {"access", "audit", "vault", "subjects", "consent", "erasure"} and module:
            for own, value in vars(module).items():
                statement = getattr(value, "_statement", value)
                if isinstance(statement, Prepared):
                    found.setdefault(statement, f"{name}.{own}")
    return {name: statement for statement, name in found.items()}


def _lived(shop: Any, people: list[Any], alice: Any, api: Any) -> None:
    """A person answers, shares, objects and takes back; another is registered; by both doors."""
    quick, path = QuickClient(api.token), f"/api/v1/subjects/{pairwise_id(shop.pk, people[7])}/consents"
    give, no = _answer("give"), _answer("withdraw")
    for client in (quick, api):
        assert client.post(path, give, HTTP_IDEMPOTENCY_KEY=str(client)[-9:]).status_code == 201
        assert client.post(path, give | {"recipient": "acme"}).status_code == 201
        object_to(subject=Subject.objects.get(pk=people[7]), purpose="newsletter", actor="subject")
        assert client.post(path, no).status_code == client.post(path, give).status_code == 201
        assert client.post(path, give | {"recipient": "acme"}).status_code == client.post(path, no).status_code == 201
        made = client.post("/api/v1/subjects", {"identifiers": {"customer_id": str(client)[-9:]}})
        assert made.status_code == 201
    assert not quick.passed_on
    assert _TAKE.all(ids=list(UnwrittenLine.objects.values_list("pk", flat=True)))  # as once an act has committed
    assert api.get(f"/api/v1/subjects/{made.body['id']}").status_code == 200
    assert api.post("/api/v1/subjects/lookup", {"email": alice.email}).status_code == 200
    assert api.post("/api/v1/subjects", {"identifiers": {"email": alice.email}}).status_code == 200


def _answer(action: str) -> dict[str, Any]:
    seen = wording()
    notice = {"version": seen.version, "language": seen.language, "digest": seen.digest}
    return {"purpose": "newsletter", "action": action, "notice": notice if action == "give" else None}


def _acts(ids: list[Any], shop: Any) -> None:
    """Each person has an identifier and a delivery, and as many requests had a key."""
    now = _now()
    copy(Identifier, ("id", "subject_id", "kind", "index", "sealed"),
         ((uuid4(), who, "email", who.bytes, b"sealed") for who in ids))  # fmt: skip
    copy(Delivery, ("id", "application_id", "subject_id", "type", "sequence"),
         ((uuid4(), shop.pk, who, "consent.withdrawn", 1) for who in ids))  # fmt: skip
    copy(IdempotencyKey, ("application_id", "method", "path", "key", "fingerprint", "status", "content_type",
                          "body_sealed", "created_at"),
         ((shop.pk, "POST", str(who), "one", b"f", 201, "a/json", b"sealed", now) for who in ids))  # fmt: skip
    copy(Tombstone, ("id", "kind", "mark", "at"), ((uuid4(), "withdrawn", who.bytes * 2, now) for who in ids))
    copy(AccessToken, ("digest", "application_id", "scopes", "expires_at"),
         ((who.bytes * 2, shop.pk, [], now) for who in ids))  # fmt: skip


def _values(ids: list[Any]) -> None:
    """Each person has a key and these values for `orders`; what is sealed is of no matter to a plan."""
    held = [(cells.value_id(who, name), who, name, b"sealed", "subject") for who in ids for name in FIELDS]
    copy(PersonalValue, ("id", "subject_id", "field", "sealed", "source"), held)
    copy(ValuePurpose, ("value_id", "purpose"), ((row[0], "orders") for row in held))
    copy(DataKey, ("owner", "wrapped", "master_version", "commitment", "created_at"),
         ((who, b"wrapped", 1, b"commitment", _now()) for who in ids))  # fmt: skip


def _read(person: Any, shop: Any) -> dict[str, Any]:
    now = _now()
    asked = asked_of_one(Question(person, "orders"), application=shop.pk, at=now)
    return {"fields": None} | asked | _event(shop, "orders", now)


def _batch(people: list[Any], shop: Any) -> dict[str, Any]:
    ones = [1] * len(people)
    return _asked(people[0], shop) | {
        "people": people, "purposes": ones, "recipients": ones, "slugs": ["newsletter"], "names": ["acme"],
        "soon": _now(),
    }  # fmt: skip


def _asked(person: Any, shop: Any) -> dict[str, Any]:
    now = _now()
    return {
        "slug": "newsletter", "application": shop.pk, "linked": shop.pk, "id": person, "at": now, "past": False,
        "proofs_since": now, "lasts": now + timedelta(hours=1),
    }  # fmt: skip


def _plan(text: str, names: tuple[str, ...], asked: Mapping[str, Any]) -> Any:
    """The plan that is made once for all values, and what it did with these."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW plan_cache_mode")
        assert cursor.fetchone()[0] == "force_generic_plan"
        connection.connection.execute(f"PREPARE pinned AS {text}")
        values = ", ".join(["%s"] * len(names))
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE pinned ({values})", [asked[name] for name in names])
        found = _json(cursor.fetchone()[0])
        cursor.execute("DEALLOCATE pinned")
    return found


def _json(value: Any) -> Any:
    return json.loads(value)[0]["Plan"] if isinstance(value, str) else value[0]["Plan"]


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for each in plan.get("Plans", []):
        yield from _nodes(each)


def _rows(node: dict[str, Any]) -> float:
    """Rows a scan touched, those it threw away included."""
    if "Relation Name" not in node:
        return 0
    return node["Actual Loops"] * (node["Actual Rows"] + node.get("Rows Removed by Filter", 0))


def _read_whole(nodes: list[dict[str, Any]]) -> list[str]:
    return [
        each["Relation Name"]
        for each in nodes
        if each["Node Type"] == "Seq Scan" and each["Relation Name"] in GROWING | HELD | ACTS and each["Actual Loops"]
    ]


def _now() -> Any:
    return timezone.now()
