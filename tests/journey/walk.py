"""The main job in nine chapters, each step said with its result; the first deviation ends the walk."""

import io
import json
import os
import subprocess
import uuid
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.journey.pages import Page, expect
from tests.journey.people import App, Authenticator, Mailbox, Person, demo, eventually, trust
from tests.journey.receiver import Notice, Receiver

NOTICE = {
    "en": "We send you our letter. {who} You may withdraw your consent at any time, as easily as you gave it.",
    "de": "Wir senden Ihnen unseren Brief. {who} Sie koennen Ihre Einwilligung jederzeit widerrufen.",
    "fr": "Nous vous envoyons notre lettre. {who} Vous pouvez retirer votre consentement a tout moment.",
}


class Walk:
    """One walk through a running instance, with a person nobody has seen before."""

    def __init__(self, run_dir: str, say: Callable[[str], None] = print) -> None:
        self.demo, self.say = demo(run_dir), say
        self.base: str = self.demo["web"]
        self.verify = trust(run_dir, self.base)
        self.mail = Mailbox(self.demo["mail_dir"])
        self.shop, self.acme, self.eve, self.sampler = (
            App(self.base, self.verify, self.demo["applications"][name])
            for name in ("shop", "acme", "eve", "qa_sampler")
        )
        tag = uuid.uuid4().hex[:10]
        self.canary = f"Kestrel{tag}"
        self.email, self.reference = f"ada.{tag}@people.example", f"customer-{tag}"
        self.ada = Person(self.base, self.verify, self.email, f"a long password {tag}")
        self.receivers = {"shop": Receiver(), "acme": Receiver()}
        self.subject = ""

    def __enter__(self) -> "Walk":
        return self

    def __exit__(self, *ended: object) -> None:
        for receiver in self.receivers.values():
            receiver.close()

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Says the step and how it went."""
        try:
            yield
        except Exception:
            self.say(f"  FAIL  {what}")
            raise
        self.say(f"  ok    {what}")

    def person(self, name: str) -> Person:
        """Somebody of the demo."""
        about = self.demo["people"][name]
        return Person(self.base, self.verify, about["email"], about["password"], about["totp_secret"])

    def manage(self, *arguments: str, fails: bool = False) -> str:
        """What a management command printed on this very instance."""
        done = subprocess.run(
            [*self.demo["manage"], *arguments], env=os.environ | self.demo["env"], capture_output=True, text=True
        )
        expect((done.returncode != 0) == fails, f"manage {arguments[0]}: exit {done.returncode} {done.stderr[-800:]}")
        return done.stdout.strip()

    def decision(self, purpose: str, **more: Any) -> dict[str, Any]:
        """What may be done for a purpose now."""
        body = {"subject": self.subject, "purpose": purpose, **more}
        answer: dict[str, Any] = self.shop.call("POST", "decisions", body)
        return answer

    # --- the chapters -------------------------------------------------------------------------------------------
    def all(self) -> None:
        """The whole main job."""
        for chapter in (
            self.governance,
            self.application,
            self.sign_up,
            self.consent,
            self.sharing,
            self.export,
            self.erasure,
            self.traces,
            self.audit,
        ):
            self.say(f"{chapter.__doc__}")
            chapter()
        for name in self.receivers:  # nobody waits for those who have gone
            self.manage("webhook_endpoint", "remove", name)

    def governance(self) -> None:
        """1. IRM approves what somebody else wrote, behind two factors"""
        rita = self.person("rita")
        with self.step("without a second factor the admin shows nothing"):
            page = rita.browser.get("/login?next=/admin/")
            page.submit("Sign in", {"E-mail": rita.email, "Password": rita.password})
            expect(rita.browser.get("/admin/").response.url.path == "/login/factor", "the admin opened on a password")
        slug = f"letters-{uuid.uuid4().hex[:8]}"
        quentin = self.person("quentin")
        with self.step("quentin drafts a purpose and submits it"):
            quentin.sign_in("/admin/consent/purpose/add/")
            draft = self._draft_purpose(quentin, slug)
            draft = draft.submit("Submit for review")
        with self.step("who wrote it cannot approve it"):
            words = [button.words for form in draft.forms for button in form.buttons]
            expect("Approve" not in words, "the author is offered to approve")
        with self.step("the unapproved purpose is unusable"):
            self.shop.call("GET", f"purposes/{slug}/notice", status=403)
        with self.step("rita approves exactly what she sees, with a fresh factor"):
            rita.prove(rita.browser.get("/login/factor?next=/admin/"))
            page = rita.browser.get(draft.response.url.path)
            page = page.submit("Approve")
            expect("Approved" in page.text, "the purpose is not approved")

    def _draft_purpose(self, who: Person, slug: str) -> Page:
        page = who.browser.get("/admin/consent/purpose/add/")
        filled = {
            "slug": slug,
            "title_en": "Letters",
            "title_de": "Briefe",
            "title_fr": "Lettres",
            "lawful_basis": "consent",
            "necessity": "To send letters to those who want them.",
            "retention_days": "365",
            "validity_days": "365",
        }
        page = page.submit("Save and continue editing", filled, fields="email", sources="subject")
        expect("was added successfully" in page.text, f"the draft was not saved: {page.text[-600:]}")
        return page

    def application(self) -> None:
        """2. The shop stores what its contract names, and nothing else"""
        with self.step("a person is registered by e-mail and customer number"):
            identifiers = {"email": self.email, "customer_id": self.reference}
            made = self.shop.call("POST", "subjects", {"identifiers": identifiers, "country": "DE"}, 201)
            self.subject = made["id"]
            found = self.shop.call("POST", "subjects/lookup", {"email": self.email.upper()})
            expect(found["id"] == self.subject, "the look-up finds somebody else")
        path = f"subjects/{self.subject}/data"
        values = {"given_name": self.canary, "family_name": "Lovelace", "email": self.email}
        with self.step("the fields of the contract are stored and read back"):
            self.shop.call("PUT", path, {"purpose": "orders", "source": "subject", "values": values})
            read = self.shop.call("GET", f"{path}?purpose=orders&fields=given_name,family_name")
            expect(read["values"] == {"given_name": self.canary, "family_name": "Lovelace"}, "other values came back")
        with self.step("a field outside the contract is refused, whole"):
            wrong = {"given_name": "Other", "vat_number": "DE123456789"}
            body = {"purpose": "orders", "source": "subject", "values": wrong}
            expect(self.shop.call("PUT", path, body, 403)["code"] == "not_in_contract", "another code")
            read = self.shop.call("GET", f"{path}?purpose=orders&fields=given_name")
            expect(read["values"] == {"given_name": self.canary}, "half of it was stored")
        with self.step("a purpose without a lawful ground is refused"):
            body = {"purpose": "newsletter", "source": "subject", "values": {"given_name": self.canary}}
            expect(self.shop.call("PUT", path, body, 403)["code"] == "no_lawful_basis", "another code")
        with self.step("a missing scope is refused"):
            expect(self.eve.call("GET", path, status=403)["code"] == "scope_missing", "another code")
        with self.step("another application does not know this id"):
            self.acme.call("GET", f"subjects/{self.subject}/sharing", status=404)

    def sign_up(self) -> None:
        """3. The person signs up with the same address and a second factor"""
        with self.step("the address is proven by the mailed code"):
            page = self.ada.browser.get("/signup").submit("", {"E-mail": self.email})
            page = page.submit("Continue", {"code": self.mail.code(self.email)})
        with self.step("password, authenticator, recovery codes"):
            page = page.submit("Create my account", {"password": self.ada.password})
            secret = next(word for word in page.text.split() if len(word) >= 32 and word.isalnum() and word.isupper())
            self.ada.authenticator = Authenticator(secret)
            page = page.submit("Confirm the authenticator", {"code": self.ada.code()})
            expect("recovery codes" in page.text, "no recovery codes")
        with self.step("what is held is there, for which purpose"):
            text = self.ada.browser.get("/data").text
            expect("Orders" in text or "orders" in text, "the purpose of what is held is not named")
            expect(self.canary not in text, "a value stands there unasked")

    def consent(self) -> None:
        """4. Consent to the exact text shown; decisions flip at the commit"""
        expect(self.decision("newsletter")["code"] == "consent_missing", "not asked, and yet decided otherwise")
        with self.step("given in the portal, allowed one request later"):
            page = self.ada.browser.get("/consent").submit("Give consent: Newsletter")
            decided = self.decision("newsletter", fields=["email"])
            expect(decided["allowed"] and decided["fields"] == {"email": "allowed"}, f"{decided}")
        with self.step("the event is bound to version and digest"):
            held = self.shop.call("GET", f"subjects/{self.subject}/consents")
            given = next(row for row in held["standing"] if row["purpose"] == "newsletter" and not row["recipient"])
            wording = self.shop.call("GET", "purposes/newsletter/notice")
            expect(given["state"] == "given" and given["notice"]["digest"] == wording["digest"], f"{given}")
        with self.step("withdrawn with one press, refused one request later"):
            page = page.submit("Withdraw consent: Newsletter")
            expect(self.decision("newsletter")["code"] == "consent_withdrawn", "still allowed")
            page.submit("Give consent: Newsletter")
            expect(self.decision("newsletter")["allowed"], "not allowed again")

    def sharing(self) -> None:
        """5. Sharing on and off: signed notices, told and confirmed"""
        for name, app in (("shop", self.shop), ("acme", self.acme)):
            receiver = self.receivers[name]
            receiver.down = True  # until it knows its secret: what waited for it may come at once
            receiver.secret = self.manage("webhook_endpoint", "set", name, receiver.url).split()[-1]
            receiver.acknowledge = self._acknowledges(app)
        acme = self.receivers["acme"]
        self.receivers["shop"].down = False
        page = self.ada.browser.get("/sharing").submit("Switch sharing on: Acme")
        with self.step("acme is down: the notice waits in its row"):
            shared = self.shop.call("GET", f"subjects/{self.subject}/sharing")["items"][0]
            expect(shared["shared"] and shared["last_delivery"]["state"] != "acknowledged", f"{shared}")
        acme.down = False
        with self.step("acme is back: told, verified, acknowledged"):
            eventually("sharing.started", lambda: acme.of_type("sharing.started"), 60)
            notice = acme.of_type("sharing.started")[0]["data"]
            expect(notice["subject"] != self.subject, "acme got shop's id")
            expect(self.canary not in json.dumps(notice), "a value stands in the notice")
            self._confirmed(page)
        with self.step("off again: told and confirmed, with times"):
            page = self.ada.browser.get("/sharing").submit("Switch sharing off: Acme")
            eventually("sharing.stopped", lambda: acme.of_type("sharing.stopped"), 60)
            self._confirmed(page)
        expect(acme.refused == 0, "a signature did not fit")

    def _confirmed(self, page: Page) -> None:
        text = eventually("confirmed", lambda: self._confirmed_text(page), 30)
        expect("Told" in text, "the time of telling is missing")

    def _confirmed_text(self, page: Page) -> str:
        text = page.browser.get("/sharing").text
        return text if "Confirmed" in text else ""

    def _acknowledges(self, app: App) -> Callable[[Notice], None]:
        def acknowledge(notice: Notice) -> None:
            delivery = notice["data"]["delivery"]
            app.call("POST", f"deliveries/{delivery}/acknowledge", {"outcome": "done", "evidence": {"ticket": "T-1"}})

        return acknowledge

    def export(self) -> None:
        """6. A copy of everything, collected once after a fresh factor"""
        with self.step("asked for, built by a job"):
            page = self.ada.browser.get("/requests/new/access").submit("Send the request")
            path = page.response.url.path
            eventually("archive", lambda: "Your copy is ready" in self.ada.browser.get(path).text, 30)
        with self.step("nobody else can"):
            bob = self.person("bob")
            bob.sign_in()
            bob.browser.get(path, status=404)
        with self.step("collected, readable, with hashes"):
            page = self.ada.browser.get(path).submit("Download my data")
            files = zipfile.ZipFile(io.BytesIO(page.response.content))
            names = set(files.namelist())
            expect({"data.json", "index.html", "manifest.json", "manifest.jws"} <= names, f"{names}")
            expect(self.canary in files.read("data.json").decode(), "the data is not in it")
        with self.step("only once"):
            expect("Download my data" not in self.ada.browser.get(path).text, "it is offered again")

    def erasure(self) -> None:
        """7. Erasure: the plan first, then everything goes and everybody confirms"""
        self.shop.call("PUT", f"subjects/{self.subject}/data", self._orders())
        with self.step("the plan is shown before anything happens"):
            page = self.ada.browser.get("/requests/new/erasure")
            expect("Will be erased" in page.text and "Web shop" in page.text, "the plan is missing")
        page = page.submit("Erase my data")
        with self.step("shop and acme are told, and acknowledge"):
            for name in ("shop", "acme"):
                receiver = self.receivers[name]
                eventually(f"{name} told", lambda got=receiver: got.of_type("erasure.requested"), 60)
            told = self.receivers["shop"].of_type("erasure.requested")[0]["data"]
            expect(told["reference"] == self.reference, "the shop's own number is missing")
        with self.step("the last notice comes with a signed receipt that names nobody"):
            text = eventually("receipt", lambda: self._receipt(), 60)
            expect(self.canary not in text and text.count("eyJ") >= 1, "no receipt")
        with self.step("the login is gone, data and decisions answer erased"):
            led_to = self.ada.browser.get("/data").response.url.path
            expect(led_to == "/login", f"still signed in: {led_to}")
            path = f"subjects/{self.subject}/data?purpose=orders"
            expect(self.shop.call("GET", path, status=410)["code"] == "erased", "another code")
            expect(self.decision("orders")["code"] == "erased", "still decided")
            self.shop.call("POST", "subjects/lookup", {"email": self.email}, 404)

    def _orders(self) -> dict[str, Any]:
        return {"purpose": "orders", "source": "subject", "values": {"postal_address": f"{self.canary} Street 1"}}

    def _receipt(self) -> str:
        text = self.mail.next(self.email, 20)
        return text if "receipt" in text and "Erasure" in text else ""

    def traces(self) -> None:
        """8. A dump of the database, the files and the logs holds none of the person's strings"""
        with self.step("searched"):
            found = self._found_in_files([self.canary, self.email, self.reference])
            expect(not found, f"strings of the person are left in {found}")

    def _found_in_files(self, strings: list[str]) -> list[str]:
        """Files of the run, the dump of the database among them, that hold one of the strings; mail is not ours."""
        needles = [text.encode(codec) for text in strings for codec in ("utf-8", "utf-16-le")]
        found = []
        for folder, _folders, names in os.walk(os.path.dirname(self.demo["mail_dir"])):
            for name in names:
                path = os.path.join(folder, name)
                if path.startswith(self.demo["mail_dir"]) or not os.path.isfile(path):
                    continue
                with open(path, "rb") as file:
                    content = file.read()
                found += [path for needle in needles if needle in content]
        return found

    def audit(self) -> None:
        """9. The log has every act and verifies"""
        with self.step("every act of the person is there, without a value"):
            actions = self._actions_of_the_person()
            wanted = {
                "subject.created",
                "data.stored",
                "data.read",
                "consent.given",
                "consent.withdrawn",
                "sharing.started",
                "sharing.stopped",
                "delivery.acknowledged",
                "archive.downloaded",
                "request.completed",
            }
            expect(wanted <= actions, f"missing: {sorted(wanted - actions)}")
        with self.step("verify_audit says so"):
            eventually("sequenced", lambda: self.manage("verify_audit").startswith("ok"), 20)

    def _actions_of_the_person(self) -> set[str]:
        requests = self.sampler.call("GET", "audit/events?action=request.completed&limit=200")["items"]
        subject = requests[0]["subject"]
        events = self.sampler.call("GET", f"audit/events?subject={subject}&limit=200")
        expect(self.canary not in json.dumps(events), "a value stands in the log")
        return {event["action"] for event in events["items"]}
