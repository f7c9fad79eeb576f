"""Who walks: people with an authenticator, applications with an OAuth 2.0 client."""

import base64
import json
import os
import re
import time
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

from django_otp.oath import totp
from oauthlib.oauth2 import BackendApplicationClient
from requests_oauthlib import OAuth2Session

from tests.journey.pages import Browser, Deviation, Page, expect

STEP_SECONDS = 30
os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"  # the library refuses plain HTTP, which is what this machine's demo has


class Authenticator:
    """Shows codes of RFC 6238, never the same twice."""

    def __init__(self, secret: str) -> None:
        self.key = base64.b32decode(secret)
        self.last = -1

    def code(self) -> str:
        """A code not shown before; waits for the next one when it must."""
        now = int(time.time()) // STEP_SECONDS
        step = max(now, self.last + 1)
        if step > now + 1:
            time.sleep((step - 1) * STEP_SECONDS - time.time() + 0.1)
        self.last = step
        return f"{totp(self.key, STEP_SECONDS, 0, 6, step - int(time.time()) // STEP_SECONDS):06d}"


class Person:
    """Somebody with a browser."""

    def __init__(self, base: str, verify: str | bool, email: str, password: str, secret: str = "") -> None:
        self.browser = Browser(base, verify)
        self.email, self.password = email, password
        self.authenticator = Authenticator(secret) if secret else None

    def sign_in(self, path: str = "/") -> Page:
        """Signed in with two factors, and then on the page wanted."""
        page = self.browser.get(f"/login?next={path}")
        page = page.submit("Sign in", {"E-mail": self.email, "Password": self.password})
        expect(page.response.url.path == "/login/factor", "the password alone led further than to the second factor")
        expect(self.authenticator is not None, "no authenticator")
        return self.prove(page)

    def prove(self, page: Page) -> Page:
        """Past the second factor; a code somebody has just used (an earlier walk, say) is followed by the next."""
        after = page.submit("", {"code": self.code()}, status=None)
        if after.response.url.path == "/login/factor":
            after = page.submit("", {"code": self.code()})
        return after

    def code(self) -> str:
        """A one-time code."""
        if self.authenticator is None:
            raise Deviation("no authenticator")
        return self.authenticator.code()


class App:
    """An application: every call goes through an OAuth 2.0 client library, with a token of its own."""

    def __init__(self, base: str, verify: str | bool, credentials: dict[str, Any]) -> None:
        self.base, self.verify, self.credentials = base, verify, credentials
        self.session = self._session()

    def _session(self) -> OAuth2Session:
        session = OAuth2Session(client=BackendApplicationClient(client_id=self.credentials["client_id"]))
        session.fetch_token(
            f"{self.base}/oauth/token",
            client_id=self.credentials["client_id"],
            client_secret=self.credentials["client_secret"],
            scope=self.credentials["scopes"],
            verify=self.verify,
        )
        return session

    def call(self, method: str, path: str, body: Any = None, status: int = 200, **more: Any) -> Any:
        """The answer's JSON; `Deviation` for another status than expected. A 503 is asked again, twice."""
        address = f"{self.base}/api/v1/{path}"
        for last in (False, False, True):
            answer = self.session.request(method, address, json=body, verify=self.verify, timeout=30, **more)
            if answer.status_code != 503 or last:
                break
            time.sleep(int(answer.headers["Retry-After"]))
        expect(answer.status_code == status, f"{method} {path}: {answer.status_code}, expected {status}: {answer.text}")
        return answer.json() if "json" in answer.headers.get("content-type", "") else answer.content


class Mailbox:
    """The folder of mail files."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)
        self.seen = set(self.folder.glob("*.eml"))

    def next(self, to: str, wait: float = 15) -> str:
        """The text of the next mail to this address; each is read once."""
        end = time.monotonic() + wait
        while time.monotonic() < end:
            for path in sorted(set(self.folder.glob("*.eml")) - self.seen):
                message = message_from_bytes(path.read_bytes(), policy=policy.default)
                if to in str(message["To"]):
                    self.seen.add(path)
                    body = message.get_body(("plain",))
                    return body.get_content() if body is not None else ""
            time.sleep(0.1)
        raise Deviation("no mail came")

    def code(self, to: str) -> str:
        """The six digits of the next mail."""
        found = re.search(r"\b(\d{6})\b", self.next(to))
        if found is None:
            raise Deviation("the mail holds no code")
        return found.group(1)


def demo(run_dir: str) -> dict[str, Any]:
    """What `make run` wrote for drivers."""
    read: dict[str, Any] = json.loads((Path(run_dir) / "demo.json").read_text())
    return read


def trust(run_dir: str, base: str) -> str | bool:
    """The authority an instance made for itself when it serves TLS; otherwise the machine's."""
    return str(Path(run_dir) / "ca.pem") if base.startswith("https:") else True


def eventually(what: str, probe: Any, wait: float = 20) -> Any:
    """The probe's first true answer; `Deviation` when none comes in time."""
    end = time.monotonic() + wait
    while time.monotonic() < end:
        found = probe()
        if found:
            return found
        time.sleep(0.1)
    raise Deviation(f"{what}: not within {wait:.0f} s")
