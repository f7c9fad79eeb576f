"""The progress of a request tells itself where there is a script, and by a link where there is none."""

import hashlib
from pathlib import Path
from typing import Any

from django.conf import settings

from access.models import AccountSession
from erasure.models import RightsRequest
from tests.browser.conftest import Visit
from tests.browser.test_accessibility import Axe, wrong_here
from tests.erasure.people import run_all

HTMX = Path(settings.BASE_DIR) / "static" / "vendor" / "htmx.min.js"
SHA256 = "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717"
"""Of dist/htmx.min.js in the package htmx.org 2.0.11."""
POLL = 4_000
HIDDEN = "hidden => Object.defineProperty(document, 'hidden', {get: () => hidden, configurable: true})"
"""As in a window behind another: a headless browser always shows its page."""


def under_way(person: Any) -> RightsRequest:
    row = RightsRequest.objects.get(subject=person.subject, right="access")
    assert row.state == "in_progress"
    return row


def test_what_is_vendored_is_what_was_published() -> None:
    assert hashlib.sha256(HTMX.read_bytes()).hexdigest() == SHA256
    assert "2.0.11" in (HTMX.parent / "README.md").read_text("utf-8")


def test_it_goes_on_by_itself_and_takes_nothing_from_the_reader(visit: Visit, axe: Axe, full: Any) -> None:
    row, page = under_way(full), visit(full)
    statuses: list[int] = []
    page.clock.install()
    page.on("response", lambda answer: statuses.append(answer.status) if "hx-request" in answer.request.headers else 0)
    page.goto(f"/requests/{row.id}")
    page.evaluate("window.same = true")
    message, link, said = page.locator("textarea").first, page.locator("#look-again"), page.locator("#progress-said")
    message.fill("Half a sen")
    page.evaluate(HIDDEN, True)
    page.clock.run_for(3 * POLL)
    page.evaluate(HIDDEN, False)
    with page.expect_response(lambda answer: answer.status == 304):
        page.clock.run_for(POLL)
    assert len(statuses) == 1, "a page that nobody sees asks for nothing"
    assert said.inner_text() == "", "what is as it was is not announced"
    link.focus()
    run_all(row)
    page.clock.run_for(POLL)
    page.locator("#progress").get_by_text("Completed").wait_for()
    assert page.evaluate("window.same") and message.input_value() == "Half a sen"
    assert page.evaluate("document.activeElement.id") == "look-again"
    assert said.get_attribute("role") == "status" and "Completed. Steps behind us: " in said.inner_text()
    steps = page.locator("#progress-steps")
    assert steps.get_by_text("Done").count() >= 1 and steps.get_by_text("To do").count() == 0
    assert wrong_here(page, axe) == []
    asked = len(statuses)
    page.clock.run_for(3 * POLL)
    assert len(statuses) == asked == 2, "it asks no more"
    link.click()
    page.get_by_role("heading", name="Your copy is ready").wait_for()
    assert page.locator("script[src*='htmx']").count() == 0, "nothing is left to tell"


def test_the_link_looks_again_in_place_and_a_sign_in_that_ended_is_told(visit: Visit, full: Any) -> None:
    row, page = under_way(full), visit(full)
    page.clock.install()
    page.goto(f"/requests/{row.id}")
    page.evaluate("window.same = true")
    page.get_by_role("link", name="Look again how far it is").click()
    page.locator("#progress-said").get_by_text("Under way. Steps behind us: ").wait_for(state="attached")
    AccountSession.objects.all().delete()
    page.clock.run_for(POLL)
    page.get_by_text("You are no longer signed in.").wait_for()
    assert page.evaluate("window.same")
    assert page.locator("#progress").count() == page.locator("[type=password]").count() == 0


def test_without_a_script_the_link_loads_the_page(visit: Visit, full: Any) -> None:
    row, page = under_way(full), visit(full, script=False)
    page.goto(f"/requests/{row.id}")
    run_all(row)
    page.get_by_role("link", name="Look again how far it is").click()
    page.get_by_role("heading", name="Your copy is ready").wait_for()
    assert page.locator("#progress").inner_text().strip() == "Completed"
    assert b"htmx" not in full.browser().get("/").content, "only this page loads it"
