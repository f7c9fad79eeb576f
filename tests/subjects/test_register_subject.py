"""Registering: who is new, who is known, who is two, and what is never replaced."""

from datetime import date

import pytest

from access.models import Application
from audit.models import AuditEvent
from gdpr_portal.errors import Invalid, Missing, WrongState
from subjects import selectors
from subjects.models import ApplicationLink, Identifier, Subject
from subjects.services import lock_subject, mark_erased, register_subject
from vault.models import DataKey

pytestmark = pytest.mark.django_db


def test_a_new_person_gets_a_row_a_key_identifiers_a_link_and_a_record(webshop: Application) -> None:
    subject, is_new = register_subject(
        application=webshop, identifiers={"email": " Ada@Canary.Example ", "customer_id": "c-1"}, language="en",
        country="de", birth_date="1990-01-31",
    )  # fmt: skip
    assert is_new
    assert (subject.language, subject.country) == ("en", "DE")
    assert selectors.birth_date_of(subject) == "1990-01-31"
    assert DataKey.objects.filter(owner=subject.pk).count() == 1
    assert selectors.identifiers_of(webshop, subject) == ["customer_id", "email"]
    assert selectors.reference_for(webshop, subject) == "c-1"
    assert selectors.email_of(subject) == "ada@canary.example"
    event = AuditEvent.objects.get(action="subject.created")
    assert (event.subject, event.actor) == (subject.pseudonym, "application:webshop")
    assert event.details == {"application": "webshop", "kinds": ["customer_id", "email"]}


def test_the_same_identifiers_are_the_same_person_however_they_are_written(webshop: Application, ada: Subject) -> None:
    again, is_new = register_subject(application=webshop, identifiers={"email": "ADA@canary.EXAMPLE"})
    assert (again.pk, is_new) == (ada.pk, False)
    assert Subject.objects.count() == 1
    assert AuditEvent.objects.get(action="subject.identified").details["kinds"] == []


def test_a_new_kind_of_identifier_is_added_to_the_known_person(webshop: Application, ada: Subject) -> None:
    again, is_new = register_subject(
        application=webshop, identifiers={"customer_id": "c-4711", "phone": "+49 30 123456"}
    )
    assert (again.pk, is_new) == (ada.pk, False)
    assert selectors.identifiers_of(webshop, ada) == ["customer_id", "email", "phone"]
    assert selectors.find_subject(application=webshop, kind="phone", value="+4930123456") == ada


def test_identifiers_of_two_people_are_a_conflict_and_nothing_changes(webshop: Application, ada: Subject) -> None:
    register_subject(application=webshop, identifiers={"email": "bob@canary.example"})
    with pytest.raises(WrongState, match="identifier_conflict"):
        register_subject(application=webshop, identifiers={"email": "bob@canary.example", "customer_id": "c-4711"})
    assert Identifier.objects.count() == 3


def test_a_second_identifier_of_a_kind_held_is_a_conflict_and_not_added(webshop: Application, ada: Subject) -> None:
    with pytest.raises(WrongState, match="identifier_conflict"):
        register_subject(application=webshop, identifiers={"customer_id": "c-4711", "email": "mallory@canary.example"})
    assert not Identifier.objects.exclude(subject=ada).exists()
    assert Identifier.objects.count() == 2


def test_the_profile_fills_what_is_empty_and_replaces_nothing(webshop: Application) -> None:
    who = {"email": "ada@canary.example"}
    register_subject(application=webshop, identifiers=who, language="en")
    register_subject(application=webshop, identifiers=who, language="fr", country="FR", birth_date=date(1990, 1, 31))
    subject, _ = register_subject(application=webshop, identifiers=who, country="DE", birth_date=date(1999, 9, 9))
    subject.refresh_from_db()
    assert (subject.language, subject.country) == ("en", "FR")
    assert selectors.birth_date_of(subject) == "1990-01-31"


def test_customer_numbers_belong_to_one_application(webshop: Application, bakery: Application) -> None:
    first, _ = register_subject(application=webshop, identifiers={"customer_id": "7"})
    second, is_new = register_subject(application=bakery, identifiers={"customer_id": "7"})
    assert is_new
    assert first.pk != second.pk


def test_another_application_is_linked_by_the_e_mail_address(bakery: Application, ada: Subject) -> None:
    with pytest.raises(Missing):
        selectors.find_subject(application=bakery, kind="email", value="ada@canary.example")
    same, is_new = register_subject(application=bakery, identifiers={"email": "ada@canary.example"})
    assert (same.pk, is_new) == (ada.pk, False)
    assert ApplicationLink.objects.filter(subject=ada).count() == 2
    assert selectors.identifiers_of(bakery, ada) == ["email"]
    assert selectors.reference_for(bakery, ada) is None


def test_after_an_erasure_the_same_identifiers_make_a_new_person(webshop: Application, ada: Subject) -> None:
    assert mark_erased(subject=ada, actor="system:worker")
    assert not mark_erased(subject=ada, actor="system:worker")
    again, is_new = register_subject(
        application=webshop, identifiers={"email": "ada@canary.example", "customer_id": "c-4711"}
    )
    assert is_new
    assert again.pk != ada.pk
    old = lock_subject(ada.pk)
    assert (old.language, old.country, old.birth_date_sealed) == ("", "", None)
    assert AuditEvent.objects.filter(action="subject.erased", subject=ada.pseudonym).count() == 1


@pytest.mark.parametrize(
    ("identifiers", "pointer"),
    [
        ({}, "/identifiers"),
        ({"email": "no address"}, "/identifiers/email"),
        ({"email": "a@b.example", "phone": "030 1234"}, "/identifiers/phone"),
        ({"customer_id": "  "}, "/identifiers/customer_id"),
        ({"customer_id": "x" * 129}, "/identifiers/customer_id"),
        ({"customer_id": "a\x00b"}, "/identifiers/customer_id"),
        ({"customer_id": "\ud800"}, "/identifiers/customer_id"),
    ],
)
def test_what_cannot_be_an_identifier_is_named_by_its_pointer(
    webshop: Application, identifiers: dict[str, str], pointer: str
) -> None:
    with pytest.raises(Invalid) as refused:
        register_subject(application=webshop, identifiers=identifiers)
    assert (refused.value.code, refused.value.status) == ("invalid_value", 422)
    assert [flaw.pointer for flaw in refused.value.errors] == [pointer]
    assert not any(value and value in str(flaw) for flaw in refused.value.errors for value in identifiers.values())
    assert not Subject.objects.exists()


def test_an_unknown_kind_is_an_unknown_member(webshop: Application) -> None:
    with pytest.raises(Invalid) as refused:
        register_subject(application=webshop, identifiers={"passport": "X1", "email": "a@b.example"})
    assert (refused.value.code, refused.value.status) == ("unknown_member", 400)
    assert refused.value.errors[0].pointer == "/identifiers/passport"


@pytest.mark.parametrize(
    ("name", "value"),
    [("language", "DEUTSCH"), ("country", "XX"), ("birth_date", "31.1.1990"), ("birth_date", "2999-01-01")],
)
def test_a_profile_that_does_not_fit_is_refused(webshop: Application, name: str, value: str) -> None:
    with pytest.raises(Invalid) as refused:
        register_subject(application=webshop, identifiers={"email": "a@b.example"}, **{name: value})  # type: ignore[arg-type]
    assert [flaw.pointer for flaw in refused.value.errors] == [f"/{name}"]
    assert refused.value.status == 422


@pytest.mark.parametrize("tag", ["de", "de-AT", "zh-Hant-TW", "es-419", "sl-rozaj-biske", "de-CH-1901", "en-x-plain"])
def test_any_language_tag_of_rfc_5646_is_taken_as_it_was_given(webshop: Application, tag: str) -> None:
    subject, _ = register_subject(application=webshop, identifiers={"email": "a@b.example"}, language=tag)
    subject.refresh_from_db()
    assert subject.language == tag


@pytest.mark.parametrize("tag", ["d", "de_AT", "de-", "zh-Hant-TW-", "en-x-" + "a-" * 20 + "b", "de\n"])
def test_what_is_no_language_tag_is_refused(webshop: Application, tag: str) -> None:
    with pytest.raises(Invalid):
        register_subject(application=webshop, identifiers={"email": "a@b.example"}, language=tag)
