"""A registered connector is a place of every rights request: erased by a step of its own, copied into the archive."""

import base64
import json
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from django.db import connection
from django.test import override_settings
from django.utils import timezone

from audit import actors
from audit.models import AuditEvent
from erasure.admin import desk
from erasure.archives.build import opened
from erasure.connectors import sql
from erasure.models import Connector, RightsRequest, Step
from erasure.services import removed, requests, steps
from erasure.services.connector_runs import add_connector
from erasure.services.connectors import remove_connector
from gdpr_portal import breakers
from gdpr_portal.errors import Invalid, WrongState
from tests.connectors import shop as shops
from tests.connectors.conftest import register
from tests.connectors.shop import contents
from tests.erasure.people import sweep_all

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]


@pytest.fixture
def shop_file(sqlite_url: Callable[[], sa.URL], db: None, tmp_path: Path) -> sa.Engine:
    """The shop of eleven tables in a file, registered."""
    url = sqlite_url()
    engine = shops.build(url)
    register("warehouse", url, shops.DATASET, folder=tmp_path)
    return engine


def carried_out(person: Any, right: str) -> RightsRequest:
    request = requests.file_request(
        subject=person.subject, right=right, details={}, verified_by="account", actor=actors.SUBJECT, by_person=True
    )
    sweep_all()
    request.refresh_from_db()
    return request


@override_settings(UNDO_WINDOW_SECONDS=0)
def test_an_erasure_reaches_the_connector_and_forgets_whom_it_looked_for(alice: Any, shop_file: sa.Engine) -> None:
    alone(shop_file)
    request = carried_out(alice, "erasure")
    step = request.steps.get(kind=Step.Kind.CONNECTOR)
    assert (step.target, step.state, step.identities_sealed) == ("warehouse", "done", None)
    after = contents(shop_file)
    assert after["customer"][0][1:3] == (None, None)
    assert all("192.0.2" not in row[3] for row in after["login"] if row[1] == 1)
    assert request.state == "completed" and request.outcome == "done"
    assert "alice" not in json.dumps([row.details for row in AuditEvent.objects.all()])


def alone(engine: sa.Engine) -> None:
    """Nobody shares anything with Alice any more."""
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM order_item WHERE order_id NOT IN ('ord-1', 'ord-2')")
        connection.exec_driver_sql("DELETE FROM orders WHERE customer_id <> 1")
        connection.exec_driver_sql("DELETE FROM payment_card WHERE customer_id <> 1")
        connection.exec_driver_sql("DELETE FROM login WHERE customer_id <> 1")
        connection.exec_driver_sql("UPDATE payment_card SET billing_address_id = 1")
        connection.exec_driver_sql("DELETE FROM customer WHERE id <> 1")
        connection.exec_driver_sql("DELETE FROM service_request WHERE id <> 'ser-1'")


@override_settings(UNDO_WINDOW_SECONDS=0)
def test_no_transaction_of_ours_is_open_meanwhile(
    alice: Any, shop_file: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    depth = len(connection.savepoint_ids)
    seen, real = [], sql.Database.open

    def watched(self: sql.Database, *given: Any) -> None:
        seen.append(len(connection.savepoint_ids))
        real(self, *given)

    monkeypatch.setattr(sql.Database, "open", watched)
    carried_out(alice, "access")
    alone(shop_file)
    carried_out(alice, "erasure")
    assert seen == [depth, depth, depth]


@override_settings(UNDO_WINDOW_SECONDS=0)
def test_a_connector_that_is_down_keeps_the_request_open_and_says_why(alice: Any, tmp_path: Path) -> None:
    register("gone", f"sqlite:///{tmp_path}/nowhere.sqlite", shops.DATASET, folder=tmp_path)
    request = carried_out(alice, "erasure")
    step = request.steps.get(kind=Step.Kind.CONNECTOR)
    assert request.state == "in_progress" and step.state == "queued"
    assert step.last_error == "connection_failed shop:address"
    assert step.identities_sealed is not None and b"alice" not in bytes(step.identities_sealed)
    alone(shops.build(sa.make_url(f"sqlite:///{tmp_path}/nowhere.sqlite")))
    Step.objects.filter(pk=step.pk).update(next_at=None)
    sweep_all()
    request.refresh_from_db()
    assert request.state == "completed"


@override_settings(UNDO_WINDOW_SECONDS=0)
def test_a_step_whose_database_is_left_alone_waits_and_counts_no_try(
    alice: Any, shop_file: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breakers, "watchers", [])
    for _ in range(breakers.FAILURES):
        breakers.told("connector", "warehouse", answered=False)
    request = carried_out(alice, "erasure")
    step = request.steps.get(kind=Step.Kind.CONNECTOR)
    assert (step.state, step.attempts) == ("queued", 0) and step.last_error.startswith(breakers.OPEN)
    assert step.next_at is not None and step.next_at > timezone.now()
    alone(shop_file)
    breakers.forget()
    Step.objects.filter(pk=step.pk).update(next_at=None)
    sweep_all()
    request.refresh_from_db()
    assert request.state == "completed"


@override_settings(UNDO_WINDOW_SECONDS=0)
def test_a_connector_that_stays_down_is_given_up_for_an_operator_to_see(alice: Any, tmp_path: Path) -> None:
    register("gone", f"sqlite:///{tmp_path}/nowhere.sqlite", shops.DATASET, folder=tmp_path)
    request = carried_out(alice, "erasure")
    step = request.steps.get(kind=Step.Kind.CONNECTOR)
    Step.objects.filter(pk=step.pk).update(next_at=None, unanswered=9)
    steps.run(step.id)
    step.refresh_from_db()
    assert (step.state, step.unanswered) == ("queued", 10), "it is asked on until the request is due"
    RightsRequest.objects.update(due_at=timezone.now())
    Step.objects.filter(pk=step.pk).update(next_at=None)
    steps.run(step.id)
    step.refresh_from_db()
    assert (step.state, step.last_error) == ("failed", "connection_failed shop:address")
    assert AuditEvent.objects.get(action="step.failed").details["reason"] == "connection_failed:shop:address"


def test_the_archive_has_a_section_of_it(alice: Any, shop_file: sa.Engine) -> None:
    request = carried_out(alice, "access")
    archive = zipfile.ZipFile(BytesIO(b"".join(opened(request.archive))))
    section = json.loads(archive.read("data.json"))["data"]["connector warehouse"]
    assert section["shop:customer"] == [{"id": 1, "email": "alice@example.org", "name": "Alice Archer"}]
    assert "bob@example.org" not in archive.read("data.json").decode()
    assert any("connector_warehouse_shop_customer" in name for name in archive.namelist())


@override_settings(UNDO_WINDOW_SECONDS=0)
@pytest.mark.parametrize("after", [False, True], ids=["before the erasure", "before the last look"])
def test_a_connector_that_was_removed_fails_loudly_and_a_reviewer_decides(
    alice: Any, rita: Any, olga: Any, shop_file: sa.Engine, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone(shop_file)
    request = requests.file_request(
        subject=alice.subject, right="erasure", details={}, verified_by="account", actor=actors.SUBJECT, by_person=True
    )
    if after:
        steps.run(request.steps.get(kind=Step.Kind.CONNECTOR).id)
    before = contents(shop_file)
    text = Connector.objects.get().datasets[0]
    remove_connector(name="warehouse")
    sweep_all()
    kind = Step.Kind.VERIFY if after else Step.Kind.CONNECTOR
    step = request.steps.get(kind=kind, target__endswith="warehouse")
    assert (step.state, step.last_error, step.attempts) == ("failed", "place_removed", 1)
    act = {"name": "go_on_without", "request_id": request.id, "given": {"step": str(step.id)}}
    with pytest.raises(Invalid):
        desk.do(account=olga.account, **act)
    assert (
        "go on without it" in rita.browser().get(f"/admin/erasure/rightsrequest/{request.id}/change/").content.decode()
    )
    add_connector(name="warehouse", url=str(shop_file.url), datasets=[text])
    with pytest.raises(WrongState):
        desk.do(account=rita.account, **act)
    remove_connector(name="warehouse")
    desk.do(account=rita.account, **act)
    sweep_all()
    request.refresh_from_db()
    assert (request.state, request.outcome) == ("completed", "partly_retained")
    assert contents(shop_file) == before, "nobody was there to ask"
    told = json.loads(base64.urlsafe_b64decode(request.receipt.jws.split(".")[1] + "=="))["withheld"]
    assert [(row["collection"], row["reason"]) for row in told] == [("warehouse", "place_removed")]
    assert AuditEvent.objects.filter(action="connector.given_up", details__target="warehouse").count() == 1
    assert not Step.objects.filter(request=request).exclude(identities_sealed=None).exists()


def test_a_copy_says_that_a_connector_was_removed_and_not_asked(
    alice: Any, rita: Any, shop_file: sa.Engine, sqlite_url: Callable[[], sa.URL], tmp_path: Path
) -> None:
    """The copy does not wait for it; a reviewer registers it again or goes on without it, and the rest is asked."""
    register("crm", sqlite_url(), REFERRING, folder=tmp_path)
    request = requests.file_request(
        subject=alice.subject, right="access", details={}, verified_by="account", actor=actors.SUBJECT, by_person=True
    )
    step = request.steps.get(kind=Step.Kind.CONNECTOR)
    remove_connector(name="crm")
    steps.run(step.id)
    step.refresh_from_db()
    assert (step.target, step.state, step.last_error) == ("crm+warehouse", "failed", "place_removed")
    steps.sweep()
    (told,) = body_of(request, 0)["sources"]
    assert (told["source"], told["state"]) == ("crm+warehouse", "removed") and body_of(request, 0)["supplement_follows"]
    request.refresh_from_db()
    assert request.state == "in_progress", "somebody has to decide"
    removed.go_on_without(step_id=step.id, reviewer=rita.account)
    for _round in range(6):
        steps.sweep()
    request.refresh_from_db()
    later = body_of(request, 1)
    assert {row["source"]: row["state"] for row in later["sources"]} == {"crm": "removed", "warehouse": "answered"}
    assert not later["supplement_follows"] and "Alice Archer" in json.dumps(later)
    receipt = json.loads(base64.urlsafe_b64decode(request.receipt.jws.split(".")[1] + "=="))
    assert [(row["source"], row["answer"], row["archive"]) for row in receipt["sources"]] == [
        ("crm", "removed", None), ("warehouse", "answered", 1)
    ]  # fmt: skip
    assert request.state == "completed"


def body_of(request: RightsRequest, number: int) -> dict[str, Any]:
    archive = request.archives.get(number=number)
    with zipfile.ZipFile(BytesIO(b"".join(opened(archive)))) as packed:
        if number == 0:
            assert "Was removed from our systems" in packed.read("index.html").decode()
        found: dict[str, Any] = json.loads(packed.read("data.json"))
        return found


@override_settings(UNDO_WINDOW_SECONDS=0)
def test_of_a_group_that_lost_one_the_rest_is_still_erased(
    alice: Any, rita: Any, shop_file: sa.Engine, sqlite_url: Callable[[], sa.URL], tmp_path: Path
) -> None:
    alone(shop_file)
    register("crm", sqlite_url(), REFERRING, folder=tmp_path)
    request = requests.file_request(
        subject=alice.subject, right="erasure", details={}, verified_by="account", actor=actors.SUBJECT, by_person=True
    )
    step = request.steps.get(kind=Step.Kind.CONNECTOR)
    assert step.target == "crm+warehouse"
    remove_connector(name="crm")
    sweep_all()
    step.refresh_from_db()
    assert step.last_error == "place_removed" and contents(shop_file)["customer"][0][1] == "alice@example.org"
    removed.go_on_without(step_id=step.id, reviewer=rita.account)
    sweep_all()
    request.refresh_from_db()
    assert (request.state, request.outcome) == ("completed", "partly_retained")
    assert contents(shop_file)["customer"][0][1] is None
    assert sorted(request.steps.filter(target__endswith="warehouse").values_list("target", "state")) == [
        ("connector:warehouse", "done"), ("warehouse", "done"),
    ]  # fmt: skip


REFERRING = """
dataset:
  - fides_key: crm
    name: CRM
    collections:
      - name: contact
        fields:
          - {name: id, fides_meta: {primary_key: True}}
          - name: customer
            data_categories: [user.unique_id]
            fides_meta: {references: [{dataset: shop, field: customer.id, direction: from}]}
"""
