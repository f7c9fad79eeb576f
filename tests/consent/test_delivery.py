"""Notices to others: signed, retried from their rows, closed by the receiver's word. Art. 19."""

import json
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from access.models import WebhookEndpoint
from access.services.applications import set_endpoint
from consent import hooks, webhook
from consent.models import Delivery
from consent.services import deliveries, sending
from gdpr_portal.errors import DomainError, Missing, WrongState
from subjects.models import Subject
from subjects.services import restrict
from tests.conftest import NOW
from tests.consent.people import answer, listening, share

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]

Answers = list[webhook.Outcome]


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bytes, dict[str, str]]]:
    """Calls to the outside are noted and accepted, unless `answers` say otherwise."""
    calls: list[tuple[str, bytes, dict[str, str]]] = []

    def post(url: str, body: bytes, headers: dict[str, str], allow: bool = False, **more: Any) -> webhook.Outcome:
        calls.append((url, body, headers))
        return answers.pop(0) if answers else webhook.Outcome(status=202)

    answers: Answers = []
    monkeypatch.setattr(sending.webhook, "post", post)
    calls_and_answers = _Calls(calls)
    calls_and_answers.answers = answers
    return calls_and_answers


class _Calls(list):  # type: ignore[type-arg]
    answers: Answers

    def __init__(self, calls: list[Any]) -> None:
        self._calls = calls

    def __len__(self) -> int:
        return len(self._calls)

    def __getitem__(self, at: Any) -> Any:
        return self._calls[at]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._calls)


@pytest.fixture
def secret(acme: Any) -> str:
    return set_endpoint(application=acme, url="https://acme.example/hook")


@pytest.fixture
def shared(alice: Any, secret: str) -> Delivery:
    """Alice has switched sharing with acme on; its notice is queued."""
    answer(alice.subject, "give")
    share(alice.subject, True)
    return Delivery.objects.get()


def told() -> list[tuple[str, str]]:
    return list(Delivery.objects.order_by("sequence").values_list("type", "state"))


def test_the_notice_is_signed_and_holds_what_the_contract_says(
    alice: Any, acme: Any, secret: str, settings: Any
) -> None:
    with listening() as receiver:
        secret = set_endpoint(application=acme, url=receiver.url)
        answer(alice.subject, "give")
        share(alice.subject, True)
        assert deliveries.send_due(10) == 1
    headers, body = receiver.heard[0]

    assert headers["content-type"] == "application/json"
    payload = Webhook(secret).verify(body, headers)
    assert payload["type"] == "sharing.started"
    delivery = Delivery.objects.get()
    assert payload["data"] == {
        "delivery": str(delivery.pk), "sequence": 1, "request": None, "purpose": "newsletter",
        "subject": str(alice.id_for(acme)), "reference": None, "fields": ["email", "given_name"], "due_at": None,
    }  # fmt: skip
    assert headers["webhook-id"] == str(delivery.pk)
    assert b"alice" not in body
    assert delivery.state == "sent"
    for broken in (body + b" ", body.replace(b"acme", b"eve").replace(b"newsletter", b"orders")):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(broken, headers)


def test_a_flood_for_one_receiver_holds_up_no_other(shop: Any, shared: Delivery, outside: Any) -> None:
    set_endpoint(application=shop, url="https://shop.example/hook")
    known = {"application": shop, "subject": shared.subject, "type": "consent.withdrawn", "purpose": "newsletter"}
    flood = [Delivery(**known, sequence=number, next_at=shared.next_at - timedelta(hours=1)) for number in range(9)]
    Delivery.objects.bulk_create(flood)
    assert deliveries.send_due(4) == 3, "two of shop's, and the one of acme, which came last"
    assert [url for url, _body, _headers in outside].count("https://acme.example/hook") == 1


def test_both_secrets_sign_while_one_is_being_changed(
    alice: Any, acme: Any, shared: Delivery, secret: str, outside: Any
) -> None:
    newer = set_endpoint(application=acme, url="https://acme.example/hook")
    deliveries.send_due(10)
    _, body, headers = outside[0]
    assert newer != secret
    assert Webhook(newer).verify(body, headers)
    if len(headers["webhook-signature"].split()) == 2:
        assert Webhook(secret).verify(body, headers)


def test_a_reference_is_told_and_gone_once_told(alice: Any, shop: Any, outside: Any) -> None:
    set_endpoint(application=shop, url="https://shop.example/hook")
    answer(alice.subject, "give")
    answer(alice.subject, "withdraw")
    delivery = Delivery.objects.get(type="consent.withdrawn")
    assert delivery.reference_sealed is not None
    assert b"c-alice" not in bytes(delivery.reference_sealed)

    deliveries.send_due(10)

    assert json.loads(outside[0][1])["data"]["reference"] == "c-alice"
    delivery.refresh_from_db()
    assert delivery.reference_sealed is None


def test_received_is_not_done(shared: Delivery, acme: Any, outside: Any, audit_log: Callable[..., list[Any]]) -> None:
    deliveries.send_due(10)
    shared.refresh_from_db()
    assert (shared.state, shared.closed_at) == ("sent", None)

    done = deliveries.acknowledge(
        application=acme, delivery_id=shared.pk, outcome="done", evidence={"ticket": "T 1"}, data={}
    )

    assert (done.state, done.outcome) == ("acknowledged", "done")
    assert deliveries.evidence_of(done) == {"ticket": "T 1"}
    assert audit_log("delivery.acknowledged")[-1].details["evidence_digest"].startswith("sha256:")
    assert deliveries.send_due(10) == 0


def acknowledge(application: Any, delivery: Delivery, outcome: str) -> Delivery:
    return deliveries.acknowledge(
        application=application, delivery_id=delivery.pk, outcome=outcome, evidence={}, data={}
    )


@pytest.mark.parametrize(
    ("outcome", "state"),
    [("done", "acknowledged"), ("nothing_held", "acknowledged"), ("refused", "refused"), ("failed", "failed")],
)
def test_the_same_word_again_is_fine_another_is_not(
    shared: Delivery, acme: Any, outside: Any, outcome: str, state: str
) -> None:
    deliveries.send_due(10)
    assert acknowledge(acme, shared, outcome).state == state
    assert acknowledge(acme, shared, outcome).state == state
    for other in {"done", "nothing_held", "refused", "failed"} - {outcome}:
        with pytest.raises(WrongState, match="already_closed"):
            acknowledge(acme, shared, other)


def test_only_the_addressee_may_speak(shared: Delivery, shop: Any, acme: Any) -> None:
    with pytest.raises(Missing):
        acknowledge(shop, shared, "done")
    with pytest.raises(Missing):
        deliveries.acknowledge(application=acme, delivery_id=UUID(int=1), outcome="done", evidence={}, data={})
    shared.refresh_from_db()
    assert shared.state == "queued"


def test_a_word_before_we_noted_the_sending_is_believed(shared: Delivery, acme: Any, outside: Any) -> None:
    claimed = sending.claim(shared.pk)
    assert claimed is not None
    outcome = sending.call(claimed)
    acknowledge(acme, shared, "done")

    sending.settle(claimed, outcome)

    shared.refresh_from_db()
    assert (shared.state, shared.sent_at is not None) == ("acknowledged", True)
    assert deliveries.send_due(10) == 0


def test_closing_is_told_once_and_inside_the_transaction(
    shared: Delivery, acme: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[tuple[str, str]] = []
    monkeypatch.setattr(hooks, "delivery_closed", [lambda delivery: heard.append((delivery.state, delivery.outcome))])
    acknowledge(acme, shared, "nothing_held")
    acknowledge(acme, shared, "nothing_held")
    assert heard == [("acknowledged", "nothing_held")]

    def refuses(delivery: Delivery) -> None:
        raise RuntimeError("the floor above could not take it")

    monkeypatch.setattr(hooks, "delivery_closed", [refuses])
    other = deliveries.queue_delivery(application=acme, subject=shared.subject, type="restriction.set")
    with pytest.raises(RuntimeError):
        acknowledge(acme, other, "done")
    other.refresh_from_db()
    assert other.state == "queued"


def test_sequences_rise_per_person_and_receiver(alice: Any, bob: Any, shop: Any, acme: Any) -> None:
    for application, person in [(acme, alice), (acme, alice), (acme, bob), (shop, alice), (acme, alice)]:
        deliveries.queue_delivery(application=application, subject=person.subject, type="restriction.set")
    rows = Delivery.objects.filter(application=acme, subject=alice.subject).order_by("created_at")
    assert [row.sequence for row in rows] == [1, 2, 3]
    assert [row.sequence for row in Delivery.objects.exclude(application=acme, subject=alice.subject)] == [1, 1]


# --- retries ----------------------------------------------------------------------------------------------------------
def test_a_receiver_that_is_down_is_tried_again_from_the_row(shared: Delivery, outside: Any, frozen: Any) -> None:
    Delivery.objects.update(next_at=NOW)
    outside.answers += [webhook.Outcome(error="connect_failed"), webhook.Outcome(status=503)]
    assert deliveries.send_due(10) == 1
    shared.refresh_from_db()
    assert (shared.state, shared.last_error, shared.attempts) == ("queued", "connect_failed", 1)
    assert deliveries.send_due(10) == 0  # its time has not come
    for _ in range(2):
        frozen.shift(timedelta(minutes=1))
        assert deliveries.send_due(10) == 1
    shared.refresh_from_db()
    assert (shared.state, shared.attempts, shared.last_error) == ("sent", 3, "")
    assert len({headers["webhook-id"] for _, _, headers in outside}) == 1
    assert len({body for _, body, _ in outside}) == 1


def test_at_least_eight_tries_in_the_first_28_hours_and_none_too_fast() -> None:
    dice = random.Random(7)
    for _ in range(200):
        clock, tries = 0.0, 1
        while clock + (pause := sending.pause_seconds(tries)) <= 28 * 3600:
            clock, tries = clock + pause, tries + 1
            assert 1 <= pause <= sending.LONGEST_PAUSE_SECONDS * (1 + sending.JITTER)
        assert tries >= 8
    assert len({sending.pause_seconds(dice.randint(1, 1)) for _ in range(20)}) > 1  # jitter
    assert sending.pause_seconds(10**6) > 0


@pytest.mark.parametrize(("asked", "kept"), [(600.0, 600.0), (10.0**9, 86400.0)])
def test_the_pause_the_receiver_asks_for_is_kept_up_to_a_day(
    shared: Delivery, outside: Any, frozen: Any, asked: float, kept: float
) -> None:
    now = NOW
    Delivery.objects.update(next_at=now)
    outside.answers.append(webhook.Outcome(status=429, retry_after=asked))
    deliveries.send_due(10)
    shared.refresh_from_db()
    assert shared.next_at == now + timedelta(seconds=kept)


def test_gone_switches_the_endpoint_off_and_a_new_one_goes_on(
    shared: Delivery, acme: Any, outside: Any, audit_log: Callable[..., list[Any]]
) -> None:
    outside.answers.append(webhook.Outcome(status=410))
    deliveries.send_due(10)
    acme.endpoint.refresh_from_db()
    assert acme.endpoint.disabled_at is not None
    assert audit_log("endpoint.removed")[-1].details["reason"] == "http_410"
    Delivery.objects.update(next_at=datetime(2026, 1, 1, tzinfo=UTC))
    assert deliveries.send_due(10) == 0

    set_endpoint(application=acme, url="https://acme.example/new")

    assert deliveries.send_due(10) == 1
    assert outside[-1][0] == "https://acme.example/new"


def test_a_notice_whose_words_were_changed_waits_and_the_log_says_so(
    shared: Delivery, outside: Any, audit_log: Callable[..., list[Any]]
) -> None:
    secret = WebhookEndpoint.objects.get(application=shared.application)
    WebhookEndpoint.objects.filter(pk=secret.pk).update(secret_sealed=bytes(secret.secret_sealed)[:-1] + b"!")
    assert sending.send_due() == 0
    shared.refresh_from_db()
    assert shared.last_error == "Tampered" and not len(outside)
    assert [event.details["table"] for event in audit_log("crypto.tamper")] == ["access_webhookendpoint"]


def test_without_an_endpoint_the_notice_waits(alice: Any, acme: Any, outside: Any) -> None:
    answer(alice.subject, "give")
    share(alice.subject, True)
    assert told() == [("sharing.started", "queued")]
    assert deliveries.send_due(10) == 0
    set_endpoint(application=acme, url="https://acme.example/hook")
    assert deliveries.send_due(10) == 1


def test_after_thirty_days_it_is_given_up_and_a_late_word_still_counts(
    shared: Delivery, acme: Any, outside: Any, audit_log: Callable[..., list[Any]]
) -> None:
    Delivery.objects.update(created_at=datetime.now(UTC) - timedelta(days=30))
    outside.answers.append(webhook.Outcome(error="timeout"))
    deliveries.send_due(10)
    shared.refresh_from_db()
    assert (shared.state, shared.closed_at is not None) == ("abandoned", True)
    assert len(audit_log("delivery.abandoned")) == 1
    assert deliveries.send_due(10) == 0
    assert acknowledge(acme, shared, "done").state == "acknowledged"


# --- the person's will at the moment of sending ---------------------------------------------------------------------
def test_a_share_that_is_off_by_now_does_not_leave(alice: Any, shared: Delivery, outside: Any) -> None:
    answer(alice.subject, "withdraw")
    deliveries.send_due(10)
    assert told() == [("sharing.started", "cancelled"), ("sharing.stopped", "sent")]
    assert [json.loads(body)["type"] for _, body, _ in outside] == ["sharing.stopped"]


def test_teeth_without_the_look_at_sending_it_would_leave(
    alice: Any, shared: Delivery, outside: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "_may_leave", lambda delivery: True)
    answer(alice.subject, "withdraw")
    deliveries.send_due(10)
    assert "sharing.started" in [json.loads(body)["type"] for _, body, _ in outside]


def test_a_restricted_person_is_not_shared_until_it_is_lifted(alice: Any, shared: Delivery, outside: Any) -> None:
    restrict(subject=alice.subject, ground="accuracy_contested", request=None, actor="subject", at=datetime.now(UTC))
    deliveries.send_due(10)
    shared.refresh_from_db()
    assert (shared.state, shared.last_error) == ("queued", "restricted")
    assert len(outside) == 0
    assert shared.next_at is not None and shared.next_at > datetime.now(UTC)


def test_an_erased_person_is_not_shared(shared: Delivery, outside: Any) -> None:
    Subject.objects.update(erased_at=datetime.now(UTC))
    deliveries.send_due(10)
    assert told() == [("sharing.started", "cancelled")]
    assert len(outside) == 0


# --- death of a worker at each boundary -----------------------------------------------------------------------------
class Died(BaseException):
    """As a SIGKILL would: nothing after it runs in this worker."""


def _at(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    original = getattr(sending, place)

    def dies(*args: Any, **more: Any) -> Any:
        monkeypatch.setattr(sending, place, original)
        raise Died

    monkeypatch.setattr(sending, place, dies)


@pytest.mark.parametrize(("place", "calls"), [("claim", 1), ("call", 1), ("settle", 2)])
def test_a_worker_that_dies_is_followed_by_one_that_finishes(
    shared: Delivery, acme: Any, outside: Any, frozen: Any, monkeypatch: pytest.MonkeyPatch, place: str, calls: int
) -> None:
    """Before the claim, after the claim, after the call: the receiver may hear it twice, under one id."""
    Delivery.objects.update(next_at=NOW)
    _at(monkeypatch, place)
    with pytest.raises(Died):
        deliveries.send_due(10)
    if place != "claim":
        assert deliveries.send_due(10) == 0  # the lease still holds it
        frozen.shift(timedelta(seconds=31))

    assert deliveries.send_due(10) == 1

    assert len(outside) == calls
    assert len({headers["webhook-id"] for _, _, headers in outside}) == 1
    acknowledge(acme, shared, "done")
    assert told() == [("sharing.started", "acknowledged")]


def test_a_worker_back_from_the_dead_changes_nothing(shared: Delivery, outside: Any, frozen: Any) -> None:
    Delivery.objects.update(next_at=NOW)
    late = sending.claim(shared.pk)
    assert late is not None
    assert sending.claim(shared.pk) is None
    frozen.shift(timedelta(seconds=31))
    assert deliveries.send_due(10) == 1
    before = Delivery.objects.values().get()

    sending.settle(late, webhook.Outcome(error="timeout"))

    assert Delivery.objects.values().get() == before


def test_words_of_the_receiver_lie_sealed_and_go_with_the_person(shared: Delivery, acme: Any) -> None:
    from consent.holdings import DeliveriesHolding

    closed = deliveries.acknowledge(
        application=acme, delivery_id=shared.pk, outcome="done", evidence={"who": "Alice"}, data={"name": "Alice L."}
    )
    assert deliveries.data_of(closed) == {"name": "Alice L."}
    assert b"Alice" not in repr(Delivery.objects.values().get()).encode()
    holding = DeliveriesHolding()
    assert holding.residue(shared.subject, {}) == 1
    assert holding.erase(shared.subject, {}) == 1
    assert holding.residue(shared.subject, {}) == 0
    with pytest.raises(DomainError):
        deliveries.queue_delivery(application=acme, subject=shared.subject, type="anything")
