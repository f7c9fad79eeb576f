"""What a database really holds, where its columns say something else: told as it is, masked within what it takes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.connectors import shop as shops
from tests.connectors.conftest import register, run
from tests.connectors.shop import contents
from tests.connectors.test_links import dataset, field

ALICE = "email=alice@example.org"


def person(*columns: str) -> list[dict[str, Any]]:
    """The fields of a collection with these columns, each of user.contact."""
    return [
        field("id", primary_key=True),
        field("email", "user.contact.email", identity="email"),
        *(field(name, "user.contact") for name in columns),
    ]


def held(url: sa.URL, folder: Path, columns: dict[str, str], values: str) -> dict[str, Any]:
    """One row with these values, and what is handed out of it."""
    listed = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    engine = shops.build(url, f"CREATE TABLE person (id INTEGER PRIMARY KEY, email VARCHAR(99), {listed});", {})
    with engine.begin() as connection:
        connection.exec_driver_sql(f"INSERT INTO person VALUES (1, 'alice@example.org', {values})")
    register("d", url, dataset(person=person(*columns)), folder=folder)
    outcome = run("d", right="access", identity=ALICE, category="user")
    assert (outcome.code, outcome.errors) == (0, [])
    assert run("d", right="erasure", identity=ALICE, category="user").code == 0
    assert set(contents(engine)["person"][0][1:]) == {None}
    engine.dispose()
    (row,) = outcome.rows["d:person"]
    return {name: value for name, value in row.items() if name != "email"}


COLUMNS = {"born": "DATE", "seen": "DATETIME", "hour": "TIME", "yes": "BOOLEAN", "num": "NUMERIC(5, 2)", "doc": "JSON"}


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ("'1990-01-31', '2020-01-01 00:00:00', '10:00:00', 1, 1.5, '[1]'", None),
        (
            "'31.01.1990', '2020-01', '10', 'ja', 'zwei', 'no document'",
            ["31.01.1990", "2020-01", 10, "ja", "zwei", "no document"],
        ),
        ("19900131, 1580000000, 7, 2, 9223372036854775807, '[1]'", [19900131, 1580000000, 7, 2, 2**63 - 1, [1]]),
        ("'', '', '', '', '', ''", [""] * 6),
    ],
)
def test_sqlite_keeps_anything_and_a_copy_says_so(
    sqlite_url: Callable[[], sa.URL], db: None, tmp_path: Path, values: str, told: list[Any] | None
) -> None:
    found = held(sqlite_url(), tmp_path, COLUMNS, values)
    assert list(found.values()) == (told or ["1990-01-31", "2020-01-01T00:00:00", "10:00:00", True, "1.50", [1]])


@pytest.mark.parametrize(("kind", "value"), [("DATE", "31.01.1990"), ("INT", "A-17"), ("BLOB", "A-17")])
def test_what_is_none_of_its_type_leads_on_all_the_same(
    sqlite_url: Callable[[], sa.URL], db: None, tmp_path: Path, kind: str, value: str
) -> None:
    """A value that was read as it is held is looked for as it is held: by a link, and by the key of its row."""
    tables = f"""
        CREATE TABLE person (id INTEGER PRIMARY KEY, email VARCHAR(99), code {kind});
        CREATE TABLE visit (code {kind} PRIMARY KEY, note TEXT);
    """
    rows = {"person": [(1, "alice@example.org", value)], "visit": [(value, "Alice"), ("none", "Bob")]}
    url = sqlite_url()
    engine = shops.build(url, tables, rows)
    to_person = [{"dataset": "d", "field": "person.code", "direction": "from"}]
    visit = [
        {"name": "code", "fides_meta": {"references": to_person, "primary_key": True}},
        field("note", "user.name"),
    ]
    register("d", url, dataset(person=person("code"), visit=visit), folder=tmp_path)
    assert run("d", right="access", identity=ALICE, category="user.name").rows["d:visit"] == [{"note": "Alice"}]
    assert run("d", right="erasure", identity=ALICE, category="user.name").code == 0
    assert contents(engine)["visit"] == [(value, None), ("none", "Bob")]
    engine.dispose()


def test_a_moment_written_as_a_text_elsewhere_leads_to_it(
    sqlite_url: Callable[[], sa.URL], db: None, tmp_path: Path
) -> None:
    """A value is looked for as the type of the column writes it, where it can be one."""
    tables = """
        CREATE TABLE person (id INTEGER PRIMARY KEY, email VARCHAR(99), seen TEXT);
        CREATE TABLE visit (at DATETIME PRIMARY KEY, note TEXT);
    """
    rows = {
        "person": [(1, "alice@example.org", "2020-01-01T10:00:00")],
        "visit": [("2020-01-01 10:00:00.000000", "Alice"), ("2020-01-01 11:00:00.000000", "Bob")],
    }
    url = sqlite_url()
    engine = shops.build(url, tables, rows)
    to_person = [{"dataset": "d", "field": "person.seen", "direction": "from"}]
    visit = [{"name": "at", "fides_meta": {"references": to_person, "primary_key": True}}, field("note", "user.name")]
    register("d", url, dataset(person=person("seen"), visit=visit), folder=tmp_path)
    assert run("d", right="access", identity=ALICE, category="user.name").rows["d:visit"] == [{"note": "Alice"}]
    engine.dispose()


def test_a_member_of_a_document_is_changed_in_it(sqlite_url: Callable[[], sa.URL], db: None, tmp_path: Path) -> None:
    """A column of JSON holds the document afterwards, and no text of it."""
    url = sqlite_url()
    engine = shops.build(url, "CREATE TABLE person (id INTEGER PRIMARY KEY, email VARCHAR(99), doc JSON);", {})
    with engine.begin() as connection:
        connection.exec_driver_sql(
            """INSERT INTO person VALUES (1, 'alice@example.org', '{"name": "Alice", "size": 4}')"""
        )
    register("d", url, dataset(person=DOCUMENT), folder=tmp_path)
    assert run("d", right="erasure", identity=ALICE, category="user.name").code == 0
    with engine.connect() as connection:
        (held,) = connection.exec_driver_sql("SELECT doc FROM person").one()
    assert json.loads(held) == {"name": None, "size": 4}
    engine.dispose()


def test_moments_of_postgresql_that_python_has_no_value_for(
    postgres_url: Callable[[], sa.URL], db: None, tmp_path: Path
) -> None:
    columns = {
        "born": ("date", "0044-03-15 BC", "0044-03-15 BC"),
        "until": ("timestamptz", "infinity", "infinity"),
        "seen": ("timestamp", "12026-01-01", "12026-01-01 00:00:00"),
        "hour": ("time", "24:00", "24:00:00"),
        "there": ("timetz", "24:00+00", "24:00:00+00"),
        "term": ("interval", "1 month", "1 mon"),
    }
    values = ", ".join(f"'{value}'" for _kind, value, _told in columns.values())
    found = held(postgres_url(), tmp_path, {name: kind for name, (kind, *_) in columns.items()}, values)
    assert found == {name: told for name, (*_, told) in columns.items()}


@pytest.mark.slow
def test_a_time_of_mariadb_may_be_longer_than_a_day(
    mariadb_url: Callable[[], sa.URL], db: None, tmp_path: Path
) -> None:
    columns = {"plain": "TIME", "worked": "TIME", "back": "TIME(2)"}
    found = held(mariadb_url(), tmp_path, columns, "'09:30:00', '38:30:00', '-800:00:01.25'")
    assert list(found.values()) == ["09:30:00", "38:30:00", "-800:00:01.250000"]


@pytest.mark.parametrize("masking", ["string_rewrite:GONE-FOR-EVER", "hmac:SHA-256"])
def test_a_mask_is_cut_to_what_a_domain_takes(
    postgres_url: Callable[[], sa.URL], db: None, tmp_path: Path, masking: str
) -> None:
    url = postgres_url()
    engine = shops.build(url, "CREATE DOMAIN short AS varchar(5);", {})
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE person (id INTEGER PRIMARY KEY, email VARCHAR(99), name short)")
        connection.exec_driver_sql("INSERT INTO person VALUES (1, 'alice@example.org', 'Alice')")
    register("d", url, dataset(person=person("name")), folder=tmp_path)
    assert run("d", right="erasure", identity=ALICE, category="user", masking=masking).code == 0
    ((_id, _email, name),) = contents(engine)["person"]
    assert len(name) == 5 and name != "Alice"
    engine.dispose()


DOCUMENT = [*person(), {"name": "doc", "fields": [{"name": "name", "data_categories": ["user.name"]}]}]


def test_a_text_where_a_document_should_be_is_never_passed_over(url: sa.URL, db: None, tmp_path: Path) -> None:
    rows = [(1, "alice@example.org", "Alice, 12 High Street")]
    engine = shops.build(
        url, "CREATE TABLE person (id INTEGER PRIMARY KEY, email VARCHAR(99), doc TEXT);", {"person": rows}
    )
    register("d", url, dataset(person=DOCUMENT), folder=tmp_path)
    copy = run("d", right="access", identity=ALICE, category="user.name")
    assert copy.rows["d:person"] == [{"doc": "Alice, 12 High Street"}]
    outcome = run("d", right="erasure", identity=ALICE, category="user.name")
    assert (outcome.code, [each["code"] for each in outcome.errors]) == (1, ["type_mismatch"])
    assert "High Street" not in str(outcome.errors)
    outcome = run("d", right="erasure", identity=ALICE, category="user")
    assert outcome.code == 1 and contents(engine)["person"] == rows
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE person SET doc = ' '")
    assert run("d", right="erasure", identity=ALICE, category="user").code == 0
    engine.dispose()


def test_a_number_that_is_too_long_is_not_cut_to_another_persons(
    postgres_url: Callable[[], sa.URL], db: None, tmp_path: Path
) -> None:
    url = postgres_url()
    rows = [(1, "bob@example.org", "1234")]
    tables = "CREATE TABLE person (id INTEGER PRIMARY KEY, email VARCHAR(99), number VARCHAR(4));"
    engine = shops.build(url, tables, {"person": rows})
    text = dataset(person=[*person(), field("number", "user.unique_id", identity="customer_id")])
    register("d", url, text, folder=tmp_path)
    both = {"identity": "customer_id=123499", "category": "user"}
    assert run("d", right="access", **both).held == {}
    assert run("d", right="erasure", **both).held == {} and contents(engine)["person"] == rows
    engine.dispose()
