"""Months of events: made ahead, the default one takes the rest, all are insert-only, no row is lost on the way."""

import importlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
import time_machine
from django.db import connection, transaction

from audit import actors, partitions, services
from audit.models import AuditEvent
from deploy.local.roles import APP, SEQUENCER
from tests.audit.tools import tamper
from tests.plugins.postgres import address, test_database

pytestmark = pytest.mark.django_db(transaction=True)

AsRole = Callable[[str], psycopg.Connection]
INSERT = """INSERT INTO audit_event (at, action, actor, request_id, fields, details)
    VALUES (%s, 'data.read', 'system:web', '', '{}', '{}') RETURNING tableoid::regclass::text"""
NOW = datetime.now(UTC)


def where(at: datetime) -> str:
    with connection.cursor() as cursor:
        cursor.execute(INSERT, [at])
        return str(cursor.fetchone()[0])


@pytest.fixture
def _months_as_before() -> Iterator[None]:
    """What a test makes or drops is as it was."""
    yield
    tamper("TRUNCATE audit_event")
    for each in partitions.partitions()[4:]:
        tamper(f"DROP TABLE {each.name}")
    partitions.ensure()


def test_every_moment_has_a_partition() -> None:
    names = [each.name for each in partitions.partitions()]
    assert len(names) >= 4
    assert where(NOW) == names[0]
    assert where(NOW.replace(day=1) + timedelta(days=32)) == names[1]
    assert where(NOW - timedelta(days=3000)) == names[0]
    assert where(NOW + timedelta(days=3000)) == partitions.DEFAULT
    assert AuditEvent.objects.count() == 4


@pytest.mark.usefixtures("_months_as_before")
def test_the_sweep_makes_the_next_month_and_takes_what_waited_for_it(as_role: AsRole) -> None:
    last = partitions.partitions()[-1]
    inside = last.ends + timedelta(days=3)
    assert where(inside) == partitions.DEFAULT
    before = list(AuditEvent.objects.values_list("id", "xid", "ordinal", "at"))
    app = as_role(APP)
    assert app.execute("SELECT audit_make_partition(%s)", [last.ends.date()]).fetchone() == (True,)
    assert app.execute("SELECT audit_make_partition(%s)", [last.ends.date()]).fetchone() == (False,)
    made = partitions.partitions()[-1]
    assert made.month == last.ends.date()
    assert where(inside) == made.name
    assert list(AuditEvent.objects.order_by("ordinal").values_list("id", "xid", "ordinal", "at"))[:1] == before
    assert tamper(f"UPDATE {made.name} SET action = action") == 2, "the row that waited lies in its month"
    for name in (made.name, partitions.DEFAULT):
        with owner() as root, pytest.raises(psycopg.errors.InsufficientPrivilege, match="insert-only"):
            root.execute(f"DELETE FROM {name}")


def test_nothing_is_made_that_stands_and_a_missing_month_is_made(_months_as_before: None) -> None:
    assert partitions.ensure() == 0
    tamper(f"DROP TABLE {partitions.partitions()[3].name}")
    assert partitions.ensure() == 1


@pytest.mark.parametrize("month", ["2019-01-01", "2026-11-02", "2099-01-01"])
def test_no_other_month_can_be_made(as_role: AsRole, month: str) -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        as_role(APP).execute("SELECT audit_make_partition(%s::date)", [month])


def owner() -> psycopg.Connection:
    return psycopg.connect(address(test_database()), autocommit=True)


@pytest.mark.parametrize("statement", ["DELETE FROM {}", "TRUNCATE {}", "UPDATE {} SET action = 'x'"])
def test_every_partition_is_insert_only_also_for_its_owner(statement: str) -> None:
    names = [each.name for each in partitions.partitions()] + [partitions.DEFAULT]
    where(NOW)
    for name in names:
        with owner() as root, pytest.raises(psycopg.errors.InsufficientPrivilege, match="insert-only"):
            root.execute(statement.format(name))


@pytest.mark.parametrize("role", [APP, SEQUENCER])
def test_no_role_reaches_a_partition_but_through_the_table(as_role: AsRole, role: str) -> None:
    where(NOW)
    reader = as_role(role)
    assert reader.execute("SELECT count(*) FROM audit_event").fetchone() == (1,)
    for name in [partitions.DEFAULT, partitions.partitions()[0].name]:
        for statement in (f"SELECT 1 FROM {name}", f"INSERT INTO {name} DEFAULT VALUES", f"DROP TABLE {name}"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                reader.execute(statement)


# --- what the app role may write --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("column", "value"), [("id", "gen_random_uuid()"), ("xid", "'1'::xid8"), ("ordinal", "1"), ("ordinal", "DEFAULT")]
)
@pytest.mark.parametrize("override", ["", "OVERRIDING SYSTEM VALUE"])
def test_the_app_role_chooses_neither_id_nor_transaction_nor_ordinal(
    as_role: AsRole, column: str, value: str, override: str
) -> None:
    statement = f"""INSERT INTO audit_event ({column}, at, action, actor, request_id, fields, details) {override}
        VALUES ({value}, now(), 'data.read', 'system:web', '', '{{}}', '{{}}')"""
    app = as_role(APP)
    with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.GeneratedAlways)):
        app.execute(statement)
    with owner() as root:  # teeth: with the grant on the column it goes through, or only the identity refuses
        root.execute(f"GRANT INSERT ({column}) ON audit_event TO {APP}")
        try:
            app.execute(statement)
        except psycopg.errors.GeneratedAlways:
            assert column == "ordinal" and not override
        finally:
            root.execute(f"REVOKE INSERT ({column}) ON audit_event FROM {APP}")


def test_the_app_role_writes_an_event_and_the_database_gives_the_rest(as_role: AsRole) -> None:
    app = as_role(APP)
    with app.transaction():
        row = app.execute("SELECT pg_current_xact_id()::text").fetchone()
        app.execute(INSERT, [NOW])
    event = AuditEvent.objects.get()
    assert row is not None and event.xid == int(row[0]) and event.ordinal > 0


def test_ids_come_back_in_the_order_given() -> None:
    entries = [
        services.Entry(action="key.rotated", actor=actors.system("command"), details={"kind": "master", "version": at})
        for at in range(50)
    ]
    with transaction.atomic():
        ids = services.record_many(entries)
    rows = AuditEvent.objects.in_bulk(ids)
    assert [rows[event].details["version"] for event in ids] == list(range(50))


# --- the way there ----------------------------------------------------------------------------------------------------
OLD = """
CREATE TABLE audit_event (
    id uuid PRIMARY KEY, xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    ordinal bigint NOT NULL GENERATED ALWAYS AS IDENTITY, at timestamptz NOT NULL, action text NOT NULL,
    actor text NOT NULL, subject uuid, request_id text NOT NULL, purpose text, fields text[] NOT NULL,
    details jsonb NOT NULL);
CREATE INDEX audit_event_order ON audit_event (xid, ordinal);
CREATE INDEX audit_event_person ON audit_event (subject, xid, ordinal) WHERE subject IS NOT NULL;
CREATE INDEX audit_event_action ON audit_event (action, xid, ordinal);
CREATE INDEX audit_event_time ON audit_event USING brin (at);
CREATE TRIGGER audit_event_insert_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_event
    FOR EACH STATEMENT EXECUTE FUNCTION public.audit_refuse_change();
"""


def test_a_table_with_rows_is_partitioned_without_losing_one() -> None:
    turn = importlib.import_module("audit.migrations.0004_partitions").TURN
    with owner() as root, root.transaction(force_rollback=True):
        root.execute("CREATE SCHEMA before; SET LOCAL search_path = before, public")
        root.execute(OLD)
        root.execute(
            "INSERT INTO audit_event (id, at, action, actor, subject, request_id, fields, details) "
            "SELECT gen_random_uuid(), now() - step * interval '9 days', 'data.read', 'system:web', "
            "gen_random_uuid(), 'r', '{a,b}', jsonb_build_object('count', step) FROM generate_series(0, 200) step"
        )
        rows = "SELECT e.*, e.xid::text FROM audit_event e ORDER BY e.xid, e.ordinal"
        before = root.execute(rows).fetchall()
        root.execute(turn)
        assert root.execute(rows).fetchall() == before and len(before) == 201
        new = root.execute(
            "INSERT INTO audit_event (id, at, action, actor, request_id, fields, details) "
            "VALUES (gen_random_uuid(), now(), 'a', 'b', '', '{}', '{}') RETURNING ordinal"
        ).fetchone()
        assert new == (before[-1][2] + 1,), "the ordinal goes on where it was"
        invalid = root.execute(
            "SELECT indexrelid::regclass FROM pg_index WHERE NOT indisvalid AND indrelid = 'audit_event'::regclass"
        )
        assert invalid.fetchall() == [], "every index of the table is one of each partition"
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="insert-only"), root.transaction():
            root.execute("DELETE FROM audit_event")


def test_an_event_of_a_frozen_clock_is_taken_as_well() -> None:
    with time_machine.travel(NOW + timedelta(days=400), tick=False), transaction.atomic():
        services.record("subject.created", actor=actors.SUBJECT)
    assert AuditEvent.objects.count() == 1
