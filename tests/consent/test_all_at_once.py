"""One click on every question writes an event for each; special categories take an explicit yes (Art. 6(1), 9(2))."""

from typing import Any

import pytest

from consent.models import ConsentEvent
from consent.services.standing import state_of
from tests.consent.people import answer, wording
from tests.consent.test_consent_pages import Forms

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]


def lines(*purposes: str) -> list[str]:
    seen = {slug: wording(slug) for slug in purposes}
    return [f"{slug}|{text.version}|{text.language}|{text.digest}" for slug, text in seen.items()]


def press(person: Any, act: str, shown: list[str] | None = None) -> str:
    given = {"action": act, "shown": lines("newsletter", "health_programme") if shown is None else shown}
    page: str = person.browser().post("/consent/all", given, follow=True).content.decode()
    return page


def test_yes_to_all_is_an_event_a_purpose_without_special_categories(alice: Any, audit_log: Any) -> None:
    page = alice.browser().get("/consent").content.decode()
    offered = next(form for form in Forms(page).forms if form["action"] == "/consent/all")
    assert offered["buttons"] == ["accept_all", "reject_all"]
    assert "You gave consent" in press(alice, "accept_all")
    event = ConsentEvent.objects.get()
    seen = wording()
    assert (event.purpose, event.action, event.explicit, event.notice_digest) == (
        "newsletter", "give", False, seen.digest
    )  # fmt: skip
    assert state_of(alice.subject, "health_programme") == "never_asked"
    assert len(audit_log("consent.given")) == 1


def test_no_to_all_refuses_and_withdraws_each(alice: Any) -> None:
    answer(alice.subject, "give", "health_programme", explicit=True)
    press(alice, "reject_all")
    assert state_of(alice.subject, "newsletter") == "refused"
    assert state_of(alice.subject, "health_programme") == "withdrawn"
    assert ConsentEvent.objects.count() == 3
    assert "Nothing has changed" in press(alice, "reject_all")
    assert ConsentEvent.objects.count() == 3


def test_a_refusal_is_not_overrun_by_yes_to_all(alice: Any) -> None:
    answer(alice.subject, "refuse")
    press(alice, "accept_all")
    assert state_of(alice.subject, "newsletter") == "refused"


def test_what_was_not_shown_is_not_answered(alice: Any) -> None:
    for shown in ([], ["newsletter"], ["newsletter|1|en"], ["newsletter|x|en|sha256:0"]):
        press(alice, "accept_all", shown)
        press(alice, "reject_all", shown)
    assert not ConsentEvent.objects.exists()


def test_an_outdated_wording_stops_all_or_nothing(alice: Any) -> None:
    shown = [line.rpartition("|")[0] + "|sha256:" + "0" * 64 for line in lines("newsletter")]
    assert "wording has changed" in press(alice, "accept_all", shown)
    assert not ConsentEvent.objects.exists()


def test_other_acts_and_other_people_are_refused(alice: Any, rita: Any) -> None:
    assert alice.browser().post("/consent/all", {"action": "give"}).status_code == 400
    assert rita.browser().post("/consent/all", {"action": "accept_all"}).status_code == 400
    assert alice.browser().get("/consent/all").status_code == 405
