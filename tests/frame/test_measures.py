"""The numbers an operator watches: what the rows say, what the processes count, and that nobody is named in them."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from django.utils import timezone
from prometheus_client import CollectorRegistry, generate_latest

from access.models import OutgoingMail, WebhookEndpoint
from access.services import factors
from access.services.applications import disable_endpoint, set_endpoint
from audit import actors, sequencer
from erasure.models import Breach, ErasurePause, LegalHold, RightsRequest, Step
from erasure.services import steps
from erasure.states import OPEN_REQUEST
from gdpr_portal import lifetimes, measures, metrics, wake, wellknown
from gdpr_portal.errors import Refused
from gdpr_portal.exposition import DiskCollector
from tests.conftest import make_person
from tests.consent.people import answer
from tests.erasure.people import in_review
from tests.plugins.postgres import address, test_database
from vault.aead import Place
from vault.services import report_tamper

Numbers = dict[tuple[str, ...], float]


def value(metric: Any, *labels: str) -> float:
    return float((metric.labels(*labels) if labels else metric)._value.get())


@pytest.fixture
def numbers(transactional_db: None) -> Any:
    """`numbers()`: what a scrape finds, by name and values of labels."""

    def scrape() -> Numbers:
        families = measures.RowsCollector(address(test_database())).collect()
        return {
            (sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples
        }

    return scrape


def test_a_service_at_rest_has_nothing_waiting(numbers: Any, catalogue: None) -> None:
    while sequencer.integrate():
        pass
    found = numbers()
    assert found[("portal_database_up",)] == 1
    assert {measure.name for measure in measures.MEASURES} - {name for name, *_ in found} == {"portal_requests_open"}
    quiet = {key: number for key, number in found.items() if number and not key[0].startswith(("portal_database_",))}
    assert not quiet


def test_a_database_that_is_down_is_one_number(numbers: Any) -> None:
    [family] = measures.RowsCollector("postgresql://nobody:secret@127.0.0.1:1/none").collect()
    assert (family.name, family.samples[0].value) == ("portal_database_up", 0.0)


def test_what_is_open_is_the_same_set_as_the_states_say() -> None:
    assert str(OPEN_REQUEST) == measures.OPEN


def test_work_is_late_from_the_moment_it_could_be_done(numbers: Any, catalogue: None, alice: Any, olga: Any) -> None:
    hour, now = timedelta(hours=1), timezone.now()
    request = in_review(alice.subject)
    RightsRequest.objects.filter(pk=request.pk).update(state="in_progress", received_at=now - 5 * hour)
    first = Step.objects.create(request=request, position=1, kind=Step.Kind.HOLDING, target="consent")
    Step.objects.create(request=request, position=2, kind=Step.Kind.KEY, target="key")

    def age() -> float:
        return round(numbers()[("portal_queue_oldest_seconds", "steps")] / 3600, 1)

    assert age() == 5.0 and numbers()[("portal_queue_due", "steps")] == 1  # the second waits for the first
    Step.objects.filter(pk=first.pk).update(lease_until=now + hour)
    assert age() == 0  # somebody is at it
    Step.objects.filter(pk=first.pk).update(lease_until=now - hour)
    assert age() == 5.0  # nobody is any more
    Step.objects.filter(pk=first.pk).update(state="done", settled_at=now - 2 * hour)
    assert age() == 2.0
    LegalHold.objects.create(subject=alice.subject, reason="court_order", placed_at=now, placed_by=olga.account)
    assert age() == (0 if request.right == "erasure" else 2.0)


def test_an_open_request_is_measured_against_its_date(numbers: Any, catalogue: None, alice: Any, bob: Any) -> None:
    now = timezone.now()
    for person, left in ((alice, 10), (bob, -1)):
        row = in_review(person.subject)
        RightsRequest.objects.filter(pk=row.pk).update(
            received_at=now - timedelta(days=20), due_at=now + timedelta(days=left)
        )
    found = numbers()
    assert found[("portal_request_deadline_used_ratio",)] == pytest.approx(20 / 19, abs=0.001)
    assert found[("portal_requests_overdue",)] == 1 and found[("portal_requests_due_soon",)] == 1
    assert found[("portal_request_oldest_seconds",)] == pytest.approx(20 * 86400, abs=60)
    assert sum(number for key, number in found.items() if key[0] == "portal_requests_open") == 2
    RightsRequest.objects.update(state="completed")
    found = numbers()
    assert found[("portal_requests_overdue",)] == found[("portal_request_deadline_used_ratio",)] == 0


def test_what_goes_out_and_is_not_confirmed_is_told_by_application(
    numbers: Any, catalogue: None, acme: Any, alice: Any
) -> None:
    from consent.models import Delivery
    from consent.services.sharing import set_sharing

    set_endpoint(application=acme, url="https://acme.example/hook")
    answer(alice.subject, "give")
    set_sharing(
        subject=alice.subject, recipient="acme", purpose="newsletter", shared=True, channel="web", actor=actors.SUBJECT
    )
    hour_ago = timezone.now() - timedelta(hours=1)
    assert Delivery.objects.filter(application=acme).update(created_at=hour_ago, next_at=hour_ago)
    found = numbers()
    for name in ("portal_delivery_unconfirmed_oldest_seconds",):
        assert found[(name, "acme")] == pytest.approx(3600, abs=60)
    assert found[("portal_queue_oldest_seconds", "deliveries")] == pytest.approx(3600, abs=60)
    assert found[("portal_outbox_oldest_seconds", "deliveries")] == pytest.approx(3600, abs=60)
    assert found[("portal_deliveries_unconfirmed", "acme")] == 1
    disable_endpoint(application=acme)
    found = numbers()
    assert found[("portal_endpoints_off",)] == WebhookEndpoint.objects.exclude(disabled_at=None).count() == 1
    assert found[("portal_queue_oldest_seconds", "deliveries")] == 0  # it cannot go, so the worker is not late


def test_mail_log_pause_and_breach_are_measured(numbers: Any, catalogue: None, olga: Any) -> None:
    now = timezone.now()
    OutgoingMail.objects.create(kind="x", sealed=b"", due_at=now - timedelta(minutes=7))
    OutgoingMail.objects.create(kind="x", sealed=b"", due_at=now, given_up_at=now)
    ErasurePause.objects.create(since=now - timedelta(minutes=5), begun=9, limit=3)
    Breach.objects.create(
        aware_at=now - timedelta(hours=60), since=now - timedelta(hours=70), until=now, risk="high", facts="x",
        recorded_by=olga.account, recorded_at=now,
    )  # fmt: skip
    found = numbers()
    assert found[("portal_queue_oldest_seconds", "mail")] == pytest.approx(420, abs=30)
    assert found[("portal_mail_given_up",)] == 1
    assert found[("portal_erasures_paused_seconds",)] == pytest.approx(300, abs=30)
    assert found[("portal_breach_untold_seconds",)] == pytest.approx(60 * 3600, abs=60)
    assert found[("portal_audit_unsealed_seconds",)] > 0
    while sequencer.integrate():
        pass
    assert numbers()[("portal_audit_unsealed_seconds",)] == 0


def test_a_verification_that_found_damage_is_told(numbers: Any) -> None:
    from audit.desk_models import Verification

    now = timezone.now()
    row = Verification.objects.create(asked_by="x", asked_at=now, state="done", finished_at=now, damages=0)
    assert numbers()[("portal_audit_verification_failed",)] == 0
    Verification.objects.filter(pk=row.pk).update(damages=2)
    assert numbers()[("portal_audit_verification_failed",)] == 1


def test_the_scrape_cannot_write(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    write = measures.Measure("portal_x", "x", "DELETE FROM access_outgoingmail RETURNING 1")
    OutgoingMail.objects.create(kind="x", sealed=b"", due_at=timezone.now())
    monkeypatch.setattr(measures, "MEASURES", (write,))
    [up] = measures.RowsCollector(address(test_database())).collect()
    assert up.samples[0].value == 0 and OutgoingMail.objects.count() == 1


def test_nobody_is_named_in_any_number(numbers: Any, catalogue: None, shop: Any) -> None:
    person = make_person("trostburg", shop)
    in_review(person.subject)
    registry = CollectorRegistry()
    registry.register(measures.RowsCollector(address(test_database())))
    registry.register(DiskCollector(Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])))
    text = generate_latest(registry).decode()
    assert "portal_requests_open" in text and "portal_disk_free_ratio" in text
    for secret in ("trostburg", str(person.subject.pk), str(person.account.pk), "example.org"):
        assert secret not in text


# --- counted where it happens -----------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_a_wrong_second_factor_is_counted(alice: Any) -> None:
    before = value(metrics.FACTOR_FAILURES, "totp", "wrong_code")
    with pytest.raises(Refused):
        factors.prove_factor(account=alice.account, code="000000x", where="192.0.2.1")
    assert value(metrics.FACTOR_FAILURES, "totp", "wrong_code") == before + 1


@pytest.mark.django_db
def test_a_cell_that_does_not_open_is_counted() -> None:
    before = value(metrics.DECRYPT_FAILURES, "subjects_identifier", "sealed")
    report_tamper(Place("subjects_identifier", "sealed", "row"))
    assert value(metrics.DECRYPT_FAILURES, "subjects_identifier", "sealed") == before + 1


def test_a_broker_that_refuses_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise ConnectionError

    monkeypatch.setattr(wake, "_paused_until", 0.0)
    monkeypatch.setattr(wake, "current_app", SimpleNamespace(send_task=refuse))
    before = value(metrics.BROKER_FAILURES)
    wake._send("x", ())
    assert value(metrics.BROKER_FAILURES) == before + 1


@pytest.mark.django_db
def test_a_claim_taken_over_from_a_dead_worker_is_counted(catalogue: None, alice: Any) -> None:
    request = in_review(alice.subject)
    RightsRequest.objects.filter(pk=request.pk).update(state="in_progress")
    step = Step.objects.create(request=request, position=1, kind=Step.Kind.HOLDING, target="consent")
    before = value(metrics.LEASE_EXPIRIES, "step")
    assert steps.claim(step.pk) and value(metrics.LEASE_EXPIRIES, "step") == before
    Step.objects.filter(pk=step.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    assert steps.claim(step.pk) and value(metrics.LEASE_EXPIRIES, "step") == before + 1


def test_a_step_of_the_worker_is_counted_by_its_end(db: None) -> None:
    from vault.tasks import write_lines

    name = write_lines.name
    before = value(metrics.TASKS, name, "success")
    write_lines.apply()
    assert value(metrics.TASKS, name, "success") == before + 1


def test_each_check_of_readiness_is_a_number(transactional_db: None, client: Any, monkeypatch: Any) -> None:
    wellknown.readiness.forget()
    client.get("/readyz")
    assert value(metrics.READY, "keys") == 1
    monkeypatch.setitem(wellknown._CHECKS, "keys", lambda: False)
    wellknown.readiness.forget()
    client.get("/readyz")
    assert value(metrics.READY, "keys") == 0 and value(metrics.READY, "database") == 1


# --- the life of a process --------------------------------------------------------------------------------------------
CHILD = """
import multiprocessing, os
def work():
    from gdpr_portal import lifetimes
    lifetimes.watch("web", "9.9")
if __name__ == "__main__":
    child = multiprocessing.get_context("fork").Process(target=work)
    child.start(); child.join()
    print(child.pid)
"""


@pytest.fixture
def lived(tmp_path: Path) -> Iterator[Any]:
    """`lived(limit)`: what is told of a web worker that came and went, with this limit in MiB."""

    def run(**limits: str) -> str:
        folder = tmp_path / str(time.monotonic_ns())
        env = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(folder)} | limits
        done = subprocess.run([sys.executable, "-c", CHILD], env=env, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr
        reading = (
            "from prometheus_client import CollectorRegistry, generate_latest, multiprocess as m;"
            "r = CollectorRegistry(); m.MultiProcessCollector(r); print(generate_latest(r).decode())"
        )
        read = subprocess.run([sys.executable, "-c", reading], env=env, capture_output=True, text=True, timeout=600)
        assert read.returncode == 0, read.stderr
        return read.stdout

    yield run


def test_a_worker_that_ends_is_counted_by_why_and_its_memory_is_forgotten(lived: Any) -> None:
    asked, full = lived(), lived(GRANIAN_WORKERS_MAX_RSS="1")
    assert 'portal_process_starts_total{process="web",version="9.9"} 1.0' in asked
    assert 'portal_worker_recycled_total{process="web",reason="asked"} 1.0' in asked
    assert 'portal_worker_recycled_total{process="web",reason="memory"} 1.0' in full
    assert "portal_process_resident_bytes{" not in asked


def test_the_log_says_that_a_process_began_and_why_it_ended(tmp_path: Path) -> None:
    told = CHILD.replace(
        "def work():", "def work():\n    import logging; logging.basicConfig(level='INFO', format=FORMAT)"
    )
    env = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    program = "FORMAT = '%(message)s %(kind)s'" + told
    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, timeout=600)
    assert done.stderr.splitlines() == ["this process has started web", "this process ends in order web"]


@pytest.mark.parametrize(
    ("resident", "lived_seconds", "why"), [(50, 10, "asked"), (300, 10, "memory"), (50, 4000, "lifetime")]
)
def test_why_a_process_ends(monkeypatch: Any, resident: int, lived_seconds: int, why: str) -> None:
    monkeypatch.setenv(lifetimes.MEMORY_LIMIT, "200")
    monkeypatch.setenv(lifetimes.LIFETIME_LIMIT, "3600")
    assert lifetimes.reason(resident=resident * 2**20, lived=lived_seconds) == why


@pytest.mark.django_db
def test_a_step_that_met_a_changed_value_says_so(audit_log: Any) -> None:
    from access import tasks
    from access.services.mail import TRIES, send_mail_later

    send_mail_later("tries_refused", to="alice@people.example")
    mail = OutgoingMail.objects.get()
    OutgoingMail.objects.update(sealed=bytes(mail.sealed)[:-1] + b"!", tries=TRIES - 1)
    before = value(metrics.DECRYPT_FAILURES, "access_outgoingmail", "sealed")
    assert tasks.send_mail.apply().failed()
    assert value(metrics.DECRYPT_FAILURES, "access_outgoingmail", "sealed") == before + 1
    assert [event.details["row"] for event in audit_log("crypto.tamper")] == [str(mail.pk)]
    assert OutgoingMail.objects.get().given_up_at is not None, "it would be tried every two minutes for ever"


class Ended(Exception):
    """Ends a loop that has no end."""


def test_the_memory_of_a_killed_process_is_forgotten_by_every_other(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    monkeypatch.setenv("RUN_DIR", str(tmp_path))
    monkeypatch.setattr(lifetimes, "time", SimpleNamespace(sleep=Mock(side_effect=[None, Ended])))
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    here, gone = (tmp_path / f"gauge_liveall_{metrics.HOST}-{pid}.db" for pid in (os.getpid(), int(dead.stdout)))
    elsewhere = tmp_path / f"gauge_liveall_another-container-{int(dead.stdout)}.db"
    for file in (here, gone, elsewhere):
        file.touch()
    with pytest.raises(Ended):
        lifetimes._measure_on("worker", "1")
    assert here.exists() and elsewhere.exists() and not gone.exists()


def test_memory_is_measured_in_bytes() -> None:
    assert 20e6 < lifetimes.resident_bytes() < 4e9


@pytest.mark.parametrize(
    ("text", "limit"), [("536870912\n", 536870912), ("max\n", 0), ("9223372036854771712\n", 0)], ids=str
)
def test_the_limit_of_the_container_is_read_where_there_is_one(
    monkeypatch: Any, tmp_path: Path, text: str, limit: int
) -> None:
    (tmp_path / "memory.max").write_text(text)
    monkeypatch.setattr(lifetimes, "CGROUP_LIMITS", (tmp_path / "absent", tmp_path / "memory.max"))
    assert lifetimes.limit_bytes() == limit
