"""Several databases are one graph and one change: all of them, or none."""

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.connectors import shop as shops
from tests.connectors.conftest import register, run
from tests.connectors.shop import contents

CRM = """
dataset:
  - fides_key: crm
    name: CRM
    collections:
      - name: contact
        fides_meta: {after: [shop.customer], erase_after: [shop.customer]}
        fields:
          - {name: id, data_categories: [system.operations], fides_meta: {primary_key: True}}
          - name: mail
            data_categories: [user.contact.email]
            fides_meta: {references: [{dataset: shop, field: customer.email, direction: from}]}
          - {name: phone, data_categories: [user.contact.phone_number]}
      - name: call
        fields:
          - {name: id, data_categories: [system.operations], fides_meta: {primary_key: True}}
          - name: contact_id
            data_categories: [system.operations]
            fides_meta: {references: [{dataset: crm, field: contact.id, direction: from}]}
          - {name: summary, data_categories: [user.content]}
"""
TABLES = """
CREATE TABLE contact (id INTEGER PRIMARY KEY, mail VARCHAR(120), phone VARCHAR(30));
CREATE TABLE "call" (id INTEGER PRIMARY KEY, contact_id INTEGER REFERENCES contact (id), summary VARCHAR(200));
"""
ROWS = {
    "contact": [(1, "alice@example.org", "+4930111"), (2, "bob@example.org", "+4930222")],
    "call": [(1, 1, "Alice called"), (2, 2, "Bob called")],
}
ALICE = "email=alice@example.org"


@pytest.fixture
def crm(sqlite_url: Callable[[], sa.URL], shop_db: sa.Engine, tmp_path: Path) -> sa.Engine:
    """A second database, whose contacts hang on the shop's customers by their address."""
    url = sqlite_url()
    engine = shops.build(url, TABLES, {"contact": ROWS["contact"]})
    with engine.begin() as connection:
        for row in ROWS["call"]:
            connection.execute(sa.text('INSERT INTO "call" VALUES (:a, :b, :c)'), dict(zip("abc", row, strict=True)))
    register("crm", url, CRM, folder=tmp_path)
    return engine


def calls(engine: sa.Engine) -> list[tuple]:
    with engine.connect() as connection:
        both = [
            *connection.execute(sa.text("SELECT * FROM contact")),
            *connection.execute(sa.text('SELECT * FROM "call"')),
        ]
        return [tuple(row) for row in both]


def test_one_graph_leads_from_one_database_into_the_other(crm: sa.Engine) -> None:
    outcome = run("shop", "crm", right="access", identity=ALICE, category="user")
    assert outcome.rows["crm:contact"] == [{"mail": "alice@example.org", "phone": "+4930111"}]
    assert outcome.rows["crm:call"] == [{"summary": "Alice called"}]


def test_alone_the_second_database_is_not_reached_and_that_is_said(crm: sa.Engine) -> None:
    outcome = run("crm", right="access", identity=ALICE, category="user")
    assert outcome.code == 0 and outcome.rows == {}
    assert "crm:contact is not reached" in outcome.stderr and "shop:customer is referred to" in outcome.stderr


def test_both_are_erased_though_the_link_itself_is_masked(shop_db: sa.Engine, crm: sa.Engine) -> None:
    outcome = run("shop", "crm", right="erasure", identity=ALICE, category="user")
    assert outcome.code == 0, outcome.body
    assert calls(crm) == [(1, None, None), (2, "bob@example.org", "+4930222"), (1, 1, None), (2, 2, "Bob called")]
    assert contents(shop_db)["customer"][0][1] is None


def test_a_failure_in_the_second_leaves_the_first_as_it_was(shop_db: sa.Engine, crm: sa.Engine) -> None:
    with crm.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER no BEFORE UPDATE ON contact BEGIN SELECT RAISE(ABORT, 'alice@example.org stays'); END"
        )
    before = contents(shop_db), calls(crm)
    for order in (("shop", "crm"), ("crm", "shop")):
        outcome = run(*order, right="erasure", identity=ALICE, category="user")
        assert outcome.code == 1 and outcome.state == "failed" and outcome.changes == {}
        assert [each["collection"] for each in outcome.errors] == ["crm:contact"]
        assert "alice" not in str(outcome.body) and "stays" not in str(outcome.body)
        assert (contents(shop_db), calls(crm)) == before


def test_an_unreachable_database_fails_the_run_and_names_its_tables(shop_db: sa.Engine, tmp_path: Path) -> None:
    said = register("crm", "postgresql://joe:topsecret@127.0.0.1:1/nowhere", CRM, folder=tmp_path)
    assert "connection_failed" in said and "topsecret" not in said
    before = contents(shop_db)
    outcome = run("shop", "crm", right="erasure", identity=ALICE, category="user")
    assert outcome.code == 1 and contents(shop_db) == before
    found = {(each["collection"], each["code"]) for each in outcome.errors}
    assert found == {("crm:contact", "connection_failed"), ("crm:call", "connection_failed")}
    assert "topsecret" not in str(outcome.body) + outcome.stderr
