"""Sign-in: two factors, equal answers, limits that lock nobody out, one-use codes, fresh session keys."""

import base64
import re
import threading
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from django.core import mail
from django.db import connection
from django.test import Client
from django.utils import timezone

from access.forms import RecoveryForm
from access.models import Attempt, RecoveryCode, TotpDevice
from access.services import factors, limits
from access.services.accounts import sign_out_everywhere
from audit.models import AuditEvent
from tests.access.conftest import PASSWORD, Person, forget_step

pytestmark = pytest.mark.django_db(transaction=True)


def test_password_and_code_open_the_portal(ada: Person) -> None:
    client = Client()
    first = client.post("/login?next=/security", {"email": "ADA.lovelace@EXAMPLE.org", "password": PASSWORD})
    assert first.headers["Location"] == "/login/factor?next=%2Fsecurity"
    second = client.post(first.headers["Location"], {"code": ada.code()})
    assert second.headers["Location"] == "/security"
    assert client.get("/security").status_code == 200
    event = AuditEvent.objects.get(action="account.signed_in")
    assert event.actor == f"account:{ada.account.id}" and event.details["factor"] == "totp"


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "evil", "/%0a/x\n"]
)
def test_sign_in_leads_to_no_foreign_page(ada: Person, target: str) -> None:
    client = ada.signed_in()
    answer = client.get("/login", {"next": target})
    assert "evil" not in answer.headers["Location"] and answer.headers["Location"].startswith("/")


def test_wrong_password_and_unknown_address_are_answered_alike(ada: Person) -> None:
    answers = [
        Client().post("/login", {"email": email, "password": "not the password"})
        for email in (ada.email, "nobody@example.org")
    ]
    pages = [plain(answer.content.decode()) for answer in answers]
    assert pages[0].replace(ada.email, "X") == pages[1].replace("nobody@example.org", "X")
    assert answers[0].status_code == answers[1].status_code == 400


def test_wrong_passwords_wait_and_strangers_do_not_lock_the_owner_out(ada: Person) -> None:
    wrong = {"email": ada.email, "password": "not the password"}
    answers = [Client().post("/login", wrong, REMOTE_ADDR="203.0.113.9").status_code for _each in range(20)]
    assert answers.count(400) == 5 and answers.count(429) == 15
    right = {"email": ada.email, "password": PASSWORD}
    assert Client().post("/login", right, REMOTE_ADDR="203.0.113.9").status_code == 429
    assert Client().post("/login", right, REMOTE_ADDR="198.51.100.7").status_code == 302
    with time_machine.travel(timezone.now() + timedelta(seconds=16)):
        assert Client().post("/login", right, REMOTE_ADDR="203.0.113.9").status_code == 302


def test_tries_at_one_address_that_is_none_do_not_count_against_another() -> None:
    answers = [
        Client().post("/login", {"email": email, "password": "not the password"}).status_code
        for email in ["first@localhost"] * 6 + ["second@localhost"]
    ]
    assert answers == [400] * 5 + [429, 400]


def test_of_a_thousand_wrong_codes_ten_are_evaluated_in_ten_minutes(ada: Person) -> None:
    start, evaluated = timezone.now(), 0
    with time_machine.travel(start, tick=False) as clock:
        for second in range(600):
            clock.move_to(start + timedelta(seconds=second))
            turn = limits.take((limits.FACTOR, str(ada.account.id)))
            evaluated += turn.wait == 0
    assert evaluated == 10


def test_the_owner_is_told_of_wrong_codes_and_gets_in_after_the_wait(ada: Person) -> None:
    client = ada.by_password()
    mail.outbox.clear()
    wrong = f"{(int(ada.code()) + 1) % 10**6:06d}"
    answers = [client.post("/login/factor", {"code": wrong}).status_code for _each in range(7)]
    assert answers == [400] * 5 + [429] * 2
    assert [message.subject for message in mail.outbox] == ["Wrong codes for your account"]
    with time_machine.travel(timezone.now() + timedelta(seconds=20)):
        assert client.post("/login/factor", {"code": ada.code()}).status_code == 302
    assert not Attempt.objects.filter(key=limits._key(limits.FACTOR, str(ada.account.id))).exists()


def test_a_day_of_quiet_forgets_the_waits(ada: Person) -> None:
    about = (limits.FACTOR, "someone")
    for _each in range(5):
        limits.take(about)
    assert limits.take(about).wait
    with time_machine.travel(timezone.now() + timedelta(days=2)):
        assert [limits.take(about).wait for _each in range(5)] == [0] * 5


def test_a_code_is_used_once(ada: Person) -> None:
    code = ada.code()
    assert ada.by_password().post("/login/factor", {"code": code}).status_code == 302
    assert ada.by_password().post("/login/factor", {"code": code}).status_code == 400


def test_of_twenty_parallel_uses_of_a_code_one_is_accepted(ada: Person) -> None:
    device, code = factors.confirmed_totps(ada.account)[0], ada.code()
    outcomes = in_parallel(20, lambda: factors.verify_totp(device=device, code=code))
    assert outcomes.count(True) == 1


def test_of_twenty_parallel_sign_ins_with_a_code_one_is_let_in(ada: Person) -> None:
    clients, code = [ada.by_password() for _each in range(20)], ada.code()
    queue = iter(clients)
    outcomes = in_parallel(20, lambda: next(queue).post("/login/factor", {"code": code}).status_code)
    assert outcomes.count(302) == 1 and set(outcomes) <= {302, 400, 429}


@pytest.mark.parametrize(("steps", "accepted"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_one_step_of_drift_is_allowed(ada: Person, steps: int, accepted: bool) -> None:
    with time_machine.travel(time.time() // 30 * 30 + 15, tick=False):
        device = factors.confirmed_totps(ada.account)[0]
        assert factors.verify_totp(device=device, code=ada.code(steps)) is accepted


def test_codes_are_refused_when_the_clock_jumps_back(ada: Person) -> None:
    device = factors.confirmed_totps(ada.account)[0]
    assert factors.verify_totp(device=device, code=ada.code())
    with time_machine.travel(timezone.now() - timedelta(hours=1)):
        assert not factors.verify_totp(device=device, code=ada.code())


def test_a_recovery_code_lets_in_once_and_the_owner_is_told(ada: Person) -> None:
    codes = factors.new_recovery_codes(ada.account)
    mail.outbox.clear()
    typed = {"code": codes[0].upper().replace("-", " ")}
    assert ada.by_password().post("/login/recovery", typed).status_code == 302
    assert [message.subject for message in mail.outbox] == ["A recovery code was used"]
    assert ada.by_password().post("/login/recovery", typed).status_code == 400
    assert factors.recovery_codes_left(ada.account) == 9


def test_one_persons_recovery_code_is_nothing_for_another(ada: Person, make: Callable[..., Person]) -> None:
    bob = make("bob@example.org")
    factors.new_recovery_codes(bob.account)
    codes = factors.new_recovery_codes(ada.account)
    assert bob.by_password().post("/login/recovery", {"code": codes[0]}).status_code == 400


def test_secrets_lie_sealed_and_codes_as_digests(ada: Person) -> None:
    codes = factors.new_recovery_codes(ada.account)
    device = TotpDevice.objects.get(user=ada.account)
    secret = base64.b32decode(ada.secret)
    assert factors._secret(device) == secret  # it is there
    assert secret not in bytes(device.secret_sealed)
    stored = b"".join(bytes(row.digest) for row in RecoveryCode.objects.all())
    assert not any(code.encode() in stored or code.replace("-", "").encode() in stored for code in codes)


def test_the_session_key_is_new_after_each_proof(ada: Person) -> None:
    client = Client()
    client.get("/login")
    client.post("/signup", {"email": "someone@example.org"})
    keys = [client.cookies["session"].value]
    client.post("/login", {"email": ada.email, "password": PASSWORD})
    keys.append(client.cookies["session"].value)
    client.post("/login/factor", {"code": ada.code()})
    keys.append(client.cookies["session"].value)
    forget_step(ada.account)
    client.post("/confirm", {"code": ada.code()})
    keys.append(client.cookies["session"].value)
    assert len(set(keys)) == 4
    for old in keys[:-1]:
        stale = Client()
        stale.cookies["session"] = old
        assert stale.get("/security").status_code == 302


def test_signing_out_everywhere_ends_every_session(ada: Person) -> None:
    here, there = ada.signed_in(), ada.signed_in()
    assert there.get("/security").status_code == 200
    assert here.post("/security/sign-out-everywhere").status_code == 302
    assert here.get("/security").status_code == there.get("/security").status_code == 302


def test_the_epoch_alone_ends_sessions(ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    client = ada.signed_in()
    monkeypatch.setattr(
        "access.services.accounts.AccountSession.objects.filter", lambda **_: type("No", (), {"delete": lambda s: 0})()
    )
    sign_out_everywhere(account=ada.account)
    assert client.get("/security").status_code == 302


def test_a_new_password_ends_the_other_sessions_and_keeps_this_one(ada: Person) -> None:
    there, here = ada.signed_in(), ada.signed_in()
    assert (
        here.post("/security/password", {"current": PASSWORD, "password": "five other calm words"}).status_code == 302
    )
    assert here.get("/security").status_code == 200
    assert there.get("/security").status_code == 302
    assert mail.outbox[-1].subject == "Your password was changed"


def test_a_reset_keeps_the_second_factor_and_ends_sessions(ada: Person) -> None:
    before = ada.signed_in()
    client = Client()
    client.post("/password-reset", {"email": ada.email})
    code = re.search(r"^(\d{6})$", str(mail.outbox[-1].body), re.MULTILINE)
    assert code
    assert client.post("/password-reset/code", {"code": code[1]}).status_code == 302
    assert (
        client.post("/password-reset/password", {"password": "five other calm words"}).headers["Location"] == "/login"
    )
    assert before.get("/security").status_code == 302
    answer = client.post("/login", {"email": ada.email, "password": "five other calm words"})
    assert answer.headers["Location"] == "/login/factor"
    assert client.get("/security").status_code == 302


def test_a_reset_for_an_unknown_address_is_answered_alike() -> None:
    answer = Client().post("/password-reset", {"email": "nobody@example.org"})
    assert answer.headers["Location"] == "/password-reset/code"
    assert mail.outbox[-1].subject == "There is no account for this address"


def test_mail_names_nobody_and_holds_no_link(ada: Person) -> None:
    Client().post("/password-reset", {"email": ada.email})
    assert mail.outbox
    for message in mail.outbox:
        bodies = [str(message.body), *(str(part[0]) for part in message.alternatives)]
        assert not any(re.search(r"https?://|href|Ada|Lovelace", body) for body in bodies)


def in_parallel(number: int, act: Callable[[], object]) -> list[object]:
    outcomes: list[object] = []
    start = threading.Barrier(number)

    def run() -> None:
        start.wait()
        try:
            outcomes.append(act())
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _each in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def plain(page: str) -> str:
    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", page)


def test_recovery_codes_are_too_random_to_be_guessed_from_their_digests(ada: Person) -> None:
    """112 bits and more: a keyed digest of such a code may be kept (OWASP ASVS 6.5.2)."""
    codes = factors.new_recovery_codes(ada.account)
    assert len(set(codes)) == 10
    for code in codes:
        letters = code.replace("-", "")
        assert re.fullmatch(r"[a-z2-7]{24}", letters), code  # 24 times 5 bits
    assert len(codes[0]) <= RecoveryForm.base_fields["code"].max_length  # type: ignore[attr-defined]
