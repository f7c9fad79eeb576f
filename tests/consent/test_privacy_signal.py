"""`Sec-GPC: 1` is an objection to sharing by automated means (Art. 21(5)); it counts once, and evidence is kept."""

from typing import Any

import pytest

from consent.models import ConsentEvent, Delivery, PrivacySignal
from consent.services.standing import state_of
from tests.consent.people import answer, share

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]


@pytest.fixture
def sharing(alice: Any) -> None:
    answer(alice.subject, "give")
    share(alice.subject, True)


def visit(browser: Any, path: str = "/", signal: str | None = "1") -> Any:
    return browser.get(path, headers={"Sec-GPC": signal} if signal else {})


def test_the_first_signal_switches_all_sharing_off_and_says_so(
    alice: Any, bob: Any, sharing: None, audit_log: Any
) -> None:
    answer(bob.subject, "give")
    share(bob.subject, True)
    browser = alice.browser(fresh=False)
    assert "Global Privacy Control" not in visit(browser, "/sharing", None).content.decode()
    assert state_of(alice.subject, "newsletter", "acme") == "given"

    page = visit(browser, "/sharing").content.decode()

    assert "Global Privacy Control" in page and "Sharing is off" in page
    assert state_of(alice.subject, "newsletter", "acme") == "withdrawn"
    assert state_of(bob.subject, "newsletter", "acme") == "given"
    event = ConsentEvent.objects.filter(subject=alice.subject).latest("seq")
    assert (event.channel, event.actor, event.recipient) == ("sec-gpc", "subject", "acme")
    assert Delivery.objects.filter(subject=alice.subject, type="sharing.stopped").count() == 1
    assert audit_log("signal.honoured")[-1].details == {"signal": "sec-gpc", "count": 1}
    assert audit_log("sharing.stopped")[-1].details["reason"] == "privacy_signal"
    assert state_of(alice.subject, "newsletter") == "given", "a consent to the purpose itself is another thing"


def test_it_counts_once_and_a_later_switch_of_the_person_stands(alice: Any, sharing: None, audit_log: Any) -> None:
    visit(alice.browser())
    share(alice.subject, True)
    for _ in range(2):
        browser = alice.browser()
        visit(browser)
        visit(browser, "/sharing")
    assert state_of(alice.subject, "newsletter", "acme") == "given"
    assert PrivacySignal.objects.count() == len(audit_log("signal.honoured")) == 1


def test_it_is_kept_where_nothing_was_shared(alice: Any) -> None:
    assert "0 shares" in visit(alice.browser(), "/sharing").content.decode()
    assert PrivacySignal.objects.get().switched_off == 0


@pytest.mark.parametrize("signal", ["0", "true", "", "1, 1", None])
def test_nothing_else_is_a_signal(alice: Any, sharing: None, signal: str | None) -> None:
    visit(alice.browser(), "/sharing", signal)
    assert state_of(alice.subject, "newsletter", "acme") == "given"
    assert not PrivacySignal.objects.exists()


def test_a_password_alone_signals_nothing(alice: Any, sharing: None, client: Any) -> None:
    client.force_login(alice.account, backend="access.backends.SealedEmailBackend")
    visit(client, "/sharing")
    visit(client, "/.well-known/gpc.json")
    assert not PrivacySignal.objects.exists()


def test_the_service_says_that_it_honours_the_signal(client: Any) -> None:
    from datetime import date

    told = client.get("/.well-known/gpc.json")
    assert told["Content-Type"] == "application/json"
    body = told.json()
    assert body.keys() == {"gpc", "lastUpdate"} and body["gpc"] is True
    assert str(date.fromisoformat(body["lastUpdate"])) == body["lastUpdate"]
