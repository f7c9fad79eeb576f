"""Values: sealed, held once, gone with the last purpose that needed them, and refused when they were moved."""

from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from access.models import Application
from gdpr_portal.errors import Gone
from subjects import selectors
from subjects.models import PersonalValue, Subject
from subjects.services import drop_purpose, read_values, register_subject, store_values
from vault.services import Tampered, destroy_data_key

pytestmark = pytest.mark.django_db
NAME = {"given_name": "Canary-Ada", "family_name": "Canary-Lovelace"}


def store(subject: Subject, purpose: str, application: Application | None = None, **values: str | None) -> list[str]:
    return store_values(subject=subject, purpose=purpose, values=values, source="subject", application=application)


def purposes(subject: Subject) -> dict[str, tuple[str, ...]]:
    return {held.field: held.purposes for held in selectors.values_held(subject)}


def rows_in_clear(*texts: str) -> int:
    """How many cells of this app's tables hold one of the texts, as text or as bytes."""
    found = 0
    for model in {Subject, *[relation.related_model for relation in Subject._meta.related_objects]}:
        for row in model._default_manager.values_list():
            cells = [cell if isinstance(cell, bytes) else str(cell).encode() for cell in row]
            found += sum(1 for cell in cells for text in texts if text.encode() in cell)
    return found


def test_values_open_for_the_person_and_lie_nowhere_in_clear(ada: Subject) -> None:
    assert list(store(ada, "orders", **NAME)) == ["given_name", "family_name"]
    assert read_values(subject=ada, fields=["given_name", "family_name", "phone"]) == NAME
    assert rows_in_clear(*NAME.values(), "ada@canary.example", "c-4711") == 0


def test_teeth_the_search_finds_what_lies_in_clear(ada: Subject) -> None:
    store(ada, "orders", **NAME)
    PersonalValue.objects.filter(field="given_name").update(sealed=b"\x01" + NAME["given_name"].encode())
    assert rows_in_clear(*NAME.values()) == 1


def test_a_value_is_held_once_and_the_last_write_counts(ada: Subject) -> None:
    store(ada, "orders", given_name="Ada")
    store(ada, "newsletter", given_name="Augusta")
    assert PersonalValue.objects.count() == 1
    assert purposes(ada) == {"given_name": ("newsletter", "orders")}
    assert read_values(subject=ada, fields=["given_name"]) == {"given_name": "Augusta"}


def test_null_takes_the_field_from_this_purpose_and_the_value_with_the_last(ada: Subject) -> None:
    store(ada, "orders", **NAME)
    store(ada, "newsletter", given_name="Canary-Ada")
    store(ada, "newsletter", given_name=None)
    assert purposes(ada) == {"given_name": ("orders",), "family_name": ("orders",)}
    store(ada, "orders", given_name=None)
    assert purposes(ada) == {"family_name": ("orders",)}


def test_dropping_a_purpose_leaves_what_others_need(ada: Subject, webshop: Application) -> None:
    bob, _ = register_subject(application=webshop, identifiers={"email": "bob@canary.example"})
    for person in (ada, bob):
        store(person, "orders", **NAME)
    store(ada, "newsletter", given_name="Canary-Ada")
    assert drop_purpose(subject=ada, purpose="orders") == 2
    assert drop_purpose(subject=ada, purpose="orders") == 0
    assert purposes(ada) == {"given_name": ("newsletter",)}
    assert len(purposes(bob)) == 2


@pytest.mark.parametrize("whose", ["another field of the person", "the same field of another person"])
def test_a_value_moved_to_another_cell_is_refused(ada: Subject, webshop: Application, whose: str) -> None:
    bob, _ = register_subject(application=webshop, identifiers={"email": "bob@canary.example"})
    for person in (ada, bob):
        store(person, "orders", **NAME)
    theirs = {"subject": bob, "field": "given_name"}
    donor = theirs if whose.startswith("the same") else {"subject": ada, "field": "family_name"}
    moved = PersonalValue.objects.get(**donor).sealed
    PersonalValue.objects.filter(subject=ada, field="given_name").update(sealed=moved)
    with pytest.raises(Tampered):
        read_values(subject=ada, fields=["given_name"])
    assert read_values(subject=bob, fields=["given_name"]) == {"given_name": "Canary-Ada"}


def test_statements_do_not_depend_on_how_many_fields_there_are(ada: Subject) -> None:
    many = {f"field_{number}": "x" for number in range(40)}
    with CaptureQueriesContext(connection) as few:
        store(ada, "orders", **NAME)
    with CaptureQueriesContext(connection) as lots:
        store(ada, "orders", **many)
    assert len(lots) == len(few)
    with CaptureQueriesContext(connection) as read:
        assert len(read_values(subject=ada, fields=list(many))) == len(many)
    assert len(read) == 2


def test_without_a_key_nothing_opens(ada: Subject) -> None:
    store(ada, "orders", **NAME)
    stranger = Subject(id=uuid4())
    assert read_values(subject=stranger, fields=["given_name"]) == {}
    destroy_data_key(ada.pk)
    with pytest.raises(Gone, match="erased"):
        read_values(subject=ada, fields=["given_name"])
