"""kill -9 around every call to another controller: one upload, every byte once, one end (Art. 20(2))."""

import os
from pathlib import Path
from typing import Any

import pytest

from access import roles
from audit import actors
from erasure.archives import build
from erasure.models import Archive, Transfer
from erasure.services import steps, transfers
from tests.conftest import make_staff
from tests.crashes.world import KILLED, Nursery, file, lease_over
from tests.erasure.receiver import destination, due_again, receiving
from tests.plugins.exhaustive import in_turn

PUSH = "from erasure.tasks import sweep_transfers; sweep_transfers()"
WHERE = ["claimed", "created", "sent", "settled"]
SIZE = 2_500_000
"""Three pieces."""

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("where", in_turn(*WHERE))
def test_an_archive_arrives_once_wherever_a_worker_dies(
    nursery: Nursery, stored: Any, rita: Any, tmp_path: Path, audit_log: Any, where: str
) -> None:
    request = file(stored, "portability")
    steps.sweep()
    archive, data = Archive.objects.get(request=request), os.urandom(SIZE)
    archive.chunks.all().delete()
    build.store(build.sealed(archive, iter([data])))
    archive.save()
    with receiving(tmp_path / "uploads") as other:
        place = destination(other.url, by=rita, approved_by=make_staff("ruth", roles.IRM))
        transfer = transfers.ask_transfer(request=request, destination_id=place.id, actor=actors.SUBJECT)
        assert nursery.work(PUSH, f"erasure.transfer.{where}") == KILLED
        lease_over()
        due_again()
        nursery.work(PUSH)
        assert len(other.uploads()) == 1
        assert other.held() == data and other.sent_bytes() == SIZE
    transfer = Transfer.objects.get(pk=transfer.pk)
    assert (transfer.state, transfer.offset) == ("received", SIZE)
    assert len(audit_log("transfer.received")) == 1
