"""A dependency that does not answer is left alone; what waits for it was not tried; everybody can see it."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from access.models import OutgoingMail
from access.services import mail
from access.services.applications import set_endpoint
from consent import webhook
from consent.models import Delivery
from consent.services import deliveries
from gdpr_portal import breakers, doctor, metrics, outages, start

HERE = ("webhook", "acme.example")


class Clock:
    """The monotonic clock of the breakers, moved by hand; no jitter."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(breakers, "time", made)
    monkeypatch.setattr(breakers._dice, "uniform", lambda low, high: (low + high) / 2)
    monkeypatch.setattr(breakers, "watchers", [])
    return made


def fail(times: int = breakers.FAILURES) -> None:
    for _ in range(times):
        breakers.told(*HERE, answered=False)


def test_failures_in_a_row_open_it_and_an_answer_between_does_not(clock: Clock) -> None:
    fail(breakers.FAILURES - 1)
    breakers.told(*HERE, answered=True)
    fail(breakers.FAILURES - 1)
    assert breakers.wait_seconds(*HERE) == 0
    fail(1)
    assert breakers.wait_seconds(*HERE) == breakers.PAUSE_SECONDS
    assert breakers.wait_seconds("webhook", "shop.example") == 0  # nobody else is held up


def test_one_probe_is_let_through_and_its_answer_closes_it(clock: Clock) -> None:
    fail()
    clock.now += breakers.PAUSE_SECONDS
    assert [breakers.wait_seconds(*HERE) == 0 for _caller in range(3)] == [True, False, False]
    breakers.told(*HERE, answered=True)
    assert breakers.wait_seconds(*HERE) == 0 and breakers.is_well(*HERE)


def test_a_probe_that_fails_doubles_the_pause_up_to_a_minute(clock: Clock) -> None:
    fail()
    pauses = []
    for _probe in range(5):
        pauses.append(breakers.left_seconds(*HERE))
        clock.now += pauses[-1]
        assert breakers.wait_seconds(*HERE) == 0
        fail(1)
    assert pauses == [10, 20, 40, 60, 60]


def test_calls_that_began_before_it_opened_change_nothing(clock: Clock) -> None:
    fail(breakers.FAILURES + 7)
    assert breakers.left_seconds(*HERE) == breakers.PAUSE_SECONDS


def test_a_prober_that_dies_loses_the_probe(clock: Clock) -> None:
    fail()
    clock.now += breakers.PAUSE_SECONDS
    assert breakers.wait_seconds(*HERE) == 0 and breakers.wait_seconds(*HERE) > 0
    clock.now += breakers.PROBE_SECONDS
    assert breakers.wait_seconds(*HERE) == 0


def test_pauses_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breakers, "watchers", [])
    seen = set()
    for number in range(8):
        for _ in range(breakers.FAILURES):
            breakers.told("webhook", f"{number}.example", answered=False)
        seen.add(round(breakers.left_seconds("webhook", f"{number}.example"), 1))
    assert len(seen) > 1 and all(8 <= pause <= 12 for pause in seen)


def test_the_numbers_tell(clock: Clock) -> None:
    is_open, opened = (each.labels("webhook")._value for each in (metrics.BREAKERS_OPEN, metrics.BREAKER_OPENED))
    before = opened.get()
    fail()
    assert (is_open.get(), opened.get()) == (1, before + 1)
    breakers.told(*HERE, answered=True)
    assert (is_open.get(), opened.get()) == (0, before + 1)


@pytest.mark.parametrize("status", [202, 404, 410])
def test_an_answer_is_an_answer(status: int) -> None:
    assert not webhook.Outcome(status=status).is_down


@pytest.mark.parametrize("outcome", [{"status": 429}, {"status": 503}, {"error": "timeout"}, {"error": "tls_failed"}])
def test_silence_and_overload_are_failures(outcome: dict[str, Any]) -> None:
    assert webhook.Outcome(**outcome).is_down


def test_an_address_we_refuse_says_nothing_about_its_host(clock: Clock) -> None:
    fail(breakers.FAILURES - 1)
    assert webhook.post("http://acme.example", b"", {}).error == "https_only"
    fail(1)
    assert breakers.left_seconds(*HERE) > 0


# --- notices ----------------------------------------------------------------------------------------------------------
@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Nobody out there answers; the calls that were made."""
    calls: list[str] = []

    def called(method: str, url: str, *_rest: Any) -> webhook.Outcome:
        calls.append(url)
        return webhook.Outcome(error="connect_failed")

    monkeypatch.setattr(webhook, "_called", called)
    return calls


def queue(application: Any, person: Any, count: int) -> None:
    for _ in range(count):
        deliveries.queue_delivery(application=application, subject=person.subject, type="restriction.set")


@pytest.mark.django_db
def test_notices_to_a_silent_recipient_wait_untried_and_go_out_when_it_is_back(
    alice: Any, shop: Any, acme: Any, clock: Clock, silent: list[str], frozen: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_endpoint(application=acme, url="https://acme.example/hook")
    queue(acme, alice, breakers.FAILURES + 3)
    assert deliveries.send_due(50) == breakers.FAILURES == len(silent)
    waiting = Delivery.objects.filter(last_error=breakers.OPEN)
    assert waiting.count() == 3
    assert {(row.attempts, row.fence, row.state) for row in waiting} == {(0, 0, "queued")}
    assert all(row.next_at > timezone.now() + timedelta(seconds=5) for row in waiting)  # type: ignore[operator]

    set_endpoint(application=shop, url="https://shop.example/hook")  # another recipient is not held up
    queue(shop, alice, 1)
    assert deliveries.send_due(50) == 1 and silent[-1] == "https://shop.example/hook"

    clock.now += breakers.PAUSE_SECONDS
    frozen.shift(timedelta(minutes=2))
    monkeypatch.setattr(webhook, "_called", lambda *_given: webhook.Outcome(status=202))
    assert deliveries.send_due(50) == breakers.FAILURES + 4
    assert not Delivery.objects.exclude(state="sent").exists()


@pytest.mark.django_db
def test_teeth_without_the_breaker_every_notice_is_tried(
    alice: Any, acme: Any, silent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breakers, "wait_seconds", lambda kind, name="": 0.0)
    set_endpoint(application=acme, url="https://acme.example/hook")
    queue(acme, alice, breakers.FAILURES + 3)
    assert deliveries.send_due(50) == breakers.FAILURES + 3 == len(silent)


# --- mail -------------------------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_mails_wait_untried_while_the_server_is_left_alone(settings: Any, clock: Clock) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    with transaction.atomic():
        mail.send_mail_later("password_changed", to="ada@canary.example")
    for _ in range(breakers.FAILURES - 1):
        OutgoingMail.objects.update(due_at=timezone.now())
        mail.sweep_mail()
    tried = OutgoingMail.objects.get().tries
    assert tried == breakers.FAILURES and not breakers.is_well("mail")
    OutgoingMail.objects.update(due_at=timezone.now())
    assert mail.sweep_mail() == 0
    row = OutgoingMail.objects.get()
    assert row.tries == tried and row.due_at > timezone.now()
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    clock.now += breakers.PAUSE_SECONDS
    OutgoingMail.objects.update(due_at=timezone.now())
    assert mail.sweep_mail() == 1 and breakers.is_well("mail")


@pytest.mark.django_db
def test_a_sweep_with_nothing_to_send_takes_no_probe(clock: Clock) -> None:
    for _ in range(breakers.FAILURES):
        breakers.told("mail", answered=False)
    clock.now += breakers.PAUSE_SECONDS
    assert mail.sweep_mail() == 0
    assert breakers.wait_seconds("mail") == 0  # the probe is still there for whoever has something to send


# --- seen -------------------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_the_desk_and_the_doctor_name_it_until_it_is_well(acme: Any, olga: Any, clock: Clock, monkeypatch: Any) -> None:
    monkeypatch.setattr(breakers, "watchers", [outages.note])
    set_endpoint(application=acme, url="https://acme.example/hook")
    fail()
    assert [(kind, name) for kind, name, _until in outages.standing()] == [HERE]
    found = dict(doctor.examine())["breakers"]
    assert found.level == "warn" and "webhook acme.example" in found.words and found.remedy
    waiting = [each for each in start.start(olga.account)["waiting"] if "does not answer" in each.text]
    assert waiting and waiting[0].count == 1
    breakers.told(*HERE, answered=True)
    assert outages.standing() == [] and dict(doctor.examine())["breakers"].level == "ok"
