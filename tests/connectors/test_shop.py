"""A request through eleven tables finds what is the person's, changes that, and nothing of anybody else's."""

import json

import pytest
import sqlalchemy as sa

from tests.connectors.conftest import run
from tests.connectors.shop import contents

ALICE = "email=alice@example.org"


def test_access_hands_out_exactly_the_persons_rows(shop_db: sa.Engine) -> None:
    outcome = run("shop", right="access", identity=ALICE, category="user")
    assert outcome.code == 0, outcome.body
    assert outcome.rows == {
        "shop:address": [
            {"house": "1", "street": "Elm Street", "city": "Aville", "zip": "10001"},
            {"house": "2", "street": "Oak Street", "city": "Bville", "zip": "10002"},
            {"house": "3", "street": "Fir Street", "city": "Cville", "zip": "10003"},
        ],
        "shop:customer": [{"id": 1, "email": "alice@example.org", "name": "Alice Archer"}],
        "shop:login": [
            {"customer_id": 1, "time": "2026-01-02T03:04:05", "ip": "192.0.2.1"},
            {"customer_id": 1, "time": "2026-01-02T03:04:05", "ip": "192.0.2.2"},
        ],
        "shop:order_item": [{"engraving": "To Alice"}, {"engraving": None}, {"engraving": "For mother"}],
        "shop:orders": [{"customer_id": 1, "note": "ring twice, Alice"}, {"customer_id": 1, "note": None}],
        "shop:payment_card": [
            {"ccn": "4111111111111111", "code": 111, "name": "Alice Archer", "customer_id": 1},
            {"ccn": "4222222222222222", "code": 222, "name": "Alice Archer", "customer_id": 1},
        ],
        "shop:report": [{"email": "alice@example.org"}],
        "shop:service_request": [
            {"email": "alice@example.org", "alt_email": None, "text": "Alice asks", "employee_id": 1},
            {"alt_email": "alice@example.org", "text": "Bob asks for Alice", "employee_id": 1},
        ],
        "shop:visit": [{"email": "alice@example.org"}, {"email": "alice@example.org"}],
    }
    assert outcome.held == {("shop:service_request", "third_party"): 1}
    assert outcome.changes == {} and outcome.errors == []


def test_a_category_is_matched_by_its_segments(shop_db: sa.Engine) -> None:
    outcome = run("shop", right="access", identity=ALICE, category=["user.contact.email", "user.n"])
    assert outcome.rows["shop:customer"] == [{"email": "alice@example.org"}]
    assert "shop:address" not in outcome.rows


def test_other_peoples_values_are_not_handed_out(shop_db: sa.Engine) -> None:
    outcome = run("shop", right="access", identity="email=erin@example.org", category="user")
    handed = json.dumps(outcome.rows)
    assert "erin@example.org" in handed
    for word in ("frank", "Frank", "alice", "Alice", "bob", "Bob"):
        assert word not in handed
    assert outcome.held[("shop:service_request", "third_party")] == 2
    assert outcome.held[("shop:employee", "third_party")] == 1


def test_erasure_masks_what_is_hers_and_leaves_what_is_shared(shop_db: sa.Engine) -> None:
    before = contents(shop_db)
    outcome = run("shop", right="erasure", identity=ALICE, category="user")
    assert outcome.code == 0, outcome.body
    after = contents(shop_db)
    assert after["customer"][0][:3] == (1, None, None)
    assert after["customer"][1:] == before["customer"][1:]
    assert after["address"][0] == (1, None, None, None, None)
    assert after["address"][1] == before["address"][1]
    assert after["address"][2] == (3, None, None, None, None)
    assert after["payment_card"][0] == ("card-a", None, None, None, 1, 1)
    assert (
        after["payment_card"][1:] == before["payment_card"][1:] or after["payment_card"][2] == before["payment_card"][2]
    )
    assert outcome.held[("shop:address", "shared")] == 1
    assert outcome.held[("shop:payment_card", "shared")] == 1
    assert outcome.held[("shop:service_request", "shared")] == 1
    assert outcome.held[("shop:login", "not_nullable")] == 2
    assert outcome.held[("shop:login", "key")] == 2
    assert outcome.changes["shop:visit"] == {"rows": 2, "columns": ["email"]}
    assert after["product"] == before["product"]
    for name in ("employee",):
        assert after[name] == before[name]


def test_a_dry_run_says_the_same_and_changes_nothing(shop_db: sa.Engine) -> None:
    before = contents(shop_db)
    dry = run("shop", right="erasure", identity=ALICE, category="user", dry_run=True, show_sql=True)
    assert contents(shop_db) == before
    assert dry.changes and "UPDATE" in dry.stderr and "alice@example.org" not in dry.stderr
    real = run("shop", right="erasure", identity=ALICE, category="user")
    assert real.changes == dry.changes and real.withheld == dry.withheld


def test_a_second_erasure_finds_nothing_left(shop_db: sa.Engine) -> None:
    run("shop", right="erasure", identity=ALICE, category="user")
    before = contents(shop_db)
    again = run("shop", right="erasure", identity=ALICE, category="user")
    assert again.code == 0 and again.changes == {}
    assert contents(shop_db) == before


@pytest.mark.parametrize("masking", ["string_rewrite:GONE", "random_string_rewrite:8", "hash:SHA-256", "hmac:SHA-512"])
def test_every_text_masking_writes_within_the_columns_length(shop_db: sa.Engine, masking: str) -> None:
    wanted = ["user.contact", "user.name"]
    outcome = run("shop", right="erasure", identity=ALICE, category=wanted, masking=masking)
    assert outcome.code == 0, outcome.body
    alice = contents(shop_db)["customer"][0]
    assert alice[1] not in {None, "alice@example.org"} and alice[2] not in {None, "Alice Archer"}
    assert len(alice[2]) <= 40


def test_a_text_masking_on_a_number_fails_before_anything_changes(shop_db: sa.Engine) -> None:
    before = contents(shop_db)
    outcome = run("shop", right="erasure", identity=ALICE, category="user", masking="string_rewrite:GONE")
    assert outcome.code == 1 and outcome.state == "failed" and outcome.changes == {}
    assert {"shop:payment_card", "shop:login"} == {each["collection"] for each in outcome.errors}
    assert {each["code"] for each in outcome.errors} == {"type_mismatch"}
    assert contents(shop_db) == before


def test_deleting_takes_the_persons_rows_and_what_hangs_on_them(shop_db: sa.Engine) -> None:
    before = contents(shop_db)
    outcome = run("shop", right="erasure", identity="email=carol@example.org", category="user", masking="delete")
    assert outcome.code == 0, outcome.body
    after = contents(shop_db)
    assert [row[0] for row in after["customer"]] == [1, 2, 4]
    assert [row[0] for row in after["orders"]] == ["ord-1", "ord-2", "ord-3"]
    assert after["address"] == before["address"]
    assert outcome.held == {("shop:address", "shared"): 1}
