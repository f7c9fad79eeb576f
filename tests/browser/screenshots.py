"""`python -m tests.browser.screenshots`: pictures of the pages of a running instance, at three widths, light and dark.

RUN_DIR names the instance, as for the journey. The pictures go to artefacts/screenshots/, those of the documentation
(one window, light) also to docs/images/ when DOCS=1. It uses the demo people: alice gives consent, shares and asks.
"""

import io
import json
import os
import subprocess
import sys
import uuid
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.cookiejar import MozillaCookieJar
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from tests.browser import visitors
from tests.browser.chromium import DESKTOP, HEIGHT, PHONE, TABLET, chromium, open_page
from tests.journey.people import Mailbox, demo

TARGET, DOCS = Path("artefacts/screenshots"), Path("docs/images")
WIDTHS = (PHONE, TABLET, DESKTOP)
DOCUMENTED = {
    "home": "front-page",
    "consent": "consent",
    "erasure-plan": "erasure-plan",
    "desk": "desk-start",
    "desk-review_desk": "review-desk",
    "desk-qa_matrix": "access-matrix",
    "desk-qa_conformance_of": "conformance",
    "desk-qa_simulator-answer": "simulator",
    "desk-qa_time_machine-answer": "time-machine",
    "desk-sharing_latency": "sharing-latency",
    "desk-audit_desk": "audit-desk",
}
"""Scene -> picture of the documentation."""
SIGNED_OUT = {"welcome": "/", "login": "/login", "signup": "/signup", "reset": "/password-reset", "ask": "/request"}
PORTAL = {
    "home": "/", "data": "/data", "consent": "/consent", "sharing": "/sharing", "requests": "/requests",
    "activity": "/activity", "security": "/security", "erasure-plan": "/requests/new/erasure",
    "objection": "/requests/new/objection", "restriction": "/requests/new/restriction",
}  # fmt: skip
SHOW = "from tests.browser.states import show; show()"
"""Everything that can stand at the desks is made, and where it is."""
SIMULATED = "?application=shop&purpose=newsletter&answer=withdrawn&sharing=on&recipient=acme"
CLOSED = "document.querySelectorAll('.notice-checks details[open]').forEach((each, at) => at && (each.open = false))"
"""One language is enough for a picture."""


class Album:
    """Takes every picture six times: three widths, light and dark."""

    def __init__(self, browser: Browser, run_dir: str) -> None:
        self.browser, self.demo = browser, demo(run_dir)
        self.base: str = self.demo["web"]
        self.mail = Mailbox(self.demo["mail_dir"])

    def take(self, page: Page, name: str) -> None:
        """The page as it stands, six times."""
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": HEIGHT})
            for theme in ("light", "dark"):
                page.emulate_media(color_scheme=theme)
                page.screenshot(path=TARGET / f"{name}-{width}-{theme}.png", full_page=True, animations="disabled")
        if name in DOCUMENTED and os.environ.get("DOCS"):
            page.set_viewport_size({"width": 1000, "height": 760})
            page.emulate_media(color_scheme="light")
            page.screenshot(path=DOCS / f"{DOCUMENTED[name]}.png", animations="disabled")
        print(f"  {name}", flush=True)

    def tour(self, page: Page, prefix: str, paths: dict[str, str]) -> None:
        """Every path of these, photographed."""
        for name, path in paths.items():
            page.goto(path)
            self.take(page, f"{prefix}{name}")

    @contextmanager
    def person(self, name: str, language: str = "en") -> Iterator[Page]:
        """A page of a signed-in person of the demo, by the development profile's own command."""
        page = open_page(self.browser, self.base, language=language)
        jar = MozillaCookieJar()
        with io.StringIO(self._manage("demo_session", name)) as lines:
            jar._really_load(lines, "cookies", True, True)  # type: ignore[attr-defined]
        cookies: list[Any] = [{"name": each.name, "value": each.value, "url": self.base} for each in jar]
        page.context.add_cookies(cookies)
        yield page
        page.context.close()

    def _manage(self, *arguments: str) -> str:
        command = [*self.demo["manage"], *arguments]
        return subprocess.run(
            command, env=os.environ | self.demo["env"], capture_output=True, text=True, check=True
        ).stdout

    # --- scenes -------------------------------------------------------------------------------------------------
    def signed_out(self) -> None:
        """What everybody sees."""
        page = open_page(self.browser, self.base)
        self.tour(page, "out-", SIGNED_OUT)
        page.goto("/nowhere")
        self.take(page, "out-404")
        page.goto("/login")
        page.get_by_label("E-mail address").fill("nobody@people.example")
        page.get_by_label("Password", exact=True).fill("a wrong password")
        visitors.press(page, "Sign in")
        self.take(page, "out-login-wrong")
        page.goto("/api/docs")
        page.wait_for_selector(".opblock")
        self.take(page, "api-docs")
        page.goto("/api/docs/problems")
        self.take(page, "api-problems")
        page.context.close()

    def sign_up(self) -> None:
        """The steps of signing up, then the portal of somebody of whom nothing is held."""
        page, email = open_page(self.browser, self.base), f"eva.{uuid.uuid4().hex[:8]}@people.example"
        visitors.ask_for_code(page, email)
        self.take(page, "signup-2-code")
        visitors.prove_address(page, self.mail.code(email))
        self.take(page, "signup-3-password")
        visitors.choose_password(page, "a long password of mine")
        self.take(page, "signup-4-authenticator")
        visitors.enrol(page)
        self.take(page, "signup-5-recovery")
        self.tour(page, "empty-", PORTAL)
        page.context.close()

    def full(self) -> None:
        """Alice: consent given, sharing on, a copy asked for and collected."""
        with self.person("alice") as page:
            for path, words in (("/consent", "Give consent: Newsletter"), ("/sharing", "Switch sharing on")):
                page.goto(path)
                if visitors.button(page, words).count():
                    visitors.press(page, words)
            self.tour(page, "", PORTAL)
            page.goto("/requests/new/access")
            visitors.press(page, "Send the request")
            self.take(page, "request-new")
            while not visitors.button(page, "Download my data").count():
                page.wait_for_timeout(500)
                page.reload()
            self.take(page, "request-ready")
            self._archive(page)

    def _archive(self, page: Page) -> None:
        with page.expect_download() as download:
            visitors.button(page, "Download my data").click()
        index = zipfile.ZipFile(download.value.path()).read("index.html").decode()
        shown = open_page(self.browser, self.base, script=False)
        shown.set_content(index)
        self.take(shown, "archive")
        shown.context.close()

    def languages(self) -> None:
        """The pages of alice in German and French."""
        for language in ("de", "fr"):
            with self.person("alice", language) as page:
                self._speak(page, language)
                self.tour(page, f"{language}-", PORTAL)
                self._speak(page, "en")

    def _speak(self, page: Page, language: str) -> None:
        page.goto("/")
        with page.expect_navigation(wait_until="load"):
            page.locator(f".languages button[value={language}]").click()

    def desk(self) -> None:
        """Every page of the desks, as rita sees it, with something on each; what the quality desk answers."""
        shown = json.loads(self._manage("shell", "-v", "0", "-c", SHOW).splitlines()[-1])
        with self.person("rita") as page:
            self._verified(page)
            self.tour(page, "desk", {"": "/admin/"})
            pages = dict(shown["pages"])
            pages["qa_simulator-answer"] = pages["qa_simulator"] + SIMULATED
            for name, path in pages.items():
                answer = page.goto(path)
                if answer and answer.ok:  # some are for other roles
                    self.take(page, f"desk-{name}")
            self._past(page, pages["qa_time_machine"], shown["person"])
            page.goto(pages["notice-in_review"])
            self._differences(page)

    def _verified(self, page: Page) -> None:
        """The log is verified, and a checkpoint taken, so that the desk has something to say."""
        page.goto("/admin/audit/")
        visitors.press(page, "Verify now")
        while page.locator("progress").count():
            page.wait_for_timeout(500)
            page.reload()

    def _past(self, page: Page, path: str, person: str) -> None:
        """A question to the time machine and its answer."""
        page.goto(path)
        page.locator("[name=application]").select_option("shop")
        page.locator("[name=person]").fill(person)
        page.locator("[name=purpose]").select_option("newsletter")
        page.locator("[name=at]").fill(datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S"))
        page.locator("[name=reason]").select_option("complaint")
        with page.expect_navigation(wait_until="load"):
            page.locator("#content-main form button[type=submit]").first.click()
        self.take(page, "desk-qa_time_machine-answer")

    def _differences(self, page: Page) -> None:
        """The part of a review page that says what changed and whom publishing would ask again."""
        if os.environ.get("DOCS"):
            page.evaluate(CLOSED)
            page.emulate_media(color_scheme="light")
            page.set_viewport_size({"width": 1000, "height": HEIGHT})
            box = page.locator(".notice-checks").bounding_box()
            assert box
            clip: Any = box | {"height": min(box["height"], 1100)}
            page.screenshot(path=DOCS / "notice-review.png", clip=clip, full_page=True, animations="disabled")


def main() -> int:
    """Every scene of the album, or those named on the command line."""
    for folder in (TARGET, DOCS):
        folder.mkdir(parents=True, exist_ok=True)
    with chromium() as browser:
        album = Album(browser, os.environ.get("RUN_DIR", ".run"))
        scenes: list[Callable[[], None]] = [
            album.signed_out,
            album.sign_up,
            album.full,
            album.languages,
            album.desk,
        ]
        wanted = [scene for scene in scenes if scene.__name__ in sys.argv[1:]]
        for scene in wanted or scenes:
            print(scene.__doc__)
            scene()
    print(f"{len(list(TARGET.glob('*.png')))} pictures in {TARGET}/")
    return 0


if __name__ == "__main__":
    sys.exit(main())
