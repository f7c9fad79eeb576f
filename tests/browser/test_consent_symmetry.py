"""A no is as near as a yes: the same clicks, fields and pages, the same size and colours (Art. 4(11), 7(3))."""

import re
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.core import mail
from playwright.sync_api import Locator, Page

from consent.models import ConsentEvent, Purpose
from consent.services.standing import state_of
from tests.audit.tools import behind_the_triggers
from tests.browser import visitors
from tests.browser.chromium import DESKTOP, PHONE
from tests.browser.conftest import Visit
from tests.plugins.exhaustive import in_turn

LOOKS = ("color", "backgroundColor", "borderTopColor", "fontSize", "fontWeight", "textDecorationLine", "opacity")
LINK = re.compile(r"https?://[^/\s]+(/confirmation/\S+)")
FIELDS = "main :is(input:not([type=hidden]), select, textarea)"


@dataclass
class Effort:
    """What an answer costs: presses, fields that had to be filled, pages that were loaded on the way."""

    clicks: int = 0
    fields: int = 0
    pages: set[str] = field(default_factory=set)

    def no_more_than(self, other: "Effort") -> bool:
        return self.clicks <= other.clicks and self.fields <= other.fields and len(self.pages) <= len(other.pages)


def effort(page: Page, subject: Any, purpose: str, wanted: str, *words: str) -> Effort:
    """From the page of consents until the state stands: each press of the words that fit where one is."""
    cost = Effort()
    page.goto("/consent")
    while state_of(subject, purpose) != wanted:
        assert cost.clicks < 5, f"{purpose} never becomes {wanted}"
        cost.pages.add(page.url)
        cost.fields += page.locator(FIELDS).count()
        visitors.press(page, next(each for each in words if visitors.button(page, each).count()))
        cost.clicks += 1
    return cost


@pytest.mark.parametrize(
    ("purpose", "title", "script"),
    in_turn(
        ("newsletter", "Newsletter", True),
        ("health_programme", "Health programme", False),
        ("newsletter", "Newsletter", False),
        ("health_programme", "Health programme", True),
        of=2,
    ),
)
def test_withdrawing_costs_no_more_than_giving(
    visit: Visit, catalogue: None, alice: Any, purpose: str, title: str, script: bool
) -> None:
    page = visit(alice, script=script)
    giving = effort(page, alice.subject, purpose, "given", "Yes, I explicitly consent", f"Give consent: {title}")
    withdrawing = effort(page, alice.subject, purpose, "withdrawn", f"Withdraw consent: {title}")
    assert withdrawing.no_more_than(giving), (giving, withdrawing)
    assert withdrawing.clicks == 1 and withdrawing.fields == giving.fields == 0


def looks(button: Locator) -> tuple[Any, ...]:
    """Width, height and every computed style by which one button could stand out."""
    box = button.bounding_box()
    assert box is not None
    style = button.evaluate("(each, names) => names.map(name => getComputedStyle(each)[name])", list(LOOKS))
    return (round(box["width"]), round(box["height"]), *style)


@pytest.mark.parametrize(
    ("width", "dark"),
    in_turn((PHONE, False), (DESKTOP, True), (PHONE, True), (DESKTOP, False), of=2),
)
def test_yes_and_no_look_the_same(visit: Visit, catalogue: None, alice: Any, width: int, dark: bool) -> None:
    page = visit(alice, width=width, dark=dark)
    page.goto("/consent")
    for yes, no in (("Accept all", "Reject all"), ("Give consent: Newsletter", "Refuse: Newsletter")):
        one, other = visitors.button(page, yes), visitors.button(page, no)
        assert looks(one) == looks(other), (yes, no)
        assert one.get_attribute("class") == other.get_attribute("class")
    distinct = looks(page.locator("main .button").first)
    page.locator("main .button").first.evaluate("each => { each.className = 'button' }")
    assert looks(page.locator("main .button").first) != distinct, "the measure sees no difference"


def test_one_press_answers_everything_and_one_takes_it_back(visit: Visit, catalogue: None, alice: Any) -> None:
    page = visit(alice)
    page.goto("/consent")
    visitors.press(page, "Accept all")
    assert state_of(alice.subject, "newsletter") == "given"
    assert state_of(alice.subject, "health_programme") == "never_asked"
    visitors.press(page, "Reject all")
    assert state_of(alice.subject, "newsletter") == "withdrawn"
    assert state_of(alice.subject, "health_programme") == "refused"
    assert not visitors.button(page, "Accept all").count(), "a refusal is remembered"
    assert ConsentEvent.objects.count() == 3


def test_the_page_behind_a_mailed_link_acts_on_the_button_alone(
    visit: Visit, catalogue: None, alice: Any, axe: Any
) -> None:
    with behind_the_triggers():
        Purpose.objects.filter(slug="newsletter").update(double_opt_in=True)
    page = visit(alice)
    page.goto("/consent")
    visitors.press(page, "Give consent: Newsletter")
    assert page.get_by_text("Waiting for your confirmation by mail").count()
    assert axe(page) == []
    found = LINK.search(str(mail.outbox[-1].body))
    assert found
    stranger = visit(None)
    stranger.goto(found[1])
    assert axe(stranger) == [] and state_of(alice.subject, "newsletter") == "pending"
    visitors.press(stranger, "Yes, I confirm my consent")
    assert axe(stranger) == [] and state_of(alice.subject, "newsletter") == "given"
    stranger.goto(found[1])
    assert stranger.get_by_role("heading", level=1).inner_text() == "This link is no longer valid"
    assert axe(stranger) == []
