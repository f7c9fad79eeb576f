"""No page opens to a password alone; sensitive ones ask for a fresh factor. Each defence is also seen switched off."""

import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from access import second_factor
from access.second_factor import (
    HALF_WAY_PATHS,
    PUBLIC_PATHS,
    PUBLIC_PREFIXES,
    confirm_url,
    confirmed_next,
    step_up_required,
)
from tests.access.conftest import Person, forget_step

pytestmark = pytest.mark.django_db(transaction=True)
VALUES = {"int": "1", "uuid": str(uuid.UUID(int=1)), "slug": "x", "str": "x", "path": "x"}


def paths(patterns: list[URLPattern | URLResolver], prefix: str = "") -> Iterator[str]:
    """A path for every route of the URLconf, converters filled in."""
    for each in patterns:
        route = prefix + str(each.pattern).lstrip("^").rstrip("$")
        if isinstance(each, URLResolver):
            yield from paths(each.url_patterns, route)
        else:
            yield "/" + fill(route, each)


def fill(route: str, each: URLPattern) -> str:
    for part in route.split("<")[1:]:
        inside = part.split(">")[0]
        route = route.replace(f"<{inside}>", VALUES.get(inside.split(":")[0], "x"))
    return route.replace("(?P", "x").replace("\\Z", "")


def guarded_paths() -> list[str]:
    every = sorted(set(paths(get_resolver().url_patterns)))
    return [
        path for path in every if path not in PUBLIC_PATHS | HALF_WAY_PATHS and not path.startswith(PUBLIC_PREFIXES)
    ]


def test_every_route_is_closed_to_a_password_alone(ada: Person) -> None:
    client, seen = ada.by_password(), guarded_paths()
    assert len(seen) > 20 and "/security" in seen and "/" in seen
    for path in seen:
        answer = client.get(path)
        assert answer.status_code in {302, 404}, path
        if answer.status_code == 302:
            assert answer.headers["Location"].startswith("/login/factor"), path
        assert client.post(path).status_code in {403, 404}, path


def test_every_route_but_the_front_page_is_closed_to_strangers(ada: Person) -> None:
    client = Client()
    for path in guarded_paths():
        answer = client.get(path)
        if path == "/":
            assert answer.status_code == 200 and b"Create an account" in answer.content
        elif answer.status_code != 404:
            assert answer.headers["Location"].startswith("/login?next="), path


def test_without_the_middleware_the_page_answers(ada: Person) -> None:
    without = [each for each in settings.MIDDLEWARE if "DefaultDeny" not in each]
    client = ada.by_password()
    assert client.get("/security").status_code == 302
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "MIDDLEWARE", without)
        bare = Client()
        bare.cookies = client.cookies
        assert bare.get("/security").status_code == 200


def test_the_admin_is_entered_by_the_portals_sign_in(ada: Person) -> None:
    assert Client().get("/admin/").headers["Location"] == "/login?next=%2Fadmin%2F"
    assert Client().get("/admin/login/").headers["Location"] == "/login?next=%2Fadmin%2F"
    assert ada.by_password().get("/admin/").headers["Location"].startswith("/login/factor?next=%2Fadmin%2F")
    assert ada.signed_in().get("/admin/", follow=True).status_code == 403


def test_staff_reach_the_desk_with_both_factors(make: Callable[..., Person]) -> None:
    rita = make("rita@example.org", is_staff=True, roles=("irm",))
    assert rita.signed_in().get("/admin/").status_code == 200


def test_an_account_without_a_factor_is_led_to_enrol(ada: Person) -> None:
    from access.models import TotpDevice

    client = ada.by_password()
    TotpDevice.objects.all().delete()
    assert client.get("/security").headers["Location"].startswith("/signup/totp")
    assert client.get("/signup/totp").status_code == 200


def test_a_password_session_cannot_enrol_a_second_authenticator(ada: Person) -> None:
    client = ada.by_password()
    assert client.get("/signup/totp").headers["Location"] == "/login/factor"
    assert client.post("/signup/totp", {"code": "123456"}).headers["Location"] == "/login/factor"


# --- step-up --------------------------------------------------------------------------------------------------------
def test_freshness_ends_after_five_minutes_and_comes_back_with_a_code(ada: Person) -> None:
    client = ada.signed_in()
    assert client.get("/security/password").status_code == 200
    with time_machine.travel(timezone.now() + timedelta(seconds=settings.STEP_UP_SECONDS + 1)):
        led = client.get("/security/password")
        assert led.headers["Location"].startswith("/confirm?next=")
        back = client.post(led.headers["Location"], {"code": ada.code()})
        assert back.headers["Location"] == "/security/password"
        assert client.get("/security/password").status_code == 200


def test_a_form_sent_too_late_is_kept_and_goes_on_with_a_code(ada: Person) -> None:
    client = ada.signed_in()
    with time_machine.travel(timezone.now() + timedelta(seconds=settings.STEP_UP_SECONDS + 1)):
        asked = client.post("/security/recovery-codes", {"kept": "this <b>value</b>"})
        assert asked.status_code == 403
        assert 'name="kept" value="this &lt;b&gt;value&lt;/b&gt;"' in asked.content.decode()
        wrong = client.post("/security/recovery-codes", {"otp": "000000"})
        assert wrong.status_code == 403
        forget_step(ada.account)
        assert client.post("/security/recovery-codes", {"otp": ada.code()}).status_code == 302


def test_freshness_is_lost_when_the_clock_goes_back(ada: Person) -> None:
    client = ada.signed_in()
    with time_machine.travel(timezone.now() - timedelta(minutes=2)):
        assert client.get("/security/password").status_code == 302


def test_a_confirmation_leads_only_where_it_was_signed_for(ada: Person) -> None:
    client = ada.signed_in()
    assert client.post("/confirm?next=/data", {"code": ada.code()}).headers["Location"] == "/"
    forget_step(ada.account)
    forged = client.post("/confirm?next=https://evil.example", {"code": ada.code()})
    assert forged.headers["Location"] == "/"


def test_without_the_decorator_the_act_needs_no_code(ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    def act(request: HttpRequest) -> HttpResponse:
        return HttpResponse("done")

    request = RequestFactory().get("/act")
    monkeypatch.setattr(second_factor, "is_fresh", lambda _request: False)
    monkeypatch.setattr(second_factor, "is_verified", lambda _request: True)
    assert step_up_required(act)(request).status_code == 302
    assert act(request).content == b"done"


def test_the_last_authenticator_cannot_be_removed(ada: Person) -> None:
    from access.models import TotpDevice

    device = TotpDevice.objects.get(user=ada.account)
    answer = ada.signed_in().post(f"/security/authenticators/{device.pk}/remove", follow=True)
    assert "cannot be removed" in answer.content.decode()
    assert TotpDevice.objects.filter(pk=device.pk, confirmed=True).exists()


def test_who_asks_for_what_is_not_theirs_stands_in_the_log(ada: Person, audit_log: Any) -> None:
    """Without a flood of it: one account causes some twenty entries and no more."""
    client = ada.signed_in()
    assert client.get("/admin/login/").status_code == 403
    [event] = audit_log("access.refused")
    assert event.actor == f"account:{ada.account.id}"
    assert event.details == {"reason": "forbidden", "route": "admin/login/", "method": "GET", "status": 403}
    for _try in range(40):
        assert client.get("/admin/login/").status_code == 403
    assert len(audit_log("access.refused")) == 20


def test_a_stranger_who_is_refused_fills_no_log(client: Client, audit_log: Any, db: None) -> None:
    assert client.post("/security/recovery-codes").status_code == 403
    assert audit_log("access.refused") == []


def test_the_address_after_a_confirmation_ends_after_an_hour(ada: Person, rf: Any) -> None:
    address = confirm_url("/security")
    request = rf.get(address)
    assert confirmed_next(request) == "/security"
    with time_machine.travel(timezone.now() + timedelta(minutes=61), tick=False):
        assert confirmed_next(request) == "/"


@pytest.mark.parametrize("path", ["/", "/security", "/security/password", "/data", "/consent", "/requests", "/privacy"])
def test_every_page_of_who_is_signed_in_offers_to_sign_out(ada: Person, path: str) -> None:
    page = ada.signed_in().get(path, follow=True)
    assert page.status_code == 200 and 'action="/logout"' in page.content.decode(), path
