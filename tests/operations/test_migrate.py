"""A release beside a long transaction (a backup, a forgotten console) waits by itself, and nobody waits with it."""

from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from gdpr_portal.management.commands import migrate

pytestmark = pytest.mark.django_db(transaction=True)
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
