"""A backup comes back, behind its fence, or is refused in words; a restore that dies half-way loses nothing (F23)."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings as django_settings
from psycopg import sql

from access.models import AccountSession
from gdpr_portal import backups
from gdpr_portal.errors import WrongState
from tests.erasure.test_restore_drill import look, manage, people, undo
from tests.plugins.exhaustive import its_turn
from tests.plugins.postgres import address, test_database
from vault import providers

__all__ = ["people"]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("catalogue"),
    its_turn(0),
]
TARGET = "restored_backup"


@pytest.fixture(autouse=True)
def _of_the_test_database(settings: Any) -> None:
    settings.DATABASE_OWNER_URL = address(test_database())
    django_settings.SHRED_LEDGER_FILE.parent.mkdir(exist_ok=True)


@pytest.fixture
def target() -> Iterator[str]:
    """The address of an empty database on the same server."""
    name = sql.Identifier(TARGET)
    with psycopg.connect(address("postgres"), autocommit=True) as server:
        server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
        server.execute(sql.SQL("CREATE DATABASE {}").format(name))
    yield address(TARGET)
    with psycopg.connect(address("postgres"), autocommit=True) as server:
        server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))


@pytest.fixture
def taken(tmp_path: Path) -> Callable[..., backups.Backup]:
    """`taken()`: a backup of the database as it is, its keys elsewhere."""
    return lambda **options: backups.take(tmp_path / "backups", keys_to=tmp_path / "keys", **options)


def ask(where: str, question: str) -> Any:
    with psycopg.connect(where, autocommit=True) as connection:
        [row] = connection.execute(question).fetchall()  # type: ignore[arg-type]  # constants of these tests
        return row[0]


def schemas(where: str) -> set[str]:
    names = "SELECT array_agg(nspname) FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'"
    return set(ask(where, names))


def test_a_backup_comes_back_behind_its_fence(people: dict[str, Any], target: str, tmp_path: Path) -> None:
    people["alice"].browser()
    assert AccountSession.objects.count() > 0
    service = {"DATABASE_URL": address(test_database())}
    made = manage(service, "backup", str(tmp_path / "there"), "--keys-to", str(tmp_path / "elsewhere"))
    assert made.returncode == 0, made.stderr
    [folder], [keys] = (list((tmp_path / name).iterdir()) for name in ("there", "elsewhere"))
    assert folder.stat().st_mode & 0o077 == 0 and {file.stat().st_mode & 0o377 for file in keys.iterdir()} == {0}
    assert (keys / django_settings.VAULT_KEY_FILE.name).read_bytes() == django_settings.VAULT_KEY_FILE.read_bytes()
    undo(people)

    restored = {"DATABASE_URL": target}
    assert manage(restored, "restore", str(folder), "--check").returncode == 0
    done = manage(restored, "restore", str(folder))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "The rows are back." in done.stdout and "The fence is down" in done.stdout
    found = look(restored)
    ids = {name: str(person.subject.pk) for name, person in people.items()}
    assert found["ready"] == 200, found["checks"]
    assert not found["people"][ids["alice"]]["readable"] and found["people"][ids["erin"]]["readable"]
    assert found["people"][ids["bob"]]["consents"]["newsletter/"] == "withdrawn"
    assert ask(target, "SELECT count(*) FROM access_accountsession") == 0  # who signed out since stays signed out
    assert schemas(target) == {"public", "pgmq"}

    again = manage(restored, "restore", str(folder))
    assert again.returncode == 1 and "not empty" in again.stderr


def test_what_was_replaced_is_gone_and_the_backup_stands(taken: Any, target: str, settings: Any) -> None:
    made = taken(jobs=2)
    assert (made.folder / "database").is_dir()
    settings.DATABASE_OWNER_URL = target
    with psycopg.connect(target, autocommit=True) as connection:
        connection.execute("CREATE TABLE present (x int)")
    with pytest.raises(WrongState, match="not empty"):
        backups.put_back(made.folder)
    backups.put_back(made.folder, replace=True)
    assert ask(target, "SELECT to_regclass('present') IS NULL AND to_regclass('vault_datakey') IS NOT NULL")
    assert schemas(target) == {"public", "pgmq"}


def test_a_restore_that_fails_leaves_the_database_as_it_was(
    taken: Any, target: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = taken()
    settings.DATABASE_OWNER_URL = target
    with psycopg.connect(target, autocommit=True) as connection:
        connection.execute("CREATE TABLE present AS SELECT 7 AS x")

    def fail(_folder: Path) -> None:
        assert ask(target, "SELECT to_regclass('public.present') IS NULL")  # it lies aside meanwhile
        raise WrongState("program_failed", "no")

    monkeypatch.setattr(backups, "_fill", fail)
    with pytest.raises(WrongState):
        backups.put_back(made.folder, replace=True)
    assert ask(target, "SELECT x FROM public.present") == 7


def test_a_restore_that_was_killed_goes_on(
    taken: Any, target: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = taken()
    settings.DATABASE_OWNER_URL = target
    with psycopg.connect(target, autocommit=True) as connection:
        connection.execute("CREATE TABLE present AS SELECT 7 AS x")

    def killed(_folder: Path) -> None:
        with psycopg.connect(target, autocommit=True) as connection:
            connection.execute("CREATE TABLE half_done (x int)")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(backups, "_fill", killed)
        with pytest.raises(KeyboardInterrupt):
            backups.put_back(made.folder, replace=True)
    assert ask(target, "SELECT x FROM before_restore_public.present") == 7  # nothing is lost
    backups.put_back(made.folder, replace=True)
    assert ask(target, "SELECT to_regclass('half_done') IS NULL AND to_regclass('vault_datakey') IS NOT NULL")
    assert schemas(target) == {"public", "pgmq"}


def test_nobody_else_may_be_connected(taken: Any, target: str, settings: Any) -> None:
    made = taken()
    settings.DATABASE_OWNER_URL = target
    with psycopg.connect(target), pytest.raises(WrongState, match="1 other sessions"):
        backups.put_back(made.folder, replace=True)
    backups.put_back(made.folder)


def test_a_backup_that_does_not_fit_is_refused(
    taken: Any, alice: Any, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SHRED_LEDGER_FILE.write_bytes(b'{"line": 1}\n{"line": 2}\n')
    made = taken()
    with settings.SHRED_LEDGER_FILE.open("ab") as file:
        file.write(b'{"line": 3}\n')
    assert backups.check(made.folder)["ledger"]["bytes"] == 24  # a ledger that grew fits

    for content in (b'{"line": 1}\n', b"", b'{"line": 9}\n{"line": 2}\n{"line": 3}\n'):
        settings.SHRED_LEDGER_FILE.write_bytes(content)
        with pytest.raises(WrongState, match="ledger here is not"):
            backups.check(made.folder)
    settings.SHRED_LEDGER_FILE.write_bytes(b'{"line": 1}\n{"line": 2}\n')

    manifest = made.folder / backups.MANIFEST
    whole = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(whole | {"keys": {"master": [*whole["keys"]["master"], 99]}}))
    with pytest.raises(WrongState, match="lacks master version 99"):
        backups.check(made.folder)
    manifest.write_text(json.dumps(whole | {"format": "another/1"}))
    with pytest.raises(WrongState, match="another format"):
        backups.check(made.folder)
    manifest.write_text(json.dumps(whole))
    with (made.folder / "database.dump").open("r+b") as dump:
        dump.seek(100)
        dump.write(b"\0\1\2")
    with pytest.raises(WrongState, match="damaged"):
        backups.check(made.folder)
    with pytest.raises(WrongState, match="holds no backup"):
        backups.check(tmp_path)


def test_a_sealed_vault_restores_nothing(taken: Any, settings: Any, tmp_path: Path) -> None:
    made = taken()
    settings.VAULT_KEY_FILE = tmp_path / "gone.json"
    providers.forget()
    with pytest.raises(providers.Sealed):
        backups.check(made.folder)


def test_keys_and_database_never_lie_in_one_place(tmp_path: Path) -> None:
    for keys in (tmp_path, tmp_path / "keys", tmp_path.parent):
        with pytest.raises(WrongState, match="one place"):
            backups.take(tmp_path, keys_to=keys)
    assert list(tmp_path.iterdir()) == []


def test_half_a_backup_is_never_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backups, "_readable", lambda _file: (_ for _ in ()).throw(WrongState("not_readable", "no")))
    with pytest.raises(WrongState):
        backups.take(tmp_path / "there", keys_to=tmp_path / "keys")
    assert list((tmp_path / "there").iterdir()) == [] and not (tmp_path / "keys").exists()


def test_the_password_is_not_on_the_command_line(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.DATABASE_OWNER_URL = "postgresql://owner:geheim@db.example/gdpr"
    assert "geheim" not in backups._without_password() and "db.example" in backups._without_password()


def test_a_program_that_is_too_old_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    assert backups.find("pg_dump", 18).exists()
    with pytest.raises(WrongState, match="No pg_dump of PostgreSQL 99"):
        backups.find("pg_dump", 99)
    assert os.environ.get("PGPASSWORD") is None
