"""What is given together with nothing but somebody's telephone number proves nothing (decision 0067).

A form takes anybody's number. Whoever wrote a stranger's there beside an address of their own became that stranger
here: the code went to them, the account was theirs, and so were the copy and the erasure.
"""

from typing import Any

import pytest
from django.core import mail
from django.test import Client

from access.services.accounts import register_verified
from erasure.models import RightsRequest
from erasure.services.connectors import identities_of
from subjects import selectors
from subjects.models import ApplicationLink, Identifier, Subject
from subjects.services import register_subject
from tests.conftest import PASSWORD, make_application
from tests.erasure.people import file, store

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]
NUMBER, MINE = "+49 30 7654321", "mallory@example.org"
CANARY = "Seidenschwanz"


@pytest.fixture
def crm(db: None) -> Any:
    return make_application("crm", ["subjects:write", "data:write"])


@pytest.fixture
def victim(crm: Any, shop: Any) -> Subject:
    """Somebody of whom another application knows the number alone, and holds a name."""
    subject, _new = register_subject(application=crm, identifiers={"phone": NUMBER})
    return subject


def register(application: Any, **identifiers: str) -> Subject:
    return register_subject(application=application, identifiers=identifiers)[0]


def held(subject: Subject, shop: Any) -> None:
    store(shop, subject, "orders", given_name=CANARY, email="victim@example.org")


def test_the_address_finds_the_person_and_opens_nothing(
    victim: Subject, shop: Any, after_commit: Any, audit_log: Any
) -> None:
    assert register(shop, phone=NUMBER, email=MINE).pk == victim.pk, "as api.md has it"
    held(victim, shop)
    assert selectors.find_subject(application=shop, kind="email", value=MINE).pk == victim.pk
    assert selectors.identifiers_of(shop, victim) == ["email", "phone"]

    assert selectors.email_of(victim) is None and selectors.emails_of([victim.pk]) == {}
    account = register_verified(email=MINE, password=PASSWORD)
    victim.refresh_from_db()
    own = selectors.subject_of_account(account)
    assert victim.account is None and own is not None and own.pk != victim.pk
    assert "email" not in identities_of(victim), "nobody else's rows are erased by it"
    with after_commit():
        assert Client().post("/request", {"email": MINE, "right": "access"}).status_code == 200
    assert not RightsRequest.objects.exists()
    assert "We know nobody by it" in str(mail.outbox[-1].body)


def test_whoever_asks_through_the_application_is_identified_by_the_desk(victim: Subject, shop: Any) -> None:
    register(shop, phone=NUMBER, email=MINE)
    asked = file(victim, "access", verified_by="none")
    assert asked.state == "in_review" and not mail.outbox


@pytest.mark.parametrize(
    "steps",
    [
        [{"phone": NUMBER}, {"phone": NUMBER, "email": MINE}],
        [{"phone": NUMBER, "customer_id": "c-9"}, {"customer_id": "c-9", "email": MINE}],
        [{"phone": NUMBER, "customer_id": "c-9"}, {"customer_id": "c-9"}, {"customer_id": "c-9", "email": MINE}],
    ],
)
def test_nor_does_it_in_steps(victim: Subject, shop: Any, steps: list[dict[str, str]]) -> None:
    for identifiers in steps:
        assert register(shop, **identifiers).pk == victim.pk
    assert selectors.email_of(victim) is None
    assert ApplicationLink.objects.get(subject=victim, application=shop).by_phone_alone


def test_the_application_that_registered_somebody_is_believed(victim: Subject, crm: Any) -> None:
    """By number first, by address later: the same application may say so of its own people."""
    register(crm, phone=NUMBER, email="victim@example.org")
    assert selectors.email_of(victim) == "victim@example.org"
    account = register_verified(email="victim@example.org", password=PASSWORD)
    assert selectors.subject_of_account(account) == victim


def test_a_better_word_counts_from_then_on(victim: Subject, shop: Any, crm: Any) -> None:
    register(crm, phone=NUMBER, customer_id="k-1")
    register(shop, phone=NUMBER, email="victim@example.org")
    assert selectors.email_of(victim) is None
    register(crm, customer_id="k-1", email="victim@example.org")
    assert selectors.email_of(victim) == "victim@example.org"
    register(shop, phone=NUMBER, email="victim@example.org")
    assert not ApplicationLink.objects.filter(by_phone_alone=True).exists()
    assert not Identifier.objects.filter(is_vouched=False).exists()
