"""The end of an erasure: nothing opens, or only what a law keeps and only under a new key, until its date."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from gdpr_portal.errors import Gone
from subjects import selectors
from subjects.cells import value_place
from subjects.models import Identifier, PersonalValue, Retention, Subject
from subjects.own_holdings import IdentityHolding, RestrictionsHolding, RetentionsHolding, ValuesHolding
from subjects.services import (
    end_retention,
    mark_erased,
    read_values,
    restrict,
    retain,
    shred_key,
    store_values,
)  # fmt: skip
from vault import services as vault
from vault.models import DataKey

pytestmark = pytest.mark.django_db
VALUES = {"given_name": "Canary-Ada", "family_name": "Canary-Lovelace"}
KEPT = {"tax_records": frozenset({"family_name"})}
OWN = (IdentityHolding(), ValuesHolding(), RestrictionsHolding(), RetentionsHolding())


@pytest.fixture
def held(ada: Subject) -> Subject:
    """Two values for orders, one of them for tax records too, and a restriction."""
    store_values(subject=ada, purpose="orders", values=VALUES, source="subject", application=None)
    family = {"family_name": VALUES["family_name"]}
    store_values(subject=ada, purpose="tax_records", values=family, source="subject", application=None)
    restrict(subject=ada, ground="legal_claims", request=None, actor="system:worker")
    return ada


def erase(subject: Subject, kept: dict[str, frozenset[str]]) -> int:
    gone = sum(holding.erase(subject, kept) for holding in OWN)
    mark_erased(subject=subject, actor="system:worker")
    shred_key(subject=subject, kept=kept)
    return gone


def residue(subject: Subject, kept: dict[str, frozenset[str]]) -> int:
    return sum(holding.residue(subject, kept) for holding in OWN)


def test_nothing_kept_leaves_no_value_no_identifier_and_no_key(held: Subject) -> None:
    assert residue(held, {}) > 0
    assert read_values(subject=held, fields=list(VALUES)) == VALUES
    assert erase(held, {}) > 0
    assert residue(held, {}) == 0
    assert not PersonalValue.objects.filter(subject=held).exists()
    assert not Identifier.objects.filter(subject=held).exists()
    assert not DataKey.objects.filter(owner=held.pk).exists()
    assert erase(held, {}) == 0


def test_what_a_law_keeps_opens_under_a_new_key_and_under_no_old_one(held: Subject) -> None:
    old, before = vault.subject_key(held.pk), bytes(DataKey.objects.get(owner=held.pk).wrapped)
    sealed = {row.field: bytes(row.sealed) for row in PersonalValue.objects.filter(subject=held)}
    erase(held, KEPT)
    assert residue(held, KEPT) == 0
    assert read_values(subject=held, fields=list(VALUES)) == {"family_name": VALUES["family_name"]}
    assert [value.purposes for value in selectors.values_held(held)] == [("tax_records",)]
    assert bytes(DataKey.objects.get(owner=held.pk).wrapped) != before
    row = PersonalValue.objects.get(subject=held)
    assert bytes(row.sealed) != sealed["family_name"]
    with pytest.raises(vault.Tampered):
        old.open(value_place(row.pk, row.field), bytes(row.sealed))


def test_a_repeated_step_keeps_the_same(held: Subject) -> None:
    erase(held, KEPT)
    shred_key(subject=held, kept=KEPT)
    assert read_values(subject=held, fields=list(VALUES)) == {"family_name": VALUES["family_name"]}


def test_the_plan_says_what_the_erasure_then_does(held: Subject) -> None:
    retain(
        subject=held, purpose="tax_records", fields=["family_name"], article="Art. 17(3)(b)", citation="§ 147 AO",
        until=timezone.now() + timedelta(days=3650),
    )  # fmt: skip
    lines = [line for holding in OWN for line in holding.plan(held, KEPT)]
    staying = [line for line in lines if line.fate == "stays" and line.fields]
    going = {field for line in lines if line.fate == "goes" for field in line.fields}
    assert [(line.fields, line.purpose, line.article) for line in staying] == [
        (("family_name",), "tax_records", "Art. 17(3)(b)")
    ]
    assert staying[0].until is not None
    assert going == {"given_name"}
    erase(held, KEPT)
    assert {value.field for value in selectors.values_held(held)} == {"family_name"}


def test_when_the_law_s_time_is_over_the_rest_and_the_key_go(held: Subject, audit_log: Any) -> None:
    row = retain(
        subject=held, purpose="tax_records", fields=["family_name"], article="Art. 17(3)(b)",
        until=timezone.now() + timedelta(days=1),
    )  # fmt: skip
    erase(held, selectors.retained(held))
    assert read_values(subject=held, fields=["family_name"])
    assert end_retention(retention=row, actor="system:worker") == 1
    assert not DataKey.objects.filter(owner=held.pk).exists()
    assert Retention.objects.get().ended_at is not None and selectors.retained(held) == {}
    assert audit_log("data.removed")[0].details == {"count": 1, "reason": "retention_ended"}
    with pytest.raises(Gone):
        vault.subject_key(held.pk)


def test_a_person_never_erased_keeps_what_other_purposes_need(held: Subject) -> None:
    row = retain(
        subject=held, purpose="tax_records", fields=["family_name"], article="Art. 17(3)(b)", until=timezone.now()
    )
    assert end_retention(retention=row, actor="system:worker") == 0
    assert read_values(subject=held, fields=list(VALUES)) == VALUES
