"""Of somebody erased, what a law keeps is read under the rules that stand, and never told as forgotten (Art. 17(3))."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from subjects.services import mark_erased, restrict, retain
from tests.erasure.people import store

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]


@pytest.fixture
def read(alice: Any, shop: Any, client_for: Any) -> Any:
    """Reading her tax records: a law keeps two of the three fields of the contract."""
    store(shop, alice.subject, "tax_records", vat_number="DE123456789", family_name="Lovelace")
    until = timezone.now() + timedelta(days=10)
    kept = ["family_name", "vat_number"]
    retain(subject=alice.subject, purpose="tax_records", fields=kept, article="Art. 17(3)(b)", until=until)
    path = f"/api/v1/subjects/{alice.id_for(shop)}/data"
    return lambda **more: client_for(shop).get(path, {"purpose": "tax_records", **more})


def test_what_is_kept_is_read_and_the_rest_is_erased(alice: Any, read: Any) -> None:
    mark_erased(subject=alice.subject, actor="system:test")
    answer = read()
    assert set(answer.body["values"]) == {"family_name", "vat_number"}
    assert [(each["field"], each["code"]) for each in answer.body["withheld"]] == [("postal_address", "erased")]


@pytest.mark.parametrize("asked", [{}, {"fields": "vat_number"}, {"fields": "vat_number,postal_address"}])
def test_under_a_restriction_it_is_restricted_and_not_gone(alice: Any, read: Any, asked: dict[str, str]) -> None:
    restrict(subject=alice.subject, ground="legal_claims", request=None, actor="subject")
    mark_erased(subject=alice.subject, actor="system:test")
    answer = read(**asked)
    assert (answer.status_code, answer.body["code"]) == (403, "restricted")


def test_what_is_not_kept_is_gone_whatever_binds_the_rest(alice: Any, read: Any) -> None:
    restrict(subject=alice.subject, ground="legal_claims", request=None, actor="subject")
    mark_erased(subject=alice.subject, actor="system:test")
    assert read(fields="postal_address").status_code == 410
