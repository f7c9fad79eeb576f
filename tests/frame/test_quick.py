"""The single decision in front of Django: its answers are the view's, and what it does not answer the view does."""

import io
import json
import time
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import OperationalError, ProgrammingError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from access.models import AccessToken, ThrottleWindow
from access.rest import remembered
from consent.models import DataContract, DecisionCount, Objection, Purpose
from consent.services import counting, decisions
from consent.services.facts import ONE_DECISION
from gdpr_portal.prepared import Prepared
from gdpr_portal.quick import decisions as quick
from subjects.models import Restriction
from subjects.services import mark_erased, retain
from tests.audit.tools import behind_the_triggers
from tests.conftest import make_application
from tests.consent.people import answer, share
from tests.frame.doors import DECISIONS, SAME_ID, Doors, plans
from vault import providers


@pytest.fixture(autouse=True)
def _one_connection(monkeypatch):
    """Nothing is gathered, and the connection stays: a real one is looked at after each request, a test's is in use."""
    quick.gathered.take()
    monkeypatch.setattr(connections["default"], "close_if_unusable_or_obsolete", lambda: None)
    yield
    quick.gathered.take()


@pytest.fixture
def doors(catalogue, frozen, shop, alice, client_for):
    return Doors(client_for(shop).token, str(alice.id_for(shop)))


# --- every code -------------------------------------------------------------------------------------------------------
def test_consent_in_all_its_states(doors, alice, frozen):
    found = [doors.at_once()["code"]]
    for action in ("refuse", "give", "withdraw", "give"):
        frozen.shift(1)
        answer(alice.subject, action)
        found.append(doors.at_once()["code"])
    frozen.shift(timedelta(days=5000))
    doors.token = _token_anew(doors)
    found.append(doors.at_once()["code"])
    assert found == [
        "consent_missing", "consent_refused", "allowed", "consent_withdrawn", "allowed", "consent_expired",
    ]  # fmt: skip


def test_sharing_contract_fields_and_purposes(doors, alice):
    answer(alice.subject, "give")
    asked = [
        doors.question(recipient="acme"), doors.question(recipient="nobody"), doors.question("none"),
        doors.question("statistics"), doors.question("profiling"), doors.question("orders"),
        doors.question("orders", fields=["email", "vat_number", "ß\u2028", "email"]),
        doors.question(fields=[]), doors.question(recipient=None), doors.question(" "), doors.question("p" * 200),
        doors.question(subject=str(uuid4())), doors.question(subject=doors.id.upper()),
    ]  # fmt: skip
    codes = [doors.at_once(each)["code"] for each in asked]
    assert codes[:7] == [
        "sharing_off", "sharing_off", "unknown_purpose", "not_in_contract", "purpose_not_approved", "allowed",
        "not_in_contract",
    ]  # fmt: skip
    assert codes[7:] == ["allowed", "allowed", "unknown_purpose", "unknown_purpose", "unknown_subject", "allowed"]
    share(alice.subject, True)
    assert doors.at_once(doors.question(recipient="acme"))["allowed"]


def test_what_binds_a_person(doors, alice, shop, frozen):
    now = timezone.now()
    Objection.objects.create(subject=alice.subject, purpose="fraud_prevention", since=now)
    assert doors.at_once(doors.question("fraud_prevention"))["code"] == "objected"
    with behind_the_triggers():
        DataContract.objects.filter(purpose__slug="orders").update(expires_at=now + timedelta(seconds=30))
    assert doors.at_once(doors.question("orders"))["valid_until"] != doors.at_once()["valid_until"]
    frozen.shift(30)
    assert doors.at_once(doors.question("orders"))["code"] == "not_in_contract"
    Restriction.objects.create(subject=alice.subject, ground="accuracy_contested", since=now)
    assert doors.at_once(doors.question("fraud_prevention"))["code"] == "restricted"
    with behind_the_triggers():
        Purpose.objects.filter(slug="newsletter").update(state="retired")
    assert doors.at_once()["code"] == "purpose_not_approved"


def test_somebody_erased_of_whom_a_law_keeps_something(doors, alice):
    kept = {"purpose": "tax_records", "fields": ["family_name"], "article": "17(3)(b)"}
    retain(subject=alice.subject, until=timezone.now() + timedelta(days=300), **kept)
    mark_erased(subject=alice.subject, actor="staff:x")
    assert doors.at_once()["code"] == "erased"
    said = doors.at_once(doors.question("tax_records", fields=["family_name", "vat_number"]))
    assert said["fields"] == {"family_name": "allowed", "vat_number": "erased"}


# --- what the view answers --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"null", b"[]", b"{}", b'"x"', b"\xff", b'{"subject": 1, "subject": 2}', b'{"a": NaN}',
        b"[" * 30 + b"]" * 30, b'{"subject": "\\u0000", "purpose": "x"}', b"x" * 70_000, b"x" * 1_100_000,
    ],
    ids=lambda body: repr(body[:20]),
)  # fmt: skip
def test_bodies_that_are_no_question(doors, body):
    assert doors.by_the_view(body)[:3] in {"400", "413", "422"}


@pytest.mark.parametrize(
    "more",
    [
        {"purpose": ""}, {"purpose": None}, {"purpose": 1}, {"purpose": True}, {"purpose": "p" * 201},
        {"subject": "x"}, {"subject": None}, {"subject": "{00000000-0000-4000-8000-000000000000}"},
        {"recipient": ""}, {"recipient": 1}, {"recipient": "r" * 201}, {"fields": None}, {"fields": "email"},
        {"fields": [1]}, {"fields": [None]}, {"fields": [""]}, {"fields": ["f" * 201]}, {"fields": ["email"] * 201},
        {"fields": {"email": 1}}, {"more": 1},
    ],
    ids=str,
)  # fmt: skip
def test_members_that_do_not_fit(doors, more):
    assert doors.by_the_view(doors.question() | more)[:3] in {"400", "422"}


@pytest.mark.parametrize(
    ("environ", "status"),
    [
        ({"QUERY_STRING": "explain=1"}, "200"), ({"QUERY_STRING": "at=2026-01-01T00:00:00Z"}, "200"),
        ({"QUERY_STRING": "odd=1"}, "400"), ({"REQUEST_METHOD": "GET"}, "405"), ({"REQUEST_METHOD": "PUT"}, "405"),
        ({"REQUEST_METHOD": "OPTIONS"}, "405"), ({"REQUEST_METHOD": "BREW"}, "405"),
        ({"CONTENT_TYPE": "text/plain"}, "415"), ({"CONTENT_TYPE": "application/json; charset=latin-1"}, "415"),
        ({"CONTENT_TYPE": "APPLICATION/JSON"}, "200"), ({"HTTP_ACCEPT": "text/html"}, "406"),
        ({"HTTP_ACCEPT": "application/*;q=0.5"}, "200"), ({"CONTENT_LENGTH": "x"}, "400"),
        ({"CONTENT_LENGTH": "²"}, "400"), ({"CONTENT_LENGTH": "400"}, "400"), ({"HTTP_AUTHORIZATION": None}, "401"),
        ({"HTTP_AUTHORIZATION": "Basic eDp5"}, "401"), ({"HTTP_AUTHORIZATION": "Bearer"}, "401"),
        ({"HTTP_AUTHORIZATION": "Bearer gdpr_at_unknown"}, "401"), ({"HTTP_AUTHORIZATION": "Bearer \xfcn"}, "401"),
    ],
    ids=str,
)  # fmt: skip
def test_requests_that_are_not_plain(doors, environ, status):
    assert doors.by_the_view(**environ).startswith(status)


def test_what_waited_too_long_is_refused_as_elsewhere(doors):
    now = time.time()
    assert doors.at_once(HTTP_X_REQUEST_START=f"t={int(1000 * now)}")["code"]
    assert doors.by_the_view(HTTP_X_REQUEST_START=f"t={int(1000 * (now - 30))}")[:3] == "503"


def test_other_addresses_are_not_touched(doors):
    assert doors.by_the_view(PATH_INFO=f"{DECISIONS}/batch").startswith("400")
    assert doors.by_the_view(PATH_INFO=f"{DECISIONS}/").startswith("404")
    assert all(isinstance(each["wsgi.input"], io.BytesIO) for each in doors.passed_on)


def test_plain_ways_of_asking_are_answered_at_once(doors):
    doors.at_once(HTTP_ACCEPT=None)
    doors.at_once(HTTP_ACCEPT="application/json", CONTENT_TYPE="application/json; charset=utf-8")
    doors.at_once(**{"wsgi.url_scheme": "https"})
    doors.at_once(HTTP_AUTHORIZATION=f"bearer  {doors.token} ")


def test_a_caller_s_id_is_kept_and_an_odd_one_replaced(doors):
    assert doors.ask(doors.quick, _raw(doors))[1]["X-Request-Id"] == SAME_ID
    ids = {doors.ask(doors.quick, _raw(doors), HTTP_X_REQUEST_ID="ß ?")[1]["X-Request-Id"] for _ in range(2)}
    assert len(ids) == 2 and all(len(each) == 36 for each in ids)


# --- behind TLS -------------------------------------------------------------------------------------------------------
@pytest.fixture
def behind_tls(settings):
    settings.SECURE_SSL_REDIRECT, settings.SECURE_HSTS_SECONDS = True, 63072000
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")


def test_over_tls_browsers_are_told_to_stay_there(behind_tls, doors):
    doors.at_once(HTTP_X_FORWARDED_PROTO="https", HTTP_HOST="portal.example")
    headers = doors.ask(doors.quick, _raw(doors), HTTP_X_FORWARDED_PROTO="https")[1]
    assert headers["Strict-Transport-Security"].startswith("max-age=63072000")


def test_without_tls_nothing_is_answered_where_it_is_asked_for(behind_tls, doors):
    assert doors.by_the_view(HTTP_HOST="portal.example").startswith("403")
    assert doors.by_the_view(HTTP_HOST="portal.example", HTTP_X_FORWARDED_PROTO="http").startswith("403")


# --- who may ask ------------------------------------------------------------------------------------------------------
def test_without_the_scope_the_view_refuses_and_records(doors, eve, client_for):
    doors.token = client_for(eve).token
    assert doors.by_the_view().startswith("403")


def test_another_application_does_not_know_the_person(doors, client_for):
    other = make_application("other", ["decisions:read"])
    doors.token = client_for(other).token
    assert doors.at_once()["code"] == "unknown_subject"


@pytest.mark.parametrize("how", ["revoked", "disabled", "narrowed"])
def test_what_is_taken_away_is_refused_within_a_second(doors, shop, frozen, how, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(remembered.time, "monotonic", lambda: clock[0])
    assert doors.ask(doors.quick, _raw(doors))[0] == "200 OK"
    if how == "revoked":
        AccessToken.objects.all().delete()
    elif how == "disabled":
        shop.enabled = False
        shop.save()
    else:
        shop.scopes = ["subjects:read"]
        shop.save()
    clock[0] += 0.99
    assert doors.ask(doors.quick, _raw(doors))[0][:3] == ("403" if how == "narrowed" else "401")


def test_a_token_past_its_end_is_refused_at_once(doors, frozen):
    assert doors.ask(doors.quick, _raw(doors))[0] == "200 OK"
    frozen.shift(601)
    assert doors.ask(doors.quick, _raw(doors))[0][:3] == "401"


def test_a_live_token_is_looked_up_once_in_a_while(doors, monkeypatch):
    asked = []
    real = remembered.grant_of
    monkeypatch.setattr(remembered, "grant_of", lambda token: asked.append(token) or real(token))
    for _ in range(5):
        doors.ask(doors.quick, _raw(doors))
    assert len(asked) == 1


# --- how often --------------------------------------------------------------------------------------------------------
def test_a_small_quota_is_counted_one_by_one(doors, client_for):
    small = make_application("small", ["decisions:read"], requests_per_minute=3)
    doors.token = client_for(small).token
    answers = [doors.ask(doors.quick, _raw(doors)) for _ in range(5)]
    assert [each[0][:3] for each in answers] == ["200", "200", "200", "429", "429"]
    assert [each[1]["RateLimit"].partition(";t=")[0] for each in answers] == [
        f'"default";r={left}' for left in (2, 1, 0, 0, 0)
    ]
    assert "Retry-After" in answers[4][1]


def test_no_share_goes_beyond_the_quota(doors, client_for):
    """A quota of 1,200 is taken two at a time; the last share finds one left, as somebody else took some."""
    large = make_application("large", ["decisions:read"], requests_per_minute=1200)
    doors.token = client_for(large).token
    assert doors.ask(doors.quick, _raw(doors))[1]["RateLimit"].startswith('"default";r=1199;')
    assert ThrottleWindow.objects.get(application=large).used == 2
    ThrottleWindow.objects.update(used=1199)
    codes = [doors.ask(doors.quick, _raw(doors))[0][:3] for _ in range(5)]
    assert codes == ["200", "200", "429", "429", "429"]


def test_a_share_ends_with_its_window(client_for, shop, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(remembered.time, "monotonic", lambda: clock[0])
    remembered.count_in_shares(shop)
    share_size = shop.requests_per_minute // remembered.SHARES
    assert ThrottleWindow.objects.get().used == share_size
    remembered.count_in_shares(shop)
    assert ThrottleWindow.objects.get().used == share_size
    clock[0] += 61
    remembered.count_in_shares(shop)
    assert ThrottleWindow.objects.get().used == 2 * share_size


# --- counted ----------------------------------------------------------------------------------------------------------
def test_decisions_are_counted_as_by_the_view(doors, alice):
    answer(alice.subject, "give")
    asked = [doors.question(), doors.question(), doors.question("orders"), doors.question("no purpose of ours")]
    for door, written in ((doors.view, lambda: None), (doors.quick, counting.gathered.write)):
        for each in asked:
            doors.ask(door, json.dumps(each).encode())
        written()
        rows = DecisionCount.objects.values_list("application", "purpose", "code", "minute", "count")
        assert sorted(rows) == [
            ("shop", "", "unknown_purpose", _minute(), 1), ("shop", "newsletter", "allowed", _minute(), 2),
            ("shop", "orders", "allowed", _minute(), 1),
        ]  # fmt: skip
        DecisionCount.objects.all().delete()


def test_counts_wait_for_the_database_and_keep_their_minute(doors, frozen, monkeypatch):
    doors.ask(doors.quick, _raw(doors))
    made = _minute()
    with monkeypatch.context() as patch:
        patch.setattr(counting, "_add", _down)
        with pytest.raises(OperationalError):
            counting.gathered.write()
    frozen.shift(120)
    doors.ask(doors.quick, _raw(doors))
    assert counting.gathered.write() == 2 and counting.gathered.write() == 0
    assert sorted(DecisionCount.objects.values_list("minute", "count")) == [(made, 1), (_minute(), 1)]


# --- what it costs, and what is down ----------------------------------------------------------------------------------
def test_one_statement_a_decision_and_it_is_prepared(doors, monkeypatch):
    doors.ask(doors.quick, _raw(doors))  # token and share are taken
    generic, _ = plans(ONE_DECISION)
    with CaptureQueriesContext(connection) as others:
        for _ in range(3):
            doors.ask(doors.quick, _raw(doors))
    assert not others.captured_queries and not doors.passed_on
    assert plans(ONE_DECISION) == (generic + 3, 0)


def test_a_database_that_is_down_is_503_with_retry_after_and_back_without_a_restart(doors, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(quick, "decide_one", _down)
        patch.setattr("consent.api.decisions.decide_many", _down)
        patch.setattr(connection, "close", lambda: None)  # the test's transaction lives on it
        status, headers, body = doors.ask(doors.quick, _raw(doors))
    assert (status[:3], headers["Retry-After"], json.loads(body)["code"]) == ("503", "2", "unavailable")
    assert headers["Content-Type"] == "application/problem+json"
    assert doors.ask(doors.quick, _raw(doors))[0] == "200 OK" and len(doors.passed_on) == 1


def test_a_sealed_vault_is_503(doors, monkeypatch):
    def sealed(*_: Any) -> Any:
        raise providers.Sealed("no key")

    monkeypatch.setattr(providers, "keyring", sealed)
    assert doors.ask(doors.quick, _raw(doors))[0][:3] == "503"


def test_an_error_nobody_expected_is_left_to_the_view(doors, monkeypatch, caplog):
    monkeypatch.setattr(quick, "decide_one", lambda **_: 1 / 0)
    assert doors.ask(doors.quick, _raw(doors))[0] == "200 OK" and len(doors.passed_on) == 1
    assert "after an error" in caplog.text


def test_the_comparison_notices_a_difference(doors, monkeypatch):
    """Teeth: an answer that is one fact off is found."""
    real = decisions.gather_one
    monkeypatch.setattr(
        decisions, "gather_one", lambda question, **more: real(question, **more | {"at": more["at"] - timedelta(1)})
    )
    with pytest.raises(AssertionError):
        doors.same()


def _raw(doors: Doors) -> bytes:
    return json.dumps(doors.question()).encode()


def _down(*_: Any, **__: Any) -> Any:
    raise OperationalError("the server closed the connection")


def _minute() -> Any:
    return timezone.now().replace(second=0, microsecond=0)


def _token_anew(doors: Doors) -> str:
    AccessToken.objects.update(expires_at=timezone.now() + timedelta(hours=1))
    return doors.token


@pytest.mark.parametrize(("pooled", "kept"), [(False, 1), (True, 0)])
def test_behind_a_pooler_nothing_is_prepared(db: None, settings: Any, pooled: bool, kept: int) -> None:
    """A connection of PgBouncer's in transaction mode is another one in the next transaction."""
    settings.DATABASE_POOLED = pooled
    planted = Prepared(f"SELECT %(number)s::int + 1 AS planted_{kept}")
    assert [planted.one(number=1) for _ in range(2)] == [(2,), (2,)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE %s", [f"%planted_{kept}"])
        assert cursor.fetchone() == (kept,)


def test_a_connection_that_lost_what_was_prepared_prepares_it_anew(db: None) -> None:
    planted = Prepared("SELECT 1 + %(number)s::int AS lost")
    assert planted.one(number=1) == (2,)
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")
    with pytest.raises(ProgrammingError), transaction.atomic():
        planted.one(number=1)
    assert planted.one(number=1) == (2,)
