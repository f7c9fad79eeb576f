"""While the vault is sealed the service lives, is not ready, gives out nothing of anybody and writes nothing (F26)."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.test import Client

from consent.services.data import store_data
from gdpr_portal import wellknown
from tests.laws.access_table import API, PAGES
from tests.plugins.exhaustive import its_turn
from vault import checks, providers

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue"), its_turn(1)]
NAME = "Zephyrine-Canary"
OPEN = {"livez", "readyz", ".well-known/security.txt"}
"""Routes that answer without keys; every other one says 503 to whoever is let in."""
REFUSED = {302, 403, 404}
"""What those get who are not let in anyway: the door is before the vault."""
KEPT = ("subjects_", "consent_", "erasure_", "vault_")


@contextmanager
def sealed() -> Iterator[None]:
    """The key file is away, and this process has noticed."""
    path = django_settings.VAULT_KEY_FILE
    away = path.with_name("away.json")
    path.rename(away)
    forget()
    try:
        yield
    finally:
        away.rename(path)
        forget()


def forget() -> None:
    providers.forget()
    checks.forget()
    wellknown.readiness.forget()


def rows() -> dict[str, tuple[int, str]]:
    """Of every table of people, consents, requests and keys: how many rows, and their digest."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        names = [name for (name,) in cursor.fetchall() if name.startswith(KEPT)]
        found = {}
        for name in names:
            cursor.execute(
                f"SELECT count(*), coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '') FROM {name} t"
            )
            found[name] = cursor.fetchone()
    return found


def path_of(route: str, ids: dict[str, object]) -> str:
    known = {"slug": "newsletter", "recipient": "acme", "app_label": "consent", "right": "access", "url": "x",
             "device_id": "1", "content_type_id": "1", "purpose": "newsletter"} | ids  # fmt: skip
    return "/" + re.sub(
        r"<(\w+)>", lambda found: str(known.get(found[1], "00000000-0000-0000-0000-000000000001")), route
    )


BODIES = {
    "api/v1/subjects": '{"identifiers": {"email": "new@example.org"}}',
    "api/v1/subjects/lookup": '{"kind": "email", "value": "alice@example.org"}',
    "api/v1/decisions": '{"subject": "%(subject)s", "purpose": "newsletter"}',
    "api/v1/subjects/<subject>/data": '{"purpose": "orders", "values": {"given_name": "Y"}, "source": "subject"}',
    "api/v1/subjects/<subject>/consents": '{"purpose": "newsletter", "action": "withdraw", "channel": "api"}',
    "api/v1/subjects/<subject>/sharing/<recipient>": '{"purpose": "newsletter", "shared": false, "channel": "api"}',
}


@pytest.fixture
def world(alice: Any, shop: Any, olga: Any, rita: Any, client_for: Any) -> dict[str, Any]:
    store_data(application=shop, subject=alice.subject, purpose="orders", values={"given_name": NAME}, source="subject")
    api = client_for(shop)
    api.raise_request_exception = False
    browsers = {"alice": alice.browser(), "olga": olga.browser(), "rita": rita.browser(), "nobody": Client()}
    for browser in browsers.values():
        browser.raise_request_exception = False
    ids = {"subject": alice.id_for(shop), "subject_id": alice.id_for(shop)}
    return {"api": api, "browsers": browsers, "ids": ids}


def api_answers(world: dict[str, Any]) -> dict[tuple[str, str], Any]:
    found = {}
    for route, scopes in API.items():
        for method in scopes:
            body = BODIES.get(route, "{}") % world["ids"] if method != "GET" else ""
            query = "?purpose=orders&fields=given_name" if route.endswith("/data") and method == "GET" else ""
            found[route, method] = world["api"].generic(method, path_of(route, world["ids"]) + query, body)
    return found


def page_answers(world: dict[str, Any]) -> dict[tuple[str, str], Any]:
    return {
        (route, name): browser.get(path_of(route, {}))
        for route in PAGES
        for name, browser in world["browsers"].items()
        if "logout" not in route
    }


def content(answer: Any) -> bytes:
    return b"".join(answer.streaming_content) if answer.streaming else answer.content


@pytest.mark.django_db(transaction=True)  # readiness asks on a connection of its own, and tells the log what it found
def test_no_route_gives_anything_out_or_writes_anything(world: dict[str, Any]) -> None:
    opened = {**api_answers(world), **page_answers(world)}
    assert any(NAME.encode() in content(answer) for answer in opened.values())  # it is there to be seen
    assert not {key for key, answer in opened.items() if answer.status_code == 503 and key[0] != "readyz"}
    before = rows()

    with sealed():
        found = {**api_answers(world), **page_answers(world)}
        lives, ready = Client().get("/livez"), Client().get("/readyz")

    assert (lives.status_code, ready.status_code, ready.json()["checks"]["keys"]) == (200, 503, "failing")
    bodies = {key: content(answer) for key, answer in found.items()}
    assert [key for key, body in bodies.items() if NAME.encode() in body or b"alice@example.org" in body] == []
    assert [(key, answer.status_code) for key, answer in found.items() if answer.status_code == 500] == []
    answered = {key: answer.status_code for key, answer in found.items() if answer.status_code != 503}
    let_in = {key for key, answer in opened.items() if answer.status_code not in REFUSED}
    assert {key[0] for key in answered if key in let_in} == OPEN - {"readyz"}
    assert set(answered.values()) <= REFUSED | {200}
    assert rows() == before


def test_teeth_without_the_middleware_pages_would_answer(world: dict[str, Any], settings: Any) -> None:
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "SealedMiddleware" not in name]
    alice = Client(headers={"cookie": world["browsers"]["alice"].cookies.output(header="", sep=";").strip()})

    with sealed():
        assert alice.get("/security").status_code != 503
