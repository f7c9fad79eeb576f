"""axe-core finds nothing, on every page of the portal in every state people meet it in (WCAG 2.2 AA)."""

import os
import re
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from django.conf import settings
from django.template.loader import render_to_string
from playwright.sync_api import Page, Route

from tests.browser import visitors
from tests.browser.chromium import DESKTOP, PHONE, ZOOMED
from tests.browser.conftest import Visit
from tests.plugins.exhaustive import in_turn

Axe = Callable[[Page], list[str]]
PORTAL = ("/", "/data", "/consent", "/sharing", "/requests", "/activity", "/security", "/signup/passkey")
ASKING = tuple(f"/requests/new/{right}" for right in ("access", "erasure", "objection", "restriction", "human_review"))
SIGNED_OUT = (
    "/", "/privacy", "/login", "/lost-factor", "/lost-factor/sent", "/signup", "/password-reset", "/request",
    "/request/verify", "/nowhere",
)  # fmt: skip
ERRORS = ("400", "403", "404", "405", "409", "410", "429", "500", "503", "csrf")
NO_SIDEWAYS = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
MORE = pytest.mark.exhaustive


def found(page: Page, axe: Axe, paths: Iterable[str]) -> list[str]:
    """What axe-core finds on these pages, and pages one has to scroll sideways."""
    wrong = []
    for path in paths:
        page.goto(path)
        wrong += wrong_here(page, axe)
    return wrong


def too_wide(page: Page, paths: Iterable[str]) -> list[str]:
    """Pages one has to scroll sideways: longer words alone do that, so that axe-core need not look again."""
    wide = []
    for path in paths:
        page.goto(path)
        wide += [] if page.evaluate(NO_SIDEWAYS) else [path]
    return wide


def wrong_here(page: Page, axe: Axe) -> list[str]:
    """What is wrong with the page as it stands; a picture of it goes to the folder PICTURES names, if it names one.

    A press of a link only waits until the next page begins: there may be nothing of it yet.
    """
    page.wait_for_load_state()
    if folder := os.environ.get("PICTURES"):
        name = re.sub(r"[^a-z0-9]+", "-", page.url.split("/", 3)[3].lower()).strip("-") or "home"
        size = page.viewport_size or {}
        dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
        theme = "dark" if dark else "light"
        page.screenshot(path=f"{folder}/{name[:80]}-{size.get('width')}-{theme}.png", full_page=True)
    wide = [] if page.evaluate(NO_SIDEWAYS) else [f"{page.url} is wider than the window"]
    return axe(page) + wide


@pytest.mark.parametrize("dark", in_turn(False, True, of=2), ids=["light", "dark"])
def test_signed_out(visit: Visit, axe: Axe, dark: bool) -> None:
    assert found(visit(dark=dark), axe, SIGNED_OUT) == []


def test_of_somebody_of_whom_nothing_is_held(visit: Visit, axe: Axe, catalogue: None, bob: Any) -> None:
    assert found(visit(bob, width=PHONE), axe, PORTAL + ASKING) == []


@pytest.mark.parametrize(("width", "dark"), in_turn((DESKTOP, False), (PHONE, True), (ZOOMED, False)))
def test_of_somebody_with_everything(visit: Visit, axe: Axe, full: Any, width: int, dark: bool) -> None:
    from consent.services.standing import history_of
    from erasure.selectors import requests_of_account

    own = [f"/requests/{row.id}" for row in requests_of_account(full.account)]
    own += [f"/consent/receipts/{row.event}" for row in history_of(full.subject)[:1]]
    assert len(own) == 4
    assert found(visit(full, width=width, dark=dark), axe, [*PORTAL, *ASKING, *own]) == []


@pytest.mark.parametrize("language", in_turn("de", "fr", of=2))
def test_in_the_other_languages_at_four_hundred_per_cent(visit: Visit, axe: Axe, full: Any, language: str) -> None:
    full.account.language = language
    full.account.save(update_fields=["language"])
    page = visit(full, width=ZOOMED, language=language)
    assert found(page, axe, PORTAL) == []
    assert page.locator("html").get_attribute("lang") == language


def test_values_shown_on_a_phone(visit: Visit, axe: Axe, full: Any) -> None:
    page = visit(full, width=ZOOMED)
    page.goto("/data")
    visitors.press(page, "Show the values")
    assert page.get_by_text("Trostburg").count() == 1
    assert axe(page) == [] and page.evaluate(NO_SIDEWAYS)


def test_forms_that_were_refused(visit: Visit, axe: Axe, bob: Any) -> None:
    page = visit()
    for path, label, words in (("/login", "E-mail", "Sign in"), ("/signup", "E-mail", "Send me a code")):
        page.goto(path)
        page.locator("form").evaluate_all("forms => forms.forEach(form => form.noValidate = true)")
        page.get_by_label(label).fill("not an address")
        page.locator("main button").filter(has_text=words).first.click()
        page.wait_for_load_state()
        assert page.get_by_role("alert").count() >= 1
        assert page.locator("[aria-invalid=true]").count() >= 1
        assert axe(page) == []


def test_pages_of_errors(visit: Visit, axe: Axe) -> None:
    page = visit(width=PHONE)

    def show(route: Route) -> None:
        name = route.request.url.rpartition("/")[2]
        html = render_to_string(f"errors/{name}.html", {"controller": settings.CONTROLLER})
        route.fulfill(body=html, content_type="text/html")

    page.route("**/shown/*", show)
    for name in ERRORS:
        page.goto(f"/shown/{name}")
        assert axe(page) == []


def test_the_page_of_an_archive(visit: Visit, axe: Axe, full: Any) -> None:
    from erasure.archives import files
    from erasure.archives.content import content
    from erasure.archives.readable import Reader
    from erasure.selectors import requests_of_account

    body = content(requests_of_account(full.account).get(right="access"), language="en")
    html = files.page(body, Reader("en")).decode()
    for code in ("family_name", "customer_id", "+00:00", "['", "updated_at"):
        assert code not in html
    for words in ("Family name", "Orders and delivery", "Acme Mailings GmbH", "You switched sharing on"):
        assert words in html
    page = visit(width=ZOOMED)
    page.route("**/shown", lambda route: route.fulfill(body=html, content_type="text/html"))
    page.goto("/shown")
    assert axe(page) == [] and page.evaluate(NO_SIDEWAYS)
