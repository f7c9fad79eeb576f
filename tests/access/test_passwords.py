"""What may be chosen as a password, and how it is changed (OWASP ASVS 6.2; docs/security-rules.md)."""

import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone
from django.utils.module_loading import import_string

from access.passwords import WORDS, context_words
from gdpr_portal import settings as module
from tests.access.conftest import PASSWORD, Person

KNOWN = ["letmein letmein letmein", "aaaaaaaaaaaa", "zebra zebra zebra", "horse battery staple"]
CHOSEN = "five other calm words"


def codes(password: str) -> set[str]:
    """Why it is refused."""
    try:
        validate_password(password)
    except ValidationError as error:
        return {str(each.code) for each in error.error_list}
    return set()


@pytest.fixture
def breaches(tmp_path: Path, settings: Any) -> Path:
    """A list of breached passwords as haveibeenpwned.com gives it out: sorted, with how often each was seen."""
    lines = sorted(f"{hashlib.sha1(word.encode()).hexdigest().upper()}:{count}" for count, word in enumerate(KNOWN, 7))
    file = tmp_path / "breached.txt"
    file.write_text("\r\n".join(lines) + "\r\n")
    settings.BREACHED_PASSWORDS_FILE = str(file)
    return file


@pytest.mark.parametrize(
    "password", [PASSWORD, "x" * 12, "ÄÖÜ äöü ß ねこねこ ねこ", "!?!?!?!?!?!?!?", "84629175036284", "a" * 256]
)
def test_any_signs_will_do_from_twelve_on(password: str) -> None:
    assert codes(password) == set()


def test_eleven_are_too_few_and_what_everybody_takes_is_refused() -> None:
    assert codes("calm words.") == {"password_too_short"}
    assert "password_too_common" in codes("password1234")


@pytest.mark.parametrize(
    "password", ["GDPR-Portal-2026", "admin.admin.admin", "Datenschutz 2026!", "examplecontroller1"]
)
def test_words_anybody_would_try_here_are_not_enough(password: str) -> None:
    assert codes(password) == {"context_words"}
    assert codes(f"{password} beside a calm sentence") == set(), "the words themselves are not forbidden"


def test_the_words_are_those_of_the_page_and_of_the_installation(repository: Path, settings: Any) -> None:
    page = (repository / "docs/security-rules.md").read_text()
    assert [word for word in sorted(WORDS) if f"`{word}`" not in page] == []
    settings.CONTROLLER, settings.BASE_URL = {"name": "Zebra Bank AG"}, "https://stripes.example"
    assert {"zebra", "bank", "stripes", "example"} <= context_words()
    assert codes("zebra.bank.2026") == {"context_words"}


def test_a_breached_password_is_refused_wherever_it_stands_in_the_list(breaches: Path, settings: Any) -> None:
    for word in KNOWN:
        assert codes(word) == {"breached"}, word
    for number in range(200):
        assert codes(f"nobody ever took {number}") == set()
    settings.BREACHED_PASSWORDS_FILE = ""
    assert codes(KNOWN[0]) == set(), "without the list nobody knows"


def test_an_empty_list_refuses_nothing_and_a_missing_one_is_no_consent(breaches: Path) -> None:
    breaches.write_text("")
    assert codes(KNOWN[0]) == set()
    breaches.unlink()
    with pytest.raises(FileNotFoundError):
        codes(PASSWORD)


def test_it_is_asked_at_sign_up_reset_and_change(breaches: Path, ada: Person) -> None:
    client = ada.signed_in()
    answer = client.post("/security/password", {"current": PASSWORD, "password": KNOWN[0]})
    assert answer.status_code == 400 and b"became known in a breach" in answer.content
    answer = client.post("/security/password", {"current": PASSWORD, "password": "gdpr portal gdpr"})
    assert answer.status_code == 400 and b"others would try here" in answer.content


def test_a_password_is_taken_to_the_letter(ada: Person) -> None:
    long = "  Ä" + "x" * 250 + "  "
    client = ada.signed_in()
    assert client.post("/security/password", {"current": PASSWORD, "password": long}).status_code == 302
    for wrong in (long.strip(), long.casefold(), long[:-1], long[:72]):
        assert Client().post("/login", {"email": ada.email, "password": wrong}).status_code == 400, wrong
    assert Client().post("/login", {"email": ada.email, "password": long}).status_code == 302


def test_a_change_takes_the_old_password_too(ada: Person, audit_log: Any) -> None:
    client = ada.signed_in()
    for wrong in ({}, {"current": ""}, {"current": CHOSEN}):
        answer = client.post("/security/password", {"password": CHOSEN, **wrong})
        assert answer.status_code == 400, wrong
    ada.account.refresh_from_db()
    assert ada.account.check_password(PASSWORD)
    [event] = audit_log("account.sign_in_refused")
    assert event.details == {"account": str(ada.account.id), "reason": "wrong_password"}
    assert "Wrong password, nothing changed" in client.get("/security").content.decode()
    assert client.post("/security/password", {"current": PASSWORD, "password": CHOSEN}).status_code == 302
    ada.account.refresh_from_db()
    assert ada.account.check_password(CHOSEN)


def test_guesses_at_the_old_password_wait(ada: Person) -> None:
    client = ada.signed_in()
    said = [
        client.post("/security/password", {"current": f"wrong {n}", "password": CHOSEN}).status_code for n in range(7)
    ]
    assert said == [400] * 5 + [429] * 2
    answer = client.post("/security/password", {"current": PASSWORD, "password": CHOSEN})
    assert answer.status_code == 429, "the right one waits as well"
    ada.account.refresh_from_db()
    assert ada.account.check_password(PASSWORD)


def test_fields_hide_what_is_typed_and_let_managers_help(ada: Person, client: Client) -> None:
    pages = client.get("/login").content.decode() + ada.signed_in().get("/security/password").content.decode()
    assert pages.count('type="password"') == 3
    assert pages.count('autocomplete="current-password"') == 2 and pages.count('autocomplete="new-password"') == 1
    assert "onpaste" not in pages and 'autocomplete="off"' not in pages


def test_no_password_grows_old(ada: Person) -> None:
    with time_machine.travel(timezone.now() + timedelta(days=3650), tick=False):
        assert (
            Client().post("/login", {"email": ada.email, "password": PASSWORD}).headers["Location"] == "/login/factor"
        )


def test_what_is_kept_is_argon2id_as_the_cheat_sheet_asks() -> None:
    [hasher] = module.PASSWORD_HASHERS
    _algorithm, kind, _version, parameters, *_ = import_string(hasher)().encode(PASSWORD, "salt" * 4).split("$")
    found = dict(part.split("=") for part in parameters.split(","))
    assert kind == "argon2id" and int(found["m"]) >= 19 * 1024 and int(found["t"]) >= 2
