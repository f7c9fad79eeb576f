"""My data says until when each value is kept, by the rule the sweep erases by and the plan of an erasure keeps by."""

import html
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation
from django.utils.formats import date_format

from access.models import Account
from consent.models import Purpose, Standing
from erasure.ends import End, ends_of, in_words
from erasure.selectors import to_retain
from erasure.services.periods import end_periods
from gdpr_portal.prepared import Prepared
from subjects.models import PersonalValue
from tests.consent.people import answer
from tests.erasure.people import store

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]


def words(person: Any) -> dict[tuple[str, str], str]:
    return {about: until.words for about, until in ends_of(person.subject).items()}


def days(purpose: str) -> timedelta:
    return timedelta(days=Purpose.objects.get(slug=purpose).retention_days)


def day(moment: Any) -> str:
    return date_format(timezone.localtime(moment))


@pytest.fixture
def held(alice: Any, shop: Any, frozen: Any) -> Any:
    """The first name for orders, the family name for orders and tax, the address for the newsletter and its consent."""
    answer(alice.subject, "give")
    store(shop, alice.subject, "newsletter", email="a@example.org")
    store(shop, alice.subject, "orders", given_name="A", family_name="B")
    store(shop, alice.subject, "tax_records", family_name="B")
    return alice


def test_the_day_named_is_the_day_the_sweep_erases(held: Any, frozen: Any) -> None:
    end = timezone.now() + days("orders")
    assert words(held)["given_name", "orders"] == f"Until {day(end)}"
    frozen.move_to(end - timedelta(seconds=1))
    end_periods()
    assert PersonalValue.objects.filter(subject=held.subject, field="given_name").exists()
    frozen.move_to(end)
    assert words(held)["given_name", "orders"] == words(held)["family_name", "orders"]
    assert words(held)["given_name", "orders"].startswith("The time is over")
    end_periods()
    assert ("given_name", "orders") not in words(held)
    assert ("family_name", "orders") in words(held), "another purpose needs it longer"


def test_given_anew_begins_anew_for_the_page_and_for_what_an_erasure_leaves(held: Any, shop: Any, frozen: Any) -> None:
    frozen.shift(timedelta(days=100))
    store(shop, held.subject, "tax_records", family_name="C")
    end = timezone.now() + days("tax_records")
    assert words(held)["family_name", "tax_records"] == f"Until {day(end)}"
    assert to_retain(held.subject)["tax_records"][2] == end


def test_consent_is_an_event_and_its_end_the_latest_day(held: Any, frozen: Any) -> None:
    about = ("email", "newsletter")
    expires = Standing.objects.get(subject=held.subject, purpose="newsletter", recipient="").expires_at
    assert words(held)[about] == f"As long as your consent stands, until {day(expires)} at the latest"
    now = timezone.now()
    sooner = End(now + timedelta(days=1), False, "consent", "", expires)
    assert in_words(sooner, now).words.endswith(f"until {day(sooner.at)} at the latest")
    answer(held.subject, "withdraw")
    assert words(held)[about].startswith("Your consent has ended")


def test_where_law_keeps_it_law_and_article_are_named(held: Any) -> None:
    ends = ends_of(held.subject)
    named = ends["family_name", "tax_records"]
    assert (named.law, named.article) == ("§ 147 AO (Art. 17(3)(b) GDPR)", ""), "the law names the article itself"
    assert (ends["given_name", "orders"].law, ends["given_name", "orders"].article) == ("", "")
    now = timezone.now()
    plain = [in_words(End(now + timedelta(days=1), False, basis, "§ 1", None), now) for basis in ("legal_obligation",
             "public_task", "contract")]  # fmt: skip
    law, task, contract = [(until.law, until.article) for until in plain]
    assert law == task == ("§ 1", "Art. 17(3)(b)")
    assert contract == ("", ""), "an erasure does not leave it for a contract"
    page = held.browser().get("/data").content.decode()
    assert "kept by law: § 147 AO (Art. 17(3)(b) GDPR)" in page


def test_the_page_says_it_in_three_languages(held: Any) -> None:
    browser = held.browser()
    for language, said in (("en", "Until "), ("de", "Bis "), ("fr", "Jusqu’au ")):
        Account.objects.filter(pk=held.account.pk).update(language=language)
        page = html.unescape(browser.get("/data").content.decode())
        with translation.override(language):
            told = [until.words for until in ends_of(held.subject).values()]
        assert all(words in page for words in told), (language, told)
        assert len([words for words in told if words.startswith(said)]) == 3, (language, told)


def test_the_ends_take_one_statement(held: Any, monkeypatch: Any) -> None:
    sent: list[str] = []
    inner = Prepared.all
    monkeypatch.setattr(Prepared, "all", lambda self, **values: sent.append(self.text) or inner(self, **values))
    with CaptureQueriesContext(connection) as others:
        ends_of(held.subject)
    assert (len(sent), len(others)) == (1, 0)


def test_nobody_elses_ends_are_told(held: Any, bob: Any) -> None:
    assert ends_of(held.subject) and not ends_of(bob.subject)
