"""`python -m tests.browser.screenshots`: pictures of the pages of a running instance, at three widths, light and dark.

RUN_DIR names the instance, as for the journey. The pictures go to artefacts/screenshots/, those of the documentation
(one window, light) also to docs/images/ when DOCS=1. It uses the demo people: alice gives consent, shares and asks.
Scenes named on the command line are taken alone: signed_out sign_up full languages desk desks errors mails.
"""

import io
import json
import os
import re
import subprocess
import sys
import uuid
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email import message_from_bytes, policy
from functools import partial
from http.cookiejar import MozillaCookieJar
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, Route

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
SIGNED_OUT = {
    "welcome": "/", "login": "/login", "signup": "/signup", "reset": "/password-reset", "ask": "/request",
    "lost-factor": "/lost-factor", "lost-factor-sent": "/lost-factor/sent", "for-somebody": "/request/for-somebody",
    "verify": "/request/verify", "404": "/nowhere",
}  # fmt: skip
PORTAL = {
    "home": "/", "data": "/data", "consent": "/consent", "sharing": "/sharing", "requests": "/requests",
    "activity": "/activity", "security": "/security", "erasure-plan": "/requests/new/erasure",
    "objection": "/requests/new/objection", "restriction": "/requests/new/restriction",
    "portability": "/requests/new/portability", "human_review": "/requests/new/human_review",
    "together": "/requests/together", "password": "/security/password", "passkey": "/signup/passkey",
    "confirm": "/confirm",
}  # fmt: skip
ERRORS = ("400", "403", "404", "405", "409", "410", "429", "500", "503", "csrf")
ADDED = (
    "erasure/manualplace", "erasure/destination", "erasure/breach", "erasure/evidencepack", "consent/purpose",
    "consent/notice", "consent/component", "consent/recipient", "consent/datacontract",
)  # fmt: skip
"""Things that somebody writes at a desk: their empty forms."""
SHOW = "from tests.browser.states import show; show()"
"""Everything that can stand at the desks is made, and where it is."""
RENDERED = """
import json
from django.conf import settings
from django.template.loader import render_to_string
from django.template.exceptions import TemplateDoesNotExist
def shown(name):
    try:
        return render_to_string(f"errors/{name}.html", {"controller": settings.CONTROLLER})
    except TemplateDoesNotExist:
        return ""
print(json.dumps({name: shown(name) for name in %r}))
"""
"""The pages of errors as JSON."""
OFFICER = """
from secrets import token_urlsafe
from access.management.commands.demo_session import signed_in_session
from access.models import Account
from access.services.accounts import create_account
from gdpr_portal.demo import _authenticator
pia = Account.objects.filter(desk_name="pia").first()
if pia is None:
    pia = create_account(email="pia@controller.example", password=token_urlsafe(15), is_staff=True,
        roles=["privacy_officer"], desk_name="pia")
    _authenticator(pia)
print(signed_in_session(pia).session_key)
"""
"""A privacy officer, whom the demo does not have: the key of a session of theirs."""
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

    def _officer(self) -> Page:
        page = open_page(self.browser, self.base)
        name = "__Host-session" if self.base.startswith("https:") else "session"
        key = self._manage("shell", "-v", "0", "-c", OFFICER)
        page.context.add_cookies([{"name": name, "value": key.splitlines()[-1], "url": self.base}])
        return page

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
        page.goto("/requests/new/erasure")
        visitors.press(page, "Erase my data")
        self.take(page, "undo-window")
        self.tour(page, "undo-", {"home": "/", "requests": "/requests"})
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
            page = open_page(self.browser, self.base, language=language)
            self.tour(page, f"{language}-out-", SIGNED_OUT)
            page.context.close()

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
            self._bulk(page)
            self._past(page, pages["qa_time_machine"], shown["person"])
            page.goto(pages["notice-in_review"])
            self._differences(page)

    def _bulk(self, page: Page) -> None:
        """What is asked before several requests are acted on at once, and what was refused and why."""
        page.goto("/admin/erasure/rightsrequest/?state__exact=open")
        for box in page.locator(".action-select").all()[:3]:
            box.check()
        page.locator("select[name=action]").select_option("approve")
        with page.expect_navigation(wait_until="load"):
            page.locator(".actions button[type=submit]").click()
        self.take(page, "desk-bulk")

    def desks(self) -> None:
        """The start of every role, the empty forms, histories, and the lists in German and French."""
        for name in ("quentin", "olga"):
            with self.person(name) as page:
                self.tour(page, f"desk-{name}", {"": "/admin/"})
        with self.person("olga") as page:
            paths = {"accounts": "access/account", "people": "subjects/subject"}
            self.tour(page, "desk-", {name: f"/admin/{path}/" for name, path in paths.items()})
            self.tour(page, "desk-add-", {path.split("/")[1]: f"/admin/{path}/add/" for path in ADDED[4:]})
            page.goto("/admin/consent/purpose/")
            page.locator("#result_list tbody th a").first.click()
            page.locator(".historylink").click()
            self.take(page, "desk-history")
        officer = self._officer()
        self.tour(officer, "desk-officer", {"": "/admin/"})
        officer.context.close()
        shown = json.loads(self._manage("shell", "-v", "0", "-c", SHOW).splitlines()[-1])["pages"]
        for language in ("de", "fr"):
            with self.person("rita", language) as page:
                self.tour(page, "desk-add-", {path.split("/")[1]: f"/admin/{path}/add/" for path in ADDED[:4]})
                self._speak(page, language)
                self.tour(page, f"{language}-desk", {"": "/admin/"})
                for name, path in shown.items():
                    answer = page.goto(path)
                    if answer and answer.ok:
                        self.take(page, f"{language}-desk-{name}")
                self._speak(page, "en")

    def errors(self) -> None:
        """The pages of errors, which are hard to meet."""
        page = open_page(self.browser, self.base)
        pages = json.loads(self._manage("shell", "-v", "0", "-c", RENDERED % (ERRORS,)).splitlines()[-1])
        for name, html in pages.items():
            if html:
                page.route("**/shown", partial(_answer, html))
                page.goto("/shown")
                self.take(page, f"error-{name}")
                page.unroute("**/shown")
        page.context.close()

    def mails(self) -> None:
        """The newest mail of every subject, and the page its invitation of a member of staff leads to."""
        self._manage("staff", "invite", f"nora.{uuid.uuid4().hex[:6]}@controller.example", "nora", "--role", "qa")
        newest: dict[str, str] = {}
        page, link = open_page(self.browser, self.base), ""
        for _try in range(40):
            for path in sorted(self.mail.folder.glob("*.eml"), key=lambda each: each.stat().st_mtime):
                message = message_from_bytes(path.read_bytes(), policy=policy.default)
                if (body := message.get_body(("html",))) is not None:
                    newest[str(message["Subject"])] = body.get_content()
                found = re.search(r"/staff-invitation/[^\s\"<]+", newest.get(str(message["Subject"]), ""))
                link = found[0] if found else link
            if link:
                break
            page.wait_for_timeout(250)
        for subject, html in newest.items():
            page.set_content(html)
            self.take(page, "mail-" + re.sub(r"[^a-z0-9]+", "-", subject.lower()).strip("-")[:60])
        page.goto(link)
        self.take(page, "staff-invitation")
        page.context.close()

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


def _answer(html: str, route: Route) -> None:
    route.fulfill(body=html, content_type="text/html")


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
            album.desks,
            album.errors,
            album.mails,
        ]
        wanted = [scene for scene in scenes if scene.__name__ in sys.argv[1:]]
        for scene in wanted or scenes:
            print(scene.__doc__)
            scene()
    print(f"{len(list(TARGET.glob('*.png')))} pictures in {TARGET}/")
    return 0


if __name__ == "__main__":
    sys.exit(main())
