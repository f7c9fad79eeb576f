"""A database that dies under a run leaves nothing half done, and the next run finishes."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from erasure.connectors import sql
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


def cut(name: str | None) -> None:
    """Every session in the database ends, as when its server dies."""
    with psycopg.connect(address("postgres"), autocommit=True) as server:
        server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])


@pytest.mark.parametrize(("method", "at"), [("rows", 0), ("rows", 5), ("write", 0), ("write", 3), ("commit", 0)])
def test_a_database_dying_at_any_statement_changes_nothing_and_the_next_run_finishes(
    shop_pg: sa.Engine, monkeypatch: pytest.MonkeyPatch, method: str, at: int
) -> None:
    real, calls = getattr(sql.Database, method), []

    def dying(self: sql.Database, *given: Any) -> Any:
        if len(calls) == at:
            cut(shop_pg.url.database)
        calls.append(method)
        return real(self, *given)

    before = contents(shop_pg)
    with monkeypatch.context() as fault:
        fault.setattr(sql.Database, method, dying)
        outcome = run("shop", right="erasure", identity=ALICE, category="user")
    assert len(calls) > at, "it never came that far"
    assert (outcome.code, outcome.state) == (1, "failed")
    assert {each["code"] for each in outcome.errors} == {"connection_failed"}
    shop_pg.dispose()
    assert contents(shop_pg) == before
    assert run("shop", right="erasure", identity=ALICE, category="user").code == 0
    assert contents(shop_pg)["customer"][0][1:3] == (None, None)
