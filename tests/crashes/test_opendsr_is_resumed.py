"""kill -9 around the call to a processor that speaks OpenDSR: it may hear twice, and always under the one id."""

from typing import Any

import pytest
from django.utils import timezone

from erasure.models import OpenDsrCall, Step
from tests.crashes.world import KILLED, Nursery, file, lease_over
from tests.erasure.test_opendsr_controller import Processor, connected, vendor
from tests.plugins.exhaustive import in_turn

__all__ = ["connected", "vendor"]
ASK = "from erasure.tasks import sweep_opendsr; sweep_opendsr()"
HEARD = {"claimed": 1, "called": 2}

pytestmark = pytest.mark.slow


@pytest.mark.usefixtures("connected")
@pytest.mark.parametrize("where", in_turn(*HEARD))
def test_a_processor_is_asked_under_one_id_wherever_a_worker_dies(
    nursery: Nursery,
    vendor: Processor,
    stored: Any,
    where: str,
) -> None:
    step = Step.objects.get(request=file(stored, "erasure"), kind="notify")
    assert nursery.work(ASK, f"erasure.opendsr_call.{where}") == KILLED
    assert step.identities_sealed is not None, "whom it is about is not forgotten before somebody accepted"
    lease_over()
    OpenDsrCall.objects.update(next_at=timezone.now())
    nursery.work(ASK)
    assert [asked["subject_request_id"] for asked in vendor.asked] == [str(step.id)] * HEARD[where]
    row = OpenDsrCall.objects.get()
    step.refresh_from_db()
    assert (row.state, row.status, step.state, step.identities_sealed) == ("queued", "pending", "waiting", None)
