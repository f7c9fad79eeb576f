"""An older sealing put back in its own place opens, and is found all the same (threat T6)."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from audit.models import AuditEvent
from consent.services.data import read_data, store_data
from subjects import verify_data as verification
from subjects.models import PersonalValue
from subjects.services import shred_key
from subjects.services.put_back import report_put_back
from vault.models import DataKey

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]
ROW = "given_name"


@pytest.fixture
def put(shop: Any, alice: Any) -> Any:
    """Stores values of alice's, as the API does."""

    def store(**values: str | None) -> None:
        store_data(application=shop, subject=alice.subject, purpose="orders", values=values, source="subject")

    return store


def cell() -> PersonalValue:
    return PersonalValue.objects.get(field=ROW)


def put_back(sealed: bytes) -> None:
    PersonalValue.objects.filter(field=ROW).update(sealed=sealed)


def rows_found() -> list[str]:
    return [place.row for each in verification.verify_data() for place in each.put_back]


def test_what_the_service_wrote_itself_is_right(put: Any, alice: Any) -> None:
    put(given_name="Ada", family_name="Byron")
    put(given_name="Ada Augusta", phone=None)
    put(family_name="Lovelace", given_name=None)
    put(given_name="Ada")
    found = report_put_back()
    assert (found.held, found.unmarked, found.put_back) == (2, 0, ())
    shred_key(subject=alice.subject, kept={"tax_records": frozenset({"family_name"})})
    found = report_put_back()
    assert (found.held, found.unmarked, found.put_back) == (1, 0, ())
    assert not AuditEvent.objects.filter(action="crypto.tamper").exists()


def test_an_older_sealing_put_back_is_named_and_told(put: Any, alice: Any, shop: Any) -> None:
    put(given_name="Ada")
    older = bytes(cell().sealed)
    put(given_name="Ada Augusta")
    assert rows_found() == []
    put_back(older)
    told = read_data(application=shop, subject=alice.subject, purpose="orders", fields=[ROW])
    assert told.values == {ROW: "Ada"}, "it opens: person, column and row fit"
    said = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("verify_data", stdout=said)
    assert ended.value.code == 1
    assert f"put back: subjects_personalvalue {ROW} row {cell().pk}" in said.getvalue()
    event = AuditEvent.objects.get(action="crypto.tamper")
    assert event.details == {
        "table": "subjects_personalvalue", "column": ROW, "row": str(cell().pk), "reason": "put_back",
    }  # fmt: skip


def test_repeating_the_older_event_does_not_help(put: Any) -> None:
    """Somebody with the database inserts an event that names the older sealing again."""
    put(given_name="Ada")
    older, event = bytes(cell().sealed), AuditEvent.objects.get(action="data.stored")
    put(given_name="Ada Augusta")
    put_back(older)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO audit_event (at, action, actor, subject, request_id, purpose, fields, details, xid)"
            " SELECT at, action, actor, subject, request_id, purpose, fields, details, '9223372036854775000'::xid8"
            " FROM audit_event WHERE id = %s",
            [event.pk],
        )
    assert rows_found() == [str(cell().pk)]


def test_key_and_cell_put_back_together_are_found(put: Any, alice: Any) -> None:
    put(given_name="Ada")
    older, key = bytes(cell().sealed), DataKey.objects.values().get(owner=alice.subject.pk)
    shred_key(subject=alice.subject, kept={"tax_records": frozenset({ROW})})
    assert rows_found() == []
    DataKey.objects.filter(owner=alice.subject.pk).update(**key)
    put_back(older)
    assert rows_found() == [str(cell().pk)]


def test_a_sealing_the_log_never_saw_is_found(put: Any, alice: Any) -> None:
    from subjects import cells
    from vault import services as vault

    put(given_name="Ada")
    put_back(vault.subject_key(alice.subject.pk).seal(cells.value_place(cell().pk, ROW), b"Eve"))
    assert rows_found() == [str(cell().pk)]


def test_a_wrapped_key_that_does_not_open_is_named_without_its_owner(put: Any, alice: Any) -> None:
    put(given_name="Ada")
    DataKey.objects.filter(owner=alice.subject.pk).update(commitment=bytes(32))
    report_put_back()
    details = AuditEvent.objects.get(action="crypto.tamper").details
    assert details == {"table": "vault_datakey", "column": "wrapped", "row": None, "reason": "put_back"}


def test_what_no_event_has_a_mark_of_is_counted_and_not_called_damage(put: Any, ada: Any) -> None:
    from subjects.services import store_values

    store_values(subject=ada, purpose="orders", values={ROW: "Ada"}, source="subject", application=None)
    said = StringIO()
    call_command("verify_data", stdout=said)
    assert "1 values have no mark" in said.getvalue() and "ok: 1 values" in said.getvalue()


def test_a_mark_tells_nothing_and_no_two_are_alike(put: Any) -> None:
    for _ in range(3):
        put(given_name="Ada")
    marks = [mark for event in AuditEvent.objects.filter(action="data.stored") for mark in event.details["marks"]]
    assert len(marks) == len(set(marks)) == 3
    assert all(len(mark) == 22 for mark in marks)


def test_teeth_without_the_comparison_it_passes(put: Any, monkeypatch: Any) -> None:
    put(given_name="Ada")
    older = bytes(cell().sealed)
    put(given_name="Ada Augusta")
    put_back(older)
    assert rows_found() != []
    monkeypatch.setattr(verification, "_is_newest", lambda *anything: True)
    assert rows_found() == []
