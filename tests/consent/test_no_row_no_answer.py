"""I5, T15: personal data is given out with its event in the log, or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import DatabaseError, connection

from audit.models import AuditEvent
from subjects.models import PersonalValue

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("catalogue")]

VALUE = "Eisvogel-Ada"


@contextmanager
def the_log_refuses(action: str) -> Iterator[None]:
    """Events of this action cannot be inserted: a full disk, a missing partition, a lost grant."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION refuse_event() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN IF NEW.action = '{action}' THEN RAISE EXCEPTION 'no room'; END IF; RETURN NEW; END $$"
        )
        cursor.execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON audit_event FOR EACH ROW EXECUTE FUNCTION refuse_event()"
        )
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TRIGGER refuse ON audit_event")
            cursor.execute("DROP FUNCTION refuse_event()")


@pytest.fixture
def stored(client_for: Any, shop: Any, alice: Any) -> Any:
    """An application's client and the address of alice's data, with a value in it."""
    client = client_for(shop)
    client.raise_request_exception = False
    path = f"/api/v1/subjects/{alice.id_for(shop)}/data"
    sent = {"purpose": "orders", "source": "subject", "values": {"given_name": VALUE}}
    assert client.put(path, sent).status_code == 200
    return client, path


def test_a_read_without_its_event_gives_no_value(stored: Any) -> None:
    client, path = stored
    query = {"purpose": "orders", "fields": "given_name"}
    assert VALUE in client.get(path, query).content.decode()
    before = AuditEvent.objects.count()
    with the_log_refuses("data.read"):
        answer = client.get(path, query)
        assert answer.status_code >= 500 and VALUE not in answer.content.decode()
    assert AuditEvent.objects.count() == before
    assert VALUE in client.get(path, query).content.decode()
    assert AuditEvent.objects.filter(action="data.read").count() == 2, "one event a request"


def test_a_write_without_its_event_changes_nothing(stored: Any) -> None:
    client, path = stored
    rows = list(PersonalValue.objects.values_list("pk", "sealed"))
    with the_log_refuses("data.stored"):
        sent = {"purpose": "orders", "source": "subject", "values": {"given_name": "other", "phone": "+4930901820"}}
        assert client.put(path, sent).status_code >= 500
    assert list(PersonalValue.objects.values_list("pk", "sealed")) == rows


def test_the_person_s_own_look_needs_its_event_too(stored: Any, alice: Any) -> None:
    browser = alice.browser()
    browser.raise_request_exception = False
    assert VALUE in browser.post("/data").content.decode()
    with the_log_refuses("data.revealed"):
        answer = browser.post("/data")
        assert answer.status_code >= 500 and VALUE not in answer.content.decode()


def test_the_trap_works() -> None:
    """Teeth: the trigger really refuses, and only while it is there."""
    from django.db import transaction

    from audit import actors
    from audit.services import record

    with the_log_refuses("subject.created"), pytest.raises(DatabaseError), transaction.atomic():
        record("subject.created", actor=actors.SUBJECT)
    with transaction.atomic():
        record("subject.created", actor=actors.SUBJECT)
