"""What people do in the browser, by the words they read: sign up, sign in, answer, ask."""

import re
from collections.abc import Callable

from playwright.sync_api import Locator, Page

from tests.journey.people import Authenticator

Mailed = Callable[[str], str]
"""(address) -> the six digits of the newest mail to it."""
PASSWORD = "four calm words here"


def button(page: Page, words: str) -> Locator:
    """The first button whose words begin so, those for assistive technology included."""
    return page.locator("button").filter(has_text=re.compile(rf"^\s*{re.escape(words)}")).first


def press(page: Page, words: str) -> None:
    """The button is pressed, and the page that follows has come."""
    with page.expect_navigation(wait_until="load"):
        button(page, words).click()


def ask_for_code(page: Page, email: str) -> None:
    """The first step of signing up: the address."""
    page.goto("/signup")
    page.get_by_label("E-mail address").fill(email)
    press(page, "Send me a code")


def prove_address(page: Page, code: str) -> None:
    """The second step: the code from the mail."""
    page.get_by_label("Code").fill(code)
    press(page, "Continue")


def choose_password(page: Page, password: str) -> None:
    """The third step: a password."""
    page.get_by_label("New password").fill(password)
    press(page, "Create my account")


def enrol(page: Page) -> Authenticator:
    """The fourth step: the authenticator, by the secret that stands on the page as text."""
    authenticator = Authenticator(page.locator(".secret").inner_text().replace(" ", ""))
    page.get_by_label("One-time code").fill(authenticator.code())
    press(page, "Confirm the authenticator")
    return authenticator


def sign_up(page: Page, email: str, password: str, mailed: Mailed) -> Authenticator:
    """Signed up and in, past the recovery codes, on the front page."""
    ask_for_code(page, email)
    prove_address(page, mailed(email))
    choose_password(page, password)
    authenticator = enrol(page)
    page.get_by_role("link", name="I have kept them").click()
    return authenticator


def sign_in(page: Page, email: str, password: str, authenticator: Authenticator) -> None:
    """Signed in with both factors."""
    page.goto("/login")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    press(page, "Sign in")
    page.get_by_label("One-time code").fill(authenticator.code())
    press(page, "Sign in")
