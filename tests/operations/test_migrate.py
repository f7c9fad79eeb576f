"""A release beside a long transaction (a backup, a forgotten console) waits by itself, and nobody waits with it."""

from threading import Timer
from typing import Any

import psycopg
import pytest
from django.contrib.postgres.operations import AddIndexConcurrently
from django.core.management import CommandError, call_command
from django.db import connection, models
from django.db.migrations import operations
from django.db.migrations.loader import MigrationLoader

from gdpr_portal.management.commands import migrate

pytestmark = pytest.mark.django_db(transaction=True)
INDEX, BEFORE_INDEXES, INDEXES = "request_received", "0017_what_one_says_alone", "0018_lists_at_scale"
TABLE, BEFORE, LAST = "erasure_breach", "0014_requests_listed", "0015_breach_sent_by"


def another() -> Any:
    """A session of its own on this database, whose transaction has looked at the table as a backup's has."""
    database = connection.settings_dict
    names = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
    given = {key: str(database[name]) for name, key in names.items() if database[name]}
    return psycopg.connect(**given)  # type: ignore[arg-type]


def released(to: str = "") -> None:
    call_command("migrate", "erasure", to or LAST, verbosity=0, interactive=False)


@pytest.fixture(autouse=True)
def as_it_was(monkeypatch: pytest.MonkeyPatch) -> Any:
    yield
    monkeypatch.undo()
    [(_app, newest)] = MigrationLoader(connection).graph.leaf_nodes("erasure")
    released(newest)


def test_a_table_in_use_is_left_alone_and_tried_again(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    looks = []
    with another() as backup:
        backup.execute(f"SELECT count(*) FROM {TABLE}")

        def meanwhile(_seconds: float) -> None:
            with another() as visitor:  # one that came after the change of the table
                visitor.execute("SET lock_timeout = '2s'")
                looks.append(visitor.execute(f"SELECT count(*) FROM {TABLE}").fetchone())
            backup.rollback()

        monkeypatch.setattr(migrate.time, "sleep", meanwhile)
        released(BEFORE)
    assert len(looks) == 1 and "tried again" in capsys.readouterr().err
    assert ("erasure", LAST) not in MigrationLoader(connection).applied_migrations


def test_what_never_gets_its_table_says_so_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrate, "TRIES", 2)
    monkeypatch.setattr(migrate.time, "sleep", lambda seconds: None)
    with another() as backup:
        backup.execute(f"SELECT count(*) FROM {TABLE}")
        with pytest.raises(CommandError, match="A transaction stays open"):
            released(BEFORE)
        backup.rollback()
    assert ("erasure", LAST) in MigrationLoader(connection).applied_migrations


def test_the_limit_ends_with_the_command() -> None:
    released()
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('lock_timeout')")
        [limit] = cursor.fetchone()
    assert limit != f"{migrate.LOCK_MS}ms"


def test_an_index_is_made_anew_beside_a_long_transaction(capsys: Any) -> None:
    """A run that broke off left it half made; what is open meanwhile is waited for, and holds nobody up."""
    released(BEFORE_INDEXES)
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE INDEX {INDEX} ON erasure_rightsrequest (id)")
    with another() as backup:
        backup.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ  # as a backup's: it keeps its snapshot
        backup.execute("SELECT count(*) FROM erasure_rightsrequest")
        ends = Timer(3 * migrate.LOCK_MS / 1000, backup.rollback)
        ends.start()
        released(INDEXES)
        ends.join()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_indexdef(%s::regclass)", [INDEX])
        [made] = cursor.fetchone()
    assert "(received_at)" in made and "tried again" not in capsys.readouterr().err


def test_every_index_made_beside_work_can_be_begun_again() -> None:
    plain = [
        f"{app}.{name}"
        for (app, name), migration in MigrationLoader(None).disk_migrations.items()
        if app in OURS and any(type(operation) is AddIndexConcurrently for operation in migration.operations)
    ]
    assert plain == []


# --- old code on the new schema ---------------------------------------------------------------------------------------
TAKES_AWAY = (operations.RemoveField, operations.DeleteModel, operations.RenameField, operations.RenameModel)
EARLIER = {
    ("vault", "0003_lines_of_every_kind"),
    ("erasure", "0004_answer_pieces"),
    ("erasure", "0005_people_without_account"),
    ("erasure", "0006_breach_words"),
}
"""Written before versions ran side by side."""
OURS = ("access", "audit", "consent", "erasure", "subjects", "vault")


def breaks_the_version_before(operation: Any) -> bool:
    """Whether code that does not know of it could not read or write the table any more."""
    if isinstance(operation, TAKES_AWAY):
        return True
    if not isinstance(operation, operations.AddField) or operation.field.many_to_many:
        return False
    return not operation.field.null and not operation.field.has_db_default()


def test_what_would_break_the_version_before_is_seen() -> None:
    add = operations.AddField
    assert breaks_the_version_before(add("person", "name", models.TextField(default="")))
    assert not breaks_the_version_before(add("person", "name", models.TextField(db_default="")))
    assert not breaks_the_version_before(add("person", "name", models.TextField(null=True)))
    assert breaks_the_version_before(operations.RemoveField("person", "name"))


def test_migrations_only_add_what_the_version_before_can_do_without() -> None:
    found = [
        f"{app}.{name}: {operation.describe()}"
        for (app, name), migration in MigrationLoader(None).disk_migrations.items()
        if app in OURS and not migration.initial and (app, name) not in EARLIER
        for operation in migration.operations
        if breaks_the_version_before(operation)
    ]
    assert not found
