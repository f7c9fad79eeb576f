"""The test of the lost lease fails when nobody looks at the fence: it proves what it says (I8)."""

from dataclasses import replace
from typing import Any

import pytest

from access.services.applications import set_endpoint
from consent.models import Delivery
from consent.services import sending
from consent.webhook import Outcome
from erasure.models import Step
from erasure.services import steps
from tests.consent.people import answer
from tests.erasure.test_erasure_engine import test_a_worker_that_lost_its_lease_cannot_settle as lost_lease_of_a_step

pytestmark = pytest.mark.usefixtures("catalogue")


def test_without_the_fence_a_lost_lease_settles_a_step(alice: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fenced = steps._locked

    def blind(held: steps.Claim) -> Step | None:
        return fenced(replace(held, fence=Step.objects.get(pk=held.step_id).fence))

    lost_lease_of_a_step(alice)
    Step.objects.all().delete()
    monkeypatch.setattr(steps, "_locked", blind)
    with pytest.raises(AssertionError):
        lost_lease_of_a_step(alice)


def a_lost_lease_of_a_delivery(alice: Any, shop: Any) -> None:
    """Two workers at one notice, the first after its lease: only the second is heard."""
    set_endpoint(application=shop, url="https://shop.example/hook")
    answer(alice.subject, "give")
    answer(alice.subject, "withdraw")
    delivery = Delivery.objects.get(type="consent.withdrawn", state="queued")
    first = sending.claim(delivery.pk)
    Delivery.objects.filter(pk=delivery.pk).update(lease_until=None)
    second = sending.claim(delivery.pk)
    assert first is not None and second is not None
    sending.settle(first, Outcome(status=500))
    delivery.refresh_from_db()
    assert delivery.state == "sending"
    sending.settle(second, Outcome(status=202))
    delivery.refresh_from_db()
    assert delivery.state == "sent"


def test_without_the_fence_a_lost_lease_settles_a_delivery(
    alice: Any, shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fenced = sending.settle

    def blind(claimed: sending.Claimed, outcome: Outcome) -> None:
        fenced(replace(claimed, fence=Delivery.objects.get(pk=claimed.id).fence), outcome)

    a_lost_lease_of_a_delivery(alice, shop)
    monkeypatch.setattr(sending, "settle", blind)
    with pytest.raises(AssertionError):
        a_lost_lease_of_a_delivery(alice, shop)
