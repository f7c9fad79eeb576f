"""A consent is for a time: its end is announced, a click renews it, and afterwards it is none (R13)."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail

from consent.models import ConsentEvent, Reminder
from consent.services.consents import expire_due
from consent.services.decisions import decide_for
from consent.services.reminders import remind_ending
from consent.services.standing import standing_of, state_of
from subjects.services import restrict
from tests.consent.people import answer
from tests.consent.test_consent_pages import Forms, submit

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]
DAY = 86400


@pytest.fixture
def given(alice: Any, frozen: Any) -> ConsentEvent:
    """A consent of 730 days."""
    return answer(alice.subject, "give")


def remind(run: Any) -> int:
    with run(execute=True):
        return remind_ending()


def test_thirty_days_before_the_end_one_mail_goes_out(
    alice: Any, given: Any, frozen: Any, audit_log: Any, django_capture_on_commit_callbacks: Any
) -> None:
    frozen.shift(700 * DAY - 1)
    assert remind(django_capture_on_commit_callbacks) == 0 and not mail.outbox
    frozen.shift(1)
    assert remind(django_capture_on_commit_callbacks) == 1
    assert mail.outbox[-1].to == [alice.email] and "alice" not in str(mail.outbox[-1].body)
    assert remind(django_capture_on_commit_callbacks) == 0
    assert len(mail.outbox) == Reminder.objects.count() == len(audit_log("consent.reminded")) == 1


def test_one_click_renews_on_the_live_wording(alice: Any, given: Any, frozen: Any) -> None:
    frozen.shift(699 * DAY)
    assert "Renew consent" not in alice.browser().get("/consent").content.decode()
    assert answer(alice.subject, "give").event == given.event, "before the window a repeated yes says nothing new"
    frozen.shift(2 * DAY)
    browser = alice.browser()
    page = browser.get("/consent").content.decode()
    assert "Renew consent" in page
    form = Forms(page).of(purpose="newsletter")
    assert form["buttons"] == ["give", "withdraw"]
    submit(browser, form, "give")
    line = next(line for line in standing_of(alice.subject) if line.purpose == "newsletter")
    assert line.state == "given" and line.expires_at == given.at + timedelta(days=701 + 730)
    assert "Renew consent" not in browser.get("/consent").content.decode()


def test_past_the_end_it_is_expired_and_permits_nothing(alice: Any, given: Any, frozen: Any) -> None:
    frozen.shift(730 * DAY - 1)
    assert decide_for(application=None, subject=alice.subject, purpose="newsletter").code == "allowed"
    frozen.shift(1)
    assert decide_for(application=None, subject=alice.subject, purpose="newsletter").code == "consent_expired"
    assert expire_due() == 1
    assert state_of(alice.subject, "newsletter") == "expired"
    assert remind_ending() == 0


@pytest.mark.parametrize("why", ["withdrawn", "restricted"])
def test_what_is_not_in_force_is_not_advertised(
    alice: Any, given: Any, frozen: Any, why: str, django_capture_on_commit_callbacks: Any
) -> None:
    frozen.shift(701 * DAY)
    if why == "withdrawn":
        answer(alice.subject, "withdraw")
    else:
        restrict(subject=alice.subject, ground="accuracy_contested", request=None, actor="subject", at=given.at)
    assert remind(django_capture_on_commit_callbacks) == 0 and not mail.outbox


def test_a_refusal_is_remembered_and_nobody_is_asked_twice(alice: Any) -> None:
    browser = alice.browser()
    first = Forms(browser.get("/consent").content.decode())
    assert first.of(purpose="newsletter")["buttons"] == ["give", "refuse"]
    for purpose in ("newsletter", "health_programme"):
        answer(alice.subject, "refuse", purpose)
    for _ in range(2):
        page = browser.get("/consent").content.decode()
        forms = Forms(page)
        assert forms.of(purpose="newsletter")["buttons"] == ["give"]
        assert page.count('class="button button-quiet" type="submit" name="action" value="give"') == 2
        assert "accept_all" not in page and "Refuse" not in page
        assert '<details class="section" open' not in page, "the wording is folded"
    for path in ("/", "/data", "/activity", "/sharing", "/requests", "/security"):
        words = browser.get(path).content.decode()
        assert 'value="give"' not in words and "accept_all" not in words, path
        assert "answer again" not in words and "Not answered" not in words, path
    assert ConsentEvent.objects.count() == 2
