"""Rotation brings every row over, survives being killed, and retires nothing that is in use (figure G26)."""

import os
import signal
import subprocess
import sys
import threading
import time
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from psycopg.conninfo import make_conninfo

from access.models import IdempotencyKey
from audit.models import AuditEvent
from gdpr_portal.errors import WrongState
from tests.plugins.exhaustive import its_turn
from vault import providers, rotation, services
from vault.models import DataKey

pytestmark = pytest.mark.django_db
PEOPLE = 60


@pytest.fixture
def sealed(place, monkeypatch):
    """People with one sealed value each, in more than one batch."""
    monkeypatch.setattr(rotation.rewrap_batch, "__kwdefaults__", {"size": 25})
    keys = services.create_data_keys([uuid4() for _ in range(PEOPLE)])
    return {owner: key.seal(place, owner.bytes) for owner, key in keys.items()}


def all_open(sealed, place) -> bool:
    keys = services.subject_keys(sealed)
    return len(keys) == PEOPLE and all(keys[owner].open(place, value) == owner.bytes for owner, value in sealed.items())


def test_the_master_key_rotates_and_every_value_still_opens(sealed, place):
    before = set(DataKey.objects.values_list("wrapped", flat=True))

    totals = list(rotation.rotate("master"))

    assert totals[-1] == PEOPLE
    assert rotation.histogram("master") == {2: PEOPLE}
    assert all_open(sealed, place)
    assert not before & set(DataKey.objects.values_list("wrapped", flat=True))
    told = AuditEvent.objects.filter(action__startswith="key.").order_by("ordinal").values_list("action", "details")
    assert list(told) == [
        ("key.created", {"kind": "master", "version": 2}),
        ("key.rotated", {"kind": "master", "version": 2, "rows": PEOPLE}),
    ]


def test_a_rotation_killed_half_way_is_taken_up_by_the_next(sealed, place):
    killed = rotation.rotate("master")
    assert next(killed) == 25
    killed.close()
    assert rotation.histogram("master") == {1: PEOPLE - 25, 2: 25}
    assert all_open(sealed, place)

    list(rotation.rotate("master"))

    assert providers.keyring(fresh=True).versions("master") == [2, 1]
    assert rotation.histogram("master") == {2: PEOPLE}
    assert all_open(sealed, place)


def test_a_batch_that_fails_changes_no_row(sealed, place, monkeypatch):
    rotation.add_version("master")
    with pytest.raises(RuntimeError), transaction.atomic():
        rotation.rewrap_batch()
        raise RuntimeError

    assert rotation.histogram("master") == {1: PEOPLE}
    assert all_open(sealed, place)


def test_a_process_that_has_not_noticed_the_new_version_reads_its_rows(sealed, place):
    stale = providers.keyring()
    list(rotation.rotate("master"))
    providers._holder._keyring, providers._holder._stamp = stale, "of before"
    assert not providers.keyring().has("master", 2)

    assert all_open(sealed, place)


def test_a_damaged_row_is_left_alone_told_and_does_not_stop_the_others(sealed, place):
    damaged = min(sealed)
    DataKey.objects.filter(owner=damaged).update(commitment=bytes(32))

    with pytest.raises(WrongState, match="damaged_keys"):
        list(rotation.rotate("master"))

    assert rotation.histogram("master") == {1: 1, 2: PEOPLE - 1}
    assert DataKey.objects.get(owner=damaged).master_version == 1
    assert AuditEvent.objects.filter(action="crypto.tamper").count() == 1
    with pytest.raises(WrongState, match="key_in_use"):
        rotation.retire("master", 1)


def test_retiring_refuses_while_one_row_uses_the_version_and_the_current_always(sealed, place):
    killed = rotation.rotate("master")
    next(killed)
    killed.close()
    with pytest.raises(WrongState, match="key_in_use"):
        rotation.retire("master", 1)
    with pytest.raises(WrongState, match="key_in_use"):
        rotation.retire("master", 2)
    list(rotation.rotate("master"))

    rotation.retire("master", 1)

    assert providers.keyring(fresh=True).versions("master") == [2]
    assert all_open(sealed, place)
    for version in (1, 2, 9):
        with pytest.raises(WrongState):
            rotation.retire("master", version)
    assert AuditEvent.objects.get(action="key.retired").details == {"kind": "master", "version": 1}


def test_what_cannot_be_counted_is_not_retired(monkeypatch):
    monkeypatch.setattr(rotation, "_columns", {})
    rotation.add_version("index")

    with pytest.raises(WrongState, match="key_use_unknown"):
        rotation.retire("index", 1)


@pytest.fixture
def cells(monkeypatch):
    """A table with an index column and a secret column, registered as an app above would."""
    monkeypatch.setattr(rotation, "_columns", {})
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE vault_test_cell (id int, found bytea, secret bytea) ON COMMIT DROP")
    yield connection


def put(row: int) -> None:
    place = services.Place("vault_test_cell", "secret", str(row))
    values = [row, services.blind_index("c.f", str(row)), services.seal_secret(place, b"s")]
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO vault_test_cell VALUES (%s, %s, %s)", values)


def renew() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, secret FROM vault_test_cell")
        for row, secret in cursor.fetchall():
            fresh = services.reseal_secret(services.Place("vault_test_cell", "secret", str(row)), bytes(secret))
            if fresh is not None:
                cursor.execute("UPDATE vault_test_cell SET secret = %s WHERE id = %s", [fresh, row])
                return 1
    return 0


def test_index_and_secret_columns_are_counted_per_version_renewed_and_retired(cells):
    rotation.register_column("index", table="vault_test_cell", column="found")
    rotation.register_column("secrets", table="vault_test_cell", column="secret", renew=renew)
    for row in range(3):
        put(row)
    assert rotation.histogram("index") == rotation.histogram("secrets") == {1: 3}

    assert list(rotation.rotate("secrets"))[-1] == 3
    rotation.add_version("index")
    put(3)

    assert rotation.histogram("secrets") == {2: 4}
    assert rotation.histogram("index") == {1: 3, 2: 1}
    rotation.retire("secrets", 1)
    with pytest.raises(WrongState, match="key_in_use"):
        rotation.retire("index", 1)
    with pytest.raises(ValueError, match="begin with a version"):
        rotation.register_column("master", table="vault_test_cell", column="found")


def test_kinds_that_other_things_hang_on_do_not_rotate():
    for kind in ("pairwise", "ledger", "token"):
        with pytest.raises(ValueError, match="do not rotate"):
            providers.keyring().with_version(kind)


@pytest.mark.django_db(transaction=True)
def test_retiring_waits_for_a_writer_that_still_has_the_old_key(settings):
    """A row under the old version, not committed yet, is not overlooked."""
    list(rotation.rotate("master"))
    written, finish = threading.Event(), threading.Event()
    owner = uuid4()

    def late_writer() -> None:
        try:
            with transaction.atomic():
                services.create_data_key(owner)
                DataKey.objects.filter(owner=owner).update(master_version=1)
                written.set()
                finish.wait(120)
        finally:
            connection.close()

    writer = threading.Thread(target=late_writer)
    writer.start()
    assert written.wait(120)
    threading.Timer(1.0, finish.set).start()

    with pytest.raises(WrongState, match="key_in_use"):
        rotation.retire("master", 1)

    writer.join()


# --- the command ----------------------------------------------------------------------------------------------------
def said(capsys, *words: str) -> str:
    call_command("keys", *words)
    return capsys.readouterr().out


def test_the_command_says_in_words_what_there_is_and_no_key(sealed, key_file, capsys):
    assert "nothing was changed" in said(capsys, "init")
    first = said(capsys, "status")
    assert "The vault is open." in first
    assert f"master: version 1 is current; version 1 holds {PEOPLE} rows." in first
    assert f"master: version 2 is current and {PEOPLE} rows were brought over." in said(capsys, "rotate", "master")
    assert f"version 2 holds {PEOPLE} rows; version 1 holds none" in said(capsys, "status")
    gone, backups = said(capsys, "retire", "master", "1").splitlines()
    assert gone == "master: version 1 is gone." and "Backups from before can no longer be restored" in backups
    assert "version 1" not in next(line for line in said(capsys, "status").splitlines() if line.startswith("master"))
    with pytest.raises(CommandError, match="There is no such version"):
        call_command("keys", "retire", "master", "1")


@pytest.mark.django_db(transaction=True)
def test_rows_that_nobody_brings_over_are_told_with_the_day_the_old_key_may_go(capsys, shop):
    body = services.seal_secret(services.Place("access_idempotencykey", "body_sealed", str(shop.pk)), b"{}")
    IdempotencyKey.objects.create(application_id=shop.pk, method="POST", fingerprint=b"", body_sealed=body)
    assert said(capsys, "rotate", "secrets").splitlines()[1:] == [
        "1 rows live a day at most and keep the older key: retire it tomorrow."
    ]
    IdempotencyKey.objects.all().delete()
    assert "live a day" not in said(capsys, "rotate", "secrets")


def test_the_command_says_why_the_vault_is_sealed(key_file):
    key_file.chmod(0o444)

    with pytest.raises(CommandError, match="sealed: the key file can be read by others"):
        call_command("keys", "status")


@pytest.mark.parametrize(
    "words", [("rotate", "master"), ("rotate", "audit"), ("retire", "master", "1"), ("init",), ("wrap",), ("unwrap",)]
)
def test_no_container_changes_its_copy_of_the_keys(settings, key_file, capsys, words):
    """A pod's key files are copies in memory: rows sealed under a version made there would be lost with the pod."""
    settings.KEYRING_FROM = "/secrets/keyring"
    was = key_file.read_bytes()
    with pytest.raises(CommandError, match=r"Nothing was changed.*/secrets/keyring"):
        call_command("keys", *words)
    assert key_file.read_bytes() == was
    assert "The vault is open." in said(capsys, "status")
    assert "keys are new" in said(capsys, "rotate", "data", "--all-data-keys")


def test_the_command_rotates_receipts_and_keeps_the_old_public_key(capsys):
    from vault.signing import jwks, sign_jws, verify_jws

    old = sign_jws(b"given long ago", typ="x")
    said(capsys, "rotate", "receipts")
    said(capsys, "retire", "receipts", "1")
    providers.forget()

    assert len(jwks()["keys"]) == 2
    assert verify_jws(old) == b"given long ago"


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@its_turn(2)
def test_a_rotation_killed_with_9_again_and_again_ends_with_every_row_on_the_new_version(key_file, settings, place):
    keys = services.create_data_keys([uuid4() for _ in range(3000)])
    sealed = {owner: key.seal(place, owner.bytes) for owner, key in keys.items()}

    for killed in range(1, 4):
        process = begin_rotation(settings)
        wait_for_rows(2, killed * rotation.BATCH)
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait(120) == -signal.SIGKILL
        assert rotation.histogram("master")[1] > 0
    done = begin_rotation(settings, pause="0")

    assert done.wait(600) == 0
    assert rotation.histogram("master") == {2: 3000}
    assert providers.keyring(fresh=True).versions("master") == [2, 1]
    found = services.subject_keys(sealed)
    assert all(found[owner].open(place, value) == owner.bytes for owner, value in sealed.items())


def begin_rotation(settings, pause: str = "1.0") -> subprocess.Popen:
    names = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
    parts = {key: connection.settings_dict[name] for key, name in names.items() if connection.settings_dict[name]}
    environment = os.environ | {
        "DATABASE_URL": make_conninfo(**parts),
        "VAULT_KEY_FILE": str(settings.VAULT_KEY_FILE),
        "AUDIT_SIGNING_KEY_FILE": str(settings.AUDIT_SIGNING_KEY_FILE),
        "SHRED_LEDGER_FILE": str(settings.SHRED_LEDGER_FILE),
    }
    command = [sys.executable, "manage.py", "keys", "rotate", "master", "--pause", pause]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def wait_for_rows(version: int, rows: int) -> None:
    for _ in range(6000):
        if rotation.histogram("master").get(version, 0) >= rows:
            return
        time.sleep(0.05)
    raise AssertionError("the rotation does not get on")
