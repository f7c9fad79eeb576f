"""The way back for who lost every factor: slow, told, ended by one press, and never by mailbox or password alone."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
import time_machine
from django.conf import settings
from django.core import mail
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from access.models import Account, AccountSession, FactorReset, PasskeyDevice, RecoveryDevice, TotpDevice
from access.services import factors, lost_factor
from access.services.housekeeping import purge_expired
from gdpr_portal.errors import DomainError
from tests.access.authenticator import Authenticator
from tests.access.conftest import Person, code_for, forget_step
from tests.access.test_passkeys import asked, is_in, register, sign_in

pytestmark = pytest.mark.django_db(transaction=True)
LINK = re.compile(r"https?://\S+/lost-factor/\S+")
WAITED = timedelta(hours=72, seconds=1)


def link_in_mail() -> str:
    """The path of the link in the last mail that has one."""
    found = next(each for message in reversed(mail.outbox) if (each := LINK.search(str(message.body))))
    return urlsplit(found[0]).path


def ask(email: str, client: Client | None = None) -> Any:
    return (client or Client()).post("/lost-factor", {"email": email}, follow=True)


@pytest.fixture
def link(ada: Person) -> str:
    """Ada has asked, and the waiting period has begun."""
    ask(ada.email)
    path = link_in_mail()
    Client().post(path, {"act": "begin"})
    return path


@pytest.fixture
def waited(link: str) -> Iterator[str]:
    """The waiting period is over."""
    with time_machine.travel(timezone.now() + WAITED):
        yield link


def by_link(path: str, password: str) -> tuple[Client, Any]:
    client = Client()
    return client, client.post(path, {"act": "go", "password": password})


def enrolled(client: Client) -> tuple[str, Any]:
    """A new authenticator is set up: its secret and the answer."""
    page = client.get("/signup/totp").content.decode()
    secret = re.search(r'role="group">([A-Z2-7 ]+)</code>', page)
    assert secret, page
    plain = secret[1].replace(" ", "")
    return plain, client.post("/signup/totp", {"code": code_for(plain)})


# --- the whole way ----------------------------------------------------------------------------------------------------
def test_mailbox_password_and_time_set_up_a_new_factor(
    ada: Person, waited: str, audit_log: Callable[..., list[Any]]
) -> None:
    old = ada.signed_in()
    assert is_in(old)
    forget_step(ada.account)
    client, answer = by_link(waited, ada.password)
    assert answer.headers["Location"] == "/signup/totp" and not is_in(client)
    assert TotpDevice.objects.filter(confirmed=True).count() == 1
    secret, done = enrolled(client)
    assert done.headers["Location"] == "/signup/recovery" and is_in(client)
    [device] = TotpDevice.objects.all()
    assert device.confirmed and secret != ada.secret
    assert RecoveryDevice.objects.count() == 1 and not FactorReset.objects.exists()
    assert not is_in(old)
    assert [
        audit_log(f"account.factor_reset_{each}")[-1].details["account"] for each in ("asked", "started", "done")
    ] == [str(ada.account.pk)] * 3
    subjects = [message.subject for message in mail.outbox]
    for subject in (
        "Your lost second factors",
        "A new second factor for your account, after a waiting period",
        "Your second factors were replaced",
    ):
        assert subject in subjects
    assert client.get(waited).status_code == 410


def test_a_passkey_can_be_the_new_factor(ada: Person, waited: str) -> None:
    factors.new_recovery_codes(ada.account)
    client, _answer = by_link(waited, ada.password)
    key = Authenticator()
    assert register(client, key).headers["Location"] == "/signup/recovery"
    assert is_in(client) and not TotpDevice.objects.exists() and PasskeyDevice.objects.count() == 1
    assert AccountSession.objects.filter(account_id=ada.account.pk).count() == 1


def test_until_the_new_factor_stands_the_old_ones_count(ada: Person, waited: str) -> None:
    client, _answer = by_link(waited, ada.password)
    client.get("/signup/totp")
    assert client.post("/signup/totp", {"code": "000000"}).status_code == 400
    assert TotpDevice.objects.filter(confirmed=True).count() == 1 and FactorReset.objects.exists()
    assert not is_in(client)
    forget_step(ada.account)
    assert is_in(ada.signed_in())


# --- what is not enough -----------------------------------------------------------------------------------------------
def test_before_its_time_the_way_is_closed(ada: Person, link: str) -> None:
    page = Client().get(link).content.decode()
    assert "The waiting period runs until" in page and "password" not in re.findall(r'type="(\w+)"', page)
    client, answer = by_link(link, ada.password)
    assert answer.status_code == 400 and "The waiting period runs until" in answer.content.decode()
    assert client.get("/signup/totp").headers["Location"].startswith("/login")
    with time_machine.travel(timezone.now() + WAITED - timedelta(minutes=1)):
        assert by_link(link, ada.password)[1].status_code == 400


def test_the_waiting_period_is_the_setting(ada: Person, settings: Any) -> None:
    settings.LOST_FACTOR_HOURS = 1
    ask(ada.email)
    Client().post(link_in_mail(), {"act": "begin"})
    with time_machine.travel(timezone.now() + timedelta(hours=1, seconds=1)):
        assert by_link(link_in_mail(), ada.password)[1].status_code == 302


def test_the_link_without_the_password_is_nothing(ada: Person, waited: str) -> None:
    codes = [by_link(waited, "a wrong password")[1].status_code for _each in range(7)]
    assert codes == [400] * 5 + [429] * 2
    assert not AccountSession.objects.filter(account_id=ada.account.pk).exists()


def test_the_password_without_the_link_is_nothing(ada: Person, waited: str) -> None:
    client = ada.by_password()
    session = client.session
    assert client.get("/signup/totp").headers["Location"] == "/login/factor"
    session["factor_reset"] = "00000000-0000-0000-0000-000000000001"
    session.save()
    assert client.get("/signup/totp").headers["Location"] == "/login/factor"


def test_one_persons_link_opens_no_other_account(ada: Person, waited: str, make: Callable[..., Person]) -> None:
    bob = make("bob@example.org")
    client = bob.by_password()
    session = client.session
    session["factor_reset"] = str(FactorReset.objects.get(account=ada.account).pk)
    session.save()
    assert client.get("/signup/totp").headers["Location"] == "/login/factor"


def test_opening_the_link_does_nothing(ada: Person) -> None:
    ask(ada.email)
    for _each in range(2):
        assert "Begin the waiting period" in Client().get(link_in_mail()).content.decode()
    assert FactorReset.objects.get().due_at is None
    assert Account.objects.get(pk=ada.account.pk).factor_reset_due_at is None


def test_a_guessed_link_is_dead_and_kills_the_right_one_after_ten(ada: Person, link: str) -> None:
    right = link.rsplit("/", 1)[1]
    assert Client().get(link).status_code == 200
    codes = [Client().get(link.replace(right, f"guess{each}")).status_code for each in range(10)]
    assert codes == [410] * 10
    assert Client().get(link).status_code == 410


@pytest.mark.parametrize("act", ["begin", "cancel", "go"])
def test_every_way_of_guessing_is_counted(ada: Person, link: str, act: str) -> None:
    right = link.rsplit("/", 1)[1]
    for each in range(10):
        guess = Client().post(link.replace(right, f"guess{each}"), {"act": act, "password": ada.password})
        assert guess.status_code == 410
    assert FactorReset.objects.get().tries == 10 and Client().get(link).status_code == 410


def test_the_first_link_holds_an_hour_and_the_open_way_a_week(ada: Person) -> None:
    ask(ada.email)
    path = link_in_mail()
    with time_machine.travel(timezone.now() + timedelta(minutes=61)):
        assert Client().post(path, {"act": "begin"}).status_code == 410
    Client().post(path, {"act": "begin"})
    with time_machine.travel(timezone.now() + WAITED + timedelta(days=7)):
        assert by_link(path, ada.password)[1].status_code == 410
        assert purge_expired()["factor_resets"] == 0
    assert Account.objects.get(pk=ada.account.pk).factor_reset_due_at is None and not FactorReset.objects.exists()


# --- a mailbox alone --------------------------------------------------------------------------------------------------
def test_a_password_set_by_mail_is_no_second_proof(ada: Person, link: str) -> None:
    """Whoever holds the mailbox alone changes the password, and gets no further (T50)."""
    reset_password(ada, "another password by mail")
    assert not FactorReset.objects.exists() and Client().get(link).status_code == 410
    ask(ada.email)
    assert not FactorReset.objects.filter(account=ada.account).exists()
    assert "no way back by mail" in str(mail.outbox[-1].body) and not LINK.search(str(mail.outbox[-1].body))


def test_after_a_full_sign_in_the_password_is_a_proof_again(ada: Person) -> None:
    reset_password(ada, "another password by mail")
    ada.password = "another password by mail"
    ada.signed_in()
    ask(ada.email)
    assert FactorReset.objects.filter(account=ada.account).exists()


def test_a_passkey_says_nothing_of_a_password_set_by_mail(ada: Person) -> None:
    """A reader of the mailbox sets a password; its owner, who signs in by a passkey alone, does not notice (T41)."""
    key = Authenticator()
    register(ada.signed_in(), key)
    reset_password(ada, "another password by mail")
    assert is_in(sign_in(key)[0])
    ask(ada.email)
    assert not FactorReset.objects.filter(account=ada.account).exists()


def test_a_password_chosen_after_a_passkey_is_a_proof(ada: Person) -> None:
    key = Authenticator()
    register(ada.signed_in(), key)
    reset_password(ada, "another password by mail")
    client = sign_in(key)[0]
    chosen = "one of my own choice"
    assert (
        client.post("/security/password", {"current": "another password by mail", "password": chosen}).status_code
        == 302
    )
    ask(ada.email)
    assert FactorReset.objects.filter(account=ada.account).exists()


def test_a_passkey_beside_the_password_makes_it_a_proof(ada: Person) -> None:
    key = Authenticator()
    register(ada.signed_in(), key)
    reset_password(ada, "another password by mail")
    ada.password = "another password by mail"
    client = ada.by_password()
    client.post("/login/factor/passkey", {"passkey": key.get(asked(client, "/login/factor/passkey/options"))})
    assert is_in(client)
    ask(ada.email)
    assert FactorReset.objects.filter(account=ada.account).exists()


def reset_password(person: Person, password: str) -> None:
    """By a code from a mail, as anybody who reads the mailbox can."""
    from tests.access.conftest import code_in_mail

    client = Client()
    client.post("/password-reset", {"email": person.email})
    client.post("/password-reset/code", {"code": code_in_mail()})
    assert client.post("/password-reset/password", {"password": password}).status_code == 302


# --- ended ------------------------------------------------------------------------------------------------------------
def test_whoever_is_signed_in_sees_it_and_ends_it_with_one_press(
    ada: Person, link: str, audit_log: Callable[..., list[Any]]
) -> None:
    client = ada.signed_in()
    with time_machine.travel(timezone.now() + timedelta(seconds=settings.STEP_UP_SECONDS + 1)):
        for path in ("/security", "/requests"):
            assert "This was not me: end it" in client.get(path).content.decode()
        assert client.post("/security/lost-factor/cancel").status_code == 302
        assert "This was not me" not in client.get("/security").content.decode()
    assert Client().get(link).status_code == 410
    assert audit_log("account.factor_reset_cancelled")[-1].details["reason"] == "signed_in"
    assert mail.outbox[-1].subject == "The new second factor was called off"


def test_the_mail_ends_it_with_one_press(ada: Person, link: str, audit_log: Callable[..., list[Any]]) -> None:
    assert Client().post(link, {"act": "cancel"}).headers["Location"] == "/login"
    assert Client().post(link, {"act": "cancel"}).status_code == 410
    assert [event.details["reason"] for event in audit_log("account.factor_reset_cancelled")] == ["by_link"]


def test_ended_in_the_last_moment_it_is_ended(ada: Person, waited: str) -> None:
    """The owner ends it while somebody stands before the new factor: the code then opens nothing."""
    client, _answer = by_link(waited, ada.password)
    client.get("/signup/totp")
    lost_factor.cancel(account=ada.account, reason="signed_in")
    assert client.get("/signup/totp").headers["Location"] == "/login/factor"
    assert client.post("/signup/totp", {"code": "000000"}).headers["Location"] == "/login/factor"
    assert TotpDevice.objects.filter(confirmed=True).count() == 1


def test_begun_twice_it_runs_once(ada: Person, link: str) -> None:
    due = FactorReset.objects.get().due_at
    sent = len(mail.outbox)
    Client().post(link, {"act": "begin"})
    assert FactorReset.objects.get().due_at == due and len(mail.outbox) == sent


def test_asked_again_a_running_one_goes_on(ada: Person, link: str) -> None:
    ask(ada.email)
    assert "earlier mail" in str(mail.outbox[-1].body)
    assert Client().get(link).status_code == 200


# --- the same answer --------------------------------------------------------------------------------------------------
def test_known_and_unknown_addresses_get_the_same_answer(
    ada: Person, make: Callable[..., Person], audit_log: Callable[..., list[Any]]
) -> None:
    make("rita@example.org", is_staff=True, roles=("irm",))
    pages = []
    for email in (ada.email, "nobody@example.org", "rita@example.org"):
        answer = ask(email)
        plain = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", answer.content.decode())
        pages.append((answer.status_code, answer.redirect_chain, plain))
    assert pages[0] == pages[1] == pages[2]
    assert FactorReset.objects.count() == 3 and len(mail.outbox) >= 3
    assert [bool(LINK.search(str(message.body))) for message in mail.outbox[-3:]] == [True, False, False]
    assert len(audit_log("account.factor_reset_asked")) == 3
    with time_machine.travel(timezone.now() + timedelta(hours=2)):
        purge_expired()
    assert not FactorReset.objects.exists()


def test_mails_to_one_address_are_limited(ada: Person) -> None:
    codes = [ask(ada.email).status_code for _each in range(6)]
    assert codes[:4] == [200] * 4 and 429 in codes[4:]


# --- staff ------------------------------------------------------------------------------------------------------------
@pytest.fixture
def staff(make: Callable[..., Person]) -> dict[str, Person]:
    """Quentin (QA), who lost everything; two operators, an IRM reviewer, and one who is both."""
    people = {
        "quentin": ("qa",), "olga": ("operator",), "otto": ("operator",), "rita": ("irm",), "both": ("irm", "operator"),
    }  # fmt: skip
    return {name: make(f"{name}@example.org", is_staff=True, roles=given) for name, given in people.items()}


def test_two_desks_agree_and_the_owner_enrols_anew(
    staff: dict[str, Person], audit_log: Callable[..., list[Any]]
) -> None:
    quentin = staff["quentin"]
    path = f"/admin/lost-factors/{quentin.account.pk}/agree/"
    olga = staff["olga"].signed_in()
    assert str(quentin.account) in olga.get("/admin/lost-factors/").content.decode()
    assert olga.post(path).status_code == 302
    assert not any(LINK.search(str(message.body)) for message in mail.outbox)
    staff["rita"].signed_in().post(path)
    assert mail.outbox[-1].to == [quentin.email]
    assert [event.details["desk"] for event in audit_log("account.factor_reset_agreed")] == ["operator", "irm"]
    client, answer = by_link(link_in_mail(), "not the password")
    assert answer.status_code == 400
    client, answer = by_link(link_in_mail(), quentin.password)
    assert enrolled(client)[1].status_code == 302
    assert client.get("/admin/").status_code == 200


def test_agreeing_takes_a_fresh_factor(staff: dict[str, Person]) -> None:
    olga, path = staff["olga"].signed_in(), f"/admin/lost-factors/{staff['quentin'].account.pk}/agree/"
    with time_machine.travel(timezone.now() + timedelta(seconds=settings.STEP_UP_SECONDS + 1)):
        assert olga.post(path).status_code == 403
    assert not FactorReset.objects.exists()


@pytest.mark.parametrize("second", ["olga", "otto", "both_again", "quentin"])
def test_one_desk_alone_is_not_enough(staff: dict[str, Person], second: str) -> None:
    quentin = staff["quentin"].account
    first = "both" if second == "both_again" else "olga"
    assert lost_factor.agree(account_id=quentin.pk, by=staff[first].account) is False
    who = staff["both" if second == "both_again" else second].account
    try:
        agreed = lost_factor.agree(account_id=quentin.pk, by=who)
    except DomainError as error:
        agreed = False
        assert error.code in {"four_eyes", "not_own", "role_missing"}
    assert agreed is False and FactorReset.objects.get().due_at is None


def test_nobody_agrees_for_themselves(staff: dict[str, Person]) -> None:
    path = f"/admin/lost-factors/{staff['rita'].account.pk}/agree/"
    said = staff["rita"].signed_in().post(path, follow=True).content.decode()
    assert "for their own account" in said and not FactorReset.objects.exists()


def test_the_database_keeps_the_two_apart(staff: dict[str, Person]) -> None:
    reset = FactorReset.objects.create(account=staff["quentin"].account, expires_at=timezone.now())
    olga, quentin = staff["olga"].account, staff["quentin"].account
    for wrong in ({"operator": olga, "reviewer": olga}, {"operator": quentin}, {"reviewer": quentin}):
        with pytest.raises(IntegrityError), transaction.atomic():
            FactorReset.objects.filter(pk=reset.pk).update(**wrong)
    FactorReset.objects.filter(pk=reset.pk).update(operator=olga, reviewer=staff["rita"].account)


def test_people_have_no_way_by_the_desk(ada: Person, staff: dict[str, Person]) -> None:
    client = staff["olga"].signed_in()
    assert client.post(f"/admin/lost-factors/{ada.account.pk}/agree/", follow=True).status_code == 200
    assert not FactorReset.objects.exists()
    assert str(ada.account) not in client.get("/admin/lost-factors/").content.decode()


def test_the_flag_is_seen_to_matter(ada: Person, link: str) -> None:
    """Teeth of the mailbox rule: without the flag, the mailbox alone would do."""
    reset_password(ada, "another password by mail")
    Account.objects.update(password_by_mail=False)
    assert factors.has_factor(ada.account)
    ask(ada.email)
    assert FactorReset.objects.filter(account=ada.account).exists()


def test_known_and_unknown_addresses_are_the_same_statements(ada: Person) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    ask("somebody.before@example.org")  # what is looked up once is known by now
    counts = []
    for email in (ada.email, "nobody@example.org"):
        with CaptureQueriesContext(connection) as seen:
            lost_factor.ask(email=email, language="en", where="here")
        counts.append(len(seen))
    assert counts[0] == counts[1]
