"""kill -9 at every boundary of an erasure or export: the rows carry the work on, with one effect (R49, F3, F4)."""

from typing import Any

import pytest

from access.models import Account
from access.services.applications import set_endpoint
from consent.models import Delivery
from erasure.archives.build import opened
from erasure.models import ArchiveChunk, Receipt, RightsRequest, Step
from gdpr_portal.errors import Gone
from subjects.models import Identifier, PersonalValue
from tests.crashes.world import (
    KILLED,
    SEND,
    SWEEP,
    Nursery,
    file,
    lease_over,
    mails,
    receiving,
    recorded,
)  # fmt: skip
from tests.plugins.exhaustive import in_turn
from vault.models import DataKey
from vault.services import subject_key

KINDS = ("holding", "account", "key", "verify")

ERASURE = [f"erasure.{kind}.{where}" for kind in KINDS for where in ("claimed", "performed", "settled")]
END = ["erasure.before_completed", "erasure.completed"]
EXPORT = [f"erasure.archive.{where}" for where in ("claimed", "performed", "settled")]

UNINTERRUPTED = {
    "request.received": 1, "request.in_progress": 1, "subject.erased": 1, "request.completed": 1, "receipt.issued": 1,
}  # fmt: skip


def worked_through(nursery: Nursery, request: RightsRequest, receiver: Any, failpoint: str = "") -> list[int]:
    """What is ours, then the notice and its answer, then the end; each by a worker that may die at the failpoint."""
    ends = [nursery.work(f"{SWEEP}; {SEND}", failpoint)]
    if failpoint and failpoint not in END:
        return ends
    receiver.acknowledge_all()
    ends.append(nursery.work(SWEEP, failpoint))
    request.refresh_from_db()
    return ends


@pytest.mark.slow
@pytest.mark.parametrize("failpoint", ["", *in_turn(*ERASURE, *END)])
def test_an_erasure_ends_the_same_wherever_a_worker_dies(
    nursery: Nursery, stored: Any, shop: Any, failpoint: str
) -> None:
    with receiving(shop) as receiver:
        set_endpoint(application=shop, url=receiver.url)
        request = file(stored, "erasure")
        assert PersonalValue.objects.filter(subject=stored.subject).count() == 2
        ends = worked_through(nursery, request, receiver, failpoint)
        if failpoint:
            lease_over()
            worked_through(nursery, request, receiver)

    assert (KILLED in ends) == bool(failpoint), "the failpoint was not on the way"
    assert request.state == "completed"
    assert set(request.steps.values_list("state", flat=True)) == {"done"}
    assert Receipt.objects.filter(request=request).count() == 1
    assert mails(request) == 1
    log = recorded(request)
    assert {action: log[action] for action in UNINTERRUPTED} == UNINTERRUPTED
    done = [f"step.done {step.kind} {step.target}" for step in request.steps.all()]
    assert all(log[each] == 1 for each in done), log
    assert all(log[f"data.erased {step.target}"] == 1 for step in request.steps.filter(kind=Step.Kind.HOLDING)), log
    nothing_is_readable(stored)
    delivery = Delivery.objects.get(request=request.id)
    assert (delivery.state, delivery.outcome) == ("acknowledged", "done")
    assert len(receiver.bodies[str(delivery.pk)]) == 1 and set(receiver.counts) == {str(delivery.pk)}


def nothing_is_readable(person: Any) -> None:
    assert not PersonalValue.objects.filter(subject=person.subject).exists()
    assert not Identifier.objects.filter(subject=person.subject).exists()
    assert not Account.objects.filter(pk=person.account.pk).exists()
    assert not DataKey.objects.filter(owner__in=[person.subject.pk, person.account.pk]).exists()
    with pytest.raises(Gone):
        subject_key(person.subject.pk)


@pytest.mark.slow
@pytest.mark.parametrize("failpoint", ["", *in_turn(*EXPORT, *END)])
def test_an_export_ends_the_same_wherever_a_worker_dies(nursery: Nursery, stored: Any, failpoint: str) -> None:
    request = file(stored, "access")
    ended = nursery.work(SWEEP, failpoint)
    if failpoint:
        lease_over()
        nursery.work(SWEEP)
    request.refresh_from_db()

    assert (ended == KILLED) == bool(failpoint)
    assert (request.state, request.archive.complete) == ("completed", True)
    assert Receipt.objects.filter(request=request).count() == 1
    assert mails(request) == 1
    log = recorded(request)
    assert [log[each] for each in ("archive.built", "request.completed", "receipt.issued")] == [1, 1, 1]
    assert ArchiveChunk.objects.filter(archive=request.archive).exists()
    assert sum(len(chunk) for chunk in opened(request.archive)) == request.archive.size_bytes
