"""The front page of somebody who is known, the operators' look at accounts, demo sessions, erasure of accounts."""

import io
import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from access.models import Account, AccountSession, TotpDevice
from access.services.accounts import account_by_email, account_email, create_account, erase_account
from audit.models import AuditEvent
from gdpr_portal.errors import Gone, WrongState
from tests.access.conftest import PASSWORD, Person

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_front_page_of_somebody_unknown_says_that_nothing_is_held(ada: Person) -> None:
    page = ada.signed_in().get("/").content.decode()
    assert "Nothing is held about you" in page and "You have no request under way" in page


def test_operators_see_accounts_as_references_only(ada: Person, make: Callable[..., Person]) -> None:
    client = make("olga@example.org", is_staff=True, roles=("operator",)).signed_in()
    page = client.get("/admin/access/account/").content.decode()
    assert str(ada.account) in page and "lovelace" not in page.lower() and "olga@" not in page
    assert client.get(f"/admin/access/account/{ada.account.pk}/change/").status_code == 200
    assert client.post(f"/admin/access/account/{ada.account.pk}/delete/").status_code == 403
    rita = make("rita@example.org", is_staff=True, roles=("irm",)).signed_in()
    assert rita.get("/admin/access/account/").status_code == 403


def test_a_demo_session_opens_the_portal(ada: Person, settings: Any) -> None:
    path = settings.RUN_DIR / "demo-credentials.json"
    path.write_text(json.dumps({"people": {"alice": {"email": ada.email}}}))
    out = io.StringIO()
    call_command("demo_session", "alice", stdout=out)
    path.unlink()
    cookie = out.getvalue().splitlines()[1].split("\t")
    client = Client()
    assert client.get("/security").status_code == 302
    client.cookies[cookie[5]] = cookie[6]
    assert client.get("/security").status_code == 200


def test_demo_sessions_do_not_exist_in_production(settings: Any) -> None:
    settings.IS_LOCAL = False
    with pytest.raises(CommandError, match="only"):
        call_command("demo_session", "alice")


def test_an_address_has_one_account_in_any_case_of_letters(ada: Person) -> None:
    assert account_by_email("ADA.LOVELACE@EXAMPLE.ORG") == ada.account
    with pytest.raises(WrongState, match="account_exists"):
        create_account(email=ada.email.upper(), password=PASSWORD)
    assert account_by_email("not an address") is None


def test_an_erased_account_is_gone_with_factors_sessions_and_key(ada: Person) -> None:
    client = ada.signed_in()
    assert account_email(ada.account) == ada.email and AccountSession.objects.filter(account_id=ada.account.pk).exists()
    erase_account(account_id=ada.account.pk)
    erase_account(account_id=ada.account.pk)
    assert not Account.objects.filter(pk=ada.account.pk).exists() and not TotpDevice.objects.exists()
    assert not AccountSession.objects.filter(account_id=ada.account.pk).exists()
    with pytest.raises(Gone):
        account_email(ada.account)
    assert client.get("/security").status_code == 302
    assert AuditEvent.objects.filter(action="account.erased").count() == 1


def test_erasing_nobody_changes_nothing() -> None:
    erase_account(account_id=uuid.uuid4())
    assert not AuditEvent.objects.filter(action="account.erased").exists()
