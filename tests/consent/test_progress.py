"""What the person reads of a switch: switched, told, confirmed, each with its time; waiting and overdue in words."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from access.services.applications import set_endpoint
from consent import webhook
from consent.models import Delivery
from consent.progress import stages
from consent.services import deliveries, sending
from consent.services.sharing import sharing_row
from consent.states import DELIVERY
from tests.consent.people import answer, share

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]


@pytest.fixture
def outcomes(monkeypatch: pytest.MonkeyPatch) -> list[webhook.Outcome]:
    answers: list[webhook.Outcome] = []
    monkeypatch.setattr(
        sending.webhook, "post", lambda *a, **k: answers.pop(0) if answers else webhook.Outcome(status=202)
    )
    return answers


@pytest.fixture
def switched(alice: Any, acme: Any) -> Delivery:
    set_endpoint(application=acme, url="https://acme.example/hook")
    answer(alice.subject, "give")
    share(alice.subject, True)
    return Delivery.objects.get()


def said(alice: Any) -> list[tuple[str, str]]:
    """The stages of the one share: (first words, tone)."""
    return [(stage.label, stage.tone) for stage in stages(sharing_row(alice.subject, "acme", "newsletter"))]


def way(alice: Any) -> str:
    """What the page says happened, without markup."""
    text = alice.browser().get("/sharing").content.decode()
    found = re.search(r'<ol class="rows".*?</ol>', text, re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", found.group()).split()) if found else ""


def test_before_any_switch_there_is_nothing_to_tell(alice: Any) -> None:
    assert said(alice) == []
    assert way(alice) == ""


def test_from_switched_to_confirmed(alice: Any, acme: Any, switched: Delivery, outcomes: Any) -> None:
    assert [tone for _label, tone in said(alice)] == ["good", "wait"]
    assert "Switched on" in way(alice) and "Waiting to be told since" in way(alice)
    deliveries.send_due(10)
    assert said(alice)[1:] == [("Told", "good"), ("Waiting for the recipient's confirmation since", "wait")]
    page = alice.browser().get("/sharing").content.decode()
    switched.refresh_from_db()
    assert page.count("<time datetime=") == 3
    deliveries.acknowledge(application=acme, delivery_id=switched.pk, outcome="done", evidence={}, data={})
    assert said(alice)[1:] == [("Told", "good"), ("Confirmed by the recipient", "good")]
    share(alice.subject, False)
    assert said(alice) == [("Switched off", "good"), ("Waiting to be told since", "wait")]


def test_overdue_says_so_told_or_not(alice: Any, switched: Delivery, outcomes: Any) -> None:
    Delivery.objects.update(created_at=timezone.now() - timedelta(hours=73))
    assert said(alice)[-1][0].startswith("Overdue: not told yet") and said(alice)[-1][1] == "bad"
    deliveries.send_due(10)
    assert said(alice)[-1][0].startswith("Overdue: told, not confirmed in time")
    assert "Overdue" in way(alice)


def test_a_receiver_that_is_down_is_named_as_that(alice: Any, switched: Delivery, outcomes: Any) -> None:
    outcomes.append(webhook.Outcome(error="timeout"))
    deliveries.send_due(10)
    assert said(alice)[-1] == ("The recipient did not answer; we go on trying. Waiting since", "warn")
    assert "timeout" not in way(alice)


@pytest.mark.parametrize("state", sorted(DELIVERY))
def test_every_state_is_said_in_words(alice: Any, switched: Delivery, state: str) -> None:
    Delivery.objects.update(state=state, sent_at=timezone.now(), closed_at=timezone.now())
    last = said(alice)[-1]
    assert len(last[0]) > 10 and last[1] in {"good", "wait", "warn", "bad", "plain"}
    if state != "queued":
        assert state not in way(alice).split()
