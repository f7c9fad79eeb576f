"""Art. 18(2): under a restriction every way to use, give out or share refuses or waits; one's own rights do not."""

from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import override_settings

from access.services.applications import set_endpoint
from consent.models import Delivery, Standing
from consent.services import feed, sending
from consent.services.imports import without_ground
from erasure.services import requests
from subjects.models import PersonalValue, Restriction
from subjects.selectors import is_restricted
from subjects.services import lift_restriction, restrict
from tests.consent.people import answer, share, wording
from tests.laws.access_table import API

pytestmark = pytest.mark.usefixtures("catalogue")

USES = {
    "POST api/v1/decisions": "restricted",
    "POST api/v1/decisions/batch": "restricted",
    "GET api/v1/decisions/snapshot": "restricted",
    "GET api/v1/decisions/changes": "restricted",
    "GET api/v1/subjects/<subject>/data": "restricted",
    "PUT api/v1/subjects/<subject>/data": "restricted",
    "PUT api/v1/subjects/<subject>/sharing/<recipient>": "restricted",
}
"""What uses data or gives it away, and what it says then."""
SHARING_ON = {"purpose": "newsletter", "shared": True, "channel": "web"}
SCOPES_OF_USE = {"data:read", "data:write", "decisions:read", "sharing:write"}
OTHERS = {f"{method} api/v1/subjects/<subject>/sharing/<recipient>/ask" for method in ("GET", "POST")}
"""A question to the person, which gives nothing away; a yes goes the way of the switch."""


@pytest.fixture
def api(client_for: Any, shop: Any) -> Any:
    return client_for(shop)


@pytest.fixture
def asked(api: Any, alice: Any, shop: Any) -> Any:
    """The code that each way to use data answers with now."""

    def ask() -> dict[str, str]:
        me, path = str(alice.id_for(shop)), f"/api/v1/subjects/{alice.id_for(shop)}"
        item = {"subject": me, "purpose": "orders"}
        stored = {"purpose": "orders", "source": "subject", "values": {"given_name": "Ada"}}
        return {
            "POST api/v1/decisions": api.post("/api/v1/decisions", item).body["code"],
            "POST api/v1/decisions/batch": api.post("/api/v1/decisions/batch", {"items": [item]}).body["results"][0][
                "code"
            ],
            "GET api/v1/decisions/snapshot": fed(api, me),
            "GET api/v1/decisions/changes": changed(shop, me),
            "GET api/v1/subjects/<subject>/data": code(api.get(f"{path}/data", {"purpose": "orders"})),
            "PUT api/v1/subjects/<subject>/data": code(api.put(f"{path}/data", stored)),
            "PUT api/v1/subjects/<subject>/sharing/<recipient>": code(api.put(f"{path}/sharing/acme", SHARING_ON)),
        }

    return ask


def code(answered: Any) -> str:
    return "allowed" if answered.status_code == 200 else str(answered.body["code"])


def fed(api: Any, me: str) -> str:
    items = api.get("/api/v1/decisions/snapshot", {"limit": 200}).body["items"]
    return str(next(item["code"] for item in items if (item["subject"], item["purpose"]) == (me, "orders")))


def changed(shop: Any, me: str) -> str:
    """What a change read now would say of them: the feed decides when it is read."""
    [item] = feed._decided(shop, [(feed.Question(_person(shop, me), "orders"), 1)])
    return item.code


def _person(shop: Any, me: str) -> Any:
    from uuid import UUID

    from vault.services import subject_of

    return subject_of(shop.pk, UUID(me))


def test_every_use_is_open_before_refused_under_it_and_open_after(asked: Any, alice: Any) -> None:
    answer(alice.subject, "give")
    assert asked() == dict.fromkeys(USES, "allowed")
    restrict(subject=alice.subject, ground="legal_claims", request=None, actor="subject")
    assert asked() == USES
    lift_restriction(subject=alice.subject, actor="staff:x")
    assert asked() == dict.fromkeys(USES, "allowed")


def test_every_way_of_the_api_that_uses_data_is_in_the_matrix() -> None:
    """Teeth for the next route: whoever adds one with such a scope says here what it does under a restriction."""
    routes = {
        f"{method} {route}"
        for route, methods in API.items()
        for method, scope in methods.items()
        if scope in SCOPES_OF_USE
    }
    assert routes - USES.keys() - OTHERS == set()
    assert USES.keys() <= routes


def test_a_share_that_was_to_start_waits_and_leaves_when_it_is_over(alice: Any, acme: Any) -> None:
    set_endpoint(application=acme, url="https://acme.example/notices")
    answer(alice.subject, "give")
    share(alice.subject, True)
    started = Delivery.objects.get(type="sharing.started")
    restrict(subject=alice.subject, ground="legal_claims", request=None, actor="subject")
    assert sending.claim(started.pk) is None
    started.refresh_from_db()
    assert (started.state, started.last_error) == ("queued", "restricted")
    lift_restriction(subject=alice.subject, actor="staff:x")
    Delivery.objects.filter(pk=started.pk).update(next_at=started.created_at)
    assert sending.claim(started.pk) is not None


def test_an_import_finds_no_ground(alice: Any, shop: Any) -> None:
    assert without_ground(shop, [(alice.subject, "orders")]) == frozenset()
    restrict(subject=alice.subject, ground="legal_claims", request=None, actor="subject")
    assert without_ground(shop, [(alice.subject, "orders")]) == {alice.subject.pk}


def test_what_is_stored_stays_and_the_person_s_own_word_counts(api: Any, alice: Any, shop: Any) -> None:
    path = f"/api/v1/subjects/{alice.id_for(shop)}"
    api.put(f"{path}/data", {"purpose": "orders", "source": "subject", "values": {"given_name": "Ada"}})
    answer(alice.subject, "give")
    share(alice.subject, True)
    restrict(subject=alice.subject, ground="legal_claims", request=None, actor="subject")
    assert PersonalValue.objects.count() == 1
    seen = wording()
    given = {"version": seen.version, "language": seen.language, "digest": seen.digest}
    for action in ("withdraw", "give"):
        body = {"purpose": "newsletter", "action": action, "notice": given, "channel": "web"}
        assert api.post(f"{path}/consents", body).status_code == 201
    off = {"purpose": "newsletter", "shared": False, "channel": "web"}
    assert api.put(f"{path}/sharing/acme", off).status_code == 200
    assert Standing.objects.get(recipient="acme").state == "withdrawn"
    assert api.get(path).body["restricted"] is True
    filed = {"subject": str(alice.id_for(shop)), "right": "access", "details": {}, "verified_by": "account"}
    assert api.post("/api/v1/requests", filed).status_code == 201


@override_settings(REVIEW_EVERY_REQUEST=True)
def test_a_disputed_rectification_restricts_until_it_is_settled(alice: Any, shop: Any) -> None:
    assert hasattr(django_settings, "REVIEW_EVERY_REQUEST")
    details = {"purpose": "orders", "values": {"given_name": "Adah"}}
    filed = {"subject": alice.subject, "verified_by": "account", "actor": "subject", "by_person": True}
    request = requests.file_request(right="rectification", details=details, **filed)
    assert (request.state, is_restricted(alice.subject)) == ("in_review", True)
    assert Restriction.objects.get().request == request.id
    requests.withdraw_request(request=request, actor="subject")
    assert not is_restricted(alice.subject)
    other = requests.file_request(right="access", details={}, **filed)
    assert (other.state, is_restricted(alice.subject)) == ("in_review", False)


def test_what_is_not_disputed_is_corrected_without_a_restriction(alice: Any) -> None:
    details = {"purpose": "orders", "values": {"given_name": "Adah"}}
    request = requests.file_request(
        subject=alice.subject, right="rectification", details=details, verified_by="account", actor="subject"
    )
    assert (request.state, Restriction.objects.count()) == ("in_progress", 0)
