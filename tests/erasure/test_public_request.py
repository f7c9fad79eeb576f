"""The form for people without an account: equal answers, bounded codes, limits (Art. 12(2), (6); law.md R26)."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from access.services import limits
from erasure.models import RightsRequest
from erasure.services.requests import VERIFICATION_TRIES, expire_unverified
from tests.erasure.people import code_in_mail, store, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]

UNKNOWN = "nobody-we-know@example.org"


def ask(email: str, right: str = "access", client: Client | None = None) -> Any:
    return (client or Client()).post("/request", {"email": email, "right": right})


def confirm(reference: str, code: str) -> Any:
    return Client().post("/request/verify", {"reference": reference, "code": code})


def other(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06d}"


def headers(response: Any) -> dict[str, str]:
    return {name: value for name, value in response.items() if name != "X-Request-Id"}


def test_one_mailbox_is_not_filled_by_writing_its_address_in_other_ways(alice: Any, after_commit: Any) -> None:
    ways = [alice.email, alice.email.upper(), alice.email.title(), f"{alice.email[:2].upper()}{alice.email[2:]}"]
    with after_commit():
        for way in ways * limits.MAIL.free:
            assert ask(way).status_code == 200
    assert len(mail.outbox) == limits.MAIL.free


@pytest.mark.parametrize("right", ["access", "portability", "erasure"])
def test_known_and_unknown_addresses_get_the_same_answer(alice: Any, after_commit: Any, right: str) -> None:
    with after_commit():
        known, unknown = ask(alice.email, right), ask(UNKNOWN, right)
    assert known.status_code == unknown.status_code == 200
    assert text_of(known) == text_of(unknown)
    assert headers(known) == headers(unknown)
    assert set(known.cookies) == set(unknown.cookies)
    assert [message.to for message in mail.outbox] == [[alice.email], [UNKNOWN]]
    assert "We know nobody by it" in str(mail.outbox[1].body)
    assert RightsRequest.objects.get().state == "verifying"


def test_a_right_that_is_not_given_looks_the_same_too(alice: Any, shop: Any, after_commit: Any) -> None:
    store(shop, alice.subject, "tax_records", family_name="Ahlberg")
    with after_commit():
        refused, unknown = ask(alice.email, "portability"), ask(UNKNOWN, "portability")
    assert text_of(refused) == text_of(unknown)
    assert not RightsRequest.objects.exists()
    assert "The ground on which the data is held" in str(mail.outbox[0].body)


def test_the_code_from_the_mail_sets_it_going(alice: Any, after_commit: Any) -> None:
    with after_commit():
        ask(alice.email)
    reference, code = code_in_mail()
    done = confirm(reference, f" {code} ")
    assert done.status_code == 200 and "Confirmed" in done.content.decode()
    request = RightsRequest.objects.get(pk=reference)
    assert (request.state, request.verified_by) == ("in_progress", "document")
    assert "does not fit" in confirm(reference, code).content.decode(), "a code works once"


def test_a_wrong_code_and_an_unknown_reference_are_told_the_same(alice: Any, after_commit: Any) -> None:
    with after_commit():
        ask(alice.email)
    reference, code = code_in_mail()
    wrong = confirm(reference, other(code))
    unknown = confirm("00000000-0000-4000-8000-000000000000", code)
    assert wrong.status_code == unknown.status_code
    given = (reference, other(code)), ("00000000-0000-4000-8000-000000000000", code)
    pages = [text_of(wrong), text_of(unknown)]
    for number, words in enumerate(given):
        for word in words:
            pages[number] = pages[number].replace(word, "")
    assert pages[0] == pages[1]


def test_after_five_wrong_codes_the_right_one_does_not_help(alice: Any, after_commit: Any) -> None:
    with after_commit():
        ask(alice.email)
    reference, code = code_in_mail()
    for _try in range(VERIFICATION_TRIES):
        confirm(reference, other(code))
    assert "does not fit" in confirm(reference, code).content.decode()
    assert RightsRequest.objects.get(pk=reference).state == "verifying"


def test_the_fifth_try_still_counts(alice: Any, after_commit: Any) -> None:
    with after_commit():
        ask(alice.email)
    reference, code = code_in_mail()
    for _try in range(VERIFICATION_TRIES - 1):
        confirm(reference, other(code))
    assert "Confirmed" in confirm(reference, code).content.decode()


def test_a_code_ends_after_seven_days_and_the_request_with_it(alice: Any, after_commit: Any, frozen: Any) -> None:
    with after_commit():
        ask(alice.email)
    reference, code = code_in_mail()
    frozen.shift(timedelta(days=7, seconds=1))
    assert "does not fit" in confirm(reference, code).content.decode()
    assert expire_unverified() == 1
    assert RightsRequest.objects.get(pk=reference).state == "expired_unverified"


def test_asking_again_for_an_erasure_sends_a_new_code(alice: Any, after_commit: Any) -> None:
    with after_commit():
        ask(alice.email, "erasure")
    first_reference, first = code_in_mail()
    with after_commit():
        ask(alice.email, "erasure")
    reference, code = code_in_mail()
    assert len(mail.outbox) == 2 and reference == first_reference
    if first != code:
        assert "does not fit" in confirm(reference, first).content.decode()
    assert "Confirmed" in confirm(reference, code).content.decode()


def test_one_mailbox_gets_a_few_codes_and_the_page_says_nothing(alice: Any, after_commit: Any) -> None:
    with after_commit():
        answers = [ask(alice.email) for _ in range(8)]
    assert len({text_of(each) for each in answers}) == 1
    assert 1 <= len(mail.outbox) <= 5


@pytest.mark.parametrize("given", [{}, {"email": "no address", "right": "access"}, {"email": "a@example.org"}])
def test_what_cannot_be_a_request_is_shown_again(given: dict[str, str]) -> None:
    answered = Client().post("/request", given)
    assert answered.status_code == 200 and "Ask about your data" in answered.content.decode()
    assert mail.outbox == []


def test_the_address_stands_in_no_url(alice: Any, after_commit: Any) -> None:
    with after_commit():
        page = ask(alice.email)
    assert alice.email not in page.content.decode() and "Location" not in page
