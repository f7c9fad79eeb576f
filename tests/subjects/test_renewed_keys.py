"""A person's data key is renewed while others read, write, erase and tamper; nothing is lost, nothing is laundered."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from audit.models import AuditEvent
from consent.services.data import store_data
from consent.services.reading import read_plainly
from gdpr_portal.errors import Gone, WrongState
from subjects import cells
from subjects.models import Identifier, PersonalValue, Subject
from subjects.selectors import find_subject
from subjects.services import lock_subject, read_values, shred_key, store_values
from subjects.verify_data import verify_people
from tests.subjects.test_reads_during_shredding import elsewhere
from vault import datakeys, rotation
from vault import services as vault
from vault.models import DataKey, Renewal

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("catalogue")]
KEPT = {"tax_records": frozenset({"family_name"})}
VALUES = {"given_name": "Ada", "family_name": "Lovelace"}


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Former keys may go as soon as nobody can use them."""
    monkeypatch.setattr(datakeys, "KEPT_FOR", timedelta(0))


@pytest.fixture
def person(shop: Any, alice: Any) -> Subject:
    store(shop, alice.subject, **VALUES)
    return alice.subject


def store(shop: Any, subject: Subject, **values: str | None) -> None:
    store_data(application=shop, subject=subject, purpose="orders", values=values, source="subject")


def renew(subject: Subject) -> datakeys.Pass:
    (step,) = datakeys.renew_person(subject.pseudonym)
    return step.found


def key_of(subject: Subject) -> DataKey:
    return DataKey.objects.get(owner=subject.pk)


def values(subject: Subject) -> dict[str, str]:
    return read_values(subject=subject, fields=["given_name", "family_name", "phone"])


@contextmanager
def in_flight(subject: Subject, write: Callable[[vault.SubjectKey], Any]) -> Iterator[None]:
    """A transaction that took the key before the block commits what it wrote with it behind the block."""
    taken, go_on = threading.Event(), threading.Event()

    def run() -> None:
        try:
            with transaction.atomic():
                key = vault.subject_key(subject.pk)
                taken.set()
                go_on.wait(120)
                write(key)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    assert taken.wait(120)
    yield
    go_on.set()
    thread.join()


def write_phone(subject: Subject) -> Callable[[vault.SubjectKey], Any]:
    row = cells.value_id(subject.pk, "phone")

    def write(key: vault.SubjectKey) -> None:
        sealed = key.seal(cells.value_place(row, "phone"), b"+491711234567")
        PersonalValue.objects.create(id=row, subject_id=subject.pk, field="phone", sealed=sealed, source="subject")

    return write


# --- what is written meanwhile ----------------------------------------------------------------------------------------
def test_a_write_that_took_the_old_key_is_waited_for_and_not_lost(person: Subject) -> None:
    with in_flight(person, write_phone(person)):
        assert renew(person).done > len(VALUES)
        assert datakeys.settle() == 0, "somebody may still write under the old key"
        assert key_of(person).former is not None
    assert values(person) == VALUES | {"phone": "+491711234567"}, "the old key opens it"
    assert datakeys.settle() >= 1
    assert key_of(person).former is None
    assert values(person) == VALUES | {"phone": "+491711234567"}


def test_the_read_by_one_statement_opens_what_lies_under_either_key(person: Subject, alice: Any, shop: Any) -> None:
    def read() -> dict[str, str] | None:
        own = alice.id_for(shop)
        return read_plainly(application=shop, pairwise=own, purpose="orders", fields=["given_name", "family_name"])

    assert datakeys.begin([person.pk]) == [person.pk] and key_of(person).former is not None
    assert read() == VALUES
    renew(person)
    assert datakeys.settle() >= 1 and key_of(person).former is None
    assert read() == VALUES


def test_teeth_without_the_waiting_the_write_is_lost(person: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datakeys, "_older_than", lambda moment: False)
    with in_flight(person, write_phone(person)):
        renew(person)
        assert datakeys.settle() >= 1
    with pytest.raises(vault.Tampered):
        values(person)


def test_a_row_written_back_from_memory_is_sealed_anew_before_the_old_key_goes(person: Subject) -> None:
    stale = Identifier.objects.get(subject=person, kind="email")
    renew(person)
    stale.save()
    assert datakeys.settle() >= 1
    row = Identifier.objects.get(pk=stale.pk)
    assert bytes(row.sealed) != bytes(stale.sealed)
    assert vault.open_cell(person.pk, cells.identifier_place(row.pk), row, "sealed")


def test_a_locked_row_is_passed_over_and_done_later(person: Subject, alice: Any, shop: Any) -> None:
    row = Identifier.objects.get(subject=person, kind="email")
    with in_flight(person, lambda key: None):
        pass
    locked, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            Identifier.objects.select_for_update().get(pk=row.pk)
            locked.set()
            go_on.wait(120)
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    assert locked.wait(120)
    assert renew(person).busy == 1
    go_on.set()
    thread.join()
    assert datakeys.settle() >= 1
    assert find_subject(application=shop, kind="email", value=alice.email) == person


def test_readers_and_writers_never_see_garbage(person: Subject, shop: Any) -> None:
    """Ten renewals, the old key gone at once each time, beside one who reads and one who writes."""
    stop, seen, failed = threading.Event(), [], []

    def loop(act: Callable[[int], Any]) -> None:
        try:
            number = 0
            while not stop.is_set():
                seen.append(act(number))
                number += 1
        except Exception as error:
            failed.append(error)
        finally:
            connection.close()

    def write(number: int) -> None:
        with transaction.atomic():
            subject = lock_subject(person.pk)
            given = {"phone": str(number)}
            store_values(subject=subject, purpose="orders", values=given, source="subject", application=shop)

    threads = [threading.Thread(target=loop, args=[act]) for act in (lambda _: values(person)["given_name"], write)]
    for thread in threads:
        thread.start()
    for _ in range(10):
        renew(person)
        datakeys.settle()
    stop.set()
    for thread in threads:
        thread.join()
    assert failed == []
    assert set(seen) == {"Ada", None} and len(seen) > 20
    datakeys.settle()
    assert key_of(person).version > 5 and set(values(person)) == {"given_name", "family_name", "phone"}


# --- an erasure wins --------------------------------------------------------------------------------------------------
def test_an_erasure_in_between_takes_both_keys(person: Subject) -> None:
    renewed = datakeys.begin([person.pk])
    assert renewed == [person.pk]
    shred_key(subject=person, kept={})
    assert not DataKey.objects.filter(owner=person.pk).exists()
    assert datakeys.reseal([person.pk]) == datakeys.Pass()
    assert datakeys.settle() == 0
    with pytest.raises(Gone):
        vault.subject_key(person.pk)


def test_what_an_erasure_keeps_lies_under_its_own_new_key(person: Subject) -> None:
    datakeys.begin([person.pk])
    shred_key(subject=person, kept=KEPT)
    assert (key_of(person).version, key_of(person).former) == (1, None)
    assert datakeys.reseal([person.pk]).done == 0
    assert values(person) == {"family_name": "Lovelace"}
    assert verify_people([person.pk]).put_back == ()


def test_an_erasure_between_a_look_and_its_locks_leaves_nothing_damaged(person: Subject) -> None:
    """Page read under one key, locked under another: the keys are read again behind the locks."""
    datakeys.begin([person.pk])
    rows = Identifier.objects.filter(subject=person)
    with connection.execute_wrapper(_once(lambda: elsewhere(lambda: shred_key(subject=person, kept=KEPT)))):
        found = datakeys.reseal([person.pk])
    assert found.damaged == () or all(place.table != "subjects_personalvalue" for place in found.damaged)
    assert rows.exists()
    assert values(person) == {"family_name": "Lovelace"}


def _once(act: Callable[[], Any]) -> Callable[..., Any]:
    done: list[bool] = []

    def wrapper(execute: Any, sql: str, *given: Any) -> Any:
        answer = execute(sql, *given)
        if "subjects_subject" in sql and "birth_date" in sql and not done:
            done.append(True)
            act()
        return answer

    return wrapper


# --- an older sealing is not laundered --------------------------------------------------------------------------------
def test_values_are_right_before_during_and_after(person: Subject, shop: Any) -> None:
    assert verify_people([person.pk]).put_back == ()
    datakeys.begin([person.pk])
    store(shop, person, given_name="Augusta")
    assert verify_people([person.pk]).put_back == (), "some lie under either key"
    older = bytes(PersonalValue.objects.get(field="given_name").sealed)
    datakeys.reseal([person.pk])
    assert datakeys.settle() >= 1
    found = verify_people([person.pk])
    assert (found.held, found.unmarked, found.put_back) == (2, 0, ())
    store(shop, person, given_name="Ada")
    PersonalValue.objects.filter(field="given_name").update(sealed=older)
    assert [place.column for place in verify_people([person.pk]).put_back] == ["given_name"]


def test_an_older_sealing_put_back_stays_as_it_is_and_the_old_key_with_it(person: Subject, shop: Any) -> None:
    older = bytes(PersonalValue.objects.get(field="given_name").sealed)
    store(shop, person, given_name="Augusta")
    newest = bytes(PersonalValue.objects.get(field="given_name").sealed)
    PersonalValue.objects.filter(field="given_name").update(sealed=older)
    assert [place.column for place in renew(person).damaged] == ["given_name"]
    assert bytes(PersonalValue.objects.get(field="given_name").sealed) == older, "sealed anew it would pass for right"
    datakeys.settle()
    row = key_of(person)
    assert row.former is not None and row.former_until is not None
    told = AuditEvent.objects.get(action="crypto.tamper")
    assert (told.details["column"], told.details["reason"]) == ("given_name", "rotation")
    assert datakeys.settle() == 0 and AuditEvent.objects.filter(action="crypto.tamper").count() == 1, "six hours later"
    PersonalValue.objects.filter(field="given_name").update(sealed=newest)
    DataKey.objects.filter(owner=person.pk).update(former_until=row.created_at)
    assert datakeys.settle() == 1
    assert values(person)["given_name"] == "Augusta"


# --- the command ------------------------------------------------------------------------------------------------------
def said(*words: str) -> str:
    out = StringIO()
    call_command("keys", *words, stdout=out, stderr=StringIO())
    return out.getvalue()


def test_one_persons_keys_by_the_command(person: Subject, alice: Any, bob: Any) -> None:
    everybody = DataKey.objects.count()
    assert "2 keys are new" in said("rotate", "data", "--subject", str(person.pseudonym))
    assert f"version 1 holds {everybody - 2} keys; version 2 holds 2 keys; 2 old keys are still kept" in said("status")
    assert "2 keys are new and 0 rows" in said("rotate", "data", "--subject", str(person.pseudonym)), "not once more"
    datakeys.settle()
    assert "0 old keys are still kept" in said("status")
    events = AuditEvent.objects.filter(subject=person.pseudonym, action__startswith="key.").order_by("ordinal")
    assert [event.action for event in events] == ["key.created"] * 2 + ["key.resealed"] + ["key.retired"] * 2
    assert key_of(bob.subject).version == 1
    for words in (["data"], ["master", "--all-data-keys"]):
        with pytest.raises(CommandError):
            said("rotate", *words)
    with pytest.raises(CommandError):
        said("rotate", "data", "--subject", "00000000-0000-4000-8000-000000000000")


def test_all_keys_killed_half_way_are_taken_up_where_they_were(
    person: Subject, bob: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datakeys, "OWNERS", 1)
    everybody = DataKey.objects.count()
    steps = datakeys.renew_all()
    assert next(steps).outstanding == everybody
    next(steps)
    steps.close()  # killed
    datakeys.settle()
    assert Renewal.objects.filter(finished_at=None).count() == 1
    list(rotation.rotate("master"))
    assert datakeys.outstanding() == everybody - 2
    assert f"{everybody - 2} keys are new" in said("rotate", "data", "--all-data-keys")
    assert datakeys.settle() == everybody - 2
    assert rotation.histogram("data") == {2: everybody}
    list(rotation.rotate("master"))
    assert values(person) == VALUES
    assert AuditEvent.objects.get(action="key.rotated", details__kind="data_key").details["rows"] == everybody - 2


def test_a_key_that_does_not_open_is_told_and_left_and_the_others_go_on(person: Subject, bob: Any) -> None:
    DataKey.objects.filter(owner=bob.subject.pk).update(commitment=bytes(32))
    with pytest.raises(CommandError):
        said("rotate", "data", "--all-data-keys")
    assert (key_of(bob.subject).version, key_of(person).version) == (1, 2)
    told = AuditEvent.objects.filter(action="crypto.tamper").first()
    assert told is not None and told.details["table"] == "vault_datakey" and told.details["row"] is None
    assert values(person) == VALUES
    with pytest.raises(WrongState):
        list(rotation.rotate("master"))
