"""kill -9 around every call to the outside: the receiver may hear twice, and counts once (F4, F15, F16, F24, I4)."""

from typing import Any

import pytest
from django.utils import timezone

from access.services.applications import set_endpoint
from consent.models import Delivery
from tests.conftest import make_person
from tests.consent.people import answer
from tests.crashes.world import KILLED, SEND, Nursery, Receiver, lease_over, receiving
from tests.plugins.exhaustive import in_turn
from vault.services import Tampered

HEARD = {"before_claim": 1, "claimed": 1, "called": 2, "settled": 1}
"""How often the receiver hears the one notice: twice only if the worker dies between the call and its note of it."""

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("catalogue")]


def withdrawn(person: Any) -> Delivery:
    """The person gave and withdrew consent; shop is to be told."""
    answer(person.subject, "give")
    answer(person.subject, "withdraw")
    return Delivery.objects.get(subject=person.subject, type="consent.withdrawn")


def settled_once(delivery: Delivery, audit_log: Any) -> None:
    delivery.refresh_from_db()
    assert (delivery.state, delivery.outcome) == ("acknowledged", "done")
    for action in ("delivery.queued", "delivery.sent", "delivery.acknowledged"):
        assert len(audit_log(action)) == 1, action


@pytest.mark.parametrize("where", ["", *in_turn(*HEARD)])
def test_a_notice_is_acknowledged_once_wherever_a_worker_dies(
    nursery: Nursery, alice: Any, shop: Any, audit_log: Any, where: str
) -> None:
    with receiving(shop) as receiver:
        set_endpoint(application=shop, url=receiver.url)
        delivery = withdrawn(alice)
        ended = nursery.work(SEND, f"consent.delivery.{where}" if where else "")
        lease_over()
        nursery.work(SEND)
        receiver.acknowledge_all()

    assert (ended == KILLED) == bool(where)
    assert receiver.counts == {str(delivery.pk): HEARD.get(where, 1)}
    assert len(receiver.bodies[str(delivery.pk)]) == 1, "the same notice has the same bytes at every try"
    settled_once(delivery, audit_log)


def test_an_answer_before_the_note_of_the_sending_survives_the_kill(
    nursery: Nursery, alice: Any, shop: Any, audit_log: Any
) -> None:
    with receiving(shop) as receiver:
        set_endpoint(application=shop, url=receiver.url)
        delivery = withdrawn(alice)
        assert nursery.work(SEND, "consent.delivery.called") == KILLED
        receiver.acknowledge_all()
        lease_over()
        nursery.work(SEND)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.outcome) == ("acknowledged", "done")
    assert receiver.counts == {str(delivery.pk): 1}
    assert len(audit_log("delivery.acknowledged")) == 1


def test_two_sweeps_at_once_tell_once(nursery: Nursery, shop: Any, audit_log: Any) -> None:
    people = [make_person(f"person{number}", shop) for number in range(6)]
    with receiving(shop) as receiver:
        set_endpoint(application=shop, url=receiver.url)
        told = [str(withdrawn(person).pk) for person in people]
        workers = [nursery.start(SEND) for _ in range(3)]
        assert [nursery.finish(worker) for worker in workers] == [0, 0, 0]
        receiver.acknowledge_all()
    assert receiver.counts == dict.fromkeys(told, 1)
    assert len(audit_log("delivery.sent")) == len(people)


def test_a_notice_that_cannot_be_put_together_holds_up_nobody_elses(
    nursery: Nursery, alice: Any, bob: Any, shop: Any
) -> None:
    with receiving(shop) as receiver:
        set_endpoint(application=shop, url=receiver.url)
        poison, other = withdrawn(alice), withdrawn(bob)
        Delivery.objects.filter(pk=poison.pk).update(reference_sealed=b"\0" * 60)
        nursery.work(SEND)
    poison.refresh_from_db()
    assert set(receiver.counts) == {str(other.pk)}
    assert (poison.state, poison.last_error) == ("queued", Tampered.__name__)
    assert poison.next_at is not None and poison.next_at > timezone.now()


def test_ten_times_the_same_answer_is_one(nursery: Nursery, alice: Any, shop: Any, audit_log: Any) -> None:
    with receiving(shop) as receiver:
        set_endpoint(application=shop, url=receiver.url)
        delivery = withdrawn(alice)
        nursery.work(SEND)
        ten_times(receiver)
    settled_once(delivery, audit_log)


def ten_times(receiver: Receiver) -> None:
    for _ in range(10):
        receiver.acknowledge_all()
