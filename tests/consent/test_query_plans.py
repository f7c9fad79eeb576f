"""The statement of a decision finds people by index, and reads no more the more there are; as PostgreSQL plans it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from bench.world import World, copy
from consent.models import Objection
from consent.services.facts import ONE_DECISION

PEOPLE = 3000
GROWING = {"subjects_subject", "subjects_applicationlink", "consent_standing", "consent_objection"}
"""Tables that grow with the people; those filled here, as an empty one is always read whole."""
MOST_ROWS = 60
"""Read by all nodes of one decision; the demo catalogue has nine purposes and as many notices and contracts."""


@pytest.fixture
def people(catalogue, shop) -> list[Any]:
    """So many people with an answer and an objection each, known to the planner."""
    made = World(shop, {})
    ids = made.people(PEOPLE)
    made.consents(ids, ["newsletter"], share=1)
    copy(Objection, ("id", "subject_id", "purpose", "since"), ((made._id(), each, "orders", _now()) for each in ids))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return ids


def test_one_decision_reads_a_handful_of_rows_by_index(people, shop):
    nodes = list(_nodes(_plan(ONE_DECISION.text, ONE_DECISION.names, _asked(people[7], shop))))
    assert {each["Relation Name"] for each in nodes if "Relation Name" in each} >= GROWING, "looked at nothing"
    assert not _read_whole(nodes)
    assert sum(_rows(each) for each in nodes) <= MOST_ROWS


def test_a_plan_without_indexes_is_noticed(people, shop):
    """Teeth: the same statement with index scans forbidden."""
    with connection.cursor() as cursor:
        for kind in ("indexscan", "bitmapscan", "indexonlyscan"):
            cursor.execute(f"SET LOCAL enable_{kind} = off")
    nodes = list(_nodes(_plan(ONE_DECISION.text, ONE_DECISION.names, _asked(people[7], shop))))
    assert _read_whole(nodes) and sum(_rows(each) for each in nodes) > PEOPLE


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
        if each["Node Type"] == "Seq Scan" and each["Relation Name"] in GROWING and each["Actual Loops"]
    ]


def _now() -> Any:
    return timezone.now()
