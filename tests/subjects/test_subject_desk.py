"""The desk's list of people: pseudonyms for operators, nothing else, and no page of one person."""

from typing import Any

import pytest

pytestmark = pytest.mark.django_db
LIST = "/admin/subjects/subject/"


def test_operators_see_pseudonyms_and_no_other_id(alice: Any, bob: Any, olga: Any) -> None:
    page = olga.browser().get(LIST).content.decode()
    for person in (alice, bob):
        assert str(person.subject.pseudonym) in page
        assert str(person.subject.pk) not in page
        assert person.email not in page


def test_one_person_has_no_page_and_cannot_be_changed(alice: Any, olga: Any) -> None:
    browser = olga.browser()
    for part in ("change/", "history/", "delete/"):
        for method in (browser.get, browser.post):
            answer = method(f"{LIST}{alice.subject.pk}/{part}")
            assert answer.status_code in {302, 403, 404}
            assert str(alice.subject.pseudonym) not in answer.content.decode()
    alice.subject.refresh_from_db()


def test_reviewers_of_the_catalogue_do_not_see_people(alice: Any, rita: Any, quentin: Any) -> None:
    for staff in (rita, quentin):
        assert staff.browser().get(LIST).status_code == 403
