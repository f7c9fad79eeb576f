"""The people and applications of the tests: alice, bob, rita, quentin, olga; shop, acme, eve, qa_sampler."""

import base64
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
import time_machine
from django.conf import settings as django_settings
from django.contrib import auth
from django.test import Client, override_settings
from django.utils import translation
from rest_framework.test import APIClient

from access import roles
from access.rest.codes import TITLES
from tests.kept_rows import kept

if TYPE_CHECKING:
    from access.models import Account, Application
    from subjects.models import Subject


def _next_morning() -> datetime:
    """The next 10:00 UTC that is five hours away: the database's clock is the real one, and must lie before NOW.

    `TESTS_DAY=2027-01-31` sets another day that lies ahead: what is right today may be wrong at the end of a month.
    """
    soon = datetime.now(UTC) + timedelta(hours=19)
    day = date.fromisoformat(os.environ.get("TESTS_DAY", soon.date().isoformat()))
    return datetime(day.year, day.month, day.day, 10, tzinfo=UTC)


NOW = _next_morning()
PASSWORD = "correct horse battery staple"
MADE_BY_MIGRATING = {"django_content_type", "auth_permission"}
"""Tables whose rows Django makes after every migration and every flush."""


# --- what every test stands on --------------------------------------------------------------------------------------
@pytest.fixture(scope="session", autouse=True)
def _cheap_passwords() -> Iterator[None]:
    """Hashing a password costs nothing here; the real hasher has tests of its own."""
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"], ALLOWED_HOSTS=["*"]):
        yield


@pytest.fixture(scope="session", autouse=True)
def _patience() -> Iterator[None]:
    """A database that is slow because the machine is busy is not given up; what gives up has tests of its own."""
    from gdpr_portal import patience

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(patience, "CONNECT_SECONDS", 60)
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_power_cut() -> Iterator[None]:
    """Files need not reach the disk, as the database's need not: twenty milliseconds for each test with keys."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def _at_once() -> Iterator[None]:
    """No answer waits for its step; tests/access/test_evenly.py sees that it would."""
    from access import evenly

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evenly, "sleep", lambda seconds: None)
        yield


@pytest.fixture(autouse=True)
def _clocks_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests move their own clock and not the database's; tests/frame/test_clocks.py sees what workers do about that."""
    from gdpr_portal import clocks

    monkeypatch.setattr(clocks, "is_too_early", lambda: False)


@pytest.fixture(autouse=True)
def _no_memory() -> Iterator[None]:
    """What a process remembers for a moment is forgotten between tests."""
    from access.rest import remembered
    from consent.services import imports
    from gdpr_portal import breakers, wellknown
    from vault import checks, providers, services

    for each in (breakers, providers, checks, wellknown.readiness, remembered, imports):
        each.forget()  # type: ignore[attr-defined]
    translation.deactivate()  # the last page's language stays with its thread
    services._Told.reason = ""
    # The database forgets after every test; a ledger that did not would take it for a restored backup.
    django_settings.SHRED_LEDGER_FILE.unlink(missing_ok=True)
    yield


@pytest.fixture(scope="session", autouse=True)
def _flush_behind_the_triggers() -> Iterator[None]:
    """Tests with real transactions empty the tables afterwards; the audit log's own trigger refuses that, rightly.

    Most tables are empty: rows are deleted where there are any, which takes a tenth of truncating them all. The names
    of models and their permissions stay: making them anew after each test takes a tenth of a second.
    """
    from django.core.management.commands import flush as command
    from django.db import connection

    from tests.audit.tools import behind_the_triggers

    operations = type(connection.ops)

    def flush(self: Any, sql_list: list[str]) -> None:
        tables = sorted(set(re.findall(r'"([a-z_]+)"', " ".join(sql_list))) - MADE_BY_MIGRATING)
        looks = [f"SELECT '{name}' WHERE EXISTS (SELECT FROM \"{name}\")" for name in tables]
        with behind_the_triggers(), connection.cursor() as cursor:
            cursor.execute(" UNION ALL ".join(looks))
            for (name,) in cursor.fetchall():
                cursor.execute(f'DELETE FROM "{name}"')

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(operations, "execute_sql_flush", flush)
        patch.setattr(command, "emit_post_migrate_signal", lambda *given, **also: None)
        yield


@pytest.fixture
def frozen() -> Iterator[Any]:
    """The clock stands at NOW; `frozen.shift(seconds)` and `frozen.move_to(moment)` move it, not the database's."""
    with time_machine.travel(NOW, tick=False) as coordinates:
        yield coordinates


# --- applications ---------------------------------------------------------------------------------------------------
def make_application(slug: str, scopes: list[str], **options: Any) -> "Application":
    """An application whose secret the test can read: `application.plain_secret`."""
    from access.services.applications import create_application

    made, _, secret = create_application(slug=slug, name=slug.title(), scopes=scopes, **options)
    made.plain_secret = secret  # type: ignore[attr-defined]
    return made


def make_shop() -> "Application":
    from access.scopes import SCOPES

    return make_application("shop", sorted(SCOPES.keys() - {"audit:read"}), requests_per_minute=6_000_000)


class BearerClient(APIClient):
    """Speaks JSON with a bearer token; `post(path, {...})` sends JSON without saying so. It takes no unlisted code."""

    def generic(
        self, method: str, path: str, data: Any = "", content_type: str = "application/json", **extra: Any
    ) -> Any:
        return super().generic(method, path, data, content_type, **extra)

    def request(self, **kwargs: Any) -> Any:
        response = super().request(**kwargs)
        if kwargs.get("REQUEST_METHOD") != "HEAD" and "json" in response.get("Content-Type", ""):
            response.body = response.json() if not response.streaming and response.content else None
            if response["Content-Type"] == "application/problem+json":
                assert response.body["code"] in TITLES, f"/api/docs/problems does not list {response.body['code']}."
        return response


@pytest.fixture
def client_for(db: None) -> "Callable[..., BearerClient]":
    """`client_for(application, *scopes)`: an API client with a live token, with those scopes or all it was granted."""
    from access.oauth import save_token
    from access.tokens import new_token

    def make(application: "Application", *scopes: str) -> BearerClient:
        token = new_token()
        save_token(application=application, token=token, scopes=scopes or application.scopes)
        client = BearerClient()
        client.default_format = "json"
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
        client.token = token
        return client

    return make


# --- people ---------------------------------------------------------------------------------------------------------
@dataclass
class Person:
    """Somebody with an account and a second factor; data subjects have a `subject` too."""

    name: str
    email: str
    account: "Account"
    totp_secret: str
    password: str = PASSWORD
    _subject: list["Subject"] = field(default_factory=list)

    @property
    def subject(self) -> "Subject":
        return self._subject[0]

    def id_for(self, application: "Application") -> UUID:
        """The id by which the application knows the person."""
        from vault.services import pairwise_id

        return pairwise_id(application.id, self.subject.id)

    def browser(self, *, fresh: bool = True) -> Client:
        """A browser signed in with both factors; `fresh` as right after the second.

        The session, the cookie and the last sign-in are what `Client.force_login` leaves, in a third of the statements.
        """
        from django.contrib.auth.models import update_last_login

        from access.sessions import SessionStore

        session = SessionStore()
        session.update(self._signed_in() | {"factor_at": time.time() if fresh else 0.0})
        session.save()
        update_last_login(None, self.account)
        client = Client()
        client.cookies[django_settings.SESSION_COOKIE_NAME] = session.session_key
        return client

    def _signed_in(self) -> dict[str, Any]:
        from django_otp import DEVICE_ID_SESSION_KEY

        from access.models import TotpDevice
        from access.sessions import SIGNED_IN, new_sign_in

        device = TotpDevice.objects.filter(user=self.account, confirmed=True).latest("created_at")
        return {
            auth.SESSION_KEY: str(self.account.pk),
            auth.BACKEND_SESSION_KEY: "access.backends.SealedEmailBackend",
            auth.HASH_SESSION_KEY: self.account.get_session_auth_hash(),
            DEVICE_ID_SESSION_KEY: device.persistent_id,
            SIGNED_IN: new_sign_in(""),
        }


def _with_factor(name: str, email: str, account: "Account") -> Person:
    """The row that `add_totp` and `confirm_totp` leave, in fewer statements: most tests begin with three of these."""
    from access.models import TotpDevice
    from access.services.factors import secret_place
    from vault.services import subject_key

    secret = secrets.token_bytes(20)
    device = TotpDevice.objects.create(user=account, name="", confirmed=True, secret_sealed=b"")
    device.secret_sealed = subject_key(account.id).seal(secret_place(device), secret)
    device.save(update_fields=["secret_sealed"])
    return Person(name=name, email=email, account=account, totp_secret=base64.b32encode(secret).decode())


def make_staff(name: str, *roles: str) -> Person:
    """A member of staff with these roles."""
    from access.services.accounts import create_account

    email = f"{name}@controller.example"
    return _with_factor(name, email, create_account(email=email, password=PASSWORD, is_staff=True, roles=roles))


def make_person(name: str, application: "Application | None" = None) -> Person:
    """A data subject with a verified account, known to the application."""
    from access.services.accounts import register_verified
    from subjects.models import Subject
    from subjects.services.people import register_subject

    email = f"{name}@example.org"
    person = _with_factor(name, email, register_verified(email=email, password=PASSWORD))
    person._subject.append(Subject.objects.get(account=person.account))
    if application is not None:
        register_subject(application=application, identifiers={"email": email, "customer_id": f"c-{name}"})
    return person


def make_catalogue(shop: "Application", acme: "Application", olga: Person, rita: Person) -> None:
    from consent.demo_catalogue import build

    build(author=olga.account, approver=rita.account)


# --- who most tests ask for -----------------------------------------------------------------------------------------
CAST: dict[str, Callable[..., Any]] = {
    "shop": make_shop,
    "acme": lambda: make_application("acme", ["deliveries:acknowledge", "sharing:read"], is_third_party=True),
    "eve": lambda: make_application("eve", ["catalogue:read"], requests_per_minute=60),
    "qa_sampler": lambda: make_application("qa_sampler", ["audit:read", "catalogue:read"]),
    "alice": lambda shop: make_person("alice", shop),
    "bob": lambda shop: make_person("bob", shop),
    "rita": lambda: make_staff("rita", roles.IRM),
    "quentin": lambda: make_staff("quentin", roles.QA),
    "olga": lambda: make_staff("olga", roles.OPERATOR),
    "catalogue": make_catalogue,
}
"""How each is made, out of those it stands on."""
ROLES = {"rita": roles.IRM, "quentin": roles.QA, "olga": roles.OPERATOR}


def cast(name: str, *stands_on: Any) -> Any:
    """This one of CAST, made or, where an earlier test made the same, put back (tests/kept_rows.py)."""
    from django.contrib.auth.models import Group

    if name in ROLES and Group.objects.filter(name=ROLES[name]).exists():
        return CAST[name](*stands_on)  # the kept rows would bring the role a second time
    return kept(name, lambda: CAST[name](*stands_on), *stands_on)


@pytest.fixture
def shop(db: None) -> "Application":
    """A business application with every scope but `audit:read`."""
    return cast("shop")


@pytest.fixture
def acme(db: None) -> "Application":
    """A third party that data is shared with."""
    return cast("acme")


@pytest.fixture
def eve(db: None) -> "Application":
    """An application with the wrong scope, 60 requests a minute."""
    return cast("eve")


@pytest.fixture
def qa_sampler(db: None) -> "Application":
    """The application QA draws samples of the audit log with."""
    return cast("qa_sampler")


@pytest.fixture
def after_commit(django_capture_on_commit_callbacks: Any) -> Any:
    """What is done after the commit is done at once: mail goes out."""
    return lambda: django_capture_on_commit_callbacks(execute=True)


@pytest.fixture
def alice(shop: "Application") -> Person:
    """A data subject with an account, known to shop."""
    return cast("alice", shop)


@pytest.fixture
def bob(shop: "Application") -> Person:
    """Another data subject, so that absence and separation can be seen."""
    return cast("bob", shop)


@pytest.fixture
def rita(db: None) -> Person:
    """IRM."""
    return cast("rita")


@pytest.fixture
def quentin(db: None) -> Person:
    """QA."""
    return cast("quentin")


@pytest.fixture
def olga(db: None) -> Person:
    """The operator."""
    return cast("olga")


@pytest.fixture
def catalogue(shop: "Application", acme: "Application", olga: Person, rita: Person) -> None:
    """The demo catalogue of api.md, live, through the real reviews; `profiling` in review."""
    cast("catalogue", shop, acme, olga, rita)


@pytest.fixture
def audit_log(db: None) -> Callable[..., list[Any]]:
    """`audit_log("consent.given")`: the events of this action so far, oldest first."""
    from audit.models import AuditEvent

    def events(action: str = "") -> list[Any]:
        found = AuditEvent.objects.order_by("ordinal")
        return list(found.filter(action=action) if action else found)

    return events


@pytest.fixture
def repository() -> Path:
    """Where the code lies."""
    return Path(django_settings.BASE_DIR)
