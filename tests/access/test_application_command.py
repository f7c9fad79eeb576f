"""`manage.py application`: an operator registers an application, changes what it may, and shuts it out."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from access.models import AccessToken, Application
from access.rest import remembered
from access.services.applications import authenticate_application

pytestmark = pytest.mark.django_db


def run(*words: str) -> str:
    out = StringIO()
    call_command("application", *words, stdout=out, stderr=StringIO())
    return out.getvalue()


def test_what_create_prints_opens_the_api(audit_log: Any) -> None:
    printed = run("create", "crm", "Customer care", "--scope", "subjects:read", "--requests-per-minute", "120")
    given = dict(line.split() for line in printed.splitlines())
    found = authenticate_application(client_id=given["client_id"], secret=given["client_secret"])
    assert found is not None and found.slug == "crm"
    assert run("list") == "crm\tenabled\t120/min\tsubjects:read\n"
    assert [event.action for event in audit_log("application.registered")] == ["application.registered"]


def test_a_disabled_application_is_out_and_may_come_back(shop: Any, client_for: Any) -> None:
    client = client_for(shop)
    assert client.get("/api/v1/purposes").status_code == 200
    run("disable", "shop")
    remembered.forget()  # half a second has passed
    assert client.get("/api/v1/purposes").status_code == 401
    assert authenticate_application(client_id=shop.client_id, secret=shop.plain_secret) is None
    run("enable", "shop")
    assert authenticate_application(client_id=shop.client_id, secret=shop.plain_secret) == shop


def test_fewer_scopes_end_the_tokens_that_had_more(shop: Any, client_for: Any, audit_log: Any) -> None:
    wide, narrow = client_for(shop), client_for(shop, "catalogue:read")
    assert run("scopes", "shop", "--scope", "catalogue:read", "--scope", "subjects:read").split() == [
        "catalogue:read",
        "subjects:read",
    ]
    assert wide.get("/api/v1/purposes").status_code == 401
    assert narrow.get("/api/v1/purposes").status_code == 200
    assert AccessToken.objects.count() == 1
    assert [event.details for event in audit_log("application.changed")] != []


def test_its_limits_are_set_anew_and_recorded(shop: Any, audit_log: Any) -> None:
    run("limits", "shop", "--requests-per-minute", "600", "--requests-per-second", "20")
    assert "\t600/min 20/s\t" in run("list")
    run("limits", "shop", "--requests-per-minute", "600")
    shop.refresh_from_db()
    assert (shop.requests_per_minute, shop.requests_per_second) == (600, None)
    assert [event.details["changed"] for event in audit_log("application.changed")] == [["limits"], ["limits"]]


def test_a_new_secret_ends_the_old(shop: Any) -> None:
    new = run("secret", "shop").strip()
    assert authenticate_application(client_id=shop.client_id, secret=shop.plain_secret) is None
    assert authenticate_application(client_id=shop.client_id, secret=new) == shop


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["disable", "nobody"], "no application of this name"),
        (["create", "shop", "Shop"], "is an application of this name"),
        (["create", "a shop", "Shop"], "letters, digits"),
        (["create", "slow", "Slow", "--requests-per-minute", "0"], "At least one"),
        (["scopes", "shop", "--scope", "everything"], "invalid choice"),
        (["limits", "shop", "--requests-per-second", "7000"], "no more than in a minute"),
    ],
)
def test_what_does_not_fit_is_said_and_changes_nothing(shop: Any, words: list[str], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        run(*words)
    assert list(Application.objects.values_list("slug", "enabled")) == [("shop", True)]
