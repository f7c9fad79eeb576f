"""Where an account is signed in is listed browser by browser, and each can be signed out by its owner alone."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import time_machine
from django.contrib.sessions.backends.base import UpdateError
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from access.browsers import family, in_words
from access.models import Account, AccountSession
from access.selectors import open_sessions
from access.services import factors
from access.services.accounts import create_account, sign_out_browser
from access.sessions import NOTED_EVERY, SIGNED_IN, SessionStore, kept_as, purge
from gdpr_portal.errors import Missing
from tests.access.conftest import PASSWORD, Person, forget_step

pytestmark = pytest.mark.django_db
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.5 Mobile/15E148 Safari/604.1"
)
EDGE = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0"
)
CHROME = EDGE.partition(" Edg/")[0]


def signed_in(person: Person, user_agent: str) -> Client:
    """A browser of this kind that has proven both factors."""
    client = Client(headers={"user-agent": user_agent})
    client.post("/login", {"email": person.email, "password": person.password})
    forget_step(person.account)
    assert client.post("/login/factor", {"code": person.code()}).status_code == 302
    forget_step(person.account)
    return client


def id_of(client: Client) -> str:
    return str(client.session[SIGNED_IN]["id"])


def listed(client: Client) -> list[str]:
    page = client.get("/security").content.decode()
    return re.findall(r'<p class="cluster"><strong>(.*?)</strong>', page)


def is_in(client: Client) -> bool:
    return client.get("/security").status_code == 200


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        (FIREFOX, "Firefox on Linux"),
        (PHONE, "Safari on iPhone"),
        (EDGE, "Edge on Windows"),
        (CHROME, "Chrome on Windows"),
        ("curl/8.5.0", "A browser that does not say which"),
        ("<script>alert(1)</script> Firefox/1.0", "Firefox"),
        ("", "A browser that does not say which"),
    ],
)
def test_a_browser_is_two_coarse_words_at_most(user_agent: str, words: str) -> None:
    assert in_words(*family(user_agent)) == words


def test_each_browser_is_listed_and_only_coarse_words_are_kept(ada: Person) -> None:
    here, there = signed_in(ada, FIREFOX), signed_in(ada, PHONE)
    assert listed(here) == ["Firefox on Linux", "Safari on iPhone"]
    assert listed(there) == ["Safari on iPhone", "Firefox on Linux"], "this browser comes first"
    page = here.get("/security").content.decode()
    assert page.count("This browser") == 1 and page.count("Sign out this browser") == 2
    for row in AccountSession.objects.filter(account_id=ada.account.pk):
        kept = row.get_decoded()
        assert row.session_key not in page, "the key of a session is its secret"
        words = {name: word for name, word in kept["signed_in"].items() if name not in {"id", "at"}}
        assert words in [{"browser": "Firefox", "system": "Linux"}, {"browser": "Safari", "system": "iPhone"}]
        assert not re.search(r"Mozilla|Gecko|127\.0\.0\.1", str(kept)), kept


def test_who_gave_a_password_alone_is_listed_as_such(ada: Person) -> None:
    here = signed_in(ada, FIREFOX)
    assert "Password only" not in here.get("/security").content.decode()
    ada.by_password()
    assert "Password only" in here.get("/security").content.decode()


def test_what_a_new_password_ended_is_listed_no_more(ada: Person) -> None:
    here, _there = signed_in(ada, FIREFOX), signed_in(ada, PHONE)
    here.post("/security/password", {"current": PASSWORD, "password": "five other calm words"})
    assert AccountSession.objects.filter(account_id=ada.account.pk).count() == 2, "the dead row is still there"
    assert listed(here) == ["Firefox on Linux"]


def test_one_browser_is_signed_out_and_no_other(ada: Person, audit_log: Callable[..., list[Any]]) -> None:
    here, there, third = signed_in(ada, FIREFOX), signed_in(ada, PHONE), signed_in(ada, EDGE)
    address = f"/security/browsers/{id_of(there)}/sign-out"
    assert here.get(address).status_code == 405 and is_in(there)
    answer = here.post(address)
    assert answer.headers["Location"] == "/security"
    assert "That browser is signed out." in here.get("/security").content.decode()
    assert not is_in(there) and is_in(third) and is_in(here)
    [event] = audit_log("account.browser_signed_out")
    assert (event.actor, event.details) == (f"account:{ada.account.id}", {"account": str(ada.account.id)})


def test_it_needs_the_token_against_forged_forms(ada: Person) -> None:
    there = signed_in(ada, PHONE)
    forger = Client(enforce_csrf_checks=True)
    forger.cookies = signed_in(ada, FIREFOX).cookies
    assert forger.post(f"/security/browsers/{id_of(there)}/sign-out").status_code == 403
    assert is_in(there)


def test_this_browser_can_be_signed_out_too(ada: Person) -> None:
    here, there = signed_in(ada, FIREFOX), signed_in(ada, PHONE)
    assert here.post(f"/security/browsers/{id_of(here)}/sign-out").headers["Location"] == "/login"
    assert not is_in(here) and is_in(there)


def test_anothers_browser_answers_like_an_unknown_one(ada: Person, audit_log: Callable[..., list[Any]]) -> None:
    account = create_account(email="eve@example.org", password=PASSWORD)
    device, secret = factors.add_totp(account)
    assert factors.confirm_totp(device=device, code=Person(account, "eve@example.org", secret).code())
    eve = signed_in(Person(account, "eve@example.org", secret), EDGE)
    victim = signed_in(ada, PHONE)
    pages = []
    for unknown in (id_of(victim), str(uuid4())):
        answer = eve.post(f"/security/browsers/{unknown}/sign-out", follow=True)
        pages.append(re.sub(r'csrfmiddlewaretoken" value="\w+"|nonce="[^"]+"', "", answer.content.decode()))
    assert pages[0] == pages[1] and "This browser is not signed in any more." in pages[0]
    assert is_in(victim) and not audit_log("account.browser_signed_out")
    with pytest.raises(Missing):
        sign_out_browser(account=Account.objects.get(pk=account.pk), sign_in=UUID(id_of(victim)))


def test_the_name_of_a_session_stays_when_its_key_is_renewed(ada: Person) -> None:
    here, there = signed_in(ada, FIREFOX), signed_in(ada, PHONE)
    name, key = id_of(there), there.session.session_key
    assert there.post("/confirm", {"code": ada.code()}).status_code == 302
    assert there.session.session_key != key
    here.post(f"/security/browsers/{name}/sign-out")
    assert not is_in(there)


def test_what_still_runs_there_does_not_bring_it_back(ada: Person) -> None:
    here, there = signed_in(ada, FIREFOX), signed_in(ada, PHONE)
    running = SessionStore(there.session.session_key)
    assert running.get(SIGNED_IN)
    here.post(f"/security/browsers/{id_of(there)}/sign-out")
    running["late"] = True
    with pytest.raises(UpdateError):
        running.save()
    assert not is_in(there)


def test_the_last_use_is_noted_once_an_hour_and_touches_nothing_else(ada: Person) -> None:
    here, there = signed_in(ada, FIREFOX), signed_in(ada, PHONE)
    row = AccountSession.objects.get(pk=kept_as(there.session.session_key))
    with CaptureQueriesContext(connection) as soon:
        assert is_in(there)
    assert not [each for each in soon if each["sql"].startswith('UPDATE "access_accountsession"')]
    with time_machine.travel(timezone.now() + NOTED_EVERY + timedelta(minutes=1), tick=False):
        assert is_in(there) and is_in(there)
        again = AccountSession.objects.get(pk=row.pk)
        assert again.last_used_at == timezone.now() and again.session_data == row.session_data
        assert [each.browser for each in open_sessions(ada.account)] == ["Safari", "Firefox"]
    assert is_in(here)


def test_what_the_database_holds_of_a_session_signs_nobody_in(ada: Person) -> None:
    """A dump is no bunch of cookies (T4): what stands in it as the key opens nothing."""
    here = signed_in(ada, FIREFOX)
    [row] = AccountSession.objects.filter(account_id=ada.account.pk)
    assert row.session_key != here.cookies["session"].value and row.session_key not in str(here.cookies)
    thief = Client()
    thief.cookies["session"] = row.session_key
    assert not is_in(thief) and is_in(here)
    here.post("/logout")
    assert not AccountSession.objects.filter(pk=row.pk).exists()


def test_a_session_from_before_is_listed_and_ends_with_all(ada: Person) -> None:
    here, old = signed_in(ada, FIREFOX), signed_in(ada, PHONE)
    session = old.session
    del session[SIGNED_IN]
    session.save()
    assert listed(here) == ["Firefox on Linux", "A browser that does not say which"]
    assert here.get("/security").content.decode().count("Sign out this browser") == 1
    here.post("/security/sign-out-everywhere")
    assert not is_in(old)


def test_a_session_ends_eight_hours_after_its_sign_in_whatever_is_done(ada: Person) -> None:
    """Else who keeps a stolen session busy has it for ever (OWASP ASVS 7.3.2)."""
    client, start = signed_in(ada, FIREFOX), timezone.now()
    for minutes in range(30, 480, 30):
        with time_machine.travel(start + timedelta(minutes=minutes), tick=False):
            forget_step(ada.account)
            assert client.post("/confirm", {"code": ada.code()}).status_code == 302, minutes
    with time_machine.travel(start + timedelta(minutes=481), tick=False):
        assert not is_in(client)
        assert listed(signed_in(ada, PHONE)) == ["Safari on iPhone"]


def test_a_session_ends_an_hour_after_its_last_use(ada: Person) -> None:
    client, start = signed_in(ada, FIREFOX), timezone.now()
    for minutes in (50, 100, 150):
        with time_machine.travel(start + timedelta(minutes=minutes), tick=False):
            assert is_in(client), minutes
    with time_machine.travel(start + timedelta(minutes=211), tick=False):
        assert not is_in(client)
        assert purge() == 1


def test_a_clock_that_goes_back_lengthens_nothing(ada: Person) -> None:
    client, start = signed_in(ada, FIREFOX), timezone.now()
    with time_machine.travel(start - timedelta(hours=3), tick=False):
        session = SessionStore(client.cookies["session"].value)
        assert session.get_session_cookie_age() <= 8 * 3600


def test_who_signs_out_leaves_nothing_in_the_browser(ada: Person) -> None:
    for path in ("/logout", "/security/sign-out-everywhere"):
        client = signed_in(ada, FIREFOX)
        answer = client.post(path)
        assert answer.headers["Clear-Site-Data"] == '"cache", "storage"', path
        assert not is_in(client)
    here = signed_in(ada, FIREFOX)
    answer = here.post(f"/security/browsers/{id_of(here)}/sign-out")
    assert "Clear-Site-Data" in answer.headers
    assert "Clear-Site-Data" not in signed_in(ada, FIREFOX).get("/security").headers


def test_an_operator_signs_one_account_out_and_all_of_them(
    ada: Person, make: Callable[..., Person], audit_log: Callable[..., list[Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    bob = make("bob@example.org")
    hers, his = signed_in(ada, FIREFOX), signed_in(bob, PHONE)
    call_command("sessions", "list")
    assert f"{ada.account.id}\t1" in capsys.readouterr().out
    call_command("sessions", "end", str(ada.account.id))
    assert not is_in(hers) and is_in(his)
    [event] = audit_log("account.signed_out")
    assert (event.actor, event.details) == ("system:command", {"account": str(ada.account.id)})
    hers = signed_in(ada, FIREFOX)
    call_command("sessions", "end-all")
    assert not is_in(hers) and not is_in(his)
    with pytest.raises(CommandError):
        call_command("sessions", "end", "nobody")


def test_the_key_of_a_session_is_random_and_long_enough() -> None:
    keys = {SessionStore()._get_new_session_key() for _each in range(200)}
    assert len(keys) == 200 and {len(key) for key in keys} == {32}  # of 36 signs each: 165 bits
