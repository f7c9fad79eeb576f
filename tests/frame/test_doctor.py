"""`manage.py doctor` says in words what is wrong and what to do; each thing is broken here and seen."""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection, transaction
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from access import roles
from access.models import Account, OutgoingMail, TotpDevice
from access.services.applications import disable_endpoint, set_endpoint
from erasure.models import RightsRequest, Step
from gdpr_portal import doctor, wellknown
from tests.conftest import make_staff
from tests.erasure.people import in_review
from vault.models import Tombstone, UnwrittenLine

pytestmark = pytest.mark.django_db


def answers() -> dict[str, doctor.Answer]:
    return dict(doctor.examine())


def broken(name: str) -> doctor.Answer:
    found = answers()[name]
    assert found.level != "ok" and found.remedy
    return found


def test_a_healthy_service_has_nothing_bad_but_the_role_tests_run_as() -> None:
    for name in ("paula", "petra"):  # made now: the entries of who is kept (tests/kept_rows.py) are as old as they are
        make_staff(name, roles.IRM)
    found = {name: answer for name, answer in answers().items() if name not in {"role", "broker", "disk"}}
    assert {name: answer for name, answer in found.items() if answer.level != "ok"} == {}
    assert all(answer.words and not answer.remedy for answer in found.values())


def test_the_command_exits_1_for_what_is_bad_and_prints_json(settings: Any, tmp_path: Any) -> None:
    settings.VAULT_KEY_FILE = tmp_path / "gone.json"
    out = io.StringIO()
    with pytest.raises(SystemExit):
        call_command("doctor", "--json", stdout=out)
    found = json.loads(out.getvalue())
    assert found["keys"]["level"] == "bad" and "sealed" in found["keys"]["words"]
    assert list(found) == [check.name for check in doctor.CHECKS]


def test_one_check_that_cannot_look_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def fall() -> doctor.Answer:
        raise RuntimeError("postgresql://user:secret@host")

    monkeypatch.setattr(doctor, "CHECKS", [doctor.Check("first", fall), doctor.Check("second", doctor._database)])
    found = answers()
    assert found["first"].level == "bad" and "secret" not in found["first"].words and found["second"].level == "ok"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DEBUG", True),
        ("BASE_URL", "http://portal.example"),
        ("SESSION_COOKIE_SECURE", False),
        ("ALLOWED_HOSTS", ["*"]),
    ],
)
def test_production_with_a_weak_setting_is_bad(settings: Any, name: str, value: Any) -> None:
    strong = {"PROFILE": "production", "DEBUG": False, "BASE_URL": "https://p.example", "SESSION_COOKIE_SECURE": True}
    for setting, good in (strong | {"ALLOWED_HOSTS": ["p.example"]}).items():
        setattr(settings, setting, good)
    assert answers()["profile"].level == "ok"
    setattr(settings, name, value)
    assert broken("profile").level == "bad"


@pytest.mark.usefixtures("catalogue")
def test_a_wording_that_names_another_controller_is_told(settings: Any) -> None:
    assert answers()["notices"].level == "ok"
    settings.CONTROLLER = settings.CONTROLLER | {"name": "Successor AG"}
    found = broken("notices")
    assert "newsletter, orders, statistics" in found.words and "profiling" not in found.words
    assert "asks everybody again" in found.remedy


def test_a_lone_reviewer_is_told(rita: Any) -> None:
    """Whoever has no factor, or has left, cannot be the second."""
    assert "reviewers who can act: 1;" in broken("reviewers").words and "staff invite" in broken("reviewers").remedy
    second = make_staff("paul", roles.PRIVACY_OFFICER).account
    assert "of the reviewers 1 with the role irm" in broken("reviewers").words
    third = make_staff("petra", roles.IRM).account
    assert answers()["reviewers"].level == "ok"
    Account.objects.filter(pk__in=[second.pk, third.pk]).update(is_active=False)
    assert "reviewers who can act: 1;" in broken("reviewers").words
    Account.objects.filter(pk=third.pk).update(is_active=True)
    TotpDevice.objects.filter(user=third).delete()
    assert "reviewers who can act: 1;" in broken("reviewers").words


def test_a_role_that_could_change_the_log_is_told() -> None:
    assert "could change the audit log" in broken("role").words


def test_a_missing_migration_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    disk = wellknown._on_disk() | {("consent", "9999_tomorrow")}
    monkeypatch.setattr(wellknown, "_on_disk", lambda: disk)
    assert "1 migrations" in broken("migrations").words


def test_clocks_that_differ_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    later = timezone.now() + timedelta(minutes=1)
    monkeypatch.setattr(doctor.timezone, "now", lambda: later)
    assert "60 s" in doctor._clock().words or doctor._clock().level == "bad"


def test_a_key_file_others_may_read_is_told(settings: Any, tmp_path: Any) -> None:
    settings.VAULT_KEY_FILE = tmp_path / "keys.json"
    settings.VAULT_KEY_FILE.write_text("{}")
    settings.VAULT_KEY_FILE.chmod(0o644)
    assert "0644" in broken("key file").words


def test_a_restored_database_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.ledger, "replayed", lambda: False)
    assert "restore_fence" in broken("shred ledger").remedy


def test_a_ledger_without_lines_the_database_knows_is_told(settings: Any, tmp_path: Any) -> None:
    settings.SHRED_LEDGER_FILE = tmp_path / "ledger" / "shred.jsonl"
    with transaction.atomic():
        doctor.ledger.record_change(doctor.ledger.WITHDRAWN, uuid4(), "newsletter", "")
    assert answers()["shred ledger"].level == "ok", "its line waits for the commit"
    doctor.ledger.write_lines()
    assert answers()["shred ledger"].level == "ok"
    settings.SHRED_LEDGER_FILE = tmp_path / "elsewhere" / "shred.jsonl"
    found = broken("shred ledger")
    assert found.level == "bad" and "lacks 1 lines" in found.words


def test_a_full_disk_of_the_ledger_and_lines_that_wait_are_told(
    settings: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.RUN_DIR, settings.SHRED_LEDGER_FILE = tmp_path, tmp_path / "volume" / "shred.jsonl"
    settings.SHRED_LEDGER_FILE.parent.mkdir()
    free = {tmp_path: 50, settings.SHRED_LEDGER_FILE.parent: 0}
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda folder: SimpleNamespace(free=free[folder], total=100))
    assert "0% of the disk of the shred ledger" in broken("disk").words
    line = uuid4()
    Tombstone.objects.create(id=line, mark=b"m", kind="withdrawn", at="2026-11-01T00:00:00Z")
    UnwrittenLine.objects.create(id=line, since="2026-11-01T00:00:00Z")
    found = broken("shred ledger")
    assert found.level == "bad" and found.words.startswith("1 lines wait")


def test_a_ledger_that_cannot_be_written_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.ledger_file.os, "access", lambda *_: False)
    found = broken("shred ledger")
    assert found.level == "bad" and "may not write" in found.words


def test_a_key_file_that_is_not_there_is_told_unless_the_keys_come_otherwise(
    settings: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.VAULT_KEY_FILE = tmp_path / "nowhere.json"
    assert broken("key file").level == "bad"
    monkeypatch.setattr(doctor.vault, "status", lambda: SimpleNamespace(unsealed=True, reason=""))
    assert answers()["key file"].level == "ok"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ('connection failed: server at "::1"\nFATAL:  password authentication failed for user "app"', "password auth"),
        (
            "connection to server failed: Connection refused\n\tIs the server running on that host?",
            "Connection refused",
        ),
        ("", "OperationalError"),
    ],
)
def test_a_database_that_does_not_let_us_in_says_why(monkeypatch: pytest.MonkeyPatch, said: str, words: str) -> None:
    def refuse() -> None:
        raise OperationalError(said)

    monkeypatch.setattr(doctor, "connection", SimpleNamespace(cursor=refuse, close=lambda: None))
    found = doctor._database()
    assert found.level == "bad" and words in found.words and "\n" not in found.words
    assert "DATABASE_URL" in found.remedy


def test_a_database_that_is_away_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator at night reads one sentence about it, not one for each of a dozen checks, and waits once."""

    def refuse() -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(doctor, "connection", SimpleNamespace(cursor=refuse, close=lambda: None, in_atomic_block=True))
    out = io.StringIO()
    with pytest.raises(SystemExit):
        call_command("doctor", stdout=out)
    lines = out.getvalue().splitlines()
    assert [line for line in lines if "connection refused" in line] and "cannot be looked at" not in out.getvalue()
    [unseen] = [line for line in lines if line.startswith(f"BAD   {doctor.UNSEEN.words}")]
    assert {"role", "migrations", "rights requests"} <= set(unseen.partition(": ")[2].partition(": ")[2].split(", "))
    assert {name for name, answer in answers().items() if answer is not doctor.UNSEEN} >= {"disk", "key file"}
    assert answers()["keys"].level == "bad", "what was not looked at has not passed"


def test_what_asks_the_database_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it would be asked, and fail, with the database known to be away."""
    away = SimpleNamespace(cursor=lambda: pytest.fail("asked"), close=lambda: None, in_atomic_block=True)
    monkeypatch.setattr(doctor, "connection", away)
    monkeypatch.setattr("django.db.backends.base.base.BaseDatabaseWrapper.cursor", lambda *_: pytest.fail("asked"))
    for check in doctor.CHECKS:
        if not check.asks_database and check.name not in {"database", "broker"}:
            check.look()


def test_a_standby_is_told_and_takes_no_traffic(monkeypatch: pytest.MonkeyPatch) -> None:
    """A standby answers every read and refuses every withdrawal."""
    assert wellknown._CHECKS["database"]() is True
    with connection.cursor() as cursor:
        cursor.execute("CREATE FUNCTION pg_temp.pg_is_in_recovery() RETURNS bool LANGUAGE sql AS 'SELECT true'")
    execute = CursorWrapper.execute

    def as_standby(self: Any, sql: Any, params: Any = None) -> Any:
        return execute(self, str(sql).replace("pg_is_in_recovery", "pg_temp.pg_is_in_recovery"), params)

    monkeypatch.setattr(CursorWrapper, "execute", as_standby)
    with taking_no_writes():
        assert wellknown._CHECKS["database"]() is False
        found = doctor._database()
    assert found.level == "bad" and "standby" in found.words and "primary" in found.remedy


@contextmanager
def taking_no_writes() -> Iterator[None]:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION READ ONLY")
        yield
        transaction.set_rollback(True)


def test_a_database_that_takes_no_writes_is_told_and_takes_no_traffic() -> None:
    """A provider makes it so when its disk is full: every connection still answers."""
    assert doctor._database().level == "ok" and wellknown._CHECKS["database"]() is True
    with taking_no_writes():
        found, is_ready = doctor._database(), wellknown._CHECKS["database"]()
    assert not is_ready
    assert found.level == "bad" and "no writes" in found.words and "RESET default_transaction_read_only" in found.remedy


def test_a_full_disk_of_the_server_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor._servers_disk().level == "ok"
    full = "DO $$ BEGIN RAISE 'could not write to file: No space left on device' USING ERRCODE = 'disk_full'; END $$"
    monkeypatch.setattr(doctor, "SORTED_ON_DISK", full)
    found = broken("database disk")
    assert found.level == "bad" and "full" in found.words


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ("FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute", "max_connections"),
        ("FATAL:  sorry, too many clients already", "max_connections"),
        ("FATAL:  the database system is in recovery mode", "recovers"),
    ],
)
def test_what_to_do_is_for_what_the_server_said(monkeypatch: pytest.MonkeyPatch, said: str, remedy: str) -> None:
    def refuse() -> None:
        raise OperationalError(said)

    monkeypatch.setattr(doctor, "connection", SimpleNamespace(cursor=refuse, close=lambda: None))
    assert remedy in doctor._database().remedy


def test_work_that_nobody_does_is_told() -> None:
    OutgoingMail.objects.create(kind="x", sealed=b"", due_at=timezone.now() - timedelta(minutes=6))
    assert "6 minutes" in broken("queues").words


def test_a_log_that_is_not_sealed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "lag_seconds", lambda: 99.0)
    assert "99 s" in broken("audit log").words


def test_requests_that_are_late_or_stuck_are_told(catalogue: None, alice: Any) -> None:
    request = in_review(alice.subject)
    Step.objects.create(request=request, position=1, kind=Step.Kind.NOTIFY, target="acme", state="failed")
    assert broken("rights requests").level == "warn"
    RightsRequest.objects.filter(pk=request.pk).update(due_at=timezone.now() - timedelta(days=1))
    assert broken("rights requests").level == "bad"


def test_mail_that_was_given_up_and_endpoints_that_are_off_are_told(acme: Any) -> None:
    now = timezone.now()
    OutgoingMail.objects.create(kind="x", sealed=b"", due_at=now, given_up_at=now)
    assert "1 mails" in broken("mail").words
    set_endpoint(application=acme, url="https://acme.example/hook")
    assert answers()["receivers"].level == "ok"
    disable_endpoint(application=acme)
    assert "acme" in broken("receivers").words


def test_a_broker_that_is_down_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from kombu import Connection

    dead = Connection("amqp://guest:guest@127.0.0.1:1//")
    monkeypatch.setattr(doctor.app, "connection_for_write", lambda: dead)
    found = broken("broker")
    assert found.level == "bad" and "guest" not in found.words and "BROKER_URL" in found.remedy
