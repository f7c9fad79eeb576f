"""Lists, pages and sweeps read what they show, however many rows there are (scale.md: growth of at most a fifth).

By the plans that PostgreSQL carries out: of a table with thousands of rows a page may read some hundreds.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from access import admin_base
from bench.lists import fill
from bench.lists_rows import TABLES
from bench.world import World, copy
from consent.models import ConsentEvent, DecisionChange
from consent.services import consents, feed, reminders
from erasure.models import AccessQuestion, RetentionProposal, RightsRequest
from erasure.services import place_tasks, steps
from gdpr_portal import start
from tests.erasure.people import file

pytestmark = pytest.mark.django_db
PEOPLE = 4000
MOST_ROWS = 2000
"""Of one table by one statement: a page of a hundred, what hangs on it, and a count that stops."""
REQUESTS = "/admin/erasure/rightsrequest/"


@contextmanager
def plans() -> Iterator[list[tuple[str, dict[str, float]]]]:
    """Each statement that reads or deletes meanwhile, with the rows it touched by table; those thrown away included."""
    found: list[tuple[str, dict[str, float]]] = []

    def explained(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        if sql.lstrip().upper().startswith(("SELECT", "WITH", "DELETE")) and "FOR UPDATE" not in sql:
            with connection.connection.cursor() as cursor:
                cursor.execute("SAVEPOINT explained")
                cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", params)
                plan = cursor.fetchone()[0]
                cursor.execute("ROLLBACK TO SAVEPOINT explained")
            found.append((sql, _touched((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"])))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explained):
        yield found


def _touched(plan: dict[str, Any]) -> dict[str, float]:
    rows: dict[str, float] = {}
    todo = [plan]
    while todo:
        node = todo.pop()
        todo += node.get("Plans", [])
        if "Relation Name" in node:
            seen = node["Actual Loops"] * (node["Actual Rows"] + node.get("Rows Removed by Filter", 0))
            rows[node["Relation Name"]] = rows.get(node["Relation Name"], 0) + seen
    return rows


def too_many(act: Callable[[], Any], looked_at: str) -> list[tuple[str, dict[str, float]]]:
    """What read more than a page may; the act has to have looked at that table at all."""
    with plans() as found:
        act()
    assert any(looked_at in rows for _sql, rows in found), "looked at nothing"
    return [(sql[:300], rows) for sql, rows in found if max(rows.values(), default=0) > MOST_ROWS]


@pytest.fixture
def crowd(catalogue: None, shop: Any, rita: Any, quentin: Any, olga: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`crowd("a_table", ...)`: so many rows of those tables; lists count to two hundred."""
    monkeypatch.setattr(admin_base, "MOST_LISTED", 200)
    staff = {"rita": rita, "quentin": quentin, "olga": olga}
    return lambda *tables: fill(World(shop, staff), PEOPLE, only=[*dict.fromkeys(("subjects_subject", *tables))])


REQUEST_TABLES = ("erasure_rightsrequest", "erasure_case", "erasure_step")


# --- lists of the desk ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "query",
    ["", "?state__exact=open", "?state__exact=completed", "?right__exact=erasure", "?right__exact=human_review",
     "?extended__exact=1", "?o=4", "?o=-5"],
)  # fmt: skip
def test_a_page_of_the_list_of_requests_reads_a_page(crowd: Any, rita: Any, query: str) -> None:
    crowd(*REQUEST_TABLES)
    browser = rita.browser()
    assert too_many(lambda: _ok(browser.get(REQUESTS + query)), "erasure_rightsrequest") == []


@pytest.mark.parametrize(
    ("table", "query"),
    [
        ("subjects_subject", ""), ("subjects_subject", "?erased_at__isempty=1"),
        ("access_account", ""), ("access_account", "?is_staff__exact=1"), ("access_account", "?is_active__exact=0"),
        ("erasure_retentionproposal", ""), ("erasure_retentionproposal", "?decided_at__isempty=1"),
        ("erasure_accessquestion", ""), ("erasure_placetask", ""), ("erasure_checkedtext", ""),
    ],
)  # fmt: skip
def test_a_page_of_a_list_reads_a_page(
    crowd: Any, rita: Any, olga: Any, monkeypatch: pytest.MonkeyPatch, table: str, query: str
) -> None:
    share, columns = TABLES[table]
    monkeypatch.setitem(TABLES, table, (max(share, 1), columns))  # as many as people, so that a list can be too long
    crowd("erasure_rightsrequest", "erasure_step", "erasure_manualplace", table)
    app, _under, model = table.partition("_")
    browser = (olga if app in {"access", "subjects"} else rita).browser()
    assert too_many(lambda: _ok(browser.get(f"/admin/{app}/{model}/{query}")), table) == []


def test_a_list_that_goes_on_says_so_and_counts_no_further(crowd: Any, olga: Any) -> None:
    crowd()
    page = olga.browser().get("/admin/subjects/subject/").content.decode()
    assert "The first 200 of more. A filter finds the others." in page
    assert olga.browser().get("/admin/subjects/subject/?p=9").status_code == 302


def test_a_short_list_is_counted(alice: Any, bob: Any, olga: Any) -> None:
    page = olga.browser().get("/admin/subjects/subject/").content.decode()
    assert "2 people" in " ".join(page.split()) and "of more" not in page


def test_what_waits_stands_before_what_is_done(catalogue: None, alice: Any, rita: Any) -> None:
    """PostgreSQL sorts what has no moment last: what had been answered stood first, and what waits on the last page."""
    now = timezone.now()
    given = {"subject": alice.subject, "asked_at": now, "due_at": now}
    done = {"state": "answered", "outcome": "lawful", "answered_at": now}
    answered = AccessQuestion.objects.create(event=uuid4(), **given, **done)
    waits = AccessQuestion.objects.create(event=uuid4(), **given)
    page = rita.browser().get("/admin/erasure/accessquestion/").content.decode()
    assert page.index(str(waits.pk)[:8]) < page.index(str(answered.pk)[:8])
    told = {"subject": alice.subject, "reason": "consent_ended", "proposed_at": now - timedelta(days=1)}
    RetentionProposal.objects.create(fields=["given_name"], decided_at=now, decided_by=rita.account, **told)
    RetentionProposal.objects.create(fields=["phone"], **(told | {"proposed_at": now}))
    page = rita.browser().get("/admin/erasure/retentionproposal/").content.decode()
    assert page.index(">Telephone number<") < page.index(">Given name<")


def test_a_list_without_order_of_its_own_is_noticed(crowd: Any, rita: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Teeth: by why it was refused no index leads."""
    from erasure.admin.requests import RequestAdmin

    crowd(*REQUEST_TABLES)
    monkeypatch.setattr(RequestAdmin, "ordering", ("reason_code", "due_at"))
    browser = rita.browser()
    assert too_many(lambda: _ok(browser.get(REQUESTS)), "erasure_rightsrequest")


# --- the start page ---------------------------------------------------------------------------------------------------
def test_the_start_page_counts_answers_once_for_everybody(crowd: Any, rita: Any, quentin: Any) -> None:
    crowd("consent_consentevent")
    with plans() as found:
        chart = start.start(rita.account)["consent_chart"]
    assert sum("consent_consentevent" in rows for _sql, rows in found) == start.WEEKS
    with plans() as found:
        again = start.start(quentin.account)["consent_chart"]
    assert chart == again and not any("consent_consentevent" in rows for _sql, rows in found)


def test_what_is_due_next_and_what_is_owed_is_found_by_index(crowd: Any, rita: Any) -> None:
    crowd(*REQUEST_TABLES, "consent_delivery", "erasure_checkedtext")
    assert too_many(lambda: start.start(rita.account), "consent_delivery") == []


# --- one person with a long history -----------------------------------------------------------------------------------
def test_a_person_s_requests_come_by_pages_of_constant_cost(catalogue: None, alice: Any) -> None:
    browser = alice.browser()
    file(alice.subject, "access")
    few, page = _statements(lambda: browser.get("/requests"))
    assert "Older" not in page
    at = timezone.now()
    many = [
        RightsRequest(subject=alice.subject, right="objection", purpose="newsletter", state="in_review",
                      verified_by="account", received_at=at, due_at=at + timedelta(days=30)) for _ in range(30)
    ]  # fmt: skip
    RightsRequest.objects.bulk_create(many)
    more, page = _statements(lambda: browser.get("/requests"))
    assert page.count('class="card card-link"') > 25 and 'href="?page=2"' in page and "Older" in page
    assert more <= few + 2, "the purposes by one statement, the questions by another"
    assert "Newer" in browser.get("/requests?page=2").content.decode()


def test_who_looked_costs_the_same_for_many_looks(catalogue: None, alice: Any, shop: Any) -> None:
    from audit import services as audit

    def looked(purpose: str, fields: list[str]) -> None:
        audit.record("data.read", actor="application:shop", subject=alice.subject.pseudonym, purpose=purpose,
                     fields=fields, details={"application": "shop"})  # fmt: skip

    browser = alice.browser()
    looked("orders", ["email"])
    one, _page = _statements(lambda: browser.get("/activity"))
    for _ in range(20):
        looked("orders", ["email", "phone"])
    more, page = _statements(lambda: browser.get("/activity"))
    assert page.count("E-mail") >= 20 and more == one


def test_the_page_of_consent_reads_no_more_answers_than_it_shows(catalogue: None, alice: Any) -> None:
    from consent.pages import HISTORY_SHOWN
    from consent.services.standing import history_of

    names = ("event", "subject_id", "purpose", "action", "state", "channel", "actor", "at")
    now = timezone.now()
    rows = [(uuid4(), alice.subject.pk, "newsletter", "give", "given", "portal", "subject", now)]
    rows += [(uuid4(), *rows[0][1:]) for _ in range(2 * HISTORY_SHOWN)]
    copy(ConsentEvent, names, rows)
    browser = alice.browser()
    with plans() as found:
        _ok(browser.get("/consent"))
    assert any("consent_consentevent" in rows for _sql, rows in found)
    assert sum("consent_purpose" in rows and '"titles"' in sql[:60] for sql, rows in found) <= 2
    assert len(history_of(alice.subject, most=3)) == 3 and len(history_of(alice.subject)) > HISTORY_SHOWN


def test_a_page_of_an_application_s_requests_costs_what_one_costs(
    catalogue: None, alice: Any, shop: Any, client_for: Any
) -> None:
    client = client_for(shop)
    at = timezone.now()

    def filed(count: int) -> None:
        rows = [RightsRequest(subject=alice.subject, right="access", state="completed", verified_by="account",
                              application=shop, received_at=at, due_at=at) for _ in range(count)]  # fmt: skip
        RightsRequest.objects.bulk_create(rows)

    filed(1)
    one, _page = _statements(lambda: client.get("/api/v1/requests"))
    filed(20)
    more, _page = _statements(lambda: client.get("/api/v1/requests"))
    assert more == one and len(client.get("/api/v1/requests").body["items"]) == 21


# --- sweeps -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("sweep", "table"),
    [
        (steps.sweep, "erasure_step"), (place_tasks.forget_answers, "erasure_sourceanswer"),
        (consents.expire_due, "consent_standing"),
        (reminders.tell_of_age, "consent_confirmation"),
    ],
)  # fmt: skip
def test_a_sweep_reads_what_is_due(
    crowd: Any, monkeypatch: pytest.MonkeyPatch, sweep: Callable[[], Any], table: str
) -> None:
    for each in ("erasure_sourceanswer", "consent_confirmation", "erasure_archive"):
        monkeypatch.setitem(TABLES, each, (1, TABLES[each][1]))
    crowd(*REQUEST_TABLES, "erasure_archive", "erasure_sourceanswer", "consent_standing", "consent_confirmation")
    assert too_many(sweep, table) == []


def test_old_changes_are_taken_away_from_the_oldest_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "A_LOT", 10)
    now, old = timezone.now(), timezone.now() - timedelta(days=feed.KEPT_DAYS + 1)
    moments = [old] * 25 + [now] * 3000
    copy(DecisionChange, ("subject", "position", "at"), [(uuid4(), place, at) for place, at in enumerate(moments, 1)])
    gone: list[int] = []
    assert too_many(lambda: gone.append(feed.prune_changes()), "consent_decisionchange") == []
    assert gone == [25] and DecisionChange.objects.filter(at=now).count() == 3000


def _statements(act: Callable[[], Any]) -> tuple[int, str]:
    from django.test.utils import CaptureQueriesContext

    act()  # what is kept from one visit to the next is kept by now
    with CaptureQueriesContext(connection) as asked:
        answer = _ok(act())
    return len(asked), answer.content.decode()


def _ok(answer: Any) -> Any:
    assert answer.status_code == 200, (answer.status_code, answer.get("Location"))
    return answer


def test_the_database_takes_the_rows_of_every_table(
    catalogue: None, shop: Any, rita: Any, quentin: Any, olga: Any
) -> None:
    """A new constraint is no reason for `python -m bench.lists` to break unseen."""
    assert fill(World(shop, {"rita": rita, "quentin": quentin, "olga": olga}), 10) >= 10 * len(TABLES)
