"""Whoever types a command reads one line of what is wrong: no trace, no password, no row."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import DatabaseError, IntegrityError, OperationalError, ProgrammingError, connection, transaction

from gdpr_portal.terminal import told

ROOT = Path(__file__).resolve().parents[2]
NOWHERE = "host=127.0.0.1 port=1 user=app password=geheim dbname=portal"


def run(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
    given = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    known = {"SECRET_KEY": "x" * 50, "BROKER_URL": "pgmq://", "PROFILE": "development", "DATABASE_URL": NOWHERE}
    command = [sys.executable, str(ROOT / "manage.py"), *words]
    return subprocess.run(command, env=given | known | more, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("words", [["application", "list"], ["migrate"], ["verify_audit"]])
def test_a_database_that_is_away_is_one_line(words: list[str]) -> None:
    """And 2: with 1 `verify_audit` tells of damage."""
    done = run(*words)
    [line] = done.stderr.splitlines()
    assert done.returncode == 2 and "Connection refused" in line and "doctor" in line and "geheim" not in line


def test_roles_that_cannot_be_provisioned_say_why() -> None:
    done = run("provision_roles", "--app", "app", "--sequencer", "sequencer")
    assert done.returncode == 1 and "Connection refused" in done.stderr and "geheim" not in done.stderr


def test_a_setting_that_is_missing_is_one_line() -> None:
    done = run("application", "list", SECRET_KEY="")
    [line] = done.stderr.splitlines()
    assert done.returncode == 2 and "SECRET_KEY" in line


def failed(sql: str) -> DatabaseError:
    with pytest.raises(DatabaseError) as caught, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
    return caught.value


@pytest.mark.django_db
def test_errors_of_the_database_are_told_by_kind_and_never_by_row() -> None:
    assert "manage.py migrate" in str(told(failed("SELECT * FROM of_tomorrow")))
    refused = "DO $$ BEGIN RAISE 'alice@example.org' USING ERRCODE = '42501'; END $$"
    assert "three" in str(told(failed(refused))) and "alice" not in str(told(failed(refused)))
    full = "DO $$ BEGIN RAISE 'row of alice@example.org' USING ERRCODE = 'disk_full'; END $$"
    assert "DiskFull" in str(told(failed(full))) and "alice" not in str(told(failed(full)))


def test_what_nobody_foresaw_keeps_its_trace() -> None:
    for error in (ValueError("x"), IntegrityError("x"), ProgrammingError("x")):
        assert told(error) is None
    assert told(ImproperlyConfigured("PORT must be a number")) and told(psycopg.OperationalError("refused"))
    assert told(OperationalError("refused"))


def test_a_backup_that_cannot_be_written_says_where(tmp_path: Any) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CommandError, match="Not a directory"):
        call_command("backup", str(tmp_path / "file"))
