"""Schemas as one finds them: padded keys, collations that take two people for one, names with backticks, policies that
hide rows. What cannot be done is said when the connector is registered, or fails; nothing is left out in silence."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from erasure.connectors.schema import _sources
from erasure.connectors.sql import normalised
from tests.connectors.conftest import register, run

KEY = {"primary_key": True}
Url = Callable[[], sa.URL]


def dataset(**collections: dict[str, dict[str, Any]]) -> str:
    """A dataset `odd` (JSON is YAML) of collections, each its columns with what stands under `fides_meta`."""
    tables = [
        {"name": name, "fields": [{"name": column, "fides_meta": meta} for column, meta in fields.items()]}
        for name, fields in collections.items()
    ]
    found = {"fides_key": "odd", "name": "odd", "data_categories": ["user"], "collections": tables}
    return json.dumps({"dataset": [found]})


def to(target: str) -> dict[str, Any]:
    return {"references": [{"dataset": "odd", "field": target, "direction": "from"}]}


def built(url: sa.URL, *statements: str) -> sa.Engine:
    engine = sa.create_engine(normalised(url.render_as_string(hide_password=False)))
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    return engine


def held(engine: sa.Engine, statement: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.exec_driver_sql(statement)]
    engine.dispose()
    return found


CUSTOMERS = dataset(
    customer={"code": KEY, "email": {"identity": "email"}, "login": {"identity": "login"}, "note": {}},
    orders={"id": KEY, "customer_code": to("customer.code"), "note": {}},
)


@pytest.mark.django_db
def test_a_padded_key_leads_to_the_rows_that_refer_to_it_without_padding(url: sa.URL, tmp_path: Path) -> None:
    engine = built(
        url,
        "CREATE TABLE customer (code char(6) PRIMARY KEY, email varchar(80), login varchar(40), note varchar(40))",
        "CREATE TABLE orders (id int PRIMARY KEY, customer_code varchar(20), note varchar(40))",
        "INSERT INTO customer VALUES ('c1', 'ann@example.org', NULL, 'hers'), ('c2', 'bob@example.org', NULL, 'his')",
        "INSERT INTO orders VALUES (1, 'c1', 'hers'), (2, 'c2', 'his')",
    )
    register("odd", url, CUSTOMERS, folder=tmp_path)

    found = run("odd", right="access", identity="email=ann@example.org", category="user")
    assert [row["note"] for row in found.rows["odd:orders"]] == ["hers"]

    run("odd", right="erasure", identity="email=ann@example.org", category="user")
    assert held(engine, "SELECT id, note FROM orders ORDER BY id") == [(1, None), (2, "his")]


@pytest.mark.django_db
def test_two_logins_that_differ_in_case_are_two_people(url: sa.URL, tmp_path: Path) -> None:
    engine = built(
        url,
        "CREATE TABLE customer (code varchar(6) PRIMARY KEY, email varchar(80), login varchar(40), note varchar(40))",
        "CREATE TABLE orders (id int PRIMARY KEY, customer_code varchar(20), note varchar(40))",
        "INSERT INTO customer VALUES ('c1', NULL, 'ann', 'hers'), ('c2', NULL, 'ANN', 'of another')",
        "INSERT INTO orders VALUES (1, 'c1', 'hers'), (2, 'c2', 'of another')",
    )
    register("odd", url, CUSTOMERS, folder=tmp_path)

    found = run("odd", right="access", identity="login=ann", category="user")
    assert {name: [row["note"] for row in rows] for name, rows in found.rows.items()} == {
        "odd:customer": ["hers"],
        "odd:orders": ["hers"],
    }

    run("odd", right="erasure", identity="login=ann", category="user")
    assert held(engine, "SELECT note FROM customer WHERE code = 'c2'") == [("of another",)]
    assert held(engine, "SELECT note FROM orders WHERE id = 2") == [("of another",)]


@pytest.mark.django_db
def test_an_address_is_found_as_it_is_given_whatever_letters_the_database_folds(url: sa.URL, tmp_path: Path) -> None:
    built(
        url,
        "CREATE TABLE customer (code varchar(6) PRIMARY KEY, email varchar(80), login varchar(40), note varchar(40))",
        "CREATE TABLE orders (id int PRIMARY KEY, customer_code varchar(20), note varchar(40))",
        "INSERT INTO customer VALUES ('c1', 'JÖRG@EXAMPLE.ORG', NULL, 'his')",
    ).dispose()
    register("odd", url, CUSTOMERS, folder=tmp_path)

    found = run("odd", right="access", identity="email=JÖRG@EXAMPLE.ORG", category="user")

    assert [row["note"] for row in found.rows["odd:customer"]] == ["his"]


@pytest.mark.django_db
def test_a_telephone_number_written_in_groups_is_no_other_persons(sqlite_url: Url, tmp_path: Path) -> None:
    url = sqlite_url()
    engine = built(
        url,
        "CREATE TABLE customer (code varchar(6) PRIMARY KEY, email varchar(80), phone varchar(40))",
        "INSERT INTO customer VALUES ('c1', 'ann@example.org', '+49 (151) 23-45/678')",
        "INSERT INTO customer VALUES ('c2', 'ann@example.org', '+49 151 99999999')",
    )
    text = dataset(customer={"code": KEY, "email": {"identity": "email"}, "phone": {"identity": "phone_number"}})
    register("odd", url, text, folder=tmp_path)
    person = ["email=ann@example.org", "phone_number=+491512345678"]

    done = run("odd", right="erasure", identity=person, category="user")

    assert done.held["odd:customer", "shared"] == 1
    assert held(engine, "SELECT code, email, phone FROM customer ORDER BY code") == [
        ("c1", None, None),
        ("c2", "ann@example.org", "+49 151 99999999"),
    ]


@pytest.mark.slow
@pytest.mark.django_db
def test_a_backtick_in_a_name_is_a_letter_as_any_other(mariadb_url: Url, tmp_path: Path) -> None:
    url = mariadb_url()
    engine = built(
        url,
        "CREATE TABLE customer (`c``d` int PRIMARY KEY, email varchar(80), `no``te` varchar(40))",
        "CREATE TABLE orders (id int PRIMARY KEY, `of``` int NOT NULL, note varchar(40),"
        " FOREIGN KEY (`of```) REFERENCES customer (`c``d`))",
        "INSERT INTO customer VALUES (1, 'ann@example.org', 'hers')",
        "INSERT INTO orders VALUES (1, 1, 'hers')",
    )
    text = dataset(
        customer={"c`d": KEY, "email": {"identity": "email"}, "no`te": {}},
        orders={"id": KEY, "of`": to("customer.c`d"), "note": {}},
    )
    assert register("odd", url, text, folder=tmp_path) == ""

    done = run("odd", right="erasure", identity="email=ann@example.org", category="user", masking="delete")

    assert done.code == 0
    assert held(engine, "SELECT (SELECT count(*) FROM customer) + (SELECT count(*) FROM orders)") == [(0,)]


@pytest.mark.django_db
def test_rows_that_a_policy_hides_fail_the_run(postgres_url: Url, tmp_path: Path) -> None:
    url = postgres_url()
    engine = built(
        url,
        "CREATE TABLE customer (code int PRIMARY KEY, email text, login text, note text)",
        "CREATE TABLE orders (id int PRIMARY KEY, customer_code int, note text)",
        "INSERT INTO customer VALUES (1, 'ann@example.org', NULL, 'hers')",
        "INSERT INTO orders VALUES (1, 1, 'seen'), (2, 1, 'hidden')",
        "ALTER TABLE orders ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY half ON orders USING (id = 1)",
        f"CREATE ROLE \"{url.database}\" LOGIN PASSWORD 'only-for-tests'",
        f'GRANT ALL ON ALL TABLES IN SCHEMA public TO "{url.database}"',
    )
    try:
        register("odd", url.set(username=url.database, password="only-for-tests"), CUSTOMERS, folder=tmp_path)

        for right in ("access", "erasure"):
            done = run("odd", right=right, identity="email=ann@example.org", category="user")
            assert [(each["collection"], each["code"]) for each in done.errors] == [("odd:orders", "permission_denied")]
        assert held(engine, "SELECT note FROM customer") == [("hers",)]
    finally:
        built(url, f'DROP OWNED BY "{url.database}"', f'DROP ROLE "{url.database}"').dispose()


@pytest.mark.django_db
def test_what_no_run_could_follow_or_foresee_is_told_when_the_connector_is_registered(
    url: sa.URL, tmp_path: Path
) -> None:
    kind = url.get_backend_name()
    exact = " COLLATE utf8mb4_bin" if kind == "mysql" else ""
    tags = "text[]" if kind == "postgresql" else "json"
    engine = built(
        url,
        f"CREATE TABLE customer (id int PRIMARY KEY, email varchar(80){exact} UNIQUE, about json, tags {tags})",
        f"CREATE TABLE visits (email varchar(80){exact}, FOREIGN KEY (email) REFERENCES customer (email)"
        " ON UPDATE CASCADE)",
    )
    with engine.begin() as connection:  # more than is read through to compare in lower case
        each = [{"id": at, "email": f"person-{at:060}@example.org"} for at in range(3_000)]
        connection.execute(sa.text("INSERT INTO customer (id, email) VALUES (:id, :email)"), each)
    engine.dispose()
    body = json.loads(dataset(customer={"id": KEY, "email": {"identity": "email"}}))
    inside = [{"name": "mail", "fides_meta": {"identity": "email"}}]
    body["dataset"][0]["collections"][0]["fields"] += [
        {"name": "about", "fields": inside},
        {"name": "tags", "fides_meta": {"identity": "tag"}},
    ]

    said = register("odd", url, json.dumps(body), folder=tmp_path)

    assert "Field: about.mail. (not_followed)" in said
    assert ("Field: tags. (not_followed)" in said) is (kind == "postgresql")
    assert "Column: email. (as_written)" in said
    assert "Table: visits. (changes_along)" in said


@pytest.mark.parametrize("name", ["a.c", "a(b", "(a+)+$", "[a", "a|b"])
def test_a_name_is_no_pattern(name: str) -> None:
    assert _sources(f"upper({name})", [name, "abc", "b"]) >= {name}
    assert "abc" not in _sources(f"upper({name})", [name, "abc"]), "a sign of the name stands for itself"
