"""The plain read of data in front of Django: the view's answer, and the rows it leaves. In doubt the view answers."""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import OperationalError, connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from access.models import ThrottleWindow
from access.rest import remembered
from audit.models import AuditEvent
from consent.decide import PurposeFacts
from consent.models import DataContract, Objection, Purpose, Standing
from consent.services import data, reading
from consent.services.data import store_data
from gdpr_portal.quick import data as quick
from subjects.models import PersonalValue, Restriction, ValuePurpose
from subjects.services import mark_erased, retain
from tests.audit.tools import behind_the_triggers
from tests.conftest import make_application
from tests.consent.people import answer
from tests.frame.doors import Doors, changes, plans, told, without_rate
from vault.models import DataKey

ADA = {
    "email": "ada@example.org", "given_name": "Ada", "family_name": "Lovelace ß\u2028\"", "phone": "+4930123456",
    "postal_address": "Unter den Linden 1\n10117 Berlin",
}  # fmt: skip
EVENT = ("at", "action", "actor", "subject", "request_id", "purpose", "fields", "details")


@dataclass
class DataDoors(Doors):
    """As `Doors`, for a GET: compared are the rows left as well, table by table, and the audit events."""

    def ask(self, door: Any, body: bytes, **environ: Any) -> Any:
        plain = {"REQUEST_METHOD": "GET", "QUERY_STRING": "purpose=orders", "CONTENT_TYPE": None}
        path, length = f"/api/v1/subjects/{self.id}/data", str(len(body)) if body else None
        before, last = changes(), AuditEvent.objects.order_by("ordinal").values_list("ordinal", flat=True).last() or 0
        answer = super().ask(door, body, **plain | {"PATH_INFO": path, "CONTENT_LENGTH": length} | environ)
        events = [*AuditEvent.objects.filter(ordinal__gt=last).order_by("ordinal").values(*EVENT)]
        after = changes()
        changed = {key: count - before.get(key, 0) for key, count in after.items() if count != before.get(key, 0)}
        self.left = changed | {"events": events}
        return answer

    def same(self, body: Any = None, **environ: Any) -> tuple[str, dict[str, Any]]:
        raw = body or b""
        remembered.forget()
        status, headers, content = self.ask(self.view, raw, **environ)
        left, self.left = self.left, {}
        remembered.forget()
        found = self.ask(self.quick, raw, **environ)
        assert (found[0], without_rate(found[1]), found[2]) == (status, without_rate(headers), content)
        assert told(self.left) == told(left)
        return status, json.loads(content) if content else {}

    def read(self, query: str = "purpose=orders", **environ: Any) -> dict[str, Any]:
        return self.at_once(QUERY_STRING=query, **environ)

    def refused(self, query: str = "purpose=orders", **environ: Any) -> str:
        return self.by_the_view(QUERY_STRING=query, **environ)[:3]


@pytest.fixture(autouse=True)
def _one_connection(monkeypatch):
    """The connection stays: a real one is looked at after each request, a test's is in use."""
    monkeypatch.setattr(connections["default"], "close_if_unusable_or_obsolete", lambda: None)


@pytest.fixture
def doors(catalogue, frozen, shop, alice, client_for):
    store_data(application=shop, subject=alice.subject, purpose="orders", values=ADA, source="subject")
    return DataDoors(client_for(shop).token, str(alice.id_for(shop)))


# --- at once ----------------------------------------------------------------------------------------------------------
def test_the_whole_contract_and_chosen_fields(doors, alice):
    said = doors.read()
    assert said == {"purpose": "orders", "values": ADA, "withheld": []}
    [event] = doors.left["events"]
    assert (event["action"], event["actor"], event["purpose"]) == ("data.read", "application:shop", "orders")
    assert event["fields"] == sorted(ADA) and event["subject"] == alice.subject.pseudonym
    assert event["details"] == {"application": "shop", "count": 5, "withheld": 0}
    assert [count for table, count in doors.left.items() if table.startswith("audit_event")] == [1]
    chosen = doors.read("purpose=orders&fields=phone,email,phone")
    assert list(chosen["values"]) == ["phone", "email"]
    assert doors.left["events"][0]["fields"] == ["email", "phone"]


def test_only_what_is_linked_to_the_purpose(doors, alice, shop):
    store_data(
        application=shop,
        subject=alice.subject,
        purpose="orders",
        values={"phone": None, "email": None},
        source="subject",
    )
    store_data(
        application=shop,
        subject=alice.subject,
        purpose="fraud_prevention",
        values={"phone": ADA["phone"]},
        source="subject",
    )
    assert doors.read()["values"].keys() == ADA.keys() - {"phone", "email"}
    assert doors.read("purpose=orders&fields=phone,email")["values"] == {}
    assert doors.left["events"][0]["details"]["count"] == 0
    assert doors.read("purpose=fraud_prevention")["values"] == {"phone": ADA["phone"]}


def test_a_read_on_consent(doors, alice, shop, frozen):
    assert doors.refused("purpose=newsletter") == "403"
    answer(alice.subject, "give")
    store_data(
        application=shop, subject=alice.subject, purpose="newsletter", values={"email": ADA["email"]}, source="subject"
    )
    assert doors.read("purpose=newsletter")["values"] == {"email": ADA["email"]}
    for change in (
        {"state": "pending"},
        {"state": "expired"},
        {"expires_at": timezone.now()},
        {"notice_version": None},
    ):
        kept = Standing.objects.values(*change).get(subject=alice.subject, purpose="newsletter")
        Standing.objects.filter(subject=alice.subject).update(**change)
        assert doors.refused("purpose=newsletter") == "403", change
        Standing.objects.filter(subject=alice.subject).update(**kept)
    frozen.shift(1)
    answer(alice.subject, "withdraw")
    assert doors.refused("purpose=newsletter") == "403"
    assert [event["action"] for event in doors.left["events"]] == ["data.refused"]


def test_plain_ways_of_asking_are_answered_at_once(doors):
    doors.read(HTTP_ACCEPT=None)
    doors.read(HTTP_ACCEPT="application/json", CONTENT_TYPE="application/json", CONTENT_LENGTH="")
    doors.read(CONTENT_LENGTH="0", PATH_INFO=f"/api/v1/subjects/{doors.id.upper()}/data")


# --- by the view ------------------------------------------------------------------------------------------------------
QUERIES = [
    ("", "400"), ("purpose=", "400"), ("purpose=none", "404"), ("purpose=statistics", "403"),
    ("purpose=profiling", "403"),
    ("purpose=orders&purpose=orders", "400"), ("purpose=orders&more=1", "400"), ("purpose=orders&fields=", "400"),
    ("purpose=orders&fields=email,", "400"), ("purpose=orders&fields=a b", "400"), ("fields=email", "400"),
    ("purpose=orders&fields=vat_number", "403"), ("purpose=orders&fields=email,vat_number", "200"),
    ("purpose=orders&fields=shoe_size", "403"), ("purpose=order%73", "200"), ("purpose=or%00ders", "400"),
    ("fields=email&purpose=orders", "200"), ("purpose=orders&fields=" + ",".join(f"f{n}" for n in range(201)), "400"),
    ("purpose=orders&", "200"), ("purpose=" + "p" * 51, "404"),
]  # fmt: skip
REQUESTS = [
    ({"REQUEST_METHOD": "HEAD"}, "200"), ({"REQUEST_METHOD": "DELETE"}, "405"), ({"HTTP_ACCEPT": "text/html"}, "406"),
    ({"CONTENT_LENGTH": "5"}, "200"), ({"HTTP_TRANSFER_ENCODING": "chunked"}, "200"),
    ({"HTTP_AUTHORIZATION": "Bearer gdpr_at_unknown"}, "401"), ({"HTTP_AUTHORIZATION": None}, "401"),
    ({"PATH_INFO": f"/api/v1/subjects/{uuid4()}/data"}, "404"), ({"PATH_INFO": "/api/v1/subjects/x/data"}, "404"),
]  # fmt: skip


def test_queries_and_requests_that_are_not_plain(doors):
    for query, status in QUERIES:
        assert (query, doors.refused(query)) == (query, status)
    for environ, status in REQUESTS:
        assert (environ, doors.refused(**environ)) == (environ, status)


def test_who_may_not(doors, eve, client_for):
    doors.token = client_for(eve).token
    assert doors.refused() == "403"
    doors.token = client_for(make_application("other", ["data:read"], requests_per_minute=6000)).token
    assert doors.refused() == "404"
    doors.token = client_for(make_application("small", ["data:read"], requests_per_minute=60)).token
    assert doors.refused() == "404"
    assert ThrottleWindow.objects.get(application__slug="small").used == 2  # one by each door


def test_a_read_passed_on_counts_once(doors, shop):
    """What the share gave is taken back, and the view takes one of it again."""
    rates = []
    for query in ("purpose=orders", "purpose=none", "purpose=orders"):
        rates.append(int(doors.ask(doors.quick, b"", QUERY_STRING=query)[1]["RateLimit"].split("r=")[1].split(";")[0]))
    assert rates == [shop.requests_per_minute - 1, shop.requests_per_minute - 2, shop.requests_per_minute - 3]


def test_what_binds_a_person_or_a_contract(doors, alice, shop):
    now = timezone.now()
    changes = [
        lambda: Restriction.objects.create(subject=alice.subject, ground="accuracy_contested", since=now),
        lambda: DataContract.objects.filter(purpose__slug="orders").update(expires_at=now),
        lambda: DataContract.objects.filter(purpose__slug="orders").update(state="retired"),
        lambda: Purpose.objects.filter(slug="orders").update(state="retired"),
        lambda: shop.links.all().delete(),
    ]
    for change in changes:
        point = connection.savepoint()
        doors.read()
        with behind_the_triggers():
            change()
        assert doors.refused() in {"403", "404"}
        connection.savepoint_rollback(point)
    point = connection.savepoint()
    with behind_the_triggers():
        DataContract.objects.filter(purpose__slug="orders").update(fields=["email"])
    assert doors.refused("purpose=orders&fields=phone") == "403"
    assert doors.read()["values"] == {"email": ADA["email"]}
    connection.savepoint_rollback(point)
    with behind_the_triggers():
        Purpose.objects.filter(slug="orders").update(fields=["email"])
    assert doors.refused() == "200"  # four withheld
    assert doors.read("purpose=orders&fields=email")["values"] == {"email": ADA["email"]}


def test_an_objection_that_the_basis_does_not_give_is_in_doubt(doors, alice):
    Objection.objects.create(subject=alice.subject, purpose="orders", since=timezone.now())
    assert doors.refused() == "200"
    Objection.objects.create(subject=alice.subject, purpose="direct_marketing", since=timezone.now())
    assert doors.refused("purpose=direct_marketing") == "403"


def test_somebody_erased_and_somebody_without_a_key(doors, alice, shop):
    kept = {"purpose": "tax_records", "fields": ["family_name"], "article": "17(3)(b)"}
    store_data(
        application=shop, subject=alice.subject, purpose="tax_records", values={"family_name": "L"}, source="subject"
    )
    doors.read("purpose=tax_records")
    point = connection.savepoint()
    retain(subject=alice.subject, until=timezone.now() + timedelta(days=300), **kept)
    mark_erased(subject=alice.subject, actor="staff:x")
    assert doors.refused() == "410"
    assert doors.refused("purpose=tax_records&fields=family_name") == "200"
    connection.savepoint_rollback(point)
    DataKey.objects.filter(owner=alice.subject.pk).delete()
    assert doors.refused() == "410"


# --- no event, no answer ----------------------------------------------------------------------------------------------
def test_without_its_event_nothing_is_given_out(doors, shop):
    """Where the log takes no entry the statement has no row."""
    asked = {"application": shop, "pairwise": UUID(doors.id), "purpose": "orders", "fields": None}
    assert reading.read_plainly(**asked) == ADA
    with connection.cursor() as cursor:
        cursor.execute("CREATE FUNCTION pg_temp.no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'")
        cursor.execute("CREATE TRIGGER no BEFORE INSERT ON audit_event FOR EACH ROW EXECUTE FUNCTION pg_temp.no()")
    assert reading.read_plainly(**asked) is None


def test_one_statement_prepared_once(doors):
    doors.ask(doors.quick, b"")  # token and share are taken
    generic, _ = plans(reading.READ)
    with CaptureQueriesContext(connection) as others:
        for _ in range(3):
            super(DataDoors, doors).ask(
                doors.quick, b"", REQUEST_METHOD="GET", QUERY_STRING="purpose=orders", CONTENT_LENGTH=None,
                PATH_INFO=f"/api/v1/subjects/{doors.id}/data",
            )  # fmt: skip
    assert not others.captured_queries and not doors.passed_on
    assert plans(reading.READ) == (generic + 3, 0)


def test_a_cell_that_does_not_open_is_told_by_the_view(doors, alice):
    """The event of the statement stands beside the view's: one too many, never one too few."""
    other = PersonalValue.objects.get(subject=alice.subject, field="phone").sealed
    PersonalValue.objects.filter(subject=alice.subject, field="email").update(sealed=bytes(other))
    assert doors.ask(doors.quick, b"")[0][:3] == "503"
    assert [event["action"] for event in doors.left["events"]] == ["data.read", "data.refused", "crypto.tamper"]


def test_a_database_that_is_down_is_503_and_back_without_a_restart(doors, monkeypatch):
    def down(*_: Any, **__: Any) -> Any:
        raise OperationalError("the server closed the connection")

    with monkeypatch.context() as patch:
        patch.setattr(quick, "read_plainly", down)
        patch.setattr("consent.api.data.read_data", down)
        patch.setattr(connection, "close", lambda: None)  # the test's transaction lives on it
        status, headers, _ = doors.ask(doors.quick, b"")
    assert (status[:3], headers["Retry-After"]) == ("503", "2")
    assert doors.ask(doors.quick, b"")[0] == "200 OK" and len(doors.passed_on) == 1


# --- teeth ------------------------------------------------------------------------------------------------------------
def test_a_gate_that_lets_through_too_much_gives_nothing_out(doors, monkeypatch, caplog):
    """The one function decides, whatever the statement says: with the contract ended for it, the view answers."""
    monkeypatch.setattr(PurposeFacts, "usable_fields", property(lambda _: frozenset()))
    assert doors.ask(doors.quick, b"")[0][:3] == "403" and len(doors.passed_on) == 1
    assert "after an error" in caplog.text


@pytest.mark.parametrize("what", ["order", "event", "row"])
def test_the_comparison_notices_a_difference(doors, monkeypatch, what):
    if what == "order":
        real = quick.read_plainly
        monkeypatch.setattr(quick, "read_plainly", lambda **more: dict(reversed(real(**more).items())))
    elif what == "event":
        monkeypatch.setattr(reading.actors, "application", lambda slug: "application:another")
        monkeypatch.setattr(data, "actors", type("", (), {"application": lambda slug: f"application:{slug}"}))
    else:
        real = quick.read_plainly
        monkeypatch.setattr(quick, "read_plainly", lambda **more: _with_a_row_more(real(**more)))
    with pytest.raises(AssertionError):
        doors.read()


def _with_a_row_more(values: Any) -> Any:
    ValuePurpose.objects.create(value=PersonalValue.objects.first(), purpose="another")
    return values
