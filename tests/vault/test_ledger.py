"""The shred ledger outlives a restore of the database and keeps the erased erased (Art. 17, threat T37)."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import transaction

from vault import keyring, ledger, ledger_file, providers, services
from vault.models import DataKey, Tombstone

pytestmark = pytest.mark.django_db


@pytest.fixture
def people():
    owners = [uuid4() for _ in range(5)]
    services.create_data_keys(owners)
    return owners


def snapshot() -> tuple[list, list]:
    return list(DataKey.objects.all()), list(Tombstone.objects.all())


def restore(taken: tuple[list, list]) -> None:
    for model, rows in zip((DataKey, Tombstone), taken, strict=True):
        model.objects.all().delete()
        model.objects.bulk_create(rows)


def lines(settings) -> list[dict]:
    return [json.loads(line) for line in settings.SHRED_LEDGER_FILE.read_text().splitlines()]


def test_without_a_file_nobody_is_shredded_and_nothing_waits(owner):
    assert not ledger.is_shredded(owner)
    assert ledger.replayed()
    assert ledger.resurrected() == []


def test_a_line_names_nobody_and_lies_where_only_its_owner_reads(people, settings):
    services.destroy_data_key(people[0])
    services.replace_data_key(people[1])

    destroyed, replaced = lines(settings)
    assert (destroyed["kind"], replaced["kind"]) == ("destroyed", "replaced")
    assert set(destroyed) == {"id", "mark", "kind", "at"}
    text = settings.SHRED_LEDGER_FILE.read_text()
    assert not any(str(owner) in text or owner.hex in text for owner in people)
    assert settings.SHRED_LEDGER_FILE.parent.stat().st_mode & 0o777 == 0o700
    assert settings.SHRED_LEDGER_FILE.stat().st_mode & 0o777 == 0o600


def test_another_ledger_key_makes_other_marks(people, settings, key_file):
    services.destroy_data_key(people[0])
    assert ledger.is_shredded(people[0])

    key_file.chmod(0o600)
    key_file.write_bytes(keyring.generate(audit_public=None).dump())
    providers.forget()

    assert not ledger.is_shredded(people[0])


def test_a_restored_backup_is_not_ready_until_the_erased_are_erased_again(people):
    backup = snapshot()
    services.destroy_data_key(people[0])
    services.destroy_data_key(people[1])
    assert ledger.replayed()

    restore(backup)
    assert DataKey.objects.filter(owner=people[0]).exists()
    assert not ledger.replayed()
    assert set(ledger.resurrected()) == {people[0], people[1]}

    services.destroy_data_key(people[0])
    assert not ledger.replayed()
    services.destroy_data_key(people[1])
    assert ledger.replayed()
    assert ledger.resurrected() == []
    assert set(DataKey.objects.values_list("owner", flat=True)) == set(people[2:])


def test_a_key_replaced_after_the_backup_counts_as_brought_back(people):
    backup = snapshot()
    services.replace_data_key(people[0])
    assert ledger.replayed()

    restore(backup)

    assert not ledger.replayed()
    assert ledger.resurrected() == [people[0]]
    services.replace_data_key(people[0])
    assert ledger.replayed()
    assert len(Tombstone.objects.all()) == 2


def test_a_backup_from_before_a_person_came_needs_nothing_for_them(people):
    backup = snapshot()
    late = uuid4()
    services.create_data_key(late)
    services.destroy_data_key(late)

    restore(backup)

    assert ledger.replayed()
    assert Tombstone.objects.count() == 1


def test_teeth_without_the_ledger_a_restored_person_would_be_back_unnoticed(people, settings):
    backup = snapshot()
    services.destroy_data_key(people[0])
    restore(backup)
    settings.SHRED_LEDGER_FILE.unlink()

    assert ledger.replayed()
    assert services.subject_key(people[0])


def test_an_erasure_whose_transaction_fails_is_in_the_ledger_and_its_retry_adds_no_line(people, settings):
    with pytest.raises(RuntimeError), transaction.atomic():
        services.destroy_data_key(people[0])
        raise RuntimeError

    assert ledger.is_shredded(people[0])
    assert not ledger.replayed()
    assert services.destroy_data_key(people[0])
    assert ledger.replayed()
    assert len(lines(settings)) == 1


def test_a_failed_replacement_is_settled_by_its_retry(people):
    with pytest.raises(RuntimeError), transaction.atomic():
        services.replace_data_key(people[0])
        raise RuntimeError
    assert not ledger.replayed()

    services.replace_data_key(people[0])

    assert ledger.replayed()
    DataKey.objects.filter(owner=people[0]).update(created_at=DataKey.objects.get(owner=people[0]).created_at)


def test_plain_rotation_of_a_data_key_is_no_erasure(people, settings):
    services.replace_data_key(people[0], shred=False)

    assert not settings.SHRED_LEDGER_FILE.exists()


def test_a_line_cut_off_by_a_crash_is_skipped_and_ended_by_the_next(people, settings):
    services.destroy_data_key(people[0])
    with settings.SHRED_LEDGER_FILE.open("ab") as file:
        file.write(b'{"id": "12345678-')

    assert ledger.is_shredded(people[0])
    services.destroy_data_key(people[1])

    assert ledger.is_shredded(people[0])
    assert ledger.is_shredded(people[1])
    assert settings.SHRED_LEDGER_FILE.read_bytes().count(b"\n") == 3
    assert ledger.replayed()


def test_a_lost_ledger_is_written_again_from_what_the_database_knows(people, settings):
    services.destroy_data_key(people[0])
    services.replace_data_key(people[1])
    before = lines(settings)
    settings.SHRED_LEDGER_FILE.unlink()
    assert not ledger.is_shredded(people[0])

    assert ledger.settle() == 2

    assert lines(settings) == before
    assert ledger.is_shredded(people[0])
    assert ledger.settle() == 0


def test_many_writers_at_once_leave_whole_lines(settings, key_file):
    owners = [uuid4() for _ in range(200)]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda owner: ledger.record_shreds([owner]), owners))

    assert len(lines(settings)) == 200
    assert all(ledger.is_shredded(owner) for owner in owners)


def test_the_line_is_flushed_to_disk_before_the_row_is_deleted(people, monkeypatch):
    order = []
    real = ledger_file.os.fsync
    monkeypatch.setattr(
        ledger_file.os, "fsync", lambda fd: (order.append(DataKey.objects.filter(owner=people[0]).exists()), real(fd))
    )

    services.destroy_data_key(people[0])

    assert order
    assert all(order)


def test_a_key_made_after_a_replacement_is_not_brought_back(people):
    services.replace_data_key(people[0])
    Tombstone.objects.all().delete()
    assert ledger.resurrected() == []
    DataKey.objects.filter(owner=people[0]).update(
        created_at=DataKey.objects.get(owner=people[0]).created_at - timedelta(hours=1)
    )
    assert ledger.resurrected() == [people[0]]
