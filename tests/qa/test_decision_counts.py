"""Decisions give out no data: they are counted, and the log has the sums a minute (law.md R64)."""

from datetime import timedelta

import pytest

from consent.models import DecisionCount
from consent.services.counting import count_decisions, flush_counts
from tests.conftest import NOW

pytestmark = pytest.mark.usefixtures("catalogue")


def test_every_decision_of_the_api_is_counted_and_flushed_once(client_for, shop, alice, frozen, audit_log):
    api, me = client_for(shop), str(alice.id_for(shop))
    for _ in range(3):
        api.post("/api/v1/decisions", {"subject": me, "purpose": "orders"})
    items = [{"subject": me, "purpose": "newsletter"}, {"subject": me, "purpose": "orders"}]
    assert api.post("/api/v1/decisions/batch", {"items": items}).status_code == 200
    assert flush_counts() == 0 and not audit_log("decision.counted")
    frozen.shift(timedelta(minutes=4))
    assert flush_counts() == 2 and flush_counts() == 0
    assert {(e.purpose, e.details["code"], e.details["count"]) for e in audit_log("decision.counted")} == {
        ("orders", "allowed", 4), ("newsletter", "consent_missing", 1),
    }  # fmt: skip
    assert {(e.actor, e.details["minute"]) for e in audit_log("decision.counted")} == {
        ("application:shop", f"{NOW:%Y-%m-%dT%H:%MZ}")
    }
    assert not DecisionCount.objects.exists()


def test_what_is_no_purpose_is_not_kept(frozen, audit_log):
    count_decisions(application="shop", outcomes=[("ada@example.org", "unknown_purpose"), ("x y", "unknown_purpose")])
    row = DecisionCount.objects.get()
    assert (row.purpose, row.count) == ("", 2)
    frozen.shift(timedelta(minutes=4))
    flush_counts()
    assert audit_log("decision.counted")[0].purpose is None
