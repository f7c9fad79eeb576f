"""The page of who answers for a place run by hand: outside the sign-in, in three languages, by keyboard, with axe."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core import mail
from playwright.sync_api import Page

from access import roles
from erasure.models import SourceAnswer
from erasure.services import places
from tests.browser.chromium import DESKTOP, PHONE, ZOOMED
from tests.browser.conftest import Visit
from tests.browser.test_accessibility import found, wrong_here
from tests.conftest import Person, make_staff
from tests.erasure.people import file, store
from tests.plugins.exhaustive import in_turn

Axe = Callable[[Page], list[str]]
LINK = re.compile(r"https?://[^/\s]+(/request/place/\S+)")
KEEPER = places.Respondent("Karla Keeper", "keeper@paper.example")
WORDS = {
    "en": ("Open the request", "It cannot be done", "Send the answer", "Thank you, your answer has arrived"),
    "de": ("Die Anfrage öffnen", "Es geht nicht", "Die Antwort senden", "Danke, Ihre Antwort ist angekommen"),
    "fr": ("Ouvrir la demande", "C’est impossible", "Envoyer la réponse", "Merci, votre réponse est arrivée"),
}


@pytest.fixture
def asked(catalogue: None, alice: Person, rita: Person, shop: Any) -> Callable[[str], str]:
    """`asked("de")`: the path of the link that was mailed to somebody who reads German."""

    def ask(language: str) -> str:
        petra = make_staff("petra", roles.PRIVACY_OFFICER)
        row = places.declare(
            slug="paper", name="Paper archive", description="", purposes=["orders"], identifiers=["email"],
            respondent=KEEPER, language=language, days=10, by=rita.account,
        )  # fmt: skip
        places.approve(place_id=row.id, by=petra.account)
        store(shop, alice.subject, "orders", given_name="Alice")
        file(alice.subject, "access")
        body = str(next(each for each in reversed(mail.outbox) if KEEPER.email in each.to).body)
        matched = LINK.search(body)
        assert matched, body
        return matched[1]

    return ask


@pytest.mark.parametrize(
    ("language", "width", "dark"), in_turn(("en", DESKTOP, False), ("de", PHONE, True), ("fr", ZOOMED, False))
)
def test_the_page_outside_from_the_mail_to_the_thanks(
    visit: Visit, axe: Axe, asked: Callable[[str], str], language: str, width: int, dark: bool
) -> None:
    path = asked(language)
    first, cannot, send, thanks = WORDS[language]
    page = visit(width=width, dark=dark)
    assert found(page, axe, [path]) == []
    assert page.locator("html").get_attribute("lang") == language
    press(page, first)
    assert path.rpartition("/")[2] not in page.url
    assert wrong_here(page, axe) == []
    page.get_by_role("radio", name=cannot).check()
    press(page, send)
    assert wrong_here(page, axe) == [] and SourceAnswer.objects.count() == 0, "it asks why"
    page.locator("[name=reason]").select_option("not_found")
    press(page, send)
    assert page.get_by_role("heading", level=1).inner_text() == thanks
    assert wrong_here(page, axe) == []
    assert SourceAnswer.objects.get().reason == "not_found"
    other = visit(width=width, dark=dark)
    assert found(other, axe, [path]) == [], "the link is dead by now"


def press(page: Page, name: str) -> None:
    """The button is reached and pressed by keyboard alone."""
    page.get_by_role("button", name=name, exact=True).focus()
    with page.expect_navigation():
        page.keyboard.press("Enter")


def test_the_desk_declares_and_answers(visit: Visit, axe: Axe, asked: Callable[[str], str], rita: Person) -> None:
    asked("en")
    page = visit(rita)
    assert found(page, axe, ["/admin/erasure/manualplace/", "/admin/erasure/manualplace/add/"]) == []
    assert found(page, axe, ["/admin/erasure/placetask/"]) == []
    page.locator("#result_list a").first.click()
    assert wrong_here(page, axe) == []
