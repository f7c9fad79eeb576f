"""Questions to the log: pages that neither repeat nor skip, and proofs that hold against the checkpoint."""

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from audit import actors, merkle, note, selectors, sequencer, services, signing
from audit.models import AuditEvent, Checkpoint
from gdpr_portal.errors import Invalid, Missing, Unavailable, WrongState
from tests.audit.tools import tamper, write

pytestmark = pytest.mark.django_db(transaction=True)

Fill = Callable[[int], list[uuid.UUID]]


def test_events_newest_first_with_their_place(log: Fill) -> None:
    ids = log(5)
    fresh = write(1)
    found = [(event.pk, event.seq) for event in selectors.events()]
    assert found == [(fresh[0], None), *((ids[seq], seq) for seq in reversed(range(5)))]


def test_pages_neither_repeat_nor_skip_what_was_there(log: Fill) -> None:
    ids = log(20)
    seen: list[uuid.UUID] = []
    after = None
    while page := list(selectors.events(after=after)[:3]):
        seen += [event.pk for event in page]
        after = (page[-1].xid, page[-1].ordinal)
        write(1)
    assert seen == ids[::-1]


def test_events_of_one_person_one_action_one_time(log: Fill) -> None:
    log(6)
    person = uuid.uuid4()
    with transaction.atomic():
        mine = services.record("data.read", actor=actors.application("shop"), subject=person)
    now = timezone.now()
    assert [event.pk for event in selectors.events(subject=person)] == [mine]
    assert {event.action for event in selectors.events(action="consent.withdrawn")} == {"consent.withdrawn"}
    assert selectors.events(since=now - timedelta(minutes=1), until=now).count() == 7
    assert not selectors.events(since=now).exists()
    assert not selectors.events(until=now - timedelta(minutes=1)).exists()


@pytest.mark.parametrize("size", [1, 2, 7, 13])
def test_every_event_has_a_proof_that_holds_against_the_checkpoint(log: Fill, key: str, size: int) -> None:
    for index, event in enumerate(log(size)):
        proof = selectors.proof(event)
        head = note.open_checkpoint(proof.checkpoint, [key])
        assert (proof.index, head.size) == (index, size)
        assert merkle.inclusion_holds(
            leaf=merkle.leaf_hash(proof.leaf), index=index, size=size, proof=proof.inclusion, root=head.root
        )


def test_old_proofs_hold_after_the_log_has_grown(log: Fill, key: str) -> None:
    first = log(5)[2]
    old = selectors.proof(first)
    log(9)
    new = selectors.proof(first)
    assert (old.index, old.leaf) == (new.index, new.leaf)
    old_head, new_head = (note.open_checkpoint(proof.checkpoint, [key]) for proof in (old, new))
    assert merkle.consistency_holds(
        first=5, second=14, first_root=old_head.root, second_root=new_head.root, proof=selectors.consistency(5, 14)
    )


def test_an_event_not_sealed_or_not_signed_yet_says_so(log: Fill) -> None:
    log(3)
    fresh = write(1)[0]
    with pytest.raises(WrongState, match="not_sequenced"):
        selectors.proof(fresh)
    sequencer.integrate()
    with pytest.raises(WrongState, match="not_sequenced"):
        selectors.proof(fresh)
    sequencer.checkpoint()
    assert selectors.proof(fresh).index == 3


def test_an_unknown_event_is_missing(log: Fill) -> None:
    log(1)
    with pytest.raises(Missing):
        selectors.proof(uuid.uuid4())


def test_consistency_between_all_sizes(log: Fill) -> None:
    for _ in range(4):
        log(3)
    roots = {row.size: bytes(row.root) for row in Checkpoint.objects.all()}
    for first in roots:
        for second in (size for size in roots if size >= first):
            assert merkle.consistency_holds(
                first=first, second=second, first_root=roots[first], second_root=roots[second],
                proof=selectors.consistency(first, second),
            )  # fmt: skip
    assert selectors.consistency(0, 12) == []


@pytest.mark.parametrize(("first", "second"), [(-1, 2), (3, 2), (0, 99), (99, 99)])
def test_sizes_that_cannot_be_are_refused(log: Fill, first: int, second: int) -> None:
    log(4)
    with pytest.raises(Invalid, match="invalid_parameter"):
        selectors.consistency(first, second)


def test_the_key_is_the_registered_one_or_the_log_s_own_claim(log: Fill, key: str) -> None:
    signing.forget()
    with pytest.raises(Unavailable, match="no_checkpoint"):
        selectors.vkey()
    with pytest.raises(Unavailable, match="no_checkpoint"):
        selectors.latest_checkpoint()
    signing.register_public_key("other.example/log", bytes(32))
    assert selectors.vkey().startswith("other.example/log+")


def test_a_proof_from_a_damaged_tree_is_unavailable_and_not_wrong(log: Fill) -> None:
    ids = log(8)
    tamper("DELETE FROM audit_node WHERE level = 2 AND index = 1")
    with pytest.raises(Unavailable, match="log_damaged"):
        selectors.proof(ids[0])


def test_a_reference_and_nothing_else_is_how_rows_show_themselves(log: Fill) -> None:
    event = AuditEvent.objects.get(pk=log(1)[0])
    assert str(event) == f"{event.action} {event.pk}"
