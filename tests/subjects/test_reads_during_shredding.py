"""Whoever reads while an erasure replaces the data key sees the person before or after it, never a false alarm.

The erasure commits on a connection of its own right behind the n-th statement of the reader, for every n.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import pytest
from django.db import connection

from gdpr_portal.errors import Gone
from subjects import selectors
from subjects.holdings import ExportScope
from subjects.models import PersonalValue, Subject
from subjects.own_holdings import IdentityHolding, ValuesHolding
from subjects.services import mark_erased, people, read_values, shred_key, store_values
from subjects.services.reveal import revealed_identifiers, revealed_values
from vault import services as vault

pytestmark = pytest.mark.django_db(transaction=True)
VALUES = {"given_name": "Canary-Ada", "family_name": "Canary-Lovelace"}
KEPT = {"tax_records": frozenset({"family_name"})}
AFTER = {"family_name": VALUES["family_name"]}


@pytest.fixture
def held(ada: Subject) -> Subject:
    store_values(subject=ada, purpose="orders", values=VALUES, source="subject", application=None)
    store_values(subject=ada, purpose="tax_records", values=AFTER, source="subject", application=None)
    ada.birth_date_sealed = people.sealed_birth_date(vault.subject_key(ada.pk), ada, date(1990, 1, 31))
    ada.save()
    return ada


def erase(subject: Subject) -> None:
    for holding in (IdentityHolding(), ValuesHolding()):
        holding.erase(subject, KEPT)
    mark_erased(subject=subject, actor="system:worker")
    shred_key(subject=subject, kept=KEPT)


def elsewhere(act: Callable[[], Any]) -> None:
    """The act is committed, by another thread and so by another connection."""

    def run() -> None:
        try:
            act()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()


@contextmanager
def behind_statement(number: int, act: Callable[[], Any]) -> Iterator[None]:
    """The act is done once, right after the reader's statement of this number."""
    counted = [0]

    def wrapper(execute: Any, *given: Any) -> Any:
        answer = execute(*given)
        counted[0] += 1
        if counted[0] == number:
            elsewhere(act)
        return answer

    with connection.execute_wrapper(wrapper):
        yield


def values(subject: Subject) -> object:
    return read_values(subject=subject, fields=list(VALUES))


def revealed(subject: Subject) -> object:
    return revealed_values(subject=subject)


def identifiers(subject: Subject) -> object:
    return dict(revealed_identifiers(subject=subject))


def exported(subject: Subject) -> object:
    return {row["field"]: row["value"] for row in ValuesHolding().export(subject, ExportScope())["values"]}


READERS: list[tuple[Callable[[Subject], object], int, object]] = [
    (values, 2, AFTER), (revealed, 3, AFTER), (exported, 3, AFTER), (identifiers, 2, {}), (selectors.email_of, 2, None),
    (selectors.birth_date_of, 1, None),
]  # fmt: skip
"""Reader, its statements that matter, what it answers after the erasure."""
CASES = [(reader, number, after) for reader, most, after in READERS for number in range(1, most + 1)]


@pytest.mark.parametrize(("reader", "number", "after"), CASES)
def test_a_reader_is_before_or_after(
    held: Subject, reader: Callable[[Subject], object], number: int, after: object
) -> None:
    before = reader(held)
    assert before != after
    with behind_statement(number, lambda: erase(held)):
        found = reader(held)
    assert found in (before, after)
    assert Subject.objects.get(pk=held.pk).erased_at is not None
    assert read_values(subject=held, fields=list(VALUES)) == AFTER


def test_a_row_read_long_before_the_erasure_is_read_anew(held: Subject) -> None:
    assert selectors.birth_date_of(held) == "1990-01-31"
    elsewhere(lambda: erase(Subject.objects.get(pk=held.pk)))
    assert held.birth_date_sealed is not None
    assert selectors.birth_date_of(held) is None


def test_a_person_gone_altogether_is_gone(held: Subject) -> None:
    def shred() -> None:
        mark_erased(subject=held, actor="system:worker")
        shred_key(subject=held, kept={})

    with behind_statement(1, shred), pytest.raises(Gone):
        values(held)


def test_a_key_replaced_at_every_turn_does_not_confuse_either(held: Subject) -> None:
    with behind_statement(1, lambda: erase(held)), behind_statement(2, lambda: erase(held)):
        assert values(held) in (VALUES, AFTER)


def test_what_was_changed_is_tampered_with_also_when_the_key_is_new(held: Subject) -> None:
    def erase_and_change() -> None:
        erase(held)
        row = PersonalValue.objects.get(subject=held)
        PersonalValue.objects.filter(pk=row.pk).update(sealed=bytes(row.sealed)[:-1] + bytes([row.sealed[-1] ^ 1]))

    with behind_statement(1, erase_and_change), pytest.raises(vault.Tampered):
        values(held)
