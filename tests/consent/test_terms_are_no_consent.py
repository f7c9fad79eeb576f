"""An account is no consent (Art. 7(2), 7(4); R07), and a major wording asks everybody again (Art. 5(1)(b); R12)."""

import re
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from consent.models import ConsentEvent, Purpose
from consent.services.decisions import decide_for
from consent.services.standing import standing_of
from subjects.models import Subject
from subjects.selectors import subject_by_email
from tests.consent.notices import draft
from tests.consent.people import answer
from tests.journey.people import Authenticator

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]
PASSWORD = "four calm words here"


def signed_up(email: str, run: Any) -> Client:
    """Through the pages, to the end, with nothing answered but what sign-up asks."""
    browser = Client()
    with run(execute=True):
        browser.post("/signup", {"email": email})
    code = re.findall(r"\b(\d{6})\b", str(mail.outbox[-1].body))[0]
    browser.post("/signup/code", {"code": code})
    page = browser.post("/signup/password", {"password": PASSWORD}, follow=True).content.decode()
    secret = re.search(r'class="secret[^"]*"[^>]*>([A-Z2-7 ]+)<', page)
    assert secret, page[:2000]
    authenticator = Authenticator(secret[1].replace(" ", ""))
    assert browser.post("/signup/totp", {"code": authenticator.code()}, follow=True).status_code == 200
    return browser


def test_sign_up_ends_with_every_optional_purpose_refused_and_no_consent(
    django_capture_on_commit_callbacks: Any,
) -> None:
    browser = signed_up("ada@people.example", django_capture_on_commit_callbacks)
    assert not ConsentEvent.objects.exists(), "an account is no consent"
    person = subject_by_email("ada@people.example")
    assert isinstance(person, Subject) and {line.state for line in standing_of(person)} == {"never_asked"}
    for purpose in Purpose.objects.filter(lawful_basis="consent", state="live"):
        answer(person, "refuse", purpose.slug)
    for path in ("/", "/data", "/requests", "/security", "/sharing", "/activity"):
        assert browser.get(path).status_code == 200, path
    assert set(ConsentEvent.objects.values_list("action", flat=True)) == {"refuse"}
    orders = decide_for(application=None, subject=person, purpose="orders").code
    assert orders == "allowed", "what a contract needs does not hang on a consent"


@pytest.mark.parametrize(("is_major", "code"), [(True, "notice_outdated"), (False, "allowed")])
def test_a_major_wording_asks_again_and_a_minor_one_does_not(
    alice: Any, olga: Any, rita: Any, is_major: bool, code: str
) -> None:
    from consent.services import review

    answer(alice.subject, "give")
    before = ConsentEvent.objects.get()
    purpose = Purpose.objects.get(slug="newsletter")
    notice = draft(purpose, olga, is_major=is_major)
    review.submit(item=notice, actor=olga.account)
    notice.refresh_from_db()
    from consent.digests import content_digest

    review.approve(item=notice, approver=rita.account, digest=content_digest(notice.content()))
    notice.refresh_from_db()
    review.publish(item=notice, actor=rita.account)
    assert decide_for(application=None, subject=alice.subject, purpose="newsletter").code == code
    if is_major:
        answer(alice.subject, "give")
        assert decide_for(application=None, subject=alice.subject, purpose="newsletter").code == "allowed"
        assert ConsentEvent.objects.get(pk=before.pk).notice_version == 1, "what was said stays as it was said"
