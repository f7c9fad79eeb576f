"""Sign-up: address, code, password, authenticator, recovery codes; nothing told to strangers, nothing in clear."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.core import mail
from django.db import connection
from django.test import Client
from django.utils import timezone

from access import hooks
from access.models import Account, AccountSession, MailCode
from access.services import mailcodes
from access.services.accounts import account_by_email, account_email, create_account, sign_out_everywhere
from audit.models import AuditEvent
from tests.access.conftest import PASSWORD, Person, code_for, code_in_mail

EMAIL = "grace.hopper@example.org"
pytestmark = pytest.mark.django_db(transaction=True)


def ask(client: Client, email: str = EMAIL):
    return client.post("/signup", {"email": email})


def proven(client: Client) -> Client:
    ask(client)
    assert client.post("/signup/code", {"code": code_in_mail()}).headers["Location"] == "/signup/password"
    return client


def test_a_person_signs_up_from_address_to_recovery_codes() -> None:
    client, told = Client(), []
    hooks.account_ready.append(lambda account, email: told.append((account.id, email)))
    try:
        proven(client)
        assert client.post("/signup/password", {"password": PASSWORD}).headers["Location"] == "/signup/totp"
    finally:
        hooks.account_ready.pop()
    account = account_by_email(EMAIL)
    assert account is not None and told == [(account.id, EMAIL)]
    page = client.get("/signup/totp").content.decode()
    secret = re.search(r'<code class="secret"[^>]*>([A-Z2-7]+)</code>', page)
    assert secret and "data:image/svg+xml" in page
    assert client.post("/signup/totp", {"code": code_for(secret[1])}).headers["Location"] == "/signup/recovery"
    shown = client.get("/signup/recovery").content.decode()
    assert len(re.findall(r"<li>[a-z2-7]{4}(?:-[a-z2-7]{4}){5}</li>", shown)) == 10
    assert '<ol class="codes"' not in client.get("/signup/recovery").content.decode()
    assert client.get("/security").status_code == 200
    actions = set(AuditEvent.objects.values_list("action", flat=True))
    assert {"account.created", "account.verified", "account.factor_added"} <= actions


def test_known_and_unknown_addresses_get_the_same_pages_and_other_mails(ada: Person) -> None:
    mail.outbox.clear()
    known, unknown = Client(), Client()
    answers = [ask(known, ada.email), ask(unknown)]
    assert answers[0].headers["Location"] == answers[1].headers["Location"] == "/signup/code"
    pages = [client.post("/signup/code", {"code": "000000"}).content.decode() for client in (known, unknown)]
    without_tokens = [re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", page) for page in pages]
    assert without_tokens[0] == without_tokens[1]
    assert [message.subject for message in mail.outbox] == [
        "You already have an account",
        "Your code for the GDPR Portal",
    ]
    assert not re.search(r"\b\d{6}\b", str(mail.outbox[0].body))


def test_the_code_takes_five_tries_and_no_more() -> None:
    client = Client()
    ask(client)
    right = code_in_mail()
    wrong = f"{(int(right) + 1) % 10**6:06d}"
    for _each in range(mailcodes.TRIES):
        assert client.post("/signup/code", {"code": wrong}).status_code == 400
    assert client.post("/signup/code", {"code": right}).status_code == 400


def test_the_code_is_right_on_the_fifth_try() -> None:
    client = Client()
    ask(client)
    right = code_in_mail()
    for _each in range(mailcodes.TRIES - 1):
        client.post("/signup/code", {"code": "abc"})
    assert client.post("/signup/code", {"code": right}).status_code == 302


def test_the_code_is_used_once_and_expires() -> None:
    client, other = Client(), Client()
    proven(client)
    other.cookies = client.cookies
    assert client.post("/signup/code", {"code": code_in_mail()}).status_code == 400
    ask(client)
    with time_machine.travel(timezone.now() + timedelta(seconds=601)):
        assert client.post("/signup/code", {"code": code_in_mail()}).status_code == 400


def test_no_step_can_be_left_out() -> None:
    client = Client()
    assert client.post("/signup/password", {"password": PASSWORD}).headers["Location"] == "/signup"
    ask(client)
    assert client.post("/signup/password", {"password": PASSWORD}).headers["Location"] == "/signup"
    assert not Account.objects.exists()


def test_one_code_makes_one_account() -> None:
    first = proven(Client())
    second = Client()
    second.cookies = first.cookies.copy()
    assert first.post("/signup/password", {"password": PASSWORD}).status_code == 302
    assert Account.objects.count() == 1
    assert second.post("/signup/password", {"password": PASSWORD}).status_code in {302, 400}
    assert Account.objects.count() == 1


@pytest.mark.parametrize("password", ["elevenchars", "q1w2e3r4t5y6", ""])
def test_weak_passwords_are_refused_with_words_at_the_field(password: str) -> None:
    client = proven(Client())
    answer = client.post("/signup/password", {"password": password})
    assert answer.status_code == 400 and 'id="id_password_error"' in answer.content.decode()
    assert not Account.objects.exists()


def test_codes_to_one_mailbox_are_bounded() -> None:
    answers = [ask(Client()).status_code for _each in range(8)]
    assert answers == [302] * 4 + [429] * 4
    assert len(mail.outbox) == 4


def test_no_address_lies_in_clear_anywhere() -> None:
    client = proven(Client())
    sealed_code = MailCode.objects.get()
    assert mailcodes._open(sealed_code) == EMAIL  # it is there, sealed
    in_clear(EMAIL)
    client.post("/signup/password", {"password": PASSWORD})
    account = account_by_email(EMAIL)
    assert account is not None and account_email(account) == EMAIL
    assert AccountSession.objects.exists()
    in_clear(EMAIL)


def in_clear(value: str) -> None:
    """No cell of any table holds the value, as text, bytes, or in a session's payload."""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT row_to_json(t)::text FROM "{table}" t')
            text = "\n".join(row[0] for row in cursor.fetchall()).lower()
            assert value.lower() not in text, table
            assert value.lower().encode().hex() not in text, table
    for session in AccountSession.objects.all():
        assert value.lower() not in str(session.get_decoded()).lower()


def secret_shown(client: Client) -> str:
    found = re.search(r'<code class="secret"[^>]*>([A-Z2-7]+)</code>', client.get("/signup/totp").content.decode())
    assert found
    return found[1]


def test_a_secret_one_session_was_shown_is_shown_to_no_other(ada: Person) -> None:
    """A stolen session looks at the page; the owner signs out everywhere and sets up one more authenticator (T41)."""
    stolen = ada.signed_in()
    seen = secret_shown(stolen)
    assert secret_shown(stolen) == seen, "the page can be loaded again"
    sign_out_everywhere(account=ada.account)
    mine = ada.signed_in()
    assert (secret := secret_shown(mine)) != seen
    assert mine.post("/signup/totp", {"code": code_for(seen)}).status_code == 400
    assert mine.post("/signup/totp", {"code": code_for(secret)}).headers["Location"] == "/security"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("rita@straße.example", "rita@strasse.example"), ("rita@σας.example", "rita@σασ.example"),
        ("strauß@example.org", "strauss@example.org"), ("alıſe@example.org", "alıse@example.org"),
    ],
)  # fmt: skip
def test_addresses_that_fold_together_are_of_two_people(one: str, other: str) -> None:
    """`ß` is `ss` to casefold(), but no two owners' domains and mailboxes are one (T11, T41)."""
    first = create_account(email=one, password=PASSWORD)
    assert account_by_email(other) is None
    second = create_account(email=other, password=PASSWORD)
    assert (account_by_email(one.upper() if one.isascii() else one), account_by_email(other)) == (first, second)
