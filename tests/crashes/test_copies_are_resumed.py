"""What others answered is in exactly one archive, wherever the worker that builds it dies (F5, R38)."""

import io
import zipfile
from typing import Any

import pytest

from access.services.applications import set_endpoint
from consent.models import Delivery
from consent.services.deliveries import acknowledge
from erasure.archives.build import opened
from erasure.models import RightsRequest
from tests.crashes.world import KILLED, SWEEP, Nursery, file, lease_over, recorded
from tests.plugins.exhaustive import in_turn

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("catalogue")]
CANARY = "Canary-Siskin"
AT = [f"erasure.archive.{where}" for where in ("claimed", "performed", "settled")]


@pytest.mark.parametrize("failpoint", in_turn(*AT))
@pytest.mark.parametrize("late", [False, True], ids=["in time", "late"])
def test_an_answer_is_handed_on_once_wherever_a_worker_dies(
    nursery: Nursery, stored: Any, shop: Any, settings: Any, failpoint: str, late: bool
) -> None:
    settings.ACCESS_WAIT_SECONDS = 0 if late else 86400
    set_endpoint(application=shop, url="https://shop.example/notices")
    request = file(stored, "access")
    nursery.work(SWEEP)
    assert (request.archive is not None) == late
    delivery = Delivery.objects.get(request=request.id)
    acknowledge(application=shop, delivery_id=delivery.id, outcome="done", evidence={}, data={"hobby": CANARY})
    assert nursery.work(SWEEP, failpoint) == KILLED
    lease_over()
    nursery.work(SWEEP)
    request.refresh_from_db()
    assert request.state == "completed"
    assert [CANARY in text for text in pages(request)] == ([False, True] if late else [True])
    assert recorded(request)["archive.built"] == (2 if late else 1)


def pages(request: RightsRequest) -> list[str]:
    """The readable page of every archive of the request, in order."""
    archives = [zipfile.ZipFile(io.BytesIO(b"".join(opened(each)))) for each in request.archives.order_by("number")]
    return [each.read("index.html").decode() for each in archives]
