"""Staff are invited by a link and a code on two ways, named at the desk, given roles, and let go."""

import io
import itertools
import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
import time_machine
from django.core import mail
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from access.models import Account, AccountSession, StaffInvitation, TotpDevice
from access.services import mail_links, staff
from access.services.housekeeping import purge_expired
from tests.access.test_lost_factor import enrolled
from tests.conftest import make_staff

_hosts = itertools.count(1)
"""Each from an address of its own: guesses from one are held up after a few."""
pytestmark = pytest.mark.django_db(transaction=True)
EMAIL, WORDS = "ruth@controller.example", "seven calm words of hers"


def run(*words: str) -> str:
    """What `manage.py staff` prints."""
    said = io.StringIO()
    call_command("staff", *words, stdout=said, stderr=io.StringIO())
    return said.getvalue()


def invited(*words: str) -> tuple[str, str]:
    """The path of the link in the mail, and the code."""
    code = run(*(words or ("invite", EMAIL, "ruth", "--role", "irm"))).split()[1]
    found = re.search(r"https?://\S+/staff-invitation/\S+", str(mail.outbox[-1].body))
    assert found and mail.outbox[-1].to == [EMAIL] and code not in str(mail.outbox[-1].body)
    return urlsplit(found[0]).path, code


def accept(path: str, code: str, client: Client | None = None) -> Any:
    return (client or Client(REMOTE_ADDR=f"203.0.113.{next(_hosts)}")).post(path, {"code": code, "password": WORDS})


def test_invited_accepted_enrolled_and_at_the_desk(audit_log: Any) -> None:
    path, code = invited()
    client = Client()
    page = client.get(path)
    assert page.status_code == 200 and b"Code an operator gave you" in page.content
    answer = accept(path, code.lower().replace("-", " "), client)
    assert (answer.status_code, answer.url) == (302, "/signup/totp")
    assert client.get("/admin/").status_code == 302, "a password alone opens nothing"
    enrolled(client)
    start = client.get("/admin/").content.decode()
    assert "What waits for you" in start and "ruth" in start
    assert accept(path, code).status_code == 400, "once only"
    account = Account.objects.get()
    assert account.roles == {"irm"} and str(account) == "ruth" and not StaffInvitation.objects.exists()
    assert [each.details["account"] for each in audit_log("account.verified")] == [str(account.pk)]
    assert EMAIL not in str([each.details for each in audit_log()])


def test_neither_link_nor_code_nor_mailbox_alone_is_enough(monkeypatch: Any) -> None:
    path, code = invited()
    other = path.rsplit("/", 1)[0] + "/" + "A" * 43
    for wrong in (accept(path, "23456-23456"), accept(other, code)):
        assert wrong.status_code == 400 and b"This code does not open this invitation" in wrong.content
    assert accept(path, "").status_code == 400
    client = Client()
    client.post("/password-reset", {"email": EMAIL})
    number = re.search(r"\b\d{6}\b", str(mail.outbox[-1].body))
    assert number, "the mailbox gets a code, as for everybody"
    client.post("/password-reset/code", {"code": number[0]})
    assert client.post("/password-reset/password", {"password": WORDS}).url == "/login"
    assert client.post("/login", {"email": EMAIL, "password": WORDS}).status_code == 400
    assert not Account.objects.get().has_usable_password()
    assert accept(path, code).status_code == 302


def test_a_link_dies_of_guesses_of_age_and_of_a_newer_one(audit_log: Any) -> None:
    path, code = invited()
    StaffInvitation.objects.update(tries=mail_links.TRIES)
    assert accept(path, code).status_code == 400
    path, code = invited("again", EMAIL)
    with time_machine.travel(timezone.now() + staff.HOLDS + timedelta(seconds=1)):
        assert accept(path, code).status_code == 400
        assert purge_expired()["staff_invitations"] == 1
    old, old_code = invited("again", EMAIL)
    path, code = invited("again", EMAIL)
    assert accept(old, old_code).status_code == 400 and accept(path, code).status_code == 302
    with pytest.raises(CommandError, match="was accepted"):
        run("again", EMAIL)
    assert [each.details["changed"] for each in audit_log("account.changed")] == ["invitation"] * 3


def test_a_change_of_roles_signs_out_and_who_leaves_signs_in_no_more(audit_log: Any) -> None:
    quentin = make_staff("quentin", "qa")
    browser = quentin.browser()
    assert browser.get("/admin/").status_code == 200
    run("roles", quentin.email, "--role", "operator")
    assert browser.get("/admin/").status_code == 302
    quentin.account = Account.objects.get(pk=quentin.account.pk)
    assert quentin.account.roles == {"operator"}
    browser = quentin.browser()
    run("leave", quentin.email)
    run("leave", quentin.email)
    assert browser.get("/admin/").status_code == 302
    account = Account.objects.get(pk=quentin.account.pk)
    assert not account.is_active and not account.roles
    assert not TotpDevice.objects.exists() and not AccountSession.objects.filter(account_id=account.pk).exists()
    assert Client().post("/login", {"email": quentin.email, "password": quentin.password}).status_code == 400
    assert [each.details["changed"] for each in audit_log("account.changed")] == ["roles"]
    assert [each.details["reason"] for each in audit_log("account.disabled")] == ["left"]
    assert "left" in run("list") and quentin.email not in run("list")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("invite", "no address", "ruth", "--role", "irm"), "not an e-mail address"),
        (("invite", EMAIL, " ", "--role", "irm"), "1 to 40"),
        (("invite", EMAIL, "r" * 41, "--role", "irm"), "1 to 40"),
        (("invite", "alice@example.org", "ruth", "--role", "irm"), "account"),
        (("roles", "alice@example.org", "--role", "irm"), "no member of staff"),
        (("leave", "nobody@example.org"), "no member of staff"),
    ],
)
def test_what_cannot_be_is_said(words: tuple[str, ...], says: str, alice: Any) -> None:
    before = Account.objects.count()
    with pytest.raises(CommandError, match=says):
        run(*words)
    assert Account.objects.count() == before and not Account.objects.get().is_staff
