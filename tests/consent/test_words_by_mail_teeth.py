"""The defences of words by mail bite: with each switched off, what its test forbids happens."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from access.services import mail_links
from access.services.limits import Turn
from consent.models import PrivacySignal, Purpose
from consent.services import all_at_once, authorisations, confirmations, signals
from consent.services.standing import state_of
from tests.audit.tools import behind_the_triggers
from tests.consent.people import answer, share, wording
from tests.consent.test_double_opt_in import link

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]


@pytest.fixture
def path(alice: Any, django_capture_on_commit_callbacks: Any) -> str:
    """The link in the mail that alice got after her yes."""
    with behind_the_triggers():
        Purpose.objects.filter(slug="newsletter").update(double_opt_in=True)
    with django_capture_on_commit_callbacks(execute=True):
        answer(alice.subject, "give")
    return link()


def test_without_the_comparison_any_token_opens(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = path[:-4] + "AAAA"
    assert Client().get(wrong).status_code == 410
    monkeypatch.setattr(mail_links, "_fits", lambda row, token, code: True)
    assert Client().get(wrong).status_code == 200


def test_without_the_count_one_may_go_on_guessing(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail_links, "count_try", lambda row: None)
    for _ in range(mail_links.TRIES + 1):
        Client().get(path[:-4] + "AAAA")
    assert Client().get(path).status_code == 200


def test_without_a_lifetime_a_link_lives_for_ever(path: str, monkeypatch: pytest.MonkeyPatch, frozen: Any) -> None:
    frozen.shift(timedelta(days=400).total_seconds())
    assert Client().get(path).status_code == 410
    monkeypatch.setattr(confirmations, "_leads_on", lambda row: True)
    assert Client().get(path).status_code == 200


def test_without_the_question_what_stands_a_no_is_overrun(
    alice: Any, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(alice.subject, "refuse")
    monkeypatch.setattr(confirmations, "_stands", lambda row, state: True)
    assert Client().post(path).status_code == 200
    assert state_of(alice.subject, "newsletter") == "given"


def test_without_the_limit_a_mailbox_is_filled(
    alice: Any, path: str, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    monkeypatch.setattr(confirmations.limits, "take", lambda *tries: Turn(0))
    with django_capture_on_commit_callbacks(execute=True):
        for _ in range(2 * confirmations.MAIL.free):
            answer(alice.subject, "refuse")
            answer(alice.subject, "give")
    assert len(mail.outbox) > confirmations.MAIL.free


def test_without_the_row_every_page_would_switch_off_again(alice: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(alice.subject, "give")
    share(alice.subject, True)
    assert signals.honour_signal(subject=alice.subject)
    share(alice.subject, True)
    assert not signals.honour_signal(subject=alice.subject)
    assert state_of(alice.subject, "newsletter", "acme") == "given"
    PrivacySignal.objects.all().delete()
    assert signals.honour_signal(subject=alice.subject)
    assert state_of(alice.subject, "newsletter", "acme") == "withdrawn"


def test_without_the_exception_a_yes_to_all_would_be_refused(alice: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Special categories are left out here, and refused by `record_consent` behind it: two lines of defence."""
    shown = {"health_programme": wording("health_programme")}
    assert all_at_once.accept_all(subject=alice.subject, shown=shown, channel="portal", actor="subject") == []
    monkeypatch.setattr(all_at_once, "Purpose", SimpleNamespace(objects=Purpose.objects.filter(slug="none")))
    with pytest.raises(Exception, match="explicit_consent_required"):
        all_at_once.accept_all(subject=alice.subject, shown=shown, channel="portal", actor="subject")


def test_the_parents_birthday_rule_is_what_ends_the_link(monkeypatch: pytest.MonkeyPatch) -> None:
    row = confirmations.Confirmation(kind="parent", state="confirmed")
    monkeypatch.setattr(confirmations, "_stands", lambda row, state: True)
    monkeypatch.setattr(confirmations, "of_age", lambda subject, day: True)
    row.subject_id = None
    monkeypatch.setattr(confirmations.Confirmation, "subject", None)
    assert not authorisations.may_take_back(row)
    monkeypatch.setattr(confirmations, "of_age", lambda subject, day: False)
    assert authorisations.may_take_back(row)
