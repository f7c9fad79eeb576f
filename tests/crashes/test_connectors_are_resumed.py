"""kill -9 at every boundary of an erasure in databases of others: nothing half done, nothing forgotten, one end."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from psycopg.conninfo import conninfo_to_dict

from deploy.local import postgres
from erasure.connectors import pool
from erasure.models import ConnectorCommit, Receipt, Step, WithheldRows
from tests.connectors import shop as shops
from tests.connectors.conftest import register
from tests.connectors.shop import contents
from tests.connectors.test_links import PERSON, dataset, field
from tests.crashes.world import KILLED, SWEEP, Nursery, file, lease_over
from tests.plugins.exhaustive import in_turn

pytestmark = pytest.mark.slow
LINK = [{"dataset": "a", "field": "person.email", "direction": "from"}]
CONTACT = [
    field("id", primary_key=True),
    field("mail", "user.contact.email", references=LINK),
    field("phone", "user.contact.phone_number"),
]
TABLES = {
    "a": "CREATE TABLE person (id INTEGER PRIMARY KEY, email TEXT, name TEXT);",
    "b": "CREATE TABLE contact (id INTEGER PRIMARY KEY, mail TEXT, phone TEXT);",
}
ROWS: dict[str, dict[str, list[tuple[Any, ...]]]] = {
    "a": {"person": [(1, "alice@example.org", "Alice")]},
    "b": {"contact": [(1, "alice@example.org", "+4930111")]},
}
DATASETS = {"a": dataset(person=PERSON), "b": dataset(contact=CONTACT)}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[postgres.Cluster]:
    """A server that prepares transactions."""
    kept = postgres.THROW_AWAY
    postgres.THROW_AWAY = kept | {"max_prepared_transactions": "5"}
    try:
        with postgres.throw_away(tmp_path_factory.mktemp("pg"), "only-for-this") as running:
            yield running
    finally:
        postgres.THROW_AWAY = kept


@pytest.fixture
def two(cluster: postgres.Cluster, tmp_path: Path) -> Iterator[dict[str, sa.Engine]]:
    """Two databases; nothing but a's e-mail address leads into b."""
    where, engines = cluster.address(postgres.SUPERUSER, "only-for-this", "postgres"), {}
    for name in ("a", "b"):
        with psycopg.connect(where, autocommit=True) as server:
            server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            server.execute(f"CREATE DATABASE {name}")
        parts = conninfo_to_dict(where)
        url = sa.URL.create(
            "postgresql+psycopg", username=str(parts["user"]), password=str(parts["password"]), database=name,
            query={"host": str(parts["host"]), "port": str(parts["port"])},
        )  # fmt: skip
        engines[name] = shops.build(url, TABLES[name], ROWS[name])
        register(name, url, DATASETS[name].replace("fides_key: d", f"fides_key: {name}"), folder=tmp_path)
    yield engines
    for engine in engines.values():
        engine.dispose()
    pool.close_all()


STEP = [f"erasure.connector.{where}" for where in ("claimed", "remembered", "committed", "performed", "settled")]
COMMIT = ["connector.prepared", "connector.decided", "connector.one_confirmed"]
LOOK = [f"erasure.verify.{where}" for where in ("claimed", "performed", "settled")]


@pytest.mark.parametrize("failpoint", ["", *in_turn(*STEP, *COMMIT, *LOOK)])
def test_both_databases_change_or_none_wherever_a_worker_dies(
    nursery: Nursery, alice: Any, catalogue: None, two: dict[str, sa.Engine], failpoint: str
) -> None:
    request = file(alice, "erasure")
    ended = nursery.work(SWEEP, failpoint)
    assert (ended == KILLED) == bool(failpoint), "the failpoint was not on the way"
    if failpoint in {"connector.prepared", "erasure.connector.remembered"}:
        assert contents(two["a"]) == {"person": ROWS["a"]["person"]}, "nobody had decided yet"
    if failpoint:
        lease_over()
        nursery.work(SWEEP)
    request.refresh_from_db()
    assert contents(two["a"])["person"] == [(1, None, None)]
    assert contents(two["b"])["contact"] == [(1, None, None)]
    with two["a"].connect() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM pg_prepared_xacts")) == 0
    assert request.state == "completed" and Receipt.objects.filter(request=request).count() == 1
    assert request.steps.get(kind=Step.Kind.CONNECTOR).identities_sealed is None
    assert not ConnectorCommit.objects.exists()


@pytest.mark.parametrize("failpoint", in_turn(*STEP))
def test_what_is_withheld_is_not_forgotten_when_the_worker_dies(
    nursery: Nursery, alice: Any, catalogue: None, tmp_path: Path, failpoint: str
) -> None:
    url = sa.make_url(f"sqlite:///{tmp_path}/shop.sqlite")
    engine = shops.build(url)
    register("warehouse", url, shops.DATASET, folder=tmp_path)
    request = file(alice, "erasure")
    assert nursery.work(SWEEP, failpoint) == KILLED
    lease_over()
    nursery.work(SWEEP)
    step = request.steps.get(kind=Step.Kind.CONNECTOR)
    held = {row.collection: row.decidable for row in WithheldRows.objects.filter(step=step, reason="shared")}
    assert step.state == "waiting" and held["shop:payment_card"] == 1, held
    assert contents(engine)["customer"][0][1:3] == (None, None)
