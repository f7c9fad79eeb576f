"""kill -9 while the copy of a case is made: its erasure has not begun, and begins once the copy was collected."""

from typing import Any

import pytest

from erasure.models import RightsRequest
from erasure.services import archives
from erasure.services.joint import file_together
from subjects.models import PersonalValue
from tests.crashes.world import KILLED, SWEEP, Nursery, lease_over, recorded
from tests.plugins.exhaustive import in_turn

EXPORT = [f"erasure.archive.{where}" for where in ("claimed", "performed", "settled")]
END = ["erasure.before_completed", "erasure.completed"]


def waits(person: Any, erasure: RightsRequest) -> bool:
    erasure.refresh_from_db()
    held = PersonalValue.objects.filter(subject=person.subject).count() == 2
    return erasure.state == "in_progress" and held and not erasure.steps.exists()


@pytest.mark.slow
@pytest.mark.parametrize("failpoint", ["", *in_turn(*EXPORT, *END)])
def test_the_copy_comes_first_wherever_a_worker_dies(nursery: Nursery, stored: Any, failpoint: str) -> None:
    copy, erasure = file_together(
        subject=stored.subject,
        wishes=[("erasure", {}), ("access", {})],
        verified_by="account",
        actor="subject",
        by_person=True,
    )
    assert (copy.right, erasure.right) == ("access", "erasure")
    ended = nursery.work(SWEEP, failpoint)
    assert (ended == KILLED) == bool(failpoint)
    assert waits(stored, erasure), "whatever died, nothing is erased"
    if failpoint:
        lease_over()
        nursery.work(SWEEP)
    copy.refresh_from_db()
    assert copy.state == "completed" and recorded(copy)["archive.built"] == 1
    assert waits(stored, erasure), "the copy is ready, and not handed out"
    _archive, data = archives.collect(request=copy, actor="subject")
    assert b"".join(data).startswith(b"PK")
    nursery.work(SWEEP)
    assert not PersonalValue.objects.filter(subject=stored.subject).exists()
