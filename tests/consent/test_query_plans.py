"""The statements every decision rests on find their rows by index, and read no more the more people there are."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from bench.world import World
from consent.services import facts
from consent.services.facts import ONE_DECISION

PEOPLE = 3000
MANY = {
    "subjects_subject", "subjects_applicationlink", "consent_standing", "subjects_restriction", "consent_objection",
    "subjects_retention", "access_accesstoken",
}  # fmt: skip
"""Tables that grow with people or with use."""
MOST_ROWS = 40
"""Read by all nodes of a single decision together: the demo catalogue has nine purposes and as many notices."""


@pytest.fixture
def people(catalogue, shop):
    """So many people with an answer each, known to the planner; the small tables are not empty for it either."""
    made = World(shop, {})
    ids = made.people(PEOPLE)
    made.consents(ids, ["newsletter"])
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(
            "INSERT INTO consent_objection (subject_id, purpose, since, reason)"
            " SELECT id, 'orders', now(), '' FROM subjects_subject"
        ) if _has("consent_objection", "reason") else None
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")
        cursor.execute("ANALYZE")
    return ids


def _has(table: str, column: str) -> bool:
    with connection.cursor() as cursor:
        return column in {each.name for each in connection.introspection.get_table_description(cursor, table)}
