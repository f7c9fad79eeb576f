"""The way back for lost factors as people meet it: with script and without, on a phone, at the desk."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core import mail
from django.utils import timezone
from playwright.sync_api import expect

from access.models import Account, FactorReset
from tests.browser import visitors
from tests.browser.chromium import DESKTOP, PHONE, TABLET
from tests.browser.conftest import Visit
from tests.browser.test_accessibility import Axe, wrong_here
from tests.plugins.exhaustive import in_turn

LINK = re.compile(r"https?://\S+/lost-factor/\S+")


def link_to(address: str) -> str:
    message = next(each for each in reversed(mail.outbox) if address in each.to and LINK.search(str(each.body)))
    found = LINK.search(str(message.body))
    assert found
    return urlsplit(found[0]).path


def end_waiting() -> None:
    FactorReset.objects.exclude(due_at=None).update(due_at=timezone.now())


@pytest.mark.parametrize(("width", "script"), in_turn((PHONE, False), (TABLET, True), (DESKTOP, True)))
def test_from_the_sign_in_page_to_new_recovery_codes(
    visit: Visit, axe: Axe, catalogue: None, alice: Any, width: int, script: bool
) -> None:
    page, wrong = visit(width=width, script=script), []
    look: Callable[[], None] = lambda: wrong.extend(wrong_here(page, axe) if script else [])  # noqa: E731
    page.goto("/login")
    page.get_by_role("link", name="Lost every second factor?").click()
    page.get_by_label("E-mail address").fill(alice.email)
    look()
    visitors.press(page, "Send me a link")
    expect(page.get_by_role("heading", level=1)).to_have_text("Check your mailbox")
    look()
    page.goto(link_to(alice.email))
    look()
    visitors.press(page, "Begin the waiting period")
    expect(page.get_by_text("The waiting period runs until")).to_be_visible()
    assert page.get_by_label("Password").count() == 0
    look()
    end_waiting()
    page.goto(link_to(alice.email))
    look()
    page.get_by_label("Password", exact=True).fill(alice.password)
    visitors.press(page, "Go on to the new second factor")
    visitors.enrol(page)
    assert page.locator(".codes li").count() == 10
    page.get_by_role("link", name="I have kept them").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your data at a glance")
    page.goto(link_to(alice.email))
    expect(page.get_by_role("heading", level=1)).to_have_text("This link is no longer valid")
    look()
    assert wrong == []


@pytest.mark.parametrize("width", in_turn(PHONE, DESKTOP, of=2))
def test_whoever_is_signed_in_ends_it_with_one_press(
    visit: Visit, axe: Axe, catalogue: None, alice: Any, width: int
) -> None:
    from access.services import lost_factor

    lost_factor.ask(email=alice.email, language="en", where="here")
    reset = FactorReset.objects.get()
    lost_factor.begin(reset_id=reset.pk, token=link_to(alice.email).rsplit("/", 1)[1])
    page = visit(alice, width=width)
    for path in ("/", "/data", "/security"):
        page.goto(path)
        assert wrong_here(page, axe) == []
        expect(visitors.button(page, "This was not me: end it")).to_be_visible()
    visitors.press(page, "This was not me: end it")
    expect(page.get_by_text("It is ended.")).to_be_visible()
    assert not FactorReset.objects.exists()
    assert Account.objects.get(pk=alice.account.pk).factor_reset_due_at is None


def test_two_desks_agree(visit: Visit, axe: Axe, catalogue: None, olga: Any, rita: Any, quentin: Any) -> None:
    for person in (olga, rita):
        page = visit(person)
        page.goto("/admin/")
        page.get_by_role("link", name="Accounts").first.click()
        if person is olga:  # for rita there is nothing else under Accounts
            page.get_by_role("link", name="Lost second factors").click()
        assert wrong_here(page, axe) == []
        row = page.get_by_role("row").filter(has_text=str(quentin.account))
        with page.expect_navigation():
            row.get_by_role("button").click()
        assert wrong_here(page, axe) == []
    expect(page.get_by_text("Both have agreed")).to_be_visible()
    assert link_to(quentin.email)
