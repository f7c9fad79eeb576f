"""The camera of `make screenshots`: a page of a running instance, three widths, light and dark; it fails by name."""

import io
import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.cookiejar import MozillaCookieJar
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from tests.browser.chromium import DESKTOP, HEIGHT, PHONE, TABLET, open_page
from tests.journey.people import Mailbox, demo

TARGET, DOCS = Path("artefacts/screenshots"), Path("docs/images")
LOOKS = tuple(
    (width, theme)
    for width in (PHONE, TABLET, DESKTOP)
    for theme in ("light", "dark")
    if f"{width}-{theme}" in os.environ.get("LOOKS", f"{width}-{theme}")
)
"""Width and theme of each picture: all six, or those that LOOKS names."""
PATIENCE = 120
"""Seconds for what workers do: a copy, a verified log. A fresh instance needs two or three."""
DOCUMENTED = {
    "home": "front-page",
    "consent": "consent",
    "erasure-plan": "erasure-plan",
    "desk": "desk-start",
    "desk-review_desk": "review-desk",
    "desk-request-second": "desk-second-person",
    "desk-qa_matrix": "access-matrix",
    "desk-qa_conformance_of": "conformance",
    "desk-qa_simulator-answer": "simulator",
    "desk-qa_time_machine-answer": "time-machine",
    "desk-sharing_latency": "sharing-latency",
    "desk-audit_desk": "audit-desk",
}
"""Scene -> picture of the documentation."""


class Album:
    """Takes a picture of a page in each of `LOOKS`. `at` is the page it is busy with."""

    def __init__(self, browser: Browser, run_dir: str) -> None:
        self.browser, self.demo = browser, demo(run_dir)
        self.base: str = self.demo["web"]
        self.mail = Mailbox(self.demo["mail_dir"])
        self.at, self.taken = "", 0

    # --- pictures -----------------------------------------------------------------------------------------------
    def take(self, page: Page, name: str) -> None:
        """The page as it stands, in every look."""
        self.at = name
        for width, theme in LOOKS:
            page.set_viewport_size({"width": width, "height": HEIGHT})
            page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
            page.screenshot(path=TARGET / f"{name}-{width}-{theme}.png", full_page=True, animations="disabled")
        if name in DOCUMENTED and os.environ.get("DOCS"):
            page.set_viewport_size({"width": 1000, "height": 760})
            page.emulate_media(color_scheme="light")
            page.screenshot(path=DOCS / f"{DOCUMENTED[name]}.png", animations="disabled")
        self.taken += 1
        print(f"  {self.taken:4} {name}", flush=True)

    def visit(self, page: Page, name: str, path: str, status: int = 200) -> None:
        """The page at the path, photographed; RuntimeError when it answers otherwise than expected."""
        self.at = f"{name} ({path})"
        answer = page.goto(path)
        if answer is None or answer.status != status:
            raise RuntimeError(f"{path} answered {answer and answer.status}, not {status}")
        self.take(page, name)

    def tour(self, page: Page, prefix: str, paths: dict[str, str]) -> None:
        """Every path of these, photographed."""
        for name, path in paths.items():
            self.visit(page, f"{prefix}{name}", path)

    def tour_allowed(self, page: Page, prefix: str, paths: dict[str, str]) -> None:
        """Those of these paths that this person may open."""
        for name, path in paths.items():
            self.at = f"{prefix}{name} ({path})"
            answer = page.goto(path)
            if answer is None or answer.status not in (200, 403):
                raise RuntimeError(f"{path} answered {answer and answer.status}")
            if answer.status == 200:
                self.take(page, f"{prefix}{name}")

    def press(self, page: Page, selector: str = "main form button[type=submit]") -> None:
        """The first button there is pressed, whatever the language calls it."""
        with page.expect_navigation(wait_until="load"):
            page.locator(selector).first.click()

    def wait(self, page: Page, what: str, there: Callable[[], Any]) -> None:
        """The page is loaded again until it is there; RuntimeError after `PATIENCE` seconds."""
        end = time.monotonic() + PATIENCE
        while not there():
            if time.monotonic() > end:
                raise RuntimeError(f"{page.url}: no {what} within {PATIENCE} s; is this a fresh instance (make reset)?")
            page.wait_for_timeout(500)
            page.reload()

    # --- people -------------------------------------------------------------------------------------------------
    @contextmanager
    def person(self, name: str, language: str = "en") -> Iterator[Page]:
        """A page of a signed-in person of the demo, by the development profile's own command."""
        jar = MozillaCookieJar()
        with io.StringIO(self.manage("demo_session", name)) as lines:
            jar._really_load(lines, "cookies", True, True)  # type: ignore[attr-defined]
        with self.anybody(language) as page:
            cookies: list[Any] = [{"name": each.name, "value": each.value, "url": self.base} for each in jar]
            page.context.add_cookies(cookies)
            yield page

    @contextmanager
    def anybody(self, language: str = "en", session: str = "") -> Iterator[Page]:
        """A page of a fresh profile, signed in with the key of a session when there is one."""
        page = open_page(self.browser, self.base, language=language)
        if session:
            name = "__Host-session" if self.base.startswith("https:") else "session"
            page.context.add_cookies([{"name": name, "value": session, "url": self.base}])
        yield page
        page.context.close()

    def mailed_link(self, to: str, path: str) -> str:
        """The path of the next link in the mails to this address that holds `path`."""
        self.at = f"the mail to {to} with a link to {path}"
        while not (found := re.search(rf"https?://[^/\s]+({path}\S+)", self.mail.next(to, wait=PATIENCE))):
            pass
        return found[1]

    def manage(self, *arguments: str) -> str:
        """What a command of manage.py prints; RuntimeError with what it complains of."""
        command, env = [*self.demo["manage"], *arguments], os.environ | self.demo["env"]
        done = subprocess.run(command, env=env, capture_output=True, text=True)
        if done.returncode:
            said = (done.stderr or done.stdout)[-2000:]
            raise RuntimeError(f"{' '.join(arguments)[:200]}: ended with {done.returncode}: {said}")
        return done.stdout

    def run(self, code: str) -> str:
        """The last line that this Python prints in the instance."""
        return (self.manage("shell", "-v", "0", "-c", code).splitlines() or [""])[-1]

    def told(self, code: str) -> Any:
        """The JSON in the last line that this Python prints in the instance."""
        return json.loads(self.run(code))
