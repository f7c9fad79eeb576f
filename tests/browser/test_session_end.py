"""Whoever writes for an hour is not signed out, and whoever stops is warned (WCAG 2.2, 2.2.1); at the desk as well."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from access.models import AccountSession
from tests.browser.conftest import Visit
from tests.browser.test_accessibility import wrong_here
from tests.conftest import Person

IDLE = settings.SESSION_IDLE_SECONDS
WARNED, LAST, OVER = (
    "In five minutes you are signed out",
    "In five minutes you have to sign in anew",
    "You are signed out.",
)


def unused_for(**time: float) -> None:
    AccountSession.objects.update(last_used_at=timezone.now() - timedelta(**time))


def last_used() -> Any:
    return AccountSession.objects.latest("last_used_at").last_used_at


def settle(page: Any) -> None:
    """What the page was answered it has understood."""
    page.evaluate("async () => { await (await fetch('/livez')).text() }")


@pytest.fixture
def page(visit: Visit, full: Any) -> Any:
    page = visit(full)
    page.clock.install()
    page.goto("/requests/new/human_review")
    return page


def test_writing_is_use(page: Any) -> None:
    unused_for(minutes=20)
    page.clock.run_for(6 * 60_000)
    assert last_used() < timezone.now() - timedelta(minutes=10), "a page that is only open is not used"
    page.get_by_label("Reference of the decision").type("My name")
    with page.expect_response("**/stay") as answered:
        page.clock.run_for(60_000)
    assert answered.value.status == 204 and last_used() > timezone.now() - timedelta(minutes=1)


def test_who_stops_writing_is_warned_and_stays_with_one_press(page: Any, axe: str) -> None:
    text = page.get_by_label("Reference of the decision")
    text.type("My name is not")
    with page.expect_response("**/stay"):
        page.clock.run_for(6 * 60_000)
    settle(page)
    warning = page.get_by_role("button", name="Stay signed in")
    minutes = 0
    while not warning.is_visible() and minutes < IDLE // 60:
        page.clock.run_for(60_000)
        minutes += 1
    assert 45 <= minutes <= 55 and WARNED in page.get_by_role("alert").inner_text()
    assert wrong_here(page, axe) == []
    with page.expect_response("**/stay"):
        warning.press("Enter")
    warning.wait_for(state="hidden")
    assert text.input_value() == "My name is not" and text.evaluate("each => each === document.activeElement")


def test_who_was_signed_out_is_told_before_the_words_are_lost(page: Any) -> None:
    page.get_by_label("Reference of the decision").type("My name is not")
    AccountSession.objects.all().delete()
    page.clock.run_for(6 * 60_000)
    page.get_by_text(OVER).wait_for()


def test_the_day_of_a_session_ends_for_who_writes_too(page: Any) -> None:
    reference = page.get_by_label("Reference of the decision")
    reference.type("M")
    with page.expect_response("**/stay"):
        page.clock.fast_forward((settings.SESSION_COOKIE_AGE - 6 * 60) * 1000)
    settle(page)
    reference.type("y")
    assert not page.get_by_text(LAST).is_visible()
    page.clock.run_for(90_000)
    assert page.get_by_text(LAST).is_visible()


def test_a_page_on_which_nobody_wrote_says_nothing(page: Any) -> None:
    page.clock.run_for(2 * IDLE * 1000)
    assert page.get_by_role("alert").count() == 0


def test_the_desk_warns_as_well(visit: Visit, rita: Person) -> None:
    page = visit(rita)
    page.clock.install()
    page.goto("/admin/consent/purpose/add/")
    page.locator("textarea").first.type("We will")
    AccountSession.objects.all().delete()
    page.clock.run_for(6 * 60_000)
    page.get_by_text(OVER).wait_for()


@pytest.mark.django_db
def test_without_scripts_the_page_says_how_long(client: Client, alice: Person) -> None:
    words = "<noscript>.*After 55 minutes without a new page you are signed out"
    assert re.search(words, alice.browser().get("/requests").content.decode())
    page = client.get("/login").content.decode()
    assert "<h1>" in page and not re.search(words, page)
