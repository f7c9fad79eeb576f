"""Claiming: a verified address leads to the person it belongs to, and never to somebody else's account."""

from typing import Any

import pytest

from access.models import Account, Application
from access.services.accounts import create_account
from subjects import selectors
from subjects.models import Subject
from subjects.services import claim_subject, mark_erased, register_subject

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery staple"


def account_of(email: str) -> Account:
    return create_account(email=email, password=PASSWORD)


def test_the_person_an_application_registered_is_found_by_the_address(ada: Subject, audit_log: Any) -> None:
    account = account_of("ada@canary.example")
    assert claim_subject(account, " Ada@Canary.Example").pk == ada.pk
    assert selectors.subject_of_account(account) == ada
    assert [event.subject for event in audit_log("subject.claimed")] == [ada.pseudonym]


def test_claiming_twice_changes_nothing(ada: Subject, audit_log: Any) -> None:
    account = account_of("ada@canary.example")
    assert claim_subject(account, "ada@canary.example") == claim_subject(account, "ada@canary.example")
    assert len(audit_log("subject.claimed")) == 1


def test_somebody_nobody_knows_becomes_a_person_applications_find_later(webshop: Application) -> None:
    account = account_of("new@canary.example")
    mine = claim_subject(account, "new@canary.example")
    same, is_new = register_subject(application=webshop, identifiers={"email": "new@canary.example"})
    assert (same.pk, is_new) == (mine.pk, False)


def test_a_person_with_another_account_is_not_taken_over(ada: Subject) -> None:
    first = account_of("ada@canary.example")
    claim_subject(first, "ada@canary.example")
    second = account_of("other@canary.example")
    own = claim_subject(second, "ada@canary.example")
    ada.refresh_from_db()
    assert ada.account == first
    assert own.pk != ada.pk
    assert not own.identifiers.exists()


def test_after_an_erasure_the_address_makes_a_new_person(ada: Subject) -> None:
    mark_erased(subject=ada, actor="system:worker")
    assert claim_subject(account_of("ada@canary.example"), "ada@canary.example").pk != ada.pk
