"""What people are told of each use stands where anybody reads it; forms that collect lead there (Art. 13, 21(4))."""

from typing import Any

import pytest
from django.test import Client

from consent.models import NoticeText
from consent.models.governance import ReviewState
from consent.selectors import purposes_of_catalogue
from consent.services.data import store_data

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]

COLLECTING = ("/signup", "/request", "/request/for-somebody")


def page(client: Client, path: str = "/privacy", language: str = "en") -> str:
    answer = client.get(path, headers={"accept-language": language})
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_every_live_use_is_told_to_who_is_not_signed_in(client: Client) -> None:
    shown, live = page(client), list(purposes_of_catalogue())
    assert {each.lawful_basis for each in live} >= {"consent", "contract", "legitimate_interests"}
    for purpose in live:
        [text] = NoticeText.objects.filter(notice__purpose=purpose, notice__state=ReviewState.LIVE, language="en")
        assert f'id="notice-{purpose.slug}"' in shown
        assert text.digest in shown


def test_what_is_not_approved_is_not_there(client: Client) -> None:
    assert "notice-profiling" not in page(client)


def test_it_is_told_in_the_language_of_the_reader(client: Client) -> None:
    [text] = NoticeText.objects.filter(notice__purpose__slug="orders", notice__state=ReviewState.LIVE, language="de")
    assert text.digest not in page(client)
    assert text.digest in page(client, language="de")


def test_the_right_to_object_stands_by_itself_and_first(client: Client) -> None:
    """Art. 21(4): brought to attention clearly, and apart from all other information."""
    shown = page(client)
    assert "You can object to advertising at any time" in shown
    assert shown.index('id="object"') < shown.index('id="portal"') < shown.index('id="notice-')


@pytest.mark.parametrize("path", COLLECTING)
def test_a_form_that_collects_something_leads_there(client: Client, path: str) -> None:
    form = page(client, path).partition("<main")[2].partition("</main>")[0]
    assert 'href="/privacy"' in form


def test_what_is_held_leads_to_what_was_told_of_its_use(alice: Any, shop: Any) -> None:
    store_data(
        application=shop, subject=alice.subject, purpose="orders", values={"given_name": "Alice"}, source="subject"
    )
    assert 'href="/privacy#notice-orders"' in page(alice.browser(), "/data")
