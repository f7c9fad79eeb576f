"""What the app and the sequencer may do in a real database, and that it is no more than `gdpr_portal/roles.py` says."""

import os
from collections.abc import Callable

import psycopg
import pytest
from django.db import connection

from deploy.local.roles import APP, SEQUENCER
from gdpr_portal import roles
from tests.plugins.postgres import address, test_database

AsRole = Callable[[str], psycopg.Connection]


def test_every_table_the_grants_name_exists(transactional_db: None) -> None:
    named = set(roles.APP.tables) | set(roles.SEQUENCER.tables)
    assert named <= set(connection.introspection.table_names())


@pytest.mark.parametrize("role", [APP, SEQUENCER])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_event SET action = 'nothing.happened'",
        "DELETE FROM audit_event",
        "TRUNCATE audit_event",
        "UPDATE audit_leaf SET leaf_hash = ''",
        "DELETE FROM audit_checkpoint",
        "TRUNCATE access_account",
        "ALTER TABLE audit_event DISABLE TRIGGER ALL",
        "DROP TABLE audit_event",
        "CREATE TABLE mine (id int)",
        "INSERT INTO django_migrations (app, name, applied) VALUES ('a', 'b', now())",
        "SET ROLE gdpr_owner",
        "SET session_replication_role = replica",
    ],
)
def test_neither_role_can(as_role: AsRole, role: str, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        as_role(role).execute(statement)


def test_the_app_cannot_change_a_consent_event_or_write_the_tree(as_role: AsRole) -> None:
    app = as_role(APP)
    for statement in ("UPDATE consent_consentevent SET state = 'given'", "INSERT INTO audit_leaf (seq) VALUES (0)"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute(statement)
    assert app.execute("SELECT count(*) FROM audit_leaf").fetchone() == (0,)


def test_the_sequencer_sees_the_log_and_nobody(as_role: AsRole) -> None:
    sequencer = as_role(SEQUENCER)
    assert sequencer.execute("SELECT count(*) FROM audit_event").fetchone() == (0,)
    for table in ("access_account", "subjects_subject", "consent_consentevent", "django_session"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            sequencer.execute(f"SELECT 1 FROM {table}")


def test_the_app_may_do_its_work(as_role: AsRole) -> None:
    """The counterpart: the refusals above would hold for a role with no rights at all, too."""
    app = as_role(APP)
    app.execute("UPDATE django_session SET expire_date = now()")
    app.execute("DELETE FROM gdpr_portal_cache")
    app.execute("SELECT pgmq.send('gdpr', '{}')")
    found = app.execute("SELECT msg_id FROM pgmq.read('gdpr', 1, 1)").fetchone()
    assert found is not None
    assert app.execute("SELECT pgmq.delete('gdpr', %s::bigint)", found).fetchone() == (True,)


def may(connection_: psycopg.Connection, role: str, right: str, table: str) -> bool:
    """Whether the grants alone allow it: the triggers of the log refuse with the same error, and hide a wrong grant."""
    sql = "SELECT has_table_privilege(%s, %s, %s)"
    if table == "audit_event" and right == "INSERT":
        sql = "SELECT has_any_column_privilege(%s, %s, %s)"
    row = connection_.execute(sql, [role, table, right]).fetchone()
    assert row is not None
    return bool(row[0])


def test_provisioning_twice_changes_nothing_and_takes_back_what_was_given_by_hand(transactional_db: None) -> None:
    with psycopg.connect(address(test_database()), autocommit=True) as superuser:
        superuser.execute(f"GRANT UPDATE, TRUNCATE ON audit_event TO {APP}")
        assert may(superuser, APP, "UPDATE", "audit_event")
        for _ in range(2):
            roles.provision(superuser, app=APP, sequencer=SEQUENCER)
        assert may(superuser, APP, "INSERT", "audit_event")
        assert not may(superuser, APP, "UPDATE", "audit_event")
        assert not may(superuser, APP, "TRUNCATE", "audit_event")


def test_every_role_has_exactly_the_rights_that_are_written_down(transactional_db: None) -> None:
    with psycopg.connect(address(test_database()), autocommit=True) as superuser:
        for role, rights in ((APP, roles.APP), (SEQUENCER, roles.SEQUENCER)):
            for table in roles.tables(superuser):
                for right in ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"):
                    allowed = any(word.startswith(right) for word in rights.on(table))
                    assert may(superuser, role, right, table) == allowed, (role, right, table)


def test_an_owner_that_does_everything_is_told_and_keeps_its_rights(transactional_db: None) -> None:
    with psycopg.connect(address(test_database()), autocommit=True) as superuser:
        row = superuser.execute("SELECT current_user").fetchone()
        assert row is not None
        said = roles.provision(superuser, app=row[0], sequencer=row[0])
        assert said == [f"{row[0]} owns the schema: nothing is kept from it"] * 2


def test_a_wrong_password_is_no_way_in(transactional_db: None) -> None:
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(address(test_database(), user=APP, password=os.environ["TEST_ROLE_PASSWORD"] + "x"))
