"""Passkeys at the doors: registered, the whole sign-in, second factor, step-up, removed; and everything refused."""

import copy
import json
import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.core import mail
from django.test import Client
from django.utils import timezone

from access.models import Account, AccountSession, PasskeyChallenge, PasskeyDevice, TotpDevice
from access.services import factors, passkeys
from access.services.accounts import erase_account
from access.services.housekeeping import purge_expired
from access.services.passkeys import Answer, credential_of, passkeys_of
from access.sessions import kept_as
from gdpr_portal.errors import DomainError, Refused
from tests.access.authenticator import Authenticator, b64, raw
from tests.access.conftest import PASSWORD, Person, forget_step
from tests.access.test_sign_in import in_parallel

pytestmark = pytest.mark.django_db(transaction=True)
LATER = settings.STEP_UP_SECONDS + 1


def asked(client: Client, path: str = "/login/passkey/options") -> dict[str, Any]:
    """The options a page asks for."""
    answer = client.post(path)
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def register(client: Client, authenticator: Authenticator, name: str = "my key") -> Any:
    options = asked(client, "/signup/passkey/options")
    return client.post("/signup/passkey", {"label": name, "passkey": authenticator.create(options)})


def sign_in(authenticator: Authenticator, client: Client | None = None, **changed: Any) -> tuple[Client, Any]:
    client = client or Client()
    answer = authenticator.get(asked(client), **changed)
    return client, client.post("/login/passkey", {"passkey": answer})


@pytest.fixture
def key(ada: Person) -> Authenticator:
    """A passkey of Ada's, who is signed out again."""
    authenticator = Authenticator()
    assert register(ada.signed_in(), authenticator).headers["Location"] == "/security"
    return authenticator


def is_in(client: Client) -> bool:
    return client.get("/security").status_code == 200


# --- registered -------------------------------------------------------------------------------------------------------
def test_a_passkey_is_registered_named_told_and_recorded(ada: Person, audit_log: Callable[..., list[Any]]) -> None:
    client = ada.signed_in()
    options = asked(client, "/signup/passkey/options")
    assert options["rp"] == {"name": "GDPR Portal", "id": "localhost"}
    assert options["attestation"] == "none" and options["excludeCredentials"] == []
    assert options["authenticatorSelection"]["residentKey"] == "preferred"
    assert {each["alg"] for each in options["pubKeyCredParams"]} == {-7, -8, -257}
    assert len(raw(options["challenge"])) == 32 and ada.email.lower() not in json.dumps(options).lower()
    answer = client.post("/signup/passkey", {"label": "Blue key", "passkey": Authenticator().create(options)})
    assert answer.headers["Location"] == "/security"
    page = client.get("/security").content.decode()
    assert "Blue key" in page and "The passkey is added." in page
    assert mail.outbox[-1].subject == "A passkey was added"
    assert audit_log("account.factor_added")[-1].details["factor"] == "passkey"


def test_the_browser_is_told_which_passkeys_are_there_and_the_handle_stays(ada: Person, key: Authenticator) -> None:
    options = asked(ada.client, "/signup/passkey/options")
    assert [each["id"] for each in options["excludeCredentials"]] == [b64(key.credential_id)]
    assert key.handle == raw(options["user"]["id"])
    again = ada.client.post("/signup/passkey", {"label": "twice", "passkey": key.create(options)})
    assert again.status_code == 400 and "registered already" in again.content.decode()
    assert PasskeyDevice.objects.count() == 1


def test_nothing_of_a_passkey_lies_in_clear(ada: Person, key: Authenticator) -> None:
    row = PasskeyDevice.objects.get()
    assert credential_of(row).credential_id == key.credential_id and passkeys_of(ada.account)[0].label == "my key"
    assert key.handle is not None
    stored = b"".join(bytes(cell) for cell in (row.sealed, row.name_sealed, row.credential_index))
    for secret in (key.credential_id, key.handle, key.model, b"my key", ada.account.id.bytes):
        assert secret not in stored
    assert credential_of(row).aaguid == bytes(16)


def test_a_passkey_can_be_the_first_factor(ada: Person) -> None:
    TotpDevice.objects.all().delete()
    client, key = ada.by_password(), Authenticator()
    assert register(client, key).headers["Location"] == "/signup/recovery"
    assert client.get("/signup/recovery").content.decode().count("<li>") >= 10
    assert is_in(client) and is_in(sign_in(key)[0])


def test_a_password_session_cannot_register_a_second_factor(ada: Person) -> None:
    client = ada.by_password()
    assert client.get("/signup/passkey").headers["Location"] == "/login/factor"
    assert client.post("/signup/passkey/options").status_code == 403
    assert client.post("/signup/passkey", {"label": "x", "passkey": "{}"}).headers["Location"] == "/login/factor"


def test_registering_takes_a_fresh_factor(ada: Person) -> None:
    client = ada.signed_in()
    with time_machine.travel(timezone.now() + timedelta(seconds=LATER)):
        assert client.get("/signup/passkey").headers["Location"].startswith("/confirm?next=")
        assert client.post("/signup/passkey/options").status_code == 403
    assert not PasskeyDevice.objects.exists()


@pytest.mark.parametrize(
    "changed",
    [
        {"origin": "http://evil.example"},
        {"origin": "http://localhost:8001"},
        {"domain": "evil.example"},
        {"present": False},
        {"cross_origin": True},
        {"algorithm": -47},
    ],
    ids=str,
)
def test_a_registration_that_is_not_right_is_refused(ada: Person, changed: dict[str, Any]) -> None:
    answer = register(ada.signed_in(), Authenticator(**changed))
    assert answer.status_code == 400 and "was not accepted" in answer.content.decode()
    assert not PasskeyDevice.objects.exists()


def test_an_account_has_so_many_and_no_more(ada: Person, key: Authenticator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passkeys, "MOST", 1)
    assert "too many passkeys" in register(ada.client, Authenticator()).content.decode()


# --- the whole sign-in ------------------------------------------------------------------------------------------------
def test_a_passkey_alone_signs_in(key: Authenticator, audit_log: Callable[..., list[Any]]) -> None:
    options = asked(Client())
    assert options["userVerification"] == "required" and not options.get("allowCredentials")
    client, answer = sign_in(key)
    assert answer.headers["Location"] == "/" and is_in(client)
    assert audit_log("account.signed_in")[-1].details["factor"] == "passkey"
    assert PasskeyDevice.objects.get().last_used_at is not None
    assert client.get("/security/password").status_code == 200


def test_it_leads_to_where_one_was_going_and_nowhere_else(key: Authenticator) -> None:
    for wanted, led in (("/data", "/data"), ("https://evil.example/", "/")):
        client = Client()
        answer = client.post(f"/login/passkey?next={wanted}", {"passkey": key.get(asked(client))})
        assert answer.headers["Location"] == led


def test_the_session_of_before_is_dead(key: Authenticator) -> None:
    client = Client()
    answer = key.get(asked(client))
    before = client.cookies[settings.SESSION_COOKIE_NAME].value
    client.post("/login/passkey", {"passkey": answer})
    assert client.cookies[settings.SESSION_COOKIE_NAME].value != before
    assert not AccountSession.objects.filter(session_key=kept_as(before)).exists()


@pytest.mark.parametrize(
    "changed",
    [
        {"origin": "http://evil.example"},
        {"origin": "https://localhost:8000"},
        {"domain": "evil.example"},
        {"verifies": False},
        {"present": False},
        {"cross_origin": True},
        {"handle": None},
        {"handle": b"x" * 32},
        {"credential_id": b"unknown" * 4},
    ],
    ids=str,
)
def test_a_sign_in_that_is_not_right_is_refused(
    key: Authenticator, changed: dict[str, Any], audit_log: Callable[..., list[Any]]
) -> None:
    assert is_in(sign_in(key)[0])
    for name, value in changed.items():
        setattr(key, name, value)
    client, answer = sign_in(key)
    assert answer.status_code == 403 and "was not accepted" in answer.content.decode()
    assert not is_in(client)
    assert audit_log("account.sign_in_refused")[-1].details == {"reason": "wrong_passkey"}


def test_another_keys_signature_is_refused(key: Authenticator) -> None:
    impostor = copy.copy(key)
    impostor.key = Authenticator().key
    assert sign_in(impostor)[1].status_code == 403
    assert is_in(sign_in(key)[0])


def test_a_closed_account_is_refused(ada: Person, key: Authenticator) -> None:
    Account.objects.update(is_active=False)
    assert sign_in(key)[1].status_code == 403


# --- challenges -------------------------------------------------------------------------------------------------------
def test_a_challenge_is_answered_once(key: Authenticator) -> None:
    key.counts = False  # no count of signatures gives the second answer away
    client = Client()
    answer = key.get(asked(client))
    other = Client()
    other.cookies = copy.deepcopy(client.cookies)
    assert client.post("/login/passkey", {"passkey": answer}).status_code == 302
    assert other.post("/login/passkey", {"passkey": answer}).status_code == 403


def test_of_twenty_at_once_one_counts(key: Authenticator) -> None:
    key.counts = False
    client = Client()
    challenge = asked(client)["challenge"]
    answer = Answer(key.get({"challenge": challenge}), (challenge,))

    def one() -> str:
        try:
            passkeys.prove_passkey(answer=answer, ceremony=passkeys.SIGN_IN)
        except Refused as error:
            return error.code
        return "in"

    outcomes = in_parallel(20, one)
    assert sorted(map(str, outcomes)) == ["in"] + ["wrong_passkey"] * 19


def test_a_refused_answer_uses_its_challenge_up(key: Authenticator) -> None:
    client = Client()
    options = asked(client)
    key.verifies = False
    assert client.post("/login/passkey", {"passkey": key.get(options)}).status_code == 403
    key.verifies = True
    assert client.post("/login/passkey", {"passkey": key.get(options)}).status_code == 403


def test_a_challenge_of_another_session_is_refused(key: Authenticator) -> None:
    mine, theirs = Client(), Client()
    asked(mine)
    assert mine.post("/login/passkey", {"passkey": key.get(asked(theirs))}).status_code == 403


def test_a_challenge_of_another_ceremony_is_refused(ada: Person, key: Authenticator) -> None:
    client = ada.by_password()
    options = asked(client, "/login/factor/passkey/options")
    client.post("/logout")
    assert client.post("/login/passkey", {"passkey": key.get(options)}).status_code == 403
    client = ada.by_password()
    whole = asked(client)
    assert client.post("/login/factor/passkey", {"passkey": key.get(whole)}).status_code == 403


def test_a_challenge_is_short_lived(key: Authenticator) -> None:
    client = Client()
    answer = key.get(asked(client))
    with time_machine.travel(timezone.now() + passkeys.LIFETIME + timedelta(seconds=1)):
        assert client.post("/login/passkey", {"passkey": answer}).status_code == 403
        assert purge_expired()["challenges"] >= 1
    assert not PasskeyChallenge.objects.exists()


def test_the_defence_against_replay_is_the_row(key: Authenticator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Teeth: without the row, the same answer counts twice."""
    key.counts = False
    challenge = asked(Client())["challenge"]
    answer = Answer(key.get({"challenge": challenge}), (challenge,))
    monkeypatch.setattr(passkeys, "_spent", lambda *_: challenge)
    for _each in range(2):
        passkeys.prove_passkey(answer=answer, ceremony=passkeys.SIGN_IN)


def test_challenges_are_limited_by_address(monkeypatch: pytest.MonkeyPatch, db: None) -> None:
    from access.services import limits

    monkeypatch.setattr(limits, "ASKED", limits.Limit("passkey-asked", free=3))
    codes = [Client().post("/login/passkey/options").status_code for _each in range(5)]
    assert codes == [200, 200, 200, 429, 429]


def test_sessions_past_their_time_are_gone(key: Authenticator) -> None:
    asked(Client())
    assert AccountSession.objects.filter(account_id=None).exists()
    with time_machine.travel(timezone.now() + timedelta(seconds=settings.SESSION_COOKIE_AGE + 60)):
        assert purge_expired()["sessions"] > 0
    assert not AccountSession.objects.exists()


# --- copies -----------------------------------------------------------------------------------------------------------
def test_a_copied_passkey_counts_no_more_and_everybody_is_signed_out(
    key: Authenticator, audit_log: Callable[..., list[Any]]
) -> None:
    clone = copy.copy(key)
    client, _answer = sign_in(key)
    assert is_in(client)
    _client, answer = sign_in(clone)
    assert answer.status_code == 403 and "seems to exist twice" in answer.content.decode()
    assert not is_in(client) and PasskeyDevice.objects.get().confirmed is False
    assert sign_in(key)[1].status_code == 403
    assert audit_log("account.factor_suspended")[-1].details["reason"] == "sign_count"
    assert mail.outbox[-1].subject == "A passkey was switched off"


def test_the_alarm_lets_nobody_in_by_a_password(ada: Person, key: Authenticator) -> None:
    """The only factor was switched off as a copy: a recovery code or the way back is next, never a new factor (T41)."""
    codes = factors.new_recovery_codes(ada.account)
    TotpDevice.objects.all().delete()
    clone = copy.copy(key)
    sign_in(key)
    sign_in(clone)
    assert PasskeyDevice.objects.get().confirmed is False
    client = ada.by_password()
    for page in ("/signup/totp", "/signup/passkey"):
        assert client.get(page).headers["Location"].startswith("/login/factor"), page
    assert client.post("/signup/passkey/options").status_code == 403
    assert client.get("/login/factor").headers["Location"] == "/login/recovery"
    assert not TotpDevice.objects.exists() and not is_in(client)
    assert client.post("/login/recovery", {"code": codes[0]}).status_code == 302 and is_in(client)
    client.post(f"/security/passkeys/{PasskeyDevice.objects.get().pk}/remove")
    assert PasskeyDevice.objects.exists(), "without another one the account would be open to its password"
    assert client.get("/signup/totp").status_code == 200


def test_a_passkey_that_does_not_count_goes_on(key: Authenticator) -> None:
    key.counts = False
    for _each in range(2):
        assert is_in(sign_in(key)[0])


def test_without_the_count_the_copy_would_be_let_in(key: Authenticator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Teeth."""
    clone = copy.copy(key)
    sign_in(key)
    PasskeyDevice.objects.update(sign_count=0)
    assert is_in(sign_in(clone)[0])


# --- second factor, step-up -------------------------------------------------------------------------------------------
def test_after_a_password_possession_is_enough(ada: Person, key: Authenticator) -> None:
    key.verifies = False
    client = ada.by_password()
    options = asked(client, "/login/factor/passkey/options")
    assert [each["id"] for each in options["allowCredentials"]] == [b64(key.credential_id)]
    answer = client.post("/login/factor/passkey?next=/data", {"passkey": key.get(options)})
    assert answer.headers["Location"] == "/data" and is_in(client)


def test_another_persons_passkey_is_no_second_factor(
    ada: Person, key: Authenticator, make: Callable[..., Person]
) -> None:
    bob = make("bob@example.org")
    client = bob.by_password()
    options = asked(client, "/login/factor/passkey/options")
    assert options["allowCredentials"] == []
    assert client.post("/login/factor/passkey", {"passkey": key.get(options)}).status_code == 403
    assert not is_in(client)
    here = bob.signed_in()
    with time_machine.travel(timezone.now() + timedelta(seconds=LATER)):
        step_up = {"passkey": key.get(asked(here, "/confirm/passkey/options"))}
        assert here.post("/confirm", step_up).status_code == 400
        assert here.get("/security/password").status_code == 302


def test_a_passkey_confirms_what_is_sensitive(
    ada: Person, key: Authenticator, audit_log: Callable[..., list[Any]]
) -> None:
    client = ada.client
    with time_machine.travel(timezone.now() + timedelta(seconds=LATER)):
        led = client.get("/security/password").headers["Location"]
        page = client.get(led).content.decode()
        assert "Confirm with a passkey" in page and "One-time code" in page
        back = client.post(led, {"passkey": key.get(asked(client, "/confirm/passkey/options"))})
        assert back.headers["Location"] == "/security/password"
        assert client.get("/security/password").status_code == 200
    assert audit_log("account.stepped_up")[-1].details["factor"] == "passkey"


def test_a_form_sent_too_late_goes_on_with_a_passkey(ada: Person, key: Authenticator) -> None:
    client = ada.client
    with time_machine.travel(timezone.now() + timedelta(seconds=LATER)):
        kept = client.post("/security/recovery-codes", {"kept": "value"})
        assert kept.status_code == 403 and "Confirm with a passkey" in kept.content.decode()
        answer = key.get(asked(client, "/confirm/passkey/options"))
        assert client.post("/security/recovery-codes", {"kept": "value", "passkey": answer}).status_code == 302
        with time_machine.travel(timezone.now() + timedelta(seconds=2 * LATER)):
            replayed = client.post("/security/recovery-codes", {"passkey": answer})
            assert replayed.status_code == 403 and "was not accepted" in replayed.content.decode()


def test_staff_reach_the_desk_by_a_passkey(make: Callable[..., Person]) -> None:
    rita, key = make("rita@example.org", is_staff=True, roles=("irm",)), Authenticator()
    register(rita.signed_in(), key)
    assert sign_in(key)[0].get("/admin/").status_code == 200


# --- renamed ----------------------------------------------------------------------------------------------------------
def test_a_passkey_has_the_name_its_person_gives_it(
    ada: Person, key: Authenticator, audit_log: Callable[..., list[Any]]
) -> None:
    client, device = ada.signed_in(), PasskeyDevice.objects.get()
    path = f"/security/passkeys/{device.pk}/name"
    assert 'value="my key"' in client.get(path).content.decode()
    evil = "<script>alert(1)</script>"
    assert client.post(path, {"label": f"  {evil} "}).headers["Location"] == "/security"
    page = client.get("/security").content.decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page and evil not in page and "my key" not in page
    [event] = audit_log("account.factor_renamed")
    assert event.details == {"account": str(ada.account.pk), "factor": "passkey"}
    assert is_in(sign_in(key)[0])


def test_a_name_is_some_words_and_not_too_many(ada: Person, key: Authenticator) -> None:
    client, device = ada.signed_in(), PasskeyDevice.objects.get()
    for wrong in ("", "   ", "a" * (passkeys.NAME_LENGTH + 1)):
        assert client.post(f"/security/passkeys/{device.pk}/name", {"label": wrong}).status_code == 400
        assert passkeys_of(ada.account)[0].label == "my key"
    passkeys.rename_passkey(account=ada.account, device_id=device.pk, label="a" * 100)
    assert passkeys_of(ada.account)[0].label == "a" * passkeys.NAME_LENGTH


def test_another_persons_passkey_is_not_renamed(
    ada: Person, key: Authenticator, make: Callable[..., Person], audit_log: Callable[..., list[Any]]
) -> None:
    bob, device = make("bob@canary.example").signed_in(), PasskeyDevice.objects.get()
    path = f"/security/passkeys/{device.pk}/name"
    assert bob.get(path).status_code == bob.post(path, {"label": "mine"}).status_code == 404
    assert passkeys_of(ada.account)[0].label == "my key" and not audit_log("account.factor_renamed")


def test_renaming_takes_a_fresh_factor(ada: Person, key: Authenticator) -> None:
    client, device = ada.signed_in(), PasskeyDevice.objects.get()
    with time_machine.travel(timezone.now() + timedelta(seconds=LATER)):
        assert client.post(f"/security/passkeys/{device.pk}/name", {"label": "new"}).status_code == 403
    assert passkeys_of(ada.account)[0].label == "my key"


# --- removed ----------------------------------------------------------------------------------------------------------
def test_a_removed_passkey_signs_nobody_in(
    ada: Person, key: Authenticator, audit_log: Callable[..., list[Any]]
) -> None:
    device = PasskeyDevice.objects.get()
    with time_machine.travel(timezone.now() + timedelta(seconds=LATER)):
        assert ada.client.post(f"/security/passkeys/{device.pk}/remove").status_code == 403
    forget_step(ada.account)
    client = ada.signed_in()
    assert client.post(f"/security/passkeys/{device.pk}/remove").headers["Location"] == "/security"
    assert sign_in(key)[1].status_code == 403
    assert audit_log("account.factor_removed")[-1].details["factor"] == "passkey"
    assert mail.outbox[-1].subject == "A passkey was removed"


def test_the_last_factor_stays_whatever_it_is(ada: Person, key: Authenticator) -> None:
    totp, device = TotpDevice.objects.get(), PasskeyDevice.objects.get()
    forget_step(ada.account)
    client = ada.signed_in()
    client.post(f"/security/passkeys/{device.pk}/remove")
    assert not PasskeyDevice.objects.exists()
    said = client.post(f"/security/authenticators/{totp.pk}/remove", follow=True).content.decode()
    assert "cannot be removed" in said and TotpDevice.objects.exists()


def test_with_a_passkey_the_authenticator_can_go_and_then_the_passkey_stays(ada: Person, key: Authenticator) -> None:
    totp, device = TotpDevice.objects.get(), PasskeyDevice.objects.get()
    client, _answer = sign_in(key)
    client.post(f"/security/authenticators/{totp.pk}/remove")
    assert not TotpDevice.objects.exists()
    said = client.post(f"/security/passkeys/{device.pk}/remove", follow=True).content.decode()
    assert "cannot be removed" in said and is_in(client)
    half_way = ada.by_password()
    page = half_way.get("/login/factor").content.decode()
    assert "Use a passkey" in page and "One-time code" not in page


def test_another_persons_passkey_is_not_removed(key: Authenticator, make: Callable[..., Person]) -> None:
    device = PasskeyDevice.objects.get()
    bob = make("bob@example.org").signed_in()
    assert bob.post(f"/security/passkeys/{device.pk}/remove").status_code == 302
    assert PasskeyDevice.objects.exists()


def test_a_copied_passkey_can_be_removed(ada: Person, key: Authenticator) -> None:
    PasskeyDevice.objects.update(confirmed=False)
    forget_step(ada.account)
    client = ada.signed_in()
    assert "no longer counts" in client.get("/security").content.decode()
    client.post(f"/security/passkeys/{PasskeyDevice.objects.get().pk}/remove")
    assert not PasskeyDevice.objects.exists()


def test_passkeys_go_with_the_account(ada: Person, key: Authenticator) -> None:
    assert PasskeyDevice.objects.exists()
    erase_account(account_id=ada.account.pk)
    assert not PasskeyDevice.objects.exists()
    assert sign_in(key)[1].status_code == 403


# --- garbage ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("text", ["", "x", "null", "[]", "{}", "[" * 10_000, '{"rawId": 1}', '"' + "x" * 20_000 + '"'])
def test_garbage_is_refused_like_everything_else(db: None, text: str) -> None:
    for ceremony in (passkeys.SIGN_IN, passkeys.SECOND):
        with pytest.raises(Refused) as refused:
            passkeys.prove_passkey(answer=Answer(text, ("x",)), ceremony=ceremony)
        assert refused.value.code == "wrong_passkey"


def test_answers_changed_anywhere_are_refused_and_break_nothing(ada: Person, key: Authenticator) -> None:
    """A byte of a good answer is changed 150 times, of a sign-in and of a registration."""
    chance = random.Random(7)
    for turn in range(150):
        ceremony = (passkeys.SIGN_IN, passkeys.REGISTER)[turn % 2]
        challenge = passkeys.new_challenge(ceremony=ceremony, where=str(turn))
        options = {"challenge": challenge, "user": {"id": b64(key.handle or b"")}}
        made = json.loads(Authenticator().create(options) if turn % 2 else key.get(options))
        part = chance.choice(sorted(made["response"]))
        old = bytearray(raw(made["response"][part]))
        place = chance.randrange(len(old))
        old[place] ^= 1 << chance.randrange(8)
        made["response"][part] = b64(bytes(old))
        answer = Answer(json.dumps(made), (challenge,))
        try:
            if turn % 2:
                passkeys.add_passkey(account=ada.account, answer=answer, label="x")
            else:
                passkeys.prove_passkey(answer=answer, ceremony=ceremony)
        except DomainError as error:
            assert error.code in {"wrong_passkey", "too_many_passkeys"}
        else:
            assert turn % 2, "a changed signature was accepted"
    assert PASSWORD


# --- settings ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("domain", "origins", "flaw"),
    [
        ("portal.example", ["https://portal.example"], None),
        ("example.org", ["https://portal.example.org:8443"], None),
        ("192.0.2.1", ["https://192.0.2.1"], "access.W005"),
        ("portal.example", ["https://evilportal.example"], "access.W006"),
        ("portal.example", [], "access.W006"),
    ],
)
def test_settings_no_browser_would_take_are_told_at_start(
    settings: Any, domain: str, origins: list[str], flaw: str | None
) -> None:
    from access.checks import passkeys_have_a_domain

    settings.PASSKEY_RP_ID, settings.PASSKEY_ORIGINS = domain, origins
    assert [each.id for each in passkeys_have_a_domain()] == ([flaw] if flaw else [])
