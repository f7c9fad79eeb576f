"""kill -9 at every boundary while a sweep carries on many erasures together, and sweeps at once (R49, F3, F4)."""

from typing import Any

import pytest

from consent.services.data import store_data
from erasure.models import Receipt, RightsRequest, Step
from subjects.models import Identifier, PersonalValue, Subject
from subjects.services import register_subject
from tests.crashes.world import KILLED, SWEEP, Nursery, file, lease_over, mails, recorded
from tests.plugins.exhaustive import in_turn
from vault import ledger, ledger_file
from vault.models import DataKey

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("catalogue")]

KINDS = ("holding", "key", "verify")
ERASURE = [f"erasure.{kind}.{where}" for kind in KINDS for where in ("claimed", "performed", "settled")]
END = ["erasure.before_completed", "erasure.completed"]


class Known:
    """Somebody without an account, as tests.crashes.world.file takes them."""

    def __init__(self, shop: Any, number: int) -> None:
        names = {"email": f"many{number}@people.example"}
        self.subject: Subject = register_subject(application=shop, identifiers=names)[0]
        values = {"given_name": f"M{number}", "family_name": "Many"}
        store_data(application=shop, subject=self.subject, purpose="orders", values=values, source="subject")


def begun(shop: Any, count: int) -> list[RightsRequest]:
    """An erasure of each of so many people; the shop has confirmed by hand."""
    made = [file(Known(shop, number), "erasure") for number in range(count)]
    Step.objects.filter(kind=Step.Kind.MANUAL).update(state="done")
    assert PersonalValue.objects.count() == 2 * count
    return made


def each_happened_once(requests: list[RightsRequest]) -> None:
    """All are complete, nothing is left, and nothing happened twice to anybody."""
    assert not PersonalValue.objects.exists()
    for request in requests:
        request.refresh_from_db()
        assert (request.state, mails(request), Receipt.objects.filter(request=request).count()) == ("completed", 1, 1)
        log = recorded(request)
        for step in request.steps.exclude(kind=Step.Kind.MANUAL):
            assert log[f"step.done {step.kind} {step.target}"] == 1, log
        holdings = request.steps.filter(kind=Step.Kind.HOLDING).values_list("target", flat=True)
        assert all(log[f"data.erased {name}"] == 1 for name in holdings), log
        ends = ("subject.erased", "key.destroyed data_key", "request.completed", "receipt.issued")
        assert [log[end] for end in ends] == [1, 1, 1, 1], log
        assert not Identifier.objects.filter(subject=request.subject).exists()
        assert not DataKey.objects.filter(owner=request.subject_id).exists()
        mark = ledger.mark_of(ledger_file.DESTROYED, request.subject_id)
        assert [entry.mark for entry in ledger_file.entries()].count(mark) == 1


@pytest.mark.parametrize("failpoint", ["", *in_turn(*ERASURE, *END)])
def test_many_erasures_end_the_same_wherever_a_worker_dies(nursery: Nursery, shop: Any, failpoint: str) -> None:
    requests = begun(shop, 3)
    ended = nursery.work(SWEEP, failpoint)
    if failpoint:
        lease_over()
        nursery.work(SWEEP)
    assert (ended == KILLED) == bool(failpoint), "the failpoint was not on the way"
    each_happened_once(requests)


def test_sweeps_at_once_over_the_same_requests_have_one_effect(nursery: Nursery, shop: Any) -> None:
    requests = begun(shop, 6)
    workers = [nursery.start(SWEEP) for _ in range(4)]
    assert [nursery.finish(worker) for worker in workers] == [0] * 4
    lease_over()
    nursery.work(SWEEP)
    each_happened_once(requests)
