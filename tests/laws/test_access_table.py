"""Every route x role x scope is declared in access_table.py, and holds (G17, threats T17, T19, T20, T41)."""

import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction
from django.test import Client
from django.urls import URLResolver, get_resolver

from access.scopes import SCOPES
from audit import actors
from consent.models import Component, DataContract, Notice, Purpose, Recipient
from consent.services.deliveries import queue_delivery
from erasure.services import steps
from erasure.services.requests import file_request
from tests.consent.people import answer
from tests.laws.access_table import ANONYMOUS, API, IRM, OPERATOR, PAGES, PASSWORD, QA, ROLES, STAFF, SUBJECT
from tests.plugins.exhaustive import TURNS, every_turn, turn

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
UNKNOWN = UUID(int=1)
SHUT = {302, 403, 404}


def routes(resolver: Any, prefix: str = "") -> Iterator[str]:
    """Every route of the URLconf, ids without their converters."""
    for each in resolver.url_patterns:
        route = prefix + re.sub(r"<(?:\w+:)?(\w+)>", r"<\1>", str(each.pattern))
        route = re.sub(r"\^|\$|\(\?P(<\w+>)[^)]*\)", r"\1", route)
        if isinstance(each, URLResolver):
            yield from routes(each, route)
        else:
            yield route


def test_every_route_is_declared_and_every_declared_route_exists() -> None:
    found = set(routes(get_resolver()))
    assert found - API.keys() - PAGES.keys() == set()
    assert (API.keys() | PAGES.keys()) - found == set()


def test_a_new_route_is_noticed() -> None:
    from django.urls import path

    class Planted:
        url_patterns = [path("backdoor/<uuid:id>", lambda request: None)]

    assert set(routes(Planted())) - API.keys() - PAGES.keys() == {"backdoor/<id>"}


def test_the_views_ask_for_the_declared_scopes() -> None:
    for route, scopes in API.items():
        view = get_resolver().resolve("/" + filled(route)).func
        assert view.view_class.scopes == scopes, route
        assert set(scopes.values()) <= SCOPES.keys()


def filled(route: str, **ids: object) -> str:
    known = {"slug": "newsletter", "recipient": "acme", "app_label": "consent", "right": "access", "url": "nowhere",
             "device_id": "1", "content_type_id": "1"} | ids  # fmt: skip
    return re.sub(r"<(\w+)>", lambda found: str(known.get(found[1], UNKNOWN)), route)


# --- the API ----------------------------------------------------------------------------------------------------------
API_CALLS = [(route, method, scope) for route, scopes in API.items() for method, scope in scopes.items()]


@pytest.mark.django_db
def test_the_api_opens_to_the_declared_scope_and_to_no_other(shop: Any, catalogue: None, client_for: Any) -> None:
    shop.scopes = sorted(SCOPES)
    shop.save()
    nobody, dead = client_for(shop), client_for(shop)
    nobody.credentials()
    dead.credentials(HTTP_AUTHORIZATION="Bearer " + "x" * 43)
    by_scope = {scope: client_for(shop, scope) for scope in SCOPES}
    others = {scope: client_for(shop, *(SCOPES.keys() - {scope})) for scope in SCOPES}
    wrong = []
    for route, method, scope in API_CALLS:
        path = "/" + filled(route)
        got = [client.generic(method, path, "{}") for client in (nobody, dead, others[scope], by_scope[scope])]
        codes = [answer.status_code for answer in got]
        if codes[:3] != [401, 401, 403] or got[2].body["code"] != "scope_missing" or codes[3] in {401, 403}:
            wrong.append((route, method, codes))
    assert wrong == []


@pytest.mark.django_db
def test_other_methods_are_not_there(shop: Any, client_for: Any) -> None:
    client = client_for(shop)
    for route, scopes in API.items():
        for method in set(METHODS) - scopes.keys():
            assert client.generic(method, "/" + filled(route), "{}").status_code == 405, (method, route)


@pytest.mark.django_db
def test_another_applications_people_and_rows_are_not_there(
    alice: Any, shop: Any, acme: Any, catalogue: None, client_for: Any
) -> None:
    """Every id in an address is tried by somebody it is not for; first it is seen to work for whom it is."""
    acme.scopes = sorted(SCOPES)
    acme.save()
    event = answer(alice.subject, "give", channel="api", actor=actors.application("shop"), application=shop)
    request = filed(alice, application=shop)
    delivery = queue_delivery(application=shop, subject=alice.subject, type="consent.withdrawn", purpose="newsletter")
    ids = {"subject": alice.id_for(shop), "subject_id": alice.id_for(shop), "event": event.event,
           "request_id": request.id, "delivery": delivery.pk}  # fmt: skip
    ours, theirs = client_for(shop), client_for(acme)
    reads = [(route, method) for route, method, scope in API_CALLS if set(re.findall(r"<(\w+)>", route)) & ids.keys()]
    for route, method in reads:
        if route.startswith("api/v1/audit"):
            continue  # the log has no owner; `audit:read` alone opens it, and it holds pseudonyms
        if route.endswith("/ask"):
            continue  # a third party's alone, never shop's: tests/consent/test_asks.py tries it with everybody else
        path = (
            "/"
            + filled(route, **ids)
            + ("?purpose=orders&fields=email" if route.endswith("/data") and method == "GET" else "")
        )
        body = WITH_BODY.get((route, method), "{}").replace("%(event)s", str(ids["event"]))
        stranger = theirs.generic(method, path, body)
        assert stranger.status_code == 404, (method, path, stranger.status_code)
        owner = ours.generic(method, path, body)
        assert owner.status_code != 404, (method, path)


WITH_BODY = {
    ("api/v1/subjects/<subject>/data", "PUT"):
        '{"purpose": "orders", "values": {"given_name": "A"}, "source": "subject"}',
    ("api/v1/subjects/<subject>/consents", "POST"):
        '{"purpose": "newsletter", "action": "refuse", "channel": "web"}',
    ("api/v1/subjects/<subject>/consents/authorisation", "POST"):
        '{"event": "%(event)s", "email": "parent@example.org"}',
    ("api/v1/subjects/<subject>/sharing/<recipient>", "PUT"):
        '{"purpose": "newsletter", "shared": false, "channel": "web"}',
    ("api/v1/deliveries/<delivery>/acknowledge", "POST"): '{"outcome": "done"}',
}  # fmt: skip


def filed(person: Any, right: str = "access", **more: Any) -> Any:
    return file_request(
        subject=person.subject, right=right, details={}, verified_by="account", actor=actors.SUBJECT, **more
    )


# --- pages ------------------------------------------------------------------------------------------------------------
@pytest.fixture
def browsers(alice: Any, rita: Any, quentin: Any, olga: Any) -> Any:
    """A browser of each role."""
    people = {SUBJECT: alice, IRM: rita, QA: quentin, OPERATOR: olga}
    half_way = Client()
    half_way.force_login(alice.account, backend="access.backends.SealedEmailBackend")
    return {role: person.browser() for role, person in people.items()} | {PASSWORD: half_way, ANONYMOUS: Client()}


def objects(alice: Any, request: Any) -> dict[str, dict[str, object]]:
    """The ids that stand for something, by the beginning of the route."""
    kinds = {"component": Component, "purpose": Purpose, "notice": Notice, "recipient": Recipient,
             "datacontract": DataContract}  # fmt: skip
    found: dict[str, dict[str, object]] = {
        f"admin/consent/{kind}/": {"object_id": model.objects.latest("created_at").pk} for kind, model in kinds.items()
    }
    return found | {
        "admin/access/account/": {"object_id": alice.account.pk},
        "admin/subjects/subject/": {"object_id": alice.subject.pk},
        "admin/erasure/rightsrequest/": {"object_id": request.id, "request_id": request.id},
        "requests/": {"request_id": request.id},
    }


@pytest.mark.django_db
def test_every_page_lets_in_whom_the_table_names(alice: Any, shop: Any, catalogue: None, browsers: Any) -> None:
    request = filed(alice)
    steps.sweep()
    real = objects(alice, request)
    wrong = []
    for place, (route, page) in enumerate(PAGES.items()):
        ids = next((ids for start, ids in real.items() if route.startswith(start)), {})
        opens = every_turn() or place % TURNS == turn()  # to be drawn is what costs; a refusal is asked for every day
        for role in ROLES if opens else [role for role in ROLES if role not in page.who]:
            wrong += [
                (route, role, method, code)
                for method in ("GET", "POST")
                if (code := status(browsers[role], method, filled(route, **ids))) is not None
                and is_wrong(code, role, route, role in page.who)
            ]
    assert not wrong, "\n".join(map(str, wrong))


def status(client: Client, method: str, path: str) -> tuple[int, str]:
    """What came back; whatever the call changed, sessions included, is as before."""
    client.raise_request_exception = False
    before = client.cookies.copy()
    with transaction.atomic():
        answer = client.generic(method, "/" + path)
        transaction.set_rollback(True)
    client.cookies = before
    return answer.status_code, answer.headers.get("Location", "")


def is_wrong(answer: tuple[int, str], role: str, route: str, let_in: bool) -> bool:
    """Whether somebody who may not got in, or somebody who may was led to the sign-in or failed."""
    code, location = answer
    led_away = code == 302 and location.startswith(("/login", "/signup/totp", "/admin/login/"))
    if code >= 500:
        return True
    if let_in:
        return led_away and role != ANONYMOUS and role != PASSWORD and route not in ENDS_THE_SESSION
    if code in {403, 404, 405}:
        return False
    return not (led_away or (code == 302 and (location in HARMLESS or location.endswith("/change/"))))


ENDS_THE_SESSION = {"login", "logout", "security/sign-out-everywhere", "security/password"}
"""Whoever was let in is at the sign-in afterwards."""
HARMLESS = {"/", "/security/password", "/admin/", "/login"}
"""Where the desk's closed doors lead to: the front page, the portal's own password page, the desk's own index. A desk's
address without `change/` leads to the one with it, which has a line of its own in the table."""


@pytest.mark.django_db
def test_the_desk_gives_data_subjects_nothing(alice: Any, catalogue: None) -> None:
    browser = alice.browser()
    for route in PAGES:
        if route.startswith("admin/"):
            answer = browser.get("/" + filled(route))
            assert answer.status_code in SHUT and not answer.content.count(b"<table"), route


@pytest.mark.django_db
def test_another_persons_requests_are_not_there(alice: Any, bob: Any, shop: Any, catalogue: None) -> None:
    request = filed(alice)
    steps.sweep()
    for route in (route for route in PAGES if route.startswith("requests/<request_id>")):
        path = "/" + filled(route, request_id=request.id)
        for method in ("GET", "POST"):
            assert bob.browser().generic(method, path).status_code in {404, 405}, (method, path)
            assert alice.browser().generic(method, path).status_code != 404, (method, path)


def test_a_table_that_names_the_wrong_people_fails() -> None:
    """Teeth of `is_wrong`."""
    assert is_wrong((200, ""), SUBJECT, "admin/", let_in=False)
    assert is_wrong((302, "/login?next=/data"), SUBJECT, "data", let_in=True)
    assert is_wrong((500, ""), SUBJECT, "data", let_in=True)
    assert not is_wrong((302, "/login?next=/data"), ANONYMOUS, "data", let_in=False)
    assert SUBJECT not in STAFF
