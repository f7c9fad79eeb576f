"""What cannot be done fails at once, with the place and a code, and without a value in any word of it."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from django.core.management.base import CommandError
from sqlalchemy.exc import SQLAlchemyError

from erasure.connectors import pool
from erasure.models import Connector
from tests.connectors import shop as shops
from tests.connectors.conftest import register, run
from tests.connectors.shop import contents
from tests.plugins.postgres import address

ALICE = "email=alice@example.org"
LIMITED = "connector_limited"


def codes(outcome: Any) -> set[tuple[str, str]]:
    return {(each["collection"], each["code"]) for each in outcome.errors}


def erase(*names: str, category: str = "user") -> Any:
    return run(*(names or ("shop",)), right="erasure", identity=ALICE, category=category)


def test_a_missing_table_and_a_missing_column_are_named(shop_db: sa.Engine) -> None:
    with shop_db.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE customer DROP COLUMN name")
        connection.exec_driver_sql("DROP TABLE visit")
    before = contents(shop_db)
    assert codes(erase()) == {("shop:visit", "table_missing")}
    with shop_db.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE visit (email VARCHAR(99), last_visit TIMESTAMP)")
    assert codes(erase()) == {("shop:customer", "column_missing")}
    assert contents(shop_db) == before | {"visit": []}


@pytest.fixture
def limited(
    postgres_url: Callable[[], sa.URL], db: None, tmp_path: Path
) -> Iterator[tuple[sa.Engine, Callable[[str], None]]]:
    """The shop on PostgreSQL, registered with a role that may only read but for what the test grants."""
    url = postgres_url()
    engine = shops.build(url)
    with psycopg.connect(address("postgres"), autocommit=True) as server:
        server.execute(f"CREATE ROLE {LIMITED} LOGIN PASSWORD 'only-for-this'")

    def execute(statement: str) -> None:
        with engine.begin() as connection:
            connection.exec_driver_sql(statement)

    execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {LIMITED}")
    register("shop", url.set(username=LIMITED, password="only-for-this"), shops.DATASET, folder=tmp_path)
    yield engine, execute
    execute(f"DROP OWNED BY {LIMITED}")
    engine.dispose()
    with psycopg.connect(address("postgres"), autocommit=True) as server:
        server.execute(f"DROP ROLE {LIMITED}")


def test_a_forbidden_table_undoes_all_and_is_named(limited: tuple[sa.Engine, Callable[[str], None]]) -> None:
    engine, execute = limited
    execute(f"GRANT UPDATE ON ALL TABLES IN SCHEMA public TO {LIMITED}")
    execute(f"REVOKE UPDATE ON visit FROM {LIMITED}")
    before = contents(engine)
    outcome = erase()
    assert codes(outcome) == {("shop:visit", "permission_denied")} and outcome.code == 1
    assert contents(engine) == before


def test_a_read_only_connection_is_known_before_anything_is_read(
    limited: tuple[sa.Engine, Callable[[str], None]],
) -> None:
    _engine, execute = limited
    execute(f"ALTER ROLE {LIMITED} SET default_transaction_read_only = on")
    pool.close_all()  # what a role is set to holds from its next log-in on
    outcome = erase()
    assert {code for _place, code in codes(outcome)} == {"read_only_connection"} and outcome.statements == 0
    assert run("shop", right="access", identity=ALICE, category="user").code == 0


def test_a_file_opened_for_reading_only_takes_no_changes(
    sqlite_url: Callable[[], sa.URL], db: None, tmp_path: Path
) -> None:
    url = sqlite_url()
    engine = shops.build(url)
    before = contents(engine)
    register("shop", f"{url}?mode=ro", shops.DATASET, folder=tmp_path)
    assert {code for _place, code in codes(erase())} == {"read_only_connection"}
    assert contents(engine) == before


def test_no_value_stands_in_an_error_or_a_log(shop_db: sa.Engine, caplog: pytest.LogCaptureFixture) -> None:
    with shop_db.begin() as connection:
        connection.exec_driver_sql("CREATE UNIQUE INDEX one_name ON address (street)")
    caplog.set_level(logging.DEBUG)
    outcome = run("shop", right="erasure", identity=ALICE, category="user.contact.address", masking="string_rewrite:X")
    assert codes(outcome) == {("shop:address", "constraint_violated")}
    said = str(outcome.body) + outcome.stderr + caplog.text
    assert not [value for value in shops.VALUES if value in said]


def test_an_address_is_sealed_and_its_password_never_shown(
    db: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from django.core.management import call_command

    register("shop", "postgresql://joe:topsecret@127.0.0.1:1/nowhere", shops.DATASET, folder=tmp_path)
    call_command("connector", "list")
    listed = capsys.readouterr().out
    assert "shop postgresql+psycopg://joe:***@127.0.0.1:1/nowhere shop" in listed
    assert b"topsecret" not in bytes(Connector.objects.get().url_sealed)
    register("shop", "mysql://joe:other@127.0.0.1:1/nowhere", shops.DATASET, folder=tmp_path)
    call_command("connector", "list")
    assert capsys.readouterr().out.startswith("shop mysql+pymysql://joe:***@") and Connector.objects.count() == 1
    call_command("connector", "remove", "shop")
    assert not Connector.objects.exists()


@pytest.mark.parametrize("bad", ["nonsense", "sqlite://", "oracle9://x/y", "mysql+unknown://x/y"])
def test_an_address_nobody_serves_is_refused(db: None, tmp_path: Path, bad: str) -> None:
    with pytest.raises(CommandError, match=r"database|file"):
        register("shop", bad, shops.DATASET, folder=tmp_path)


def test_a_broken_statement_is_a_code_of_ours(shop_db: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        raise SQLAlchemyError("alice@example.org")

    monkeypatch.setattr(sa.Connection, "execute", broken)
    outcome = erase()
    assert {code for _place, code in codes(outcome)} == {"database_error"} and "alice" not in str(outcome.body)
