"""`python -m tests.browser.screenshots`: pictures of the pages of a running instance, at three widths, light and dark.

RUN_DIR names the instance, as for the journey: a fresh one (`make reset run`), with its workers. The pictures go to
artefacts/screenshots/, those of the documentation (one window, light) also to docs/images/ when DOCS=1. Of six looks
LOOKS=360-light,1440-dark takes these. Scenes named on the command line are taken alone, always in this order:
signed_out sign_up full languages links desk desks errors mails. What waits too long for a worker, and an answer that
is not the expected one, end the run with the name of the page.
"""

import os
import re
import sys
import time
import uuid
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from email import message_from_bytes, policy
from functools import partial
from typing import Any

from playwright.sync_api import Page, Route

from tests.browser import visitors
from tests.browser.album import DOCS, LOOKS, TARGET, Album
from tests.browser.chromium import HEIGHT, chromium, open_page

SIGNED_OUT = {
    "welcome": "/", "login": "/login", "signup": "/signup", "reset": "/password-reset", "ask": "/request",
    "lost-factor": "/lost-factor", "lost-factor-sent": "/lost-factor/sent", "for-somebody": "/request/for-somebody",
    "verify": "/request/verify",
}  # fmt: skip
PORTAL = {
    "home": "/", "data": "/data", "consent": "/consent", "sharing": "/sharing", "requests": "/requests",
    "activity": "/activity", "security": "/security", "erasure-plan": "/requests/new/erasure",
    "access": "/requests/new/access", "rectification": "/requests/new/rectification",
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
LINKS = "from tests.browser.links import mail_all; mail_all(%r)"
END_WAITING = "from tests.browser.links import end_waiting; end_waiting()"
OFFICER = "from tests.browser.links import officer; officer()"
RENDERED = """
import json
from django.conf import settings
from django.template.loader import render_to_string
from django.utils.translation import override
def shown(name, language):
    with override(language):
        return render_to_string(f"errors/{name}.html", {"controller": settings.CONTROLLER})
print(json.dumps({f"{language}-{name}": shown(name, language) for language in ("en", "de", "fr") for name in %r}))
"""
"""The pages of errors as JSON."""
SIMULATED = "?application=shop&purpose=newsletter&answer=withdrawn&sharing=on&recipient=acme"
CLOSED = "document.querySelectorAll('.notice-checks details[open]').forEach((each, at) => at && (each.open = false))"
"""One language is enough for a picture."""
PDF = {"name": "me.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7 me"}


class Scenes(Album):
    """What is photographed, in the order in which it has to happen."""

    # --- outside ------------------------------------------------------------------------------------------------
    def signed_out(self) -> None:
        """What everybody sees."""
        page = open_page(self.browser, self.base)
        self.tour(page, "out-", SIGNED_OUT)
        self.visit(page, "out-404", "/nowhere", status=404)
        page.goto("/login")
        self._give_password(page, "nobody@people.example", "a wrong password")
        self.take(page, "out-login-wrong")
        self._give_password(page, "bob@people.example", self.demo["people"]["bob"]["password"])
        self.take(page, "out-login-factor")
        visitors.button(page, "Sign in")
        page.goto("/api/docs")
        page.wait_for_selector(".opblock")
        self.take(page, "api-docs")
        self.visit(page, "api-problems", "/api/docs/problems")
        page.context.close()

    def _give_password(self, page: Page, email: str, password: str) -> None:
        page.locator("[name=email]").fill(email)
        page.locator("[name=password]").fill(password)
        self.press(page)

    def sign_up(self) -> None:
        """The steps of signing up, then the portal of somebody of whom nothing is held, and their erasure."""
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
        self.take(page, "erasure-filed")
        page.context.close()

    # --- the portal ---------------------------------------------------------------------------------------------
    def full(self) -> None:
        """Alice: consent given, sharing on, a copy asked for and collected."""
        with self.person("alice") as page:
            for path, words in (("/consent", "Give consent: Newsletter"), ("/sharing", "Switch sharing on")):
                page.goto(path)
                if visitors.button(page, words).count():
                    visitors.press(page, words)
            self.tour(page, "", PORTAL)
            self._receipt(page, "")
            self._copy(page, "")

    def _receipt(self, page: Page, prefix: str) -> None:
        """The newest answer in words."""
        page.goto("/consent")
        address = page.locator("a[href^='/consent/receipts/']").first.get_attribute("href")
        self.visit(page, f"{prefix}receipt", str(address))

    def languages(self) -> None:
        """The pages of alice in German and French."""
        for language in ("de", "fr"):
            with self.person("alice", language) as page:
                self._speak(page, language)
                self.tour(page, f"{language}-", PORTAL)
                self._receipt(page, f"{language}-")
                self._copy(page, f"{language}-")
                self._speak(page, "en")
            with self.anybody(language) as page:
                self.tour(page, f"{language}-out-", SIGNED_OUT)

    def _speak(self, page: Page, language: str) -> None:
        page.goto("/")
        self.press(page, f".languages button[value={language}]")

    def _copy(self, page: Page, prefix: str) -> None:
        """A copy is asked for, built, and opened as whoever downloads it opens it."""
        page.goto("/requests/new/access")
        self.press(page)
        self.take(page, f"{prefix}request-new")
        download = page.locator("form[action$='/archive'] button").first
        self.wait(page, "copy to download", download.count)
        self.take(page, f"{prefix}request-ready")
        with page.expect_download() as downloaded:
            download.click()
        index = zipfile.ZipFile(downloaded.value.path()).read("index.html").decode()
        shown = open_page(self.browser, self.base, script=False)
        shown.set_content(index)
        self.take(shown, f"{prefix}archive")
        shown.context.close()

    # --- behind links of mails ----------------------------------------------------------------------------------
    def links(self) -> None:
        """What stands behind the links of mails, in three languages, up to the link that holds no more."""
        for language in ("en", "de", "fr"):
            told, prefix = self.told(LINKS % language), "" if language == "en" else f"{language}-"
            with self.anybody(language) as page:
                self._parent(page, f"{prefix}link-parent", told["parent"])
                self._identity(page, f"{prefix}link-identity", told["email"])
                self._mandate(page, f"{prefix}link-mandate", told["email"])
                self._place(page, f"{prefix}link-place", told["keeper"])
            with self.anybody(language, told["session"]) as page:
                waits = {"home": "/", "requests": "/requests", "erasure": f"/requests/{told['erasure']}"}
                self.tour(page, f"{prefix}undo-", waits)
            with self.anybody(language, told["child_session"]) as page:
                self.visit(page, f"{prefix}child-consent", "/consent")
            with self.anybody(language) as page:
                self._lost(page, f"{prefix}link-lost", told)

    def _parent(self, page: Page, name: str, parent: str) -> None:
        path = self.mailed_link(parent, "/confirmation/")
        self.visit(page, name, path)
        for born, what in (("2000-01-01", "wrong"), (self._born(12), "done")):
            page.locator("[name=name]").fill("Mara Muster")
            page.locator("[name=birth_date]").fill(born)
            self.press(page)
            self.take(page, f"{name}-{what}")
        self.visit(page, f"{name}-again", path)
        self.press(page)
        self.take(page, f"{name}-taken-back")

    def _born(self, years: int) -> str:
        now = datetime.now(UTC)
        return f"{now.year - years}-{now.month:02}-{min(now.day, 28):02}"

    def _identity(self, page: Page, name: str, email: str) -> None:
        path = self.mailed_link(email, "/request/answer/")
        self.visit(page, name, path)
        file = page.locator("[type=file]")
        for buffer, what in ((b"GIF89a", "wrong"), (PDF["buffer"], "done")):
            file.set_input_files([PDF | {"buffer": buffer}])  # type: ignore[list-item]
            self.press(page)
            self.take(page, f"{name}-{what}")
        self.visit(page, f"{name}-dead", path, status=410)

    def _mandate(self, page: Page, name: str, email: str) -> None:
        self.visit(page, name, "/request/for-somebody")
        page.locator("[name=email]").fill(email)
        page.locator("[name=right]").first.check()
        page.locator("[name=kind]").first.check()
        page.locator("[name=name]").fill("Lena Laubvogel")
        page.locator("[name=own_email]").fill("lena@lawyers.example")
        page.locator("[name=document]").set_input_files([PDF])  # type: ignore[list-item]
        self.press(page)
        self.take(page, f"{name}-sent")
        self.visit(page, f"{name}-objection", self.mailed_link(email, "/request/objection/"))
        self.press(page)
        self.take(page, f"{name}-objected")

    def _place(self, page: Page, name: str, keeper: str) -> None:
        path = self.mailed_link(keeper, "/request/place/")
        self.visit(page, name, path)
        self.press(page)
        self.take(page, f"{name}-form")
        for reason, what in (("", "wrong"), ("not_found", "done")):
            page.locator("#id_cannot").check()
            page.locator("[name=reason]").select_option(reason)
            self.press(page)
            self.take(page, f"{name}-{what}")
        self.visit(page, f"{name}-dead", path, status=410)

    def _lost(self, page: Page, name: str, told: dict[str, str]) -> None:
        page.goto("/lost-factor")
        page.locator("[name=email]").fill(told["email"])
        self.press(page)
        path = self.mailed_link(told["email"], "/lost-factor/")
        self.visit(page, name, path)
        self.press(page, "button[value=begin]")
        self.take(page, f"{name}-waits")
        with self.anybody(page.locator("html").get_attribute("lang") or "en", told["session"]) as signed_in:
            self.visit(signed_in, f"{name}-told", "/")
        self.run(END_WAITING)
        self.visit(page, f"{name}-open", path)
        for password, what in (("a wrong password", "wrong"), (visitors.PASSWORD, "factor")):
            page.locator("[name=password]").fill(password)
            self.press(page, "button[value=go]")
            self.take(page, f"{name}-{what}")

    # --- the desks ----------------------------------------------------------------------------------------------
    def desk(self) -> None:
        """Every page of the desks, as rita sees it, with something on each; what the quality desk answers."""
        shown = self.told(SHOW)
        with self.person("rita") as page:
            self._verified(page)
            self.tour(page, "desk", {"": "/admin/"})
            pages = dict(shown["pages"])
            pages["qa_simulator-answer"] = pages["qa_simulator"] + SIMULATED
            self.tour_allowed(page, "desk-", pages)
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
        self.press(page, ".actions button[type=submit]")
        self.take(page, "desk-bulk")

    def desks(self) -> None:
        """The start of every role, the empty forms, histories, and the lists in German and French."""
        for name in ("quentin", "olga"):
            with self.person(name) as page:
                self.visit(page, f"desk-{name}", "/admin/")
        with self.person("olga") as page:
            paths = {"accounts": "access/account", "people": "subjects/subject"}
            self.tour_allowed(page, "desk-", {name: f"/admin/{path}/" for name, path in paths.items()})
            self.tour(page, "desk-add-", {path.split("/")[1]: f"/admin/{path}/add/" for path in ADDED[4:]})
            page.goto("/admin/consent/purpose/")
            page.locator("#result_list tbody th a").first.click()
            page.locator(".historylink").click()
            self.take(page, "desk-history")
        with self.anybody(session=self.run(OFFICER)) as page:
            self.visit(page, "desk-officer", "/admin/")
            paths = {"accounts": "access/account", "people": "subjects/subject"}
            self.tour(page, "desk-officer-", {name: f"/admin/{path}/" for name, path in paths.items()})
        shown = self.told(SHOW)["pages"]
        for language in ("de", "fr"):
            with self.person("rita", language) as page:
                self._speak(page, language)
                self.visit(page, f"{language}-desk", "/admin/")
                forms = {path.split("/")[1]: f"/admin/{path}/add/" for path in ADDED[:4]}
                self.tour(page, f"{language}-desk-add-", forms)
                self.tour_allowed(page, f"{language}-desk-", shown)
                self._speak(page, "en")
        with self.person("rita") as page:
            self.tour(page, "desk-add-", forms)

    # --- seldom met ---------------------------------------------------------------------------------------------
    def errors(self) -> None:
        """The pages of errors, which are hard to meet, in three languages."""
        with self.anybody() as page:
            for name, html in self.told(RENDERED % (ERRORS,)).items():
                page.route("**/shown", partial(_answer, html))
                self.visit(page, f"error-{name}", "/shown")
                page.unroute("**/shown")

    def mails(self) -> None:
        """The newest mail of every subject, and the pages its invitation of a member of staff leads to."""
        address = f"nora.{uuid.uuid4().hex[:6]}@controller.example"
        said = self.manage("staff", "invite", address, "nora", "--role", "qa")
        path = self.mailed_link(address, "/staff-invitation/")
        newest: dict[str, str] = {}
        for file in sorted(self.mail.folder.glob("*.eml"), key=lambda each: each.stat().st_mtime):
            message = message_from_bytes(file.read_bytes(), policy=policy.default)
            if (body := message.get_body(("html",))) is not None:
                newest[str(message["Subject"])] = body.get_content()
        with self.anybody() as page:
            for subject, html in newest.items():
                page.set_content(html)
                self.take(page, "mail-" + re.sub(r"[^a-z0-9]+", "-", subject.lower()).strip("-")[:60])
            self._invited(page, path, said)

    def _invited(self, page: Page, path: str, said: str) -> None:
        self.visit(page, "staff-invitation", path)
        for code, what in (("wrong-code", "wrong"), (self._code_in(said), "factor")):
            page.locator("[name=code]").fill(code)
            page.locator("[name=password]").fill(visitors.PASSWORD)
            self.press(page)
            self.take(page, f"staff-invitation-{what}")

    def _code_in(self, said: str) -> str:
        return said.split()[-1]

    def _verified(self, page: Page) -> None:
        """The log is verified, and a checkpoint taken, so that the desk has something to say."""
        page.goto("/admin/audit/")
        visitors.press(page, "Verify now")
        self.wait(page, "verified log", lambda: not page.locator("progress").count())

    def _past(self, page: Page, path: str, person: str) -> None:
        """A question to the time machine and its answer."""
        page.goto(path)
        page.locator("[name=application]").select_option("shop")
        page.locator("[name=person]").fill(person)
        page.locator("[name=purpose]").select_option("newsletter")
        page.locator("[name=at]").fill(datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S+00:00"))
        page.locator("[name=reason]").select_option("complaint")
        self.press(page, "#content-main form button[type=submit]")
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
    """Every scene of the album, or those named on the command line; 1 with the name of the page that failed."""
    for folder in (TARGET, DOCS):
        folder.mkdir(parents=True, exist_ok=True)
    with chromium() as browser:
        album = Scenes(browser, os.environ.get("RUN_DIR", ".run"))
        scenes: list[Callable[[], None]] = [
            album.signed_out,
            album.sign_up,
            album.full,
            album.languages,
            album.links,
            album.desk,
            album.desks,
            album.errors,
            album.mails,
        ]
        unknown = set(sys.argv[1:]) - {scene.__name__ for scene in scenes}
        if unknown:
            raise SystemExit(f"There is no scene {', '.join(sorted(unknown))}.")
        wanted = [scene for scene in scenes if scene.__name__ in sys.argv[1:]] or scenes
        for number, scene in enumerate(wanted, 1):
            print(f"{number} of {len(wanted)}, {scene.__name__}: {scene.__doc__}", flush=True)
            started = time.monotonic()
            try:
                scene()
            except Exception as error:
                error.add_note(f"*** The scene {scene.__name__} failed at the page: {album.at} ***")
                raise
            print(f"  {time.monotonic() - started:.0f} s", flush=True)
    print(f"{len(LOOKS) * album.taken} pictures taken, {len(list(TARGET.glob('*.png')))} in {TARGET}/")
    return 0


if __name__ == "__main__":
    sys.exit(main())
