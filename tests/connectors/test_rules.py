"""What a database does behind a statement: puts values back, looks at rules last, cannot undo."""

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.connectors import shop as shops
from tests.connectors.conftest import register, run
from tests.connectors.shop import contents
from tests.connectors.test_links import PERSON, dataset

ALICE = "email=alice@example.org"
TABLES = "CREATE TABLE person (id INTEGER PRIMARY KEY, email VARCHAR(99), name VARCHAR(99));"
PEOPLE = [(1, "alice@example.org", "Alice"), (2, "bob@example.org", "Bob")]
PUTS_BACK = {
    "sqlite": [
        "CREATE TRIGGER back AFTER UPDATE ON person WHEN NEW.name IS NULL OR NEW.name <> OLD.name BEGIN"
        " UPDATE person SET name = OLD.name WHERE id = NEW.id; END"
    ],
    "postgresql": [
        "CREATE FUNCTION back() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.name = OLD.name; RETURN NEW; END $$",
        "CREATE TRIGGER back BEFORE UPDATE ON person FOR EACH ROW EXECUTE FUNCTION back()",
    ],
    "mysql": ["CREATE TRIGGER back BEFORE UPDATE ON person FOR EACH ROW SET NEW.name = OLD.name"],
}
REFUSES_AT_THE_END = [
    "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$",
    "CREATE CONSTRAINT TRIGGER no AFTER UPDATE ON person DEFERRABLE INITIALLY DEFERRED"
    " FOR EACH ROW EXECUTE FUNCTION no()",
]


def execute(engine: sa.Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for each in statements:
            connection.exec_driver_sql(each)


@pytest.mark.parametrize("masking", ["null_rewrite", "string_rewrite:gone", "hmac:SHA-256"])
def test_a_value_that_a_trigger_puts_back_was_not_erased(url: sa.URL, db: None, tmp_path: Path, masking: str) -> None:
    engine = shops.build(url, TABLES, {"person": PEOPLE})
    register("d", url, dataset(person=PERSON), folder=tmp_path)
    execute(engine, *PUTS_BACK["mysql" if engine.dialect.name == "mariadb" else engine.dialect.name])
    outcome = run("d", right="erasure", identity=ALICE, category="user", masking=masking)
    assert (outcome.code, [each["code"] for each in outcome.errors]) == (1, ["constraint_violated"])
    assert contents(engine)["person"] == PEOPLE
    execute(engine, "DROP TRIGGER back" + (" ON person" if engine.dialect.name == "postgresql" else ""))
    assert run("d", right="erasure", identity=ALICE, category="user", masking=masking).code == 0
    mine, other = sorted(contents(engine)["person"])
    assert mine[2] != "Alice" and other == PEOPLE[1]
    engine.dispose()


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_a_rule_looked_at_last_changes_nothing_in_the_other_database(
    postgres_url: Callable[[], sa.URL], db: None, tmp_path: Path, order: tuple[str, str]
) -> None:
    """Without prepared transactions `b` would say no when `a` is committed already."""
    engines = {}
    for name in ("a", "b"):
        address = postgres_url()
        engines[name] = shops.build(address, TABLES, {"person": PEOPLE})
        text = dataset(person=PERSON).replace("fides_key: d", f"fides_key: {name}")
        register(name, address, text, folder=tmp_path)
    execute(engines["b"], *REFUSES_AT_THE_END)
    assert run(*order, right="erasure", identity=ALICE, category="user").code == 1
    assert [contents(engine)["person"] for engine in engines.values()] == [PEOPLE, PEOPLE]
    execute(engines["b"], "DROP TRIGGER no ON person")
    assert run(*order, right="erasure", identity=ALICE, category="user").code == 0
    assert all((1, None, None) in contents(engine)["person"] for engine in engines.values())
    for engine in engines.values():
        engine.dispose()


@pytest.mark.parametrize("act", ["CASCADE", "SET NULL"])
def test_rows_that_no_link_leads_to_are_not_deleted_or_changed_along(
    url: sa.URL, db: None, tmp_path: Path, act: str
) -> None:
    """Bob wrote on Alice's wall, in a table that the dataset does not name."""
    engine = shops.build(url, TABLES, {"person": PEOPLE})
    register("d", url, dataset(person=PERSON), folder=tmp_path)
    execute(
        engine,
        "CREATE TABLE post (id INTEGER PRIMARY KEY, author VARCHAR(99), wall INTEGER,"
        f" FOREIGN KEY (wall) REFERENCES person (id) ON DELETE {act})",
        "INSERT INTO post VALUES (1, 'bob@example.org', 1)",
    )
    before, erase = contents(engine), {"right": "erasure", "identity": ALICE, "category": "user", "masking": "delete"}
    outcome = run("d", **erase)
    assert (outcome.code, [each["code"] for each in outcome.errors]) == (1, ["constraint_violated"])
    assert "post" in outcome.errors[0]["detail"] and contents(engine) == before
    execute(engine, "UPDATE post SET wall = 2")
    assert run("d", **erase).code == 0
    assert contents(engine) == {"person": PEOPLE[1:], "post": [(1, "bob@example.org", 2)]}
    engine.dispose()


def test_a_link_that_sqlite_looks_at_last_changes_nothing_in_the_other_file(
    sqlite_url: Callable[[], sa.URL], db: None, tmp_path: Path
) -> None:
    engines = {}
    for name in ("a", "b"):
        address = sqlite_url()
        engines[name] = shops.build(address, TABLES, {"person": PEOPLE})
        text = dataset(person=PERSON).replace("fides_key: d", f"fides_key: {name}")
        register(name, address, text, folder=tmp_path)
    execute(
        engines["b"],
        "CREATE TABLE post (id INTEGER PRIMARY KEY,"
        " person INTEGER REFERENCES person (id) DEFERRABLE INITIALLY DEFERRED)",
        "INSERT INTO post VALUES (1, 1)",
    )
    erase = {"right": "erasure", "identity": ALICE, "category": "user", "masking": "delete"}
    assert run("a", "b", **erase).code == 1
    assert [contents(engine)["person"] for engine in engines.values()] == [PEOPLE, PEOPLE]
    execute(engines["b"], "DELETE FROM post")
    assert run("a", "b", **erase).code == 0
    assert [contents(engine)["person"] for engine in engines.values()] == [PEOPLE[1:], PEOPLE[1:]]
    for engine in engines.values():
        engine.dispose()


@pytest.mark.slow
def test_a_table_that_cannot_undo_a_change_is_not_changed(
    mariadb_url: Callable[[], sa.URL], db: None, tmp_path: Path
) -> None:
    """A run that fails later could not take back what it did there."""
    address = mariadb_url()
    engine = shops.build(address, TABLES, {"person": PEOPLE})
    execute(engine, "ALTER TABLE person ENGINE=MyISAM")
    assert "no_transactions" in register("d", address, dataset(person=PERSON), folder=tmp_path)
    outcome = run("d", right="erasure", identity=ALICE, category="user")
    assert (outcome.code, [each["code"] for each in outcome.errors]) == (1, ["no_transactions"])
    assert contents(engine)["person"] == PEOPLE
    assert run("d", right="access", identity=ALICE, category="user").rows["d:person"]
    execute(engine, "ALTER TABLE person ENGINE=InnoDB")
    assert run("d", right="erasure", identity=ALICE, category="user").code == 0
    assert (1, None, None) in contents(engine)["person"]
    engine.dispose()


@pytest.mark.slow
def test_a_dataset_of_which_everything_is_skipped_has_nothing_to_do(
    mariadb_url: Callable[[], sa.URL], db: None, tmp_path: Path
) -> None:
    address = mariadb_url()
    shops.build(address, TABLES, {"person": PEOPLE}).dispose()
    assert register("d", address, dataset(person=(PERSON, {"skip_processing": True})), folder=tmp_path) == ""
    outcome = run("d", right="access", identity=ALICE, category="user")
    assert (outcome.code, outcome.rows) == (0, {})
