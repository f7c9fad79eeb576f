"""api.md, "Decisions" and "Sharing with third parties"."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from tests.contract.conftest import refused

ORDER = [
    "unknown_subject", "erased", "unknown_purpose", "purpose_not_approved", "not_in_contract", "restricted",
    "objected", "consent_missing", "consent_refused", "consent_withdrawn", "consent_expired", "consent_pending",
    "notice_outdated", "sharing_off",
]  # fmt: skip


def test_the_answer(api, ada):
    body = api.decide(ada, "orders", fields=["email"])
    assert body.keys() == {
        "allowed", "code", "basis", "notice_version", "fields", "evaluated_at", "valid_until"
    }  # fmt: skip
    assert (body["allowed"], body["code"], body["basis"]) == (True, "allowed", "contract")
    assert body["fields"] == {"email": "allowed"} and isinstance(body["notice_version"], int)
    assert body["evaluated_at"].endswith("Z") and body["valid_until"] > body["evaluated_at"]
    assert api.decide(ada, "orders")["fields"] == {}


def test_each_code_is_reached(api, ada, nobody):
    assert api.decide(nobody, "orders")["code"] == "unknown_subject"
    assert api.decide(ada, "astrology")["code"] == "unknown_purpose"
    assert api.decide(ada, "profiling")["code"] == "purpose_not_approved"
    assert api.decide(ada, "statistics")["code"] == "not_in_contract"
    assert api.decide(ada, "newsletter")["code"] == "consent_missing"
    for action, code in [("refuse", "consent_refused"), ("give", "allowed"), ("withdraw", "consent_withdrawn")]:
        api.consent(ada, "newsletter", action)
        assert api.decide(ada, "newsletter")["code"] == code
    api.consent(ada, "newsletter", "give")
    assert api.decide(ada, "newsletter", recipient="acme")["code"] == "sharing_off"
    assert api.decide(ada, "newsletter", recipient="nobody")["code"] == "sharing_off"
    api.file(ada, "objection", purpose="direct_marketing")
    assert api.decide(ada, "direct_marketing")["code"] == "objected"
    api.file(ada, "restriction", ground="legal_claims")
    assert {api.decide(ada, each)["code"] for each in ("direct_marketing", "newsletter", "orders")} == {"restricted"}
    assert api.decide(ada, "statistics")["code"] == "not_in_contract"


def test_the_earlier_rule_decides_pair_by_pair():
    from dataclasses import replace

    from consent.decide import Answer, Facts, PurposeFacts, decide

    at = timezone.now()
    purpose = PurposeFacts(contract=frozenset(), recipients=frozenset({"acme"}), major_version=1, is_marketing=True)
    fine = Facts(at=at, purpose=purpose, answer=Answer(state="given", notice_version=1))
    causes = {
        "unknown_subject": {"known": False},
        "erased": {"erased": True},
        "unknown_purpose": {"purpose": None},
        "purpose_not_approved": {"purpose": replace(purpose, live=False)},
        "not_in_contract": {"purpose": replace(purpose, contract=None)},
        "restricted": {"restricted": True},
        "objected": {"objected": True},
        "consent_missing": {"answer": None},
        "consent_refused": {"answer": Answer(state="refused")},
        "consent_withdrawn": {"answer": Answer(state="withdrawn")},
        "consent_expired": {"answer": Answer(state="given", notice_version=1, expires_at=at)},
        "consent_pending": {"answer": Answer(state="pending")},
        "notice_outdated": {"answer": Answer(state="given", notice_version=0)},
        "sharing_off": {"recipient": "acme"},
    }
    assert list(causes) == ORDER and decide(fine).code == "allowed"
    for first, code in enumerate(ORDER):
        assert decide(replace(fine, **causes[code])).code == code
        for later in ORDER[first + 1 :]:
            both = causes[later] | causes[code]
            assert decide(replace(fine, **both)).code == code, (code, later)


def test_with_fields_all_must_be_allowed(api, ada):
    body = api.decide(ada, "orders", fields=["email", "vat_number"])
    assert body["fields"] == {"email": "allowed", "vat_number": "not_in_contract"}
    assert (body["allowed"], body["code"]) == (False, "not_in_contract")


def test_explain_adds_every_rule_looked_at_in_order(api, ada):
    assert "trace" not in api.decide(ada, "newsletter") and "trace" not in api.decide(ada, "newsletter", "?explain=0")
    trace = api.decide(ada, "newsletter", "?explain=1")["trace"]
    assert [step["rule"] for step in trace] == ORDER[: ORDER.index("consent_missing") + 1]
    assert all(step.keys() == {"rule", "input", "outcome"} for step in trace)
    assert [step["rule"] for step in api.decide(ada, "orders", "?explain=1")["trace"]] == ORDER


def test_at_a_past_moment_to_the_microsecond(api, ada):
    at = api.consent(ada, "newsletter", "give").body["at"]
    before = (datetime.fromisoformat(at) - timedelta(microseconds=1)).isoformat().replace("+00:00", "Z")
    assert api.decide(ada, "newsletter", f"?at={at}")["code"] == "allowed"
    assert api.decide(ada, "newsletter", f"?at={before}")["code"] == "consent_missing"
    future = api.post("/api/v1/decisions?at=2999-01-01T00:00:00Z", {"subject": ada, "purpose": "orders"})
    assert refused(future, 400, "invalid_parameter")


def test_batches(api, ada, nobody):
    pairs = [(ada, "orders"), (nobody, "orders"), (ada, "newsletter"), (ada, "astrology")]
    items = [{"subject": person, "purpose": purpose, "recipient": None} for person, purpose in pairs]
    answer = api.post("/api/v1/decisions/batch", {"items": items * 250})
    assert answer.status_code == 200 and answer.body.keys() == {"results"}
    codes = [each["code"] for each in answer.body["results"]]
    assert codes == ["allowed", "unknown_subject", "consent_missing", "unknown_purpose"] * 250
    assert refused(api.post("/api/v1/decisions/batch", {"items": [items[0]] * 1001}), 422, "batch_too_large")
    assert api.post("/api/v1/decisions/batch", {"items": []}).body == {"results": []}
    assert api.post("/api/v1/decisions/batch", {"items": [{"subject": ada, "purpose": "orders"}]}).status_code == 200


# --- snapshot and changes ---------------------------------------------------------------------------------------------
ITEM = {"subject", "purpose", "recipient", "state", "code", "seq"}


def pages(api, path, **query):
    """Every item from here on, and the cursor at the end; no page is longer than asked for."""
    items = []
    while True:
        answer = api.get(path, query)
        assert answer.status_code == 200, answer.content
        assert answer.body.keys() == {"items", "next", "cursor"}
        assert len(answer.body["items"]) <= query["limit"]
        items += answer.body["items"]
        if answer.body["next"] is None:
            return items, answer.body["cursor"]
        query["cursor"] = answer.body["next"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("limit", [1, 3, 200])
def test_replaying_changes_on_the_snapshot_gives_what_stands(transactional_db, api, ada, limit):
    bob = api.register(email="bob@example.org")
    items, cursor = pages(api, "/api/v1/decisions/snapshot", limit=limit)
    assert all(item.keys() == ITEM for item in items)
    keys = [(item["subject"], item["purpose"], item["recipient"]) for item in items]
    assert len(set(keys)) == len(keys) and {key[0] for key in keys} == {ada, bob}
    assert "statistics" not in {key[1] for key in keys} and (ada, "newsletter", "acme") in keys
    stand = dict(zip(keys, items, strict=True))
    api.consent(ada, "newsletter", "give")
    api.file(bob, "restriction", ground="legal_claims")
    more, cursor = pages(api, "/api/v1/decisions/changes", limit=limit, cursor=cursor)
    for item in more:
        stand[item["subject"], item["purpose"], item["recipient"]] = item
    for (person, purpose, recipient), item in stand.items():
        assert api.decide(person, purpose, recipient=recipient)["code"] == item["code"]
    nothing = api.get("/api/v1/decisions/changes", {"cursor": cursor, "wait": 1}).body
    assert nothing["items"] == [] and nothing["next"] is None and nothing["cursor"]


def test_cursors_that_are_none(api, ada):
    for query in ("", "?cursor=x"):
        answer = api.get(f"/api/v1/decisions/changes{query}")
        assert answer.status_code == 400 and answer.body["code"] in {"invalid_cursor", "invalid_parameter"}
    assert refused(api.get("/api/v1/decisions/changes?cursor=x&wait=31"), 400, "invalid_parameter")


# --- sharing ----------------------------------------------------------------------------------------------------------
def test_every_recipient_of_every_purpose_off_by_default(api, ada):
    body = api.get(f"/api/v1/subjects/{ada}/sharing").body
    assert body == {
        "items": [
            {"recipient": "acme", "purpose": "newsletter", "shared": False, "since": None, "last_delivery": None}
        ],
        "next": None,
    }


def test_switching(api, ada):
    where = f"/api/v1/subjects/{ada}/sharing/acme"
    on = {"purpose": "newsletter", "shared": True, "channel": "web"}
    assert refused(api.put(where, on), 409, "consent_missing")
    api.consent(ada, "newsletter", "give")
    answer = api.put(where, on)
    assert answer.status_code == 200
    assert answer.body.keys() == {"recipient", "purpose", "shared", "since", "last_delivery"}
    assert answer.body["shared"] is True and answer.body["last_delivery"].keys() == {"state", "at"}
    assert api.decide(ada, "newsletter", recipient="acme")["code"] == "allowed"
    off = api.put(where, on | {"shared": False})
    assert off.status_code == 200 and off.body["shared"] is False
    assert api.decide(ada, "newsletter", recipient="acme")["code"] == "sharing_off"
    assert refused(api.put(where, {"purpose": "newsletter", "shared": True}), 400, "missing_member")
    assert refused(api.put(where, on | {"purpose": "orders"}), 404, "not_found")
    assert refused(api.put(f"/api/v1/subjects/{ada}/sharing/nobody", on), 404, "not_found")
    assert refused(api.put(where, on | {"purpose": "astrology"}), 404, "unknown_purpose")


def test_withdrawing_switches_sharing_off(api, ada):
    api.consent(ada, "newsletter", "give")
    api.put(f"/api/v1/subjects/{ada}/sharing/acme", {"purpose": "newsletter", "shared": True, "channel": "web"})
    api.consent(ada, "newsletter", "withdraw")
    assert api.get(f"/api/v1/subjects/{ada}/sharing").body["items"][0]["shared"] is False
