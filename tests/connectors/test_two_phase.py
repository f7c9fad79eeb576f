"""Where PostgreSQL can prepare transactions, no commit happens before every database has promised."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from psycopg.conninfo import conninfo_to_dict

from deploy.local import postgres
from erasure.connectors import sql
from tests.connectors import shop as shops
from tests.connectors.conftest import register, run
from tests.connectors.shop import contents
from tests.connectors.test_links import PERSON, dataset

pytestmark = pytest.mark.slow
ALICE = "email=alice@example.org"
TABLES = "CREATE TABLE person (id INTEGER PRIMARY KEY, email TEXT, name TEXT);"


@pytest.fixture
def two(tmp_path: Path, db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[sa.Engine]]:
    """Two databases on a server that prepares, registered as `a` and `b`."""
    monkeypatch.setattr(postgres, "THROW_AWAY", postgres.THROW_AWAY | {"max_prepared_transactions": "5"})
    with postgres.throw_away(tmp_path / "server", "only-for-this") as cluster:
        engines = []
        for name in ("a", "b"):
            where = cluster.address(postgres.SUPERUSER, "only-for-this", "postgres")
            with psycopg.connect(where, autocommit=True) as server:
                server.execute(f"CREATE DATABASE {name}")
            parts = conninfo_to_dict(where)
            url = sa.URL.create(
                "postgresql+psycopg",
                username=str(parts["user"]),
                password=str(parts["password"]),
                database=name,
                query={"host": str(parts["host"]), "port": str(parts.get("port", 5432))},
            )
            engines.append(shops.build(url, TABLES, {"person": [(1, "alice@example.org", "Alice")]}))
            text = dataset(person=PERSON).replace("fides_key: d", f"fides_key: {name}").replace("dataset: d", "")
            register(name, url, text, folder=tmp_path)
        yield engines
        for engine in engines:
            engine.dispose()


def test_both_are_changed(two: list[sa.Engine]) -> None:
    outcome = run("a", "b", right="erasure", identity=ALICE, category="user")
    assert outcome.code == 0, outcome.body
    assert [contents(engine)["person"] for engine in two] == [[(1, None, None)]] * 2


def test_what_fails_to_promise_undoes_what_others_promised(
    two: list[sa.Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    real, seen = sql.Database.prepare, []

    def second_fails(self: sql.Database) -> None:
        seen.append(self.prepares)
        if self.name == "b":
            raise sa.exc.OperationalError("", None, psycopg.OperationalError())
        real(self)

    monkeypatch.setattr(sql.Database, "prepare", second_fails)
    before = [contents(engine) for engine in two]
    outcome = run("a", "b", right="erasure", identity=ALICE, category="user")
    assert outcome.code == 1 and seen == [True, True]
    assert [contents(engine) for engine in two] == before
    with two[0].connect() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM pg_prepared_xacts")) == 0
