"""The sharing desk: what is owed and why, telling again, told by hand, and how long a withdrawal really takes."""

import csv
import io
import math
import random
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.urls import reverse
from django.utils import timezone

from access.services.applications import disable_endpoint, set_endpoint
from consent import webhook
from consent.desk import words
from consent.desk.latency import latencies
from consent.models import Delivery, Finding, HandNotice, Recipient
from consent.services import deliveries, findings, sending
from consent.services.renewals import tell_again
from gdpr_portal.errors import Refused, WrongState
from tests.consent.people import answer, share

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]
LONG_AGO = timedelta(hours=73)


@pytest.fixture
def outcomes(monkeypatch: pytest.MonkeyPatch) -> list[webhook.Outcome]:
    """The next answers of the outside; 202 once it runs out."""
    answers: list[webhook.Outcome] = []

    def post(*args: Any, **more: Any) -> webhook.Outcome:
        return answers.pop(0) if answers else webhook.Outcome(status=202)

    monkeypatch.setattr(sending.webhook, "post", post)
    return answers


@pytest.fixture
def stopped(alice: Any, acme: Any) -> Delivery:
    """Alice switched sharing with acme on and off; what it is told waits."""
    set_endpoint(application=acme, url="https://acme.example/hook")
    answer(alice.subject, "give")
    share(alice.subject, True)
    share(alice.subject, False)
    return Delivery.objects.get(type="sharing.stopped")


def page(person: Any, name: str, **query: str) -> str:
    reply = person.browser().get(reverse(f"admin:{name}"), query)
    assert reply.status_code == 200
    return str(reply.content.decode())


# --- what is owed -----------------------------------------------------------------------------------------------------
def test_what_is_overdue_stands_there_with_its_reason_and_is_told_again_at_once(
    stopped: Delivery, olga: Any, outcomes: Any, audit_log: Any
) -> None:
    assert "Nobody owes a confirmation" in page(olga, "sharing_deliveries")
    outcomes += [webhook.Outcome(error="timeout")]
    deliveries.send_due(10)
    Delivery.objects.update(created_at=timezone.now() - LONG_AGO)
    Delivery.objects.filter(pk=stopped.pk).update(next_at=timezone.now() + timedelta(hours=6))
    text = page(olga, "sharing_deliveries", application="acme")
    assert "It did not answer in time" in text and str(stopped.pk)[:8] in text
    assert deliveries.send_due(10) == 0

    olga.browser().post(reverse("admin:sharing_again", args=[stopped.pk]))

    assert deliveries.send_due(10) == 1
    stopped.refresh_from_db()
    assert stopped.state == "sent"
    [event] = audit_log("delivery.renewed")
    assert (event.details["was"], event.actor) == ("queued", f"staff:{olga.account.pk}")
    assert "Tell it again now" not in page_as_looker(olga)


def page_as_looker(olga: Any) -> str:
    """QA may look and has no button."""
    from tests.conftest import make_staff

    return page(make_staff("quirin", "qa"), "sharing_deliveries")


def test_what_was_sent_or_given_up_can_be_told_again_what_was_answered_cannot(
    stopped: Delivery, acme: Any, olga: Any, quentin: Any, outcomes: Any
) -> None:
    deliveries.send_due(10)
    first = Delivery.objects.get(pk=stopped.pk).sent_at
    tell_again(delivery_id=stopped.pk, actor=olga.account)
    assert deliveries.send_due(10) == 1
    assert Delivery.objects.get(pk=stopped.pk).sent_at == first  # the latency is that of the first time

    Delivery.objects.filter(pk=stopped.pk).update(
        state="abandoned", closed_at=timezone.now(), created_at=timezone.now() - timedelta(days=40)
    )
    outcomes.append(webhook.Outcome(status=500))
    tell_again(delivery_id=stopped.pk, actor=olga.account)
    deliveries.send_due(10)
    stopped.refresh_from_db()
    assert stopped.state == "abandoned"  # one try after thirty days

    deliveries.acknowledge(application=acme, delivery_id=stopped.pk, outcome="done", evidence={}, data={})
    with pytest.raises(WrongState, match="already_closed"):
        tell_again(delivery_id=stopped.pk, actor=olga.account)
    with pytest.raises(Refused):
        tell_again(delivery_id=stopped.pk, actor=quentin.account)


def test_a_start_told_again_is_looked_at_again(alice: Any, stopped: Delivery, olga: Any, outcomes: Any) -> None:
    share(alice.subject, True)
    deliveries.send_due(10)
    share(alice.subject, False)
    start = Delivery.objects.filter(type="sharing.started", state="sent").latest("sequence")
    tell_again(delivery_id=start.pk, actor=olga.account)
    deliveries.send_due(10)
    start.refresh_from_db()
    assert start.state == "cancelled"


def test_an_address_that_is_off_is_shown_and_is_a_finding(
    stopped: Delivery, acme: Any, olga: Any, outcomes: Any
) -> None:
    assert findings.find_untold() == 0
    outcomes += [webhook.Outcome(status=410)]
    deliveries.send_due(10)
    assert (findings.find_untold(), findings.find_untold()) == (1, 1)
    found = Finding.objects.get(kind="no_live_endpoint")
    assert (found.application, found.times) == ("acme", findings.unreachable().count())
    text = page(olga, "sharing_deliveries")
    assert "Switched off since" in text
    with pytest.raises(WrongState, match="no_live_endpoint"):
        tell_again(delivery_id=stopped.pk, actor=olga.account)


def test_without_any_address_it_is_a_finding_at_once(alice: Any, acme: Any) -> None:
    answer(alice.subject, "give")
    share(alice.subject, True)
    assert findings.find_untold() == 1
    set_endpoint(application=acme, url="https://acme.example/hook")
    assert findings.find_untold() == 0
    disable_endpoint(application=acme)
    assert findings.find_untold() == 1


# --- told by hand -----------------------------------------------------------------------------------------------------
@pytest.fixture
def unconnected(alice: Any, olga: Any, rita: Any) -> Recipient:
    """A live recipient without an application."""
    from consent.services import review

    item = Recipient.objects.create(
        slug="post", name="Post AG", role="controller", country="DE", purposes=["newsletter"], author=olga.account,
        contact="datenschutz@post.example", contract_reference="JC 2026/7",
    )  # fmt: skip
    review.record_draft(item=item, author=olga.account)
    item = review.submit(item=item, actor=olga.account)
    item = review.approve(item=item, approver=rita.account, digest=review.digest_of(item))
    return review.publish(item=item, actor=rita.account)


def act(person: Any, note: HandNotice, what: str) -> Any:
    return person.browser().post(reverse("admin:sharing_note", args=[note.pk]), {"act": what}, follow=True)


def test_who_has_no_connection_is_told_by_hand_and_the_person_sees_it(
    alice: Any, unconnected: Recipient, olga: Any, audit_log: Any
) -> None:
    answer(alice.subject, "give")
    row = share(alice.subject, True, recipient="post")
    assert row.last_delivery is not None and row.last_delivery["state"] == "queued"
    note = HandNotice.objects.get()
    assert findings.find_untold() == 1 and Finding.objects.get().kind == "told_by_hand"
    assert "Our staff will tell the recipient" in alice.browser().get("/sharing").content.decode()
    assert "Post AG" in page(olga, "sharing_by_hand")

    shown = act(olga, note, "show").content.decode()
    assert alice.email in shown and "JC 2026/7" in shown
    assert audit_log("data.revealed")[-1].details["reason"] == "told_by_hand"
    act(olga, note, "confirm")  # not before it was told
    act(olga, note, "tell")
    note.refresh_from_db()
    assert (note.state, note.by) == ("told", olga.account)
    assert "Told by our staff" in alice.browser().get("/sharing").content.decode()
    act(olga, note, "confirm")
    note.refresh_from_db()
    assert note.state == "confirmed"
    assert "Confirmed by the recipient" in alice.browser().get("/sharing").content.decode()
    assert [len(audit_log(f"hand_notice.{name}")) for name in ("queued", "told", "confirmed")] == [1, 1, 1]


def test_a_start_that_is_off_by_now_is_not_told_by_hand(
    alice: Any, unconnected: Recipient, olga: Any, quentin: Any
) -> None:
    answer(alice.subject, "give")
    share(alice.subject, True, recipient="post")
    start = HandNotice.objects.get()
    answer(alice.subject, "withdraw")
    start.refresh_from_db()
    assert start.state == "cancelled"
    act(olga, start, "tell")
    stop = HandNotice.objects.get(type="sharing.stopped")
    act(quentin, stop, "tell")
    stop.refresh_from_db()
    assert stop.state == "waiting"  # QA looks, and does not act
    assert alice.email not in act(quentin, stop, "show").content.decode()
    act(olga, stop, "tell")
    start.refresh_from_db()
    stop.refresh_from_db()
    assert (start.state, stop.state) == ("cancelled", "told")


def test_an_erasure_has_a_step_for_who_is_told_by_hand(alice: Any, unconnected: Recipient) -> None:
    from erasure.models import RightsRequest
    from erasure.plans import plan

    answer(alice.subject, "give")
    share(alice.subject, True, recipient="post")
    request = RightsRequest(subject=alice.subject, right="erasure")
    assert ("manual", "recipient:post") in [(step.kind, step.target) for step in plan(request)]


# --- how long a withdrawal takes --------------------------------------------------------------------------------------
def stop_row(
    application: Any, person: Any, sequence: int, at: datetime, told: float | None, done: float | None
) -> Delivery:
    """A withdrawal of that moment, told and confirmed after so many seconds, or not yet."""
    row = Delivery.objects.create(
        application=application, subject=person.subject, type="sharing.stopped", purpose="newsletter",
        recipient="acme", sequence=sequence, state="acknowledged" if done else "sent" if told else "queued",
        outcome="done" if done else "", sent_at=at + timedelta(seconds=told) if told else None,
        closed_at=at + timedelta(seconds=done) if done else None,
    )  # fmt: skip
    Delivery.objects.filter(pk=row.pk).update(created_at=at)
    return row


def quantile(values: list[float], share: float) -> float:
    """As SQL's percentile_disc: the first value whose share of all reaches it."""
    ordered = sorted(values)
    return next(value for at, value in enumerate(ordered, 1) if at / len(ordered) >= share - 1e-12)


def test_percentiles_are_those_of_the_rows_and_what_is_open_is_never_fast(alice: Any, acme: Any) -> None:
    dice, now = random.Random(13), timezone.now()
    told: list[float] = []
    stopped: list[float] = []
    for sequence in range(1, 121):
        late = dice.random() < 0.2
        first, second = dice.uniform(0.1, 50), dice.uniform(60, 4000)
        told.append(math.inf if late and sequence % 2 else first)
        stopped.append(math.inf if late else second)
        at = now - timedelta(days=dice.uniform(0.2, 6.5))
        stop_row(acme, alice, sequence, at, None if math.isinf(told[-1]) else first, None if late else second)
    [found] = latencies(7, now)
    assert (found.stops, found.unconfirmed) == (120, sum(map(math.isinf, stopped)))
    assert found.untold == sum(map(math.isinf, told))
    for measured, values in ((found.told_after, told), (found.stopped_after, stopped)):
        for got, share_of in zip(measured, (0.5, 0.9, 0.99, 1.0), strict=True):
            want = quantile(values, share_of)
            assert got == want or abs(got - want) < 1e-4
    assert found.stopped_after[-1] == math.inf  # teeth: dropping the open ones would make it a number
    assert max(value for value in stopped if not math.isinf(value)) < math.inf


def test_windows_other_types_and_refusals(alice: Any, acme: Any) -> None:
    now = timezone.now()
    for sequence, days in enumerate((1, 8, 31, 91), 1):
        stop_row(acme, alice, sequence, now - timedelta(days=days), 1, 2)
    assert [latencies(days, now)[0].stops for days in (7, 30, 90)] == [1, 2, 3]
    Delivery.objects.filter(sequence=1).update(state="refused", outcome="refused")
    [found] = latencies(7, now)
    assert (found.confirmed, found.stopped_after[0]) == (0, math.inf)
    assert found.oldest_open == pytest.approx(86400, abs=1)
    Delivery.objects.update(type="sharing.started")
    assert latencies(7, now) == []


def test_real_withdrawals_are_measured_by_the_services(stopped: Delivery, acme: Any, outcomes: Any) -> None:
    deliveries.send_due(10)
    [found] = latencies(7)
    assert (found.application, found.recipient, found.stops, found.told) == ("acme", "acme", 1, 1)
    assert found.confirmed == 0
    deliveries.acknowledge(application=acme, delivery_id=stopped.pk, outcome="nothing_held", evidence={}, data={})
    [found] = latencies(7)
    assert found.confirmed == 1 and 0 < found.told_after[0] <= found.stopped_after[0] < 60


def test_the_page_draws_it_and_the_file_holds_it(
    alice: Any, acme: Any, quentin: Any, audit_log: Any, django_assert_max_num_queries: Any
) -> None:
    assert "Nobody withdrew anything" in page(quentin, "sharing_latency")
    now = timezone.now()
    stop_row(acme, alice, 1, now - timedelta(hours=2), 2, 90)
    stop_row(acme, alice, 2, now - timedelta(hours=1), None, None)
    text = page(quentin, "sharing_latency", days="7")
    assert "1 of 2 are not confirmed" in text and "not yet" in text and "1.5 minutes" in text
    assert 'class="chart-value chart-bad" width="100"' in text and "style=" not in text.split("<main", 1)[-1]
    reply = quentin.browser().get(reverse("admin:sharing_latency"), {"days": "7", "format": "csv"})
    [row] = csv.DictReader(io.StringIO(reply.content.decode()))
    assert (row["withdrawals"], row["unconfirmed"], row["confirmed_p50_seconds"]) == ("2", "1", "90.000")
    assert row["confirmed_max_seconds"] == "" and row["told_p50_seconds"] == "2.000"
    assert audit_log("report.exported")[-1].details["report"] == "withdrawal_latency_7"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.25, "0.25 s"), (90, "1.5 minutes"), (3600, "1 hour"), (200000, "2.3 days"), (math.inf, "not yet"), (None, "-")],
)
def test_times_are_said_in_words(seconds: float | None, said: str) -> None:
    assert words.duration(seconds) == said
    assert 1 <= words.bar(seconds or 0) <= words.BAR


def test_only_staff_come_in(alice: Any, stopped: Delivery) -> None:
    for name, given in (
        ("deliveries", []),
        ("by_hand", []),
        ("latency", []),
        ("again", [stopped.pk]),
        ("note", [uuid4()]),
    ):
        reply = alice.browser().post(reverse(f"admin:sharing_{name}", args=given))
        assert reply.status_code in {302, 403, 404, 405}
    assert datetime.now(UTC) - stopped.created_at < timedelta(minutes=5)
