"""Whatever happens to hints, workers and other people's rows, a request goes on (F5, F6, F18, F20, I4, I10)."""

import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from access.services.applications import set_endpoint
from audit.verify import verify
from consent.models import Delivery
from erasure.models import RightsRequest, Step
from erasure.services import steps
from gdpr_portal import wake
from gdpr_portal.celery import app, transport_options
from tests.audit.conftest import key as key  # a fixture
from tests.audit.tools import seal
from tests.consent.people import answer
from tests.crashes.world import KILLED, SWEEP, Nursery, file, lease_over, mails, recorded

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("catalogue")]

real_send = wake._send  # before a fixture replaces it
BROKEN = """
from erasure.services import perform
real, real_all = perform.perform, perform.perform_all
def broken(step):
    if str(step.request_id) == {request!r}: raise RuntimeError
    return real(step)
def broken_all(wanted):
    if {request!r} in [str(step.request_id) for step in wanted]: raise RuntimeError
    return real_all(wanted)
perform.perform, perform.perform_all = broken, broken_all
"""


def test_two_sweeps_at_once_have_one_effect(nursery: Nursery, stored: Any) -> None:
    request = file(stored, "access")
    workers = [nursery.start(SWEEP) for _ in range(3)]
    assert [nursery.finish(worker) for worker in workers] == [0, 0, 0]
    request.refresh_from_db()
    assert request.state == "completed"
    log = recorded(request)
    assert [log[each] for each in ("archive.built", "request.completed", "receipt.issued")] == [1, 1, 1]
    assert mails(request) == 1


def test_ten_hints_for_one_step_have_one_effect(nursery: Nursery, stored: Any) -> None:
    request = file(stored, "access")
    step = request.steps.get()
    nursery.work(f"from erasure.tasks import run_step; [run_step({str(step.id)!r}) for _ in range(10)]")
    assert recorded(request)["archive.built"] == 1
    step.refresh_from_db()
    assert (step.state, step.attempts) == ("done", 1)


def test_a_poison_step_holds_up_nobody_elses(nursery: Nursery, stored: Any, bob: Any) -> None:
    poison, other = file(stored, "access"), file(bob, "access")
    nursery.work(BROKEN.format(request=str(poison.id)) + SWEEP)
    poison.refresh_from_db(), other.refresh_from_db()
    assert (poison.state, other.state) == ("in_progress", "completed")
    assert poison.steps.get().last_error == "RuntimeError"


def test_a_request_that_cannot_begin_holds_up_nobody_elses(nursery: Nursery, stored: Any, bob: Any) -> None:
    poison, other = file(stored, "access"), file(bob, "access")
    code = f"""
from erasure.services import finish
real = finish._end
def broken(request, *given, actor):
    if str(request.id) == {str(poison.id)!r}: raise RuntimeError
    return real(request, *given, actor=actor)
finish._end = broken
"""
    nursery.work(code + SWEEP)
    poison.refresh_from_db(), other.refresh_from_db()
    assert (poison.state, other.state) == ("in_progress", "completed")
    nursery.work(SWEEP)
    poison.refresh_from_db()
    assert poison.state == "completed"


def test_a_step_that_kills_its_worker_five_times_waits_for_somebody(nursery: Nursery, stored: Any) -> None:
    request = file(stored, "access")
    step = request.steps.get()
    for _try in range(steps.TRIES):
        assert nursery.work(SWEEP, "erasure.archive.performed") == KILLED
        Step.objects.filter(pk=step.id).update(lease_until=None)
    assert nursery.work(SWEEP, "erasure.archive.performed") == 0
    step.refresh_from_db()
    assert (step.state, step.last_error, step.attempts) == ("failed", "WorkerLost", steps.TRIES)
    assert recorded(request)["step.failed archive archive WorkerLost"] == 1


# --- the broker -----------------------------------------------------------------------------------------------------
@pytest.fixture
def broker_down(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Hints are sent, to a port where nobody listens."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        address = f"amqp://guest:guest@127.0.0.1:{reserved.getsockname()[1]}//"
        monkeypatch.setattr(wake, "_send", real_send)
        monkeypatch.setattr(wake, "_paused_until", 0.0)
        before = app.conf.broker_url, app.conf.broker_transport_options
        app.conf.broker_url, app.conf.broker_transport_options = address, transport_options(address)
        app._pool = app.amqp._producer_pool = None
        yield
        app.conf.broker_url, app.conf.broker_transport_options = before
        app._pool = app.amqp._producer_pool = None
        wake._paused_until = 0.0


def test_with_the_broker_down_consent_and_requests_are_taken_and_finished(
    nursery: Nursery, broker_down: None, stored: Any, shop: Any, caplog: pytest.LogCaptureFixture
) -> None:
    set_endpoint(application=shop, url="http://127.0.0.1:9/notices")
    began = time.monotonic()
    answer(stored.subject, "give")
    answer(stored.subject, "withdraw")
    request = file(stored, "access")
    assert time.monotonic() - began < 60
    assert any("broker down" in line.message for line in caplog.records), "nobody tried the broker"
    assert Delivery.objects.filter(type="consent.withdrawn", state="queued").count() == 1
    assert RightsRequest.objects.get(pk=request.pk).state == "in_progress"
    Delivery.objects.filter(type="access.requested").update(state="cancelled")
    Step.objects.filter(kind=Step.Kind.NOTIFY).update(state="done")
    nursery.work(SWEEP)
    request.refresh_from_db()
    assert request.state == "completed"


def test_the_log_verifies_after_all_these_deaths(nursery: Nursery, stored: Any, key: str) -> None:
    request = file(stored, "erasure")
    for kind in ("holding.claimed", "holding.performed", "key.performed"):
        assert nursery.work(SWEEP, f"erasure.{kind}") == KILLED
        lease_over()
    nursery.work(SWEEP)
    seal()
    assert verify().holds
    assert request.steps.exclude(state__in=["done", "waiting"]).count() == 0
