"""Links of every shape: circles, trees, composite keys, directions, orders."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml
from django.core.management.base import CommandError

from tests.connectors import shop as shops
from tests.connectors.conftest import Outcome, register, run
from tests.connectors.shop import contents

ALICE = "email=alice@example.org"


def field(name: str, category: str = "system.operations", **meta: Any) -> dict[str, Any]:
    return {"name": name, "data_categories": [category], "fides_meta": meta}


def to(target: str, direction: str | None = None) -> list[dict[str, Any]]:
    return [{"dataset": "d", "field": target} | ({"direction": direction} if direction else {})]


def dataset(**collections: Any) -> str:
    listed = []
    for name, fields in collections.items():
        fields, meta = fields if isinstance(fields, tuple) else (fields, {})
        listed.append({"name": name, "fields": fields, "fides_meta": meta})
    return yaml.safe_dump({"dataset": [{"fides_key": "d", "name": "D", "collections": listed}]})


@pytest.fixture
def world(sqlite_url: Callable[[], sa.URL], db: None, tmp_path: Path) -> Callable[..., sa.Engine]:
    """`world(tables, rows, dataset)`: a database and its connector `d`."""

    def make(tables: str, rows: dict[str, list[tuple]], text: str) -> sa.Engine:
        url = sqlite_url()
        engine = shops.build(url, tables, rows)
        register("d", url, text, folder=tmp_path)
        return engine

    return make


USER = "CREATE TABLE person (id INTEGER PRIMARY KEY, email TEXT, name TEXT);"
PEOPLE = [(1, "alice@example.org", "Alice"), (2, "bob@example.org", "Bob")]
PERSON = [
    field("id", primary_key=True),
    field("email", "user.contact.email", identity="email"),
    field("name", "user.name"),
]


def access(**more: Any) -> Outcome:
    return run("d", right="access", identity=ALICE, category="user", **more)


def test_a_tree_of_comments_gives_mine_and_not_the_answers_of_others(world: Callable[..., sa.Engine]) -> None:
    tables = f"{USER} CREATE TABLE comment (id INTEGER PRIMARY KEY, person_id INTEGER, parent_id INTEGER, text TEXT);"
    comments = [(1, 1, None, "mine"), (2, 2, 1, "Bob answers"), (3, 1, 2, "mine again"), (4, 2, None, "Bob's own")]
    text = dataset(
        person=PERSON,
        comment=[
            field("id", primary_key=True),
            field("person_id", references=to("person.id", "from")),
            field("parent_id", references=to("comment.id")),
            field("text", "user.content"),
        ],
    )
    engine = world(tables, {"person": PEOPLE, "comment": comments}, text)
    found = access()
    assert found.rows["d:comment"] == [{"text": "mine"}, {"text": "mine again"}]
    assert found.held == {("d:comment", "third_party"): 1}
    run("d", right="erasure", identity=ALICE, category="user")
    assert [row[3] for row in contents(engine)["comment"]] == [None, "Bob answers", None, "Bob's own"]


def test_what_hangs_on_an_account_of_somebody_else_is_theirs_though_the_account_names_nobody(
    world: Callable[..., sa.Engine],
) -> None:
    """Between the person and the post lies a table without identities: whose the post is, it says all the same."""
    tables = f"""{USER} CREATE TABLE account (id INTEGER PRIMARY KEY, person_id INTEGER, invited_by INTEGER);
        CREATE TABLE post (id INTEGER PRIMARY KEY, account_id INTEGER, parent_id INTEGER, text TEXT);
        CREATE TABLE reply (id INTEGER PRIMARY KEY, post_id INTEGER, text TEXT);"""
    posts = [(1, 10, None, "mine"), (2, 20, 1, "Bob answers"), (3, 10, 2, "mine again"), (4, 30, None, "nobody's")]
    rows = {
        "person": PEOPLE,
        "account": [(10, 1, 30), (20, 2, None), (30, None, None)],
        "post": posts,
        "reply": [(1, 1, "to mine"), (2, 2, "to Bob's"), (3, 4, "to nobody's")],
    }
    text = dataset(
        person=PERSON,
        account=[
            field("id", primary_key=True),
            field("person_id", references=to("person.id", "from")),
            field("invited_by", references=to("account.id", "to")),
        ],
        post=[
            field("id", primary_key=True),
            field("account_id", references=to("account.id", "from")),
            field("parent_id", references=to("post.id", "to")),
            field("text", "user.content"),
        ],
        reply=[
            field("id", primary_key=True),
            field("post_id", references=to("post.id", "from")),
            field("text", "user.content"),
        ],
    )
    engine = world(tables, rows, text)
    found = access()
    assert [row["text"] for row in found.rows["d:post"]] == ["mine", "mine again", "nobody's"]
    assert [row["text"] for row in found.rows["d:reply"]] == ["to mine", "to nobody's"]
    assert found.held == {("d:post", "third_party"): 1}
    run("d", right="erasure", identity=ALICE, category="user")
    assert [row[3] for row in contents(engine)["post"]] == [None, "Bob answers", None, None]
    assert [row[2] for row in contents(engine)["reply"]] == [None, "to Bob's", None]


def test_what_the_database_computes_is_never_written_and_withheld_only_where_it_stays(
    url: sa.URL, db: None, tmp_path: Path
) -> None:
    """A generated column whose sources are all masked goes by itself; another stays, and that is said."""
    engine = shops.build(
        url,
        """CREATE TABLE person (id INTEGER PRIMARY KEY, email VARCHAR(80), name VARCHAR(40), town VARCHAR(40),
            loud_name VARCHAR(40) GENERATED ALWAYS AS (upper(name)) STORED,
            loud_town VARCHAR(40) GENERATED ALWAYS AS (upper(town)) STORED);
        INSERT INTO person (id, email, name, town) VALUES (1, 'alice@example.org', 'Alice', 'Aville');""",
        {},
    )
    loud = [field("loud_name", "user.name"), field("loud_town", "user.contact")]
    said = register("d", url, dataset(person=[*PERSON, field("town", read_onyl=True), *loud]), folder=tmp_path)
    assert "d:person/town: `fides_meta.read_onyl` is not known and has no effect. (unknown_member)" in said
    dry = run("d", right="erasure", identity=ALICE, category="user", dry_run=True)
    done = run("d", right="erasure", identity=ALICE, category="user")
    assert done.state == dry.state == "completed"
    assert done.changes == dry.changes == {"d:person": {"rows": 1, "columns": ["email", "name"]}}
    assert done.held == dry.held == {("d:person", "read_only"): 1}
    assert contents(engine)["person"] == [(1, None, None, "Aville", None, "AVILLE")]
    engine.dispose()


def test_a_circle_of_three_tables_ends(world: Callable[..., sa.Engine]) -> None:
    tables = f"""{USER} CREATE TABLE a (id INTEGER PRIMARY KEY, person_id INTEGER, c_id INTEGER, t TEXT);
        CREATE TABLE b (id INTEGER PRIMARY KEY, a_id INTEGER, t TEXT);
        CREATE TABLE c (id INTEGER PRIMARY KEY, b_id INTEGER, t TEXT);"""
    rows = {
        "person": PEOPLE,
        "a": [(1, 1, None, "a1"), (2, None, 1, "a2"), (3, 2, None, "bob")],
        "b": [(1, 1, "b1"), (2, 2, "b2"), (3, 3, "bob")],
        "c": [(1, 1, "c1"), (2, 2, "c2"), (3, 3, "bob")],
    }
    text = dataset(
        person=PERSON,
        a=[
            field("id", primary_key=True),
            field("person_id", references=to("person.id", "from")),
            field("c_id", references=to("c.id", "from")),
            field("t", "user.content"),
        ],
        b=[field("id", primary_key=True), field("a_id", references=to("a.id", "from")), field("t", "user.content")],
        c=[field("id", primary_key=True), field("b_id", references=to("b.id", "from")), field("t", "user.content")],
    )
    world(tables, rows, text)
    found = access().rows
    assert [[row["t"] for row in found[f"d:{name}"]] for name in "abc"] == [["a1", "a2"], ["b1", "b2"], ["c1", "c2"]]


def test_a_composite_key_is_followed_as_a_whole(world: Callable[..., sa.Engine]) -> None:
    tables = f"""{USER}
        CREATE TABLE bill (shop INTEGER, no INTEGER, person_id INTEGER, memo TEXT, PRIMARY KEY (shop, no));
        CREATE TABLE line (id INTEGER PRIMARY KEY, bill_shop INTEGER, bill_no INTEGER, what TEXT);"""
    rows = {
        "person": PEOPLE,
        "bill": [(1, 1, 1, "a"), (2, 2, 1, "b"), (1, 2, 2, "bob"), (2, 1, 2, "bob")],
        "line": [(1, 1, 1, "mine"), (2, 2, 2, "mine too"), (3, 1, 2, "bob's"), (4, 2, 1, "bob's")],
    }
    text = dataset(
        person=PERSON,
        bill=[
            field("shop", primary_key=True),
            field("no", primary_key=True),
            field("person_id", references=to("person.id", "from")),
            field("memo", "user.content"),
        ],
        line=[
            field("id", primary_key=True),
            field("bill_shop", references=to("bill.shop", "from")),
            field("bill_no", references=to("bill.no", "from")),
            field("what", "user.content"),
        ],
    )
    engine = world(tables, rows, text)
    assert access().rows["d:line"] == [{"what": "mine"}, {"what": "mine too"}]
    run("d", right="erasure", identity=ALICE, category="user.content")
    assert [row[3] for row in contents(engine)["line"]] == [None, None, "bob's", "bob's"]
    assert [row[3] for row in contents(engine)["bill"]] == [None, "bob", "bob", None]


def test_without_direction_a_shared_parent_does_not_lead_to_those_who_share_it(world: Callable[..., sa.Engine]) -> None:
    tables = """CREATE TABLE home (id INTEGER PRIMARY KEY, street TEXT);
        CREATE TABLE person (id INTEGER PRIMARY KEY, email TEXT, name TEXT, home_id INTEGER);
        CREATE TABLE parcel (id INTEGER PRIMARY KEY, home_id INTEGER, person_id INTEGER, inside TEXT);"""
    rows = {
        "home": [(1, "Elm"), (2, "Oak")],
        "person": [(*PEOPLE[0], 1), (*PEOPLE[1], 1)],
        "parcel": [(1, 1, 1, "mine"), (2, 1, 2, "bob's"), (3, 2, 1, "to my mother")],
    }
    text = dataset(
        home=[field("id", primary_key=True), field("street", "user.contact.address")],
        person=[*PERSON, field("home_id", references=to("home.id"))],
        parcel=[
            field("id", primary_key=True),
            field("home_id", references=to("home.id")),
            field("person_id", references=to("person.id")),
            field("inside", "user.content"),
        ],
    )
    world(tables, rows, text)
    found = access()
    assert found.rows["d:parcel"] == [{"inside": "mine"}, {"inside": "to my mother"}]
    assert found.rows["d:home"] == [{"street": "Elm"}, {"street": "Oak"}]
    erased = run("d", right="erasure", identity=ALICE, category="user")
    assert erased.held == {("d:home", "shared"): 1}
    assert erased.changes["d:home"] == {"rows": 1, "columns": ["street"]}


def test_an_address_that_folds_to_hers_is_somebody_elses(world: Callable[..., sa.Engine]) -> None:
    tables = f"{USER} CREATE TABLE note (id INTEGER PRIMARY KEY, person_id INTEGER, email TEXT, text TEXT);"
    rows = {
        "person": [(1, "rita@strasse.example", "Rita")],
        "note": [(1, 1, "RITA@strasse.example", "hers"), (2, 1, "rita@straße.example", "of another Rita")],
    }
    text = dataset(
        person=PERSON,
        note=[
            field("id", primary_key=True),
            field("person_id", references=to("person.id", "from")),
            field("email", "user.contact.email", identity="email"),
            field("text", "user.content"),
        ],
    )
    engine = world(tables, rows, text)
    rita = "email=rita@strasse.example"
    assert "of another Rita" not in str(run("d", right="access", identity=rita, category="user.content").rows)
    erased = run("d", right="erasure", identity=rita, category="user.content")
    assert erased.held == {("d:note", "shared"): 1}
    assert [row[3] for row in contents(engine)["note"]] == [None, "of another Rita"]


def test_read_only_skipped_and_overridden_collections(world: Callable[..., sa.Engine]) -> None:
    tables = f"""{USER} CREATE TABLE log (id INTEGER PRIMARY KEY, email TEXT, kept TEXT, gone TEXT);
        CREATE TABLE note (id INTEGER PRIMARY KEY, email TEXT, text TEXT);"""
    rows = {"person": PEOPLE, "log": [(1, PEOPLE[0][1], "k", "g")], "note": [(1, PEOPLE[0][1], "t"), (2, "x@y.z", "t")]}
    mail = field("email", identity="email")
    rewrite = {"strategy": "string_rewrite", "configuration": {"rewrite_value": "too long by far"}}
    text = dataset(
        person=PERSON,
        log=[
            field("id", primary_key=True),
            mail,
            field("kept", "user.content", read_only=True),
            field("gone", "user.content", length=8, masking_strategy_override=rewrite),
        ],
        note=(
            [field("id", primary_key=True), mail, field("text", "user.content")],
            {"masking_strategy_override": {"strategy": "delete"}},
        ),
        absent=([field("id", primary_key=True), mail], {"skip_processing": True}),
    )
    engine = world(tables, rows, text)
    outcome = run("d", right="erasure", identity=ALICE, category="user.content")
    assert outcome.code == 0, outcome.body
    assert outcome.held == {("d:log", "read_only"): 1}
    assert contents(engine)["log"] == [(1, "alice@example.org", "k", "too long")]
    assert contents(engine)["note"] == [(2, "x@y.z", "t")]


def test_a_row_with_a_read_only_column_is_not_silently_kept_from_deletion(world: Callable[..., sa.Engine]) -> None:
    tables = "CREATE TABLE log (id INTEGER PRIMARY KEY, email TEXT, kept TEXT);"
    tables += "CREATE TABLE fixed (id INTEGER PRIMARY KEY, email TEXT);"
    rows = {"log": [(1, PEOPLE[0][1], "k")], "fixed": [(1, PEOPLE[0][1])]}
    mail = field("email", "user.contact.email", identity="email")
    log = [field("id", primary_key=True), mail, field("kept", "user.content", read_only=True)]
    fixed = ([field("id", primary_key=True), mail], {"read_only": True})
    engine = world(tables, rows, dataset(log=log, fixed=fixed))
    outcome = run("d", right="erasure", identity=ALICE, category="user", masking="delete")
    assert outcome.code == 1 and [each["code"] for each in outcome.errors] == ["read_only_column"]
    assert contents(engine) == {name: [tuple(row) for row in each] for name, each in rows.items()}
    assert run("d", right="erasure", identity=ALICE, category="user.content").held == {("d:log", "read_only"): 1}


def test_a_kind_of_identity_nobody_knows_is_refused(world: Callable[..., sa.Engine]) -> None:
    world(
        "CREATE TABLE log (id INTEGER PRIMARY KEY, email TEXT);",
        {"log": [(1, PEOPLE[0][1])]},
        dataset(log=[field("id", primary_key=True), field("email", "user.contact.email", identity="email")]),
    )
    with pytest.raises(CommandError, match="knows email here, not e-mail"):
        run("d", right="access", identity="e-mail=alice@example.org", category="user")


def test_erase_after_is_the_order_of_the_statements(world: Callable[..., sa.Engine]) -> None:
    tables = "".join(f"CREATE TABLE {name} (id INTEGER PRIMARY KEY, email TEXT, t TEXT);" for name in "abc")
    tables += "CREATE TABLE told (n INTEGER PRIMARY KEY AUTOINCREMENT, who TEXT);"
    rows = {name: [(1, PEOPLE[0][1], "t")] for name in "abc"}
    fields = [field("id", primary_key=True), field("email", identity="email"), field("t", "user.content")]
    text = dataset(
        a=(fields, {"erase_after": ["d.b"]}), b=(fields, {"erase_after": ["d.c"]}), c=(fields, {"after": ["d.a"]})
    )
    engine = world(tables, rows, text)
    with engine.begin() as connection:
        for name in "abc":
            told = f"INSERT INTO told (who) VALUES ('{name}')"
            connection.exec_driver_sql(f"CREATE TRIGGER t{name} AFTER UPDATE ON {name} BEGIN {told}; END")
    run("d", right="erasure", identity=ALICE, category="user")
    assert [row[1] for row in contents(engine)["told"]] == ["c", "b", "a"]


def test_members_of_a_document_are_given_and_masked_inside_it(world: Callable[..., sa.Engine]) -> None:
    tables = "CREATE TABLE person (id INTEGER PRIMARY KEY, email TEXT, profile JSON);"
    rows = {"person": [(1, PEOPLE[0][1], '{"city": "Aville", "plan": "gold", "pets": [{"name": "Rex", "age": 3}]}')]}
    members = [
        field("city", "user.contact.address.city"),
        field("plan"),
        {"name": "pets", "fields": [field("name", "user.content")]},
    ]
    text = dataset(person=[*PERSON[:2], {"name": "profile", "fides_meta": {"data_type": "object"}, "fields": members}])
    engine = world(tables, rows, text)
    assert access(masking="null_rewrite").rows["d:person"] == [
        {"email": "alice@example.org", "profile": {"city": "Aville", "pets": [{"name": "Rex"}]}}
    ]
    run("d", right="erasure", identity=ALICE, category=["user.contact.address", "user.content"])
    (row,) = contents(engine)["person"]
    assert yaml.safe_load(row[2]) == {"city": None, "plan": "gold", "pets": [{"name": None, "age": 3}]}


def test_statements_are_batched_by_keys(world: Callable[..., sa.Engine]) -> None:
    tables = f"{USER} CREATE TABLE note (id INTEGER PRIMARY KEY, person_id INTEGER, text TEXT);"
    rows = {"person": PEOPLE, "note": [(n, 1 + n % 2, f"text {n}") for n in range(4000)]}
    text = dataset(
        person=PERSON,
        note=[
            field("id", primary_key=True),
            field("person_id", references=to("person.id", "from")),
            field("text", "user.content"),
        ],
    )
    engine = world(tables, rows, text)
    for masking in ("null_rewrite", "hmac:SHA-256"):
        dry = run("d", right="erasure", identity=ALICE, category="user.content", masking=masking, dry_run=True)
        assert dry.changes == {"d:note": {"rows": 2000, "columns": ["text"]}}
    outcome = run("d", right="erasure", identity=ALICE, category="user.content", masking="hmac:SHA-256")
    assert outcome.statements < 15
    assert sum(len(row[2]) == 64 for row in contents(engine)["note"]) == 2000


# --- more rows than one question asks for --------------------------------------------------------------------------
def test_a_row_found_by_two_of_many_questions_is_handed_out_once(world: Callable[..., sa.Engine]) -> None:
    """1,100 orders lead to an item each, which carries her address too; a table without key keeps what is twice in it.

    A row of somebody else's is counted once, whichever question finds it.
    """
    many = range(1, 1_101)
    rows = {
        "person": PEOPLE,
        "orders": [(n, 1) for n in many],
        "item": [(n, n, "alice@example.org" if n % 2 else None, f"Item {n}") for n in many]
        + [(5_000, 7, "bob@example.org", "his")],
        "note": [(n, "alice@example.org", f"Note {n}") for n in many] + [(1, "alice@example.org", "Note 1")],
    }
    tables = (
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, person_id INTEGER);"
        "CREATE TABLE item (id INTEGER PRIMARY KEY, order_id INTEGER, email TEXT, text TEXT);"
        "CREATE TABLE note (order_id INTEGER, email TEXT, text TEXT);"
    )
    email = field("email", "user.contact.email", identity="email")
    order = field("order_id", references=to("orders.id", "from"))
    world(
        USER + tables,
        rows,
        dataset(
            person=PERSON,
            orders=[field("id", primary_key=True), field("person_id", references=to("person.id", "from"))],
            item=[field("id", primary_key=True), order, email, field("text", "user.content")],
            note=[order, email, field("text", "user.content")],
        ),
    )
    told = access()
    assert sorted(row["text"] for row in told.rows["d:item"]) == sorted(f"Item {n}" for n in many)
    assert sorted(row["text"] for row in told.rows["d:note"]) == sorted([*(f"Note {n}" for n in many), "Note 1"])
    assert told.held == {("d:item", "third_party"): 1} and told.statements < 40
