"""Withdrawing against sending (threat T49): once a person was told that sharing is off, no notice starts it any more.

One worker sends while the person switches to and fro, each on a connection of its own, at random moments.
`RACE_ROUNDS=1000` (or more) in the environment plays longer.
"""

import json
import os
import random
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from access.services.applications import set_endpoint
from consent import webhook
from consent.models import Delivery
from consent.services import deliveries, sending
from tests.consent.people import answer, share

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("catalogue"), pytest.mark.slow]

ROUNDS = int(os.environ.get("RACE_ROUNDS", "60"))


class Wire:
    """What left, checked while it is on the wire: a start must not be under way while the person knows it is off."""

    def __init__(self) -> None:
        self.is_off, self.starts, self.violations = True, 0, 0
        self.dice = random.Random(49)

    def post(self, url: str, body: bytes, headers: Any, allow: bool = False, **more: Any) -> webhook.Outcome:
        if json.loads(body)["type"] == "sharing.started":
            self.starts += 1
            self.violations += self.is_off
            time.sleep(self.dice.random() * 0.004)
            self.violations += self.is_off
        return webhook.Outcome(status=200)


def _send_until(done: threading.Event, errors: list[BaseException]) -> None:
    try:
        while not done.is_set():
            deliveries.send_due(5)
            time.sleep(0.001)
    except BaseException as error:
        errors.append(error)
    finally:
        connection.close()


def _play(alice: Any, acme: Any, monkeypatch: pytest.MonkeyPatch, wire: Wire, *, enough: Callable[[int], bool]) -> int:
    """Rounds played until it was enough; on a busy machine the sender seldom has its turn between two switchings."""
    monkeypatch.setattr(sending.webhook, "post", wire.post)
    set_endpoint(application=acme, url="https://acme.example/hook")
    answer(alice.subject, "give")
    done, errors = threading.Event(), []
    worker = threading.Thread(target=_send_until, args=(done, errors))
    worker.start()
    dice, rounds = random.Random(7), 0
    try:
        while not enough(rounds):
            assert rounds < 100 * ROUNDS, f"no start in {rounds} rounds that would show anything"
            rounds += 1
            wire.is_off = False
            share(alice.subject, True)
            time.sleep(dice.random() * 0.008)
            if dice.random() < 0.5:
                share(alice.subject, False)
                wire.is_off = True
            else:
                answer(alice.subject, "withdraw")
                wire.is_off = True
                answer(alice.subject, "give")
            time.sleep(dice.random() * 0.004)
    finally:
        done.set()
        worker.join()
    assert not errors
    return rounds


def test_no_start_leaves_after_a_withdrawal_was_answered(
    alice: Any, acme: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire = Wire()
    rounds = _play(
        alice, acme, monkeypatch, wire, enough=lambda played: played >= ROUNDS and wire.starts > ROUNDS // 20
    )
    assert wire.violations == 0
    deliveries.send_due(10_000)
    assert Delivery.objects.filter(type="sharing.stopped").count() == rounds
    assert not Delivery.objects.filter(state="sending").exists()


def test_teeth_without_the_look_at_sending_the_race_is_lost(
    alice: Any, acme: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "_may_leave", lambda delivery: True)
    wire = Wire()
    _play(alice, acme, monkeypatch, wire, enough=lambda played: wire.violations > 0)
    assert wire.violations > 0


@pytest.mark.parametrize("waits", [True, False])
def test_the_answer_waits_for_a_start_on_the_wire_and_teeth(
    alice: Any, acme: Any, monkeypatch: pytest.MonkeyPatch, waits: bool
) -> None:
    from consent.services import sharing

    started, ended, done = threading.Event(), threading.Event(), threading.Event()

    def slow(url: str, body: bytes, headers: Any, allow: bool = False, **more: Any) -> webhook.Outcome:
        if json.loads(body)["type"] == "sharing.started":
            started.set()
            time.sleep(1)
            ended.set()
        return webhook.Outcome(status=200)

    monkeypatch.setattr(sending.webhook, "post", slow)
    if not waits:
        monkeypatch.setattr(sharing, "in_flight", lambda **where: [])
    set_endpoint(application=acme, url="https://acme.example/hook")
    answer(alice.subject, "give")
    share(alice.subject, True)
    worker = threading.Thread(target=_send_until, args=(done, []))
    worker.start()
    assert started.wait(120)
    share(alice.subject, False)
    answered_after_the_call = ended.is_set()
    done.set()
    worker.join()
    assert answered_after_the_call is waits
