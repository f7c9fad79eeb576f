"""The hot paths find people by index, and read no more the more there are; as PostgreSQL plans their statements."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from access.models import AccessToken
from access.rest.authentication import _LIVE
from bench.world import World, copy
from consent.models import Objection
from consent.services import facts
from consent.services.batches import BATCH
from consent.services.facts import ONE_DECISION, Question, asked_of_one
from consent.services.reading import READ, _event
from subjects import cells
from subjects.models import PersonalValue, Restriction, ValuePurpose
from vault.models import DataKey

PEOPLE = 3000
GROWING = {
    "subjects_subject", "subjects_applicationlink", "consent_standing", "consent_objection", "subjects_restriction",
}  # fmt: skip
HELD = {"subjects_personalvalue", "subjects_valuepurpose", "vault_datakey"}
"""Tables that grow with the people; those filled here, as an empty one is always read whole."""
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


def test_one_decision_reads_a_handful_of_rows_by_index(people, shop):
    nodes = list(_nodes(_plan(ONE_DECISION.text, ONE_DECISION.names, _asked(people[7], shop))))
    assert {each["Relation Name"] for each in nodes if "Relation Name" in each} >= GROWING, "looked at nothing"
    assert not _read_whole(nodes)
    assert sum(_rows(each) for each in nodes) <= MOST_ROWS


def test_an_audited_read_reads_a_handful_of_rows_by_index(people, shop):
    nodes = list(_nodes(_plan(READ.text, READ.names, _read(people[7], shop))))
    assert {each["Relation Name"] for each in nodes if "Relation Name" in each} >= GROWING | HELD | {"audit_event"}
    assert not _read_whole(nodes)
    assert sum(_rows(each) for each in nodes) <= MOST_ROWS


def test_a_batch_reads_a_handful_of_rows_for_each_item_by_index(people, shop):
    nodes = list(_nodes(_plan(BATCH.text, BATCH.names, _batch(people[:BATCH_OF], shop))))
    assert {each["Relation Name"] for each in nodes if "Relation Name" in each} >= GROWING, "looked at nothing"
    assert not _read_whole(nodes)
    assert sum(_rows(each) for each in nodes) <= MOST_ROWS + 6 * BATCH_OF


def test_the_view_s_batch_finds_people_and_links_by_index(people, shop):
    """Planned for its values: a link looked for in EXISTS would be hashed, all of them."""
    statement = facts._PEOPLE.format(answers=facts._STANDING)
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
        "proofs_since": now,
    }  # fmt: skip


def _plan(text: str, names: tuple[str, ...], asked: dict[str, Any]) -> Any:
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
        if each["Node Type"] == "Seq Scan" and each["Relation Name"] in GROWING | HELD and each["Actual Loops"]
    ]


def _now() -> Any:
    return timezone.now()
