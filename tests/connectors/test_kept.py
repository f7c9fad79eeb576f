"""What is kept between runs: tables only while the catalogue says the same, connections few and never a fork's."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import TimeoutError as PoolTimeout

from erasure.connectors import pool, schema
from tests.connectors import shop as shops
from tests.connectors.conftest import register, run
from tests.connectors.shop import contents
from tests.plugins.postgres import address

ALICE = "email=alice@example.org"


@pytest.fixture
def shop_pg(postgres_url: Callable[[], sa.URL], db: None, tmp_path: Path) -> Iterator[sa.Engine]:
    url = postgres_url()
    engine = shops.build(url)
    register("shop", url, shops.DATASET, folder=tmp_path)
    yield engine
    engine.dispose()


def look() -> Any:
    return run("shop", right="erasure", identity=ALICE, category="user", dry_run=True)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for each time a catalogue is read."""
    found: list[int] = []
    real = schema.reflected
    monkeypatch.setattr(schema, "reflected", lambda *given: found.append(1) or real(*given))
    return found


def test_a_catalogue_is_read_once_and_again_when_anything_in_it_changed(shop_pg: sa.Engine, reads: list[int]) -> None:
    assert look().code == 0
    read = len(reads)
    assert look().code == 0 and len(reads) == read
    changes = [
        "ALTER TABLE login ALTER time SET NOT NULL", "ALTER TABLE orders ALTER note TYPE VARCHAR(80)",
        "CREATE INDEX folded ON visit (lower(email))", "ALTER TABLE visit ADD PRIMARY KEY (email, last_visit)",
        "ALTER TABLE login DROP CONSTRAINT login_customer_id_fkey", "ALTER TABLE product RENAME name TO title",
    ]  # fmt: skip
    with shop_pg.begin() as connection:
        connection.exec_driver_sql("DELETE FROM visit")
    for count, change in enumerate(changes, 1):
        with shop_pg.begin() as connection:
            connection.exec_driver_sql(change)
        assert look().errors == [], change
        assert len(reads) == read + count, change


def test_a_column_that_may_no_longer_be_empty_is_withheld_at_once(
    shop_pg: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ("shop:login", "not_nullable") in look().held
    assert ("shop:orders", "not_nullable") not in look().held
    with shop_pg.begin() as connection:
        connection.exec_driver_sql("UPDATE orders SET note = '' WHERE note IS NULL")
        connection.exec_driver_sql("ALTER TABLE orders ALTER note SET NOT NULL")
    with monkeypatch.context() as without:  # its teeth: remembered blindly, the run would fail half-way
        known = next(seen for seen, _tables in reversed(schema._remembered.values()))
        without.setattr(schema, "_fingerprint", lambda *given: known)
        assert ("shop:orders", "not_nullable") not in look().held
    assert ("shop:orders", "not_nullable") in look().held


def test_plans_kept_by_a_connection_do_not_outlive_a_change_of_type(shop_pg: sa.Engine) -> None:
    for _run in range(7):  # a statement is prepared from its sixth time on
        assert run("shop", right="access", identity=ALICE, category="user").code == 0
    with shop_pg.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE customer ALTER name TYPE TEXT")
        connection.exec_driver_sql("ALTER TABLE login ALTER ip TYPE VARCHAR(99)")
    assert run("shop", right="access", identity=ALICE, category="user").code == 0


def test_a_column_gone_meanwhile_fails_before_anything_changes(shop_pg: sa.Engine) -> None:
    assert look().code == 0
    with shop_pg.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE customer DROP COLUMN name")
    before = contents(shop_pg)
    outcome = run("shop", right="erasure", identity=ALICE, category="user")
    assert [(each["collection"], each["code"]) for each in outcome.errors] == [("shop:customer", "column_missing")]
    assert contents(shop_pg) == before


def test_a_kept_connection_that_was_cut_is_replaced(shop_pg: sa.Engine) -> None:
    assert look().code == 0
    with psycopg.connect(address("postgres"), autocommit=True) as server:
        name = shop_pg.url.database
        cut = server.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = %s", [name]
        ).fetchone()
    assert cut and cut[0] >= 1
    assert look().code == 0


def test_connections_are_few_and_idle_ones_are_closed(shop_pg: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "CONNECT_SECONDS", 0.05)
    engine = pool.engine(shop_pg.url)
    held = [engine.connect() for _each in range(pool.MOST)]
    with pytest.raises(PoolTimeout):
        engine.connect()
    for connection in held:
        connection.close()
    assert isinstance(engine.pool, pool.KeptPool) and engine.pool.close_idle(3600) == pool.MOST
    assert engine.pool.close_idle(0) == 0
    engine.connect().close()


def test_a_fork_inherits_no_connection(shop_pg: sa.Engine) -> None:
    assert look().code == 0 and pool._engines
    child = os.fork()
    if child == 0:
        os._exit(0 if not pool._engines and pool._left_behind else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert look().code == 0


def test_addresses_are_found_whatever_their_case(shop_db: sa.Engine) -> None:
    with shop_db.begin() as connection:
        connection.exec_driver_sql("UPDATE customer SET email = 'Alice@Example.ORG' WHERE id = 1")
    outcome = run("shop", right="access", identity="email=ALICE@example.org", category="user.contact.email")
    assert {row["email"] for row in outcome.rows["shop:customer"]} == {"Alice@Example.ORG"}
