"""Rows that are somebody else's too wait for a reviewer; the end says what stayed; the last look is really taken."""

import json
from collections.abc import Callable
from datetime import UTC
from pathlib import Path
from typing import Any

import jwt
import pytest
import sqlalchemy as sa
from django.db import IntegrityError, transaction
from django.test import override_settings
from django.urls import reverse

from audit.models import AuditEvent
from erasure.models import ConnectorCheck, KeptRow, RightsRequest, Step, WithheldRows
from erasure.services import connector_runs, step_acts, withheld, withheld_reveal
from gdpr_portal.errors import Invalid, Refused, WrongState
from tests.conftest import make_staff
from tests.connectors import shop as shops
from tests.connectors.conftest import register, run
from tests.connectors.shop import contents
from tests.connectors.test_requests import alone, carried_out
from tests.erasure.people import sweep_all

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]


@pytest.fixture(autouse=True)
def _no_undo_window() -> Any:
    with override_settings(UNDO_WINDOW_SECONDS=0):
        yield


@pytest.fixture
def shop_file(sqlite_url: Callable[[], sa.URL], db: None, tmp_path: Path) -> sa.Engine:
    """The shop of eleven tables in a file, registered."""
    url = sqlite_url()
    engine = shops.build(url)
    register("warehouse", url, shops.DATASET, folder=tmp_path)
    return engine


@pytest.fixture
def waiting(alice: Any, shop_file: sa.Engine) -> RightsRequest:
    """Alice's erasure, as far as it goes without a reviewer."""
    return carried_out(alice, "erasure")


def onward(request: RightsRequest) -> None:
    sweep_all()
    request.refresh_from_db()


def open_rows(request: RightsRequest) -> dict[str, WithheldRows]:
    return {row.collection: row for row in withheld.withheld_of(request).filter(decidable__gt=0)}


def decide_all(request: RightsRequest, reviewer: Any, decision: str, article: str = "") -> None:
    """To change them another proposed it first."""
    second = make_staff("petra", "irm").account if decision == "change" else None
    for row in open_rows(request).values():
        if second is not None:
            withheld.propose_change(withheld_id=row.id, reviewer=second)
        withheld.decide(withheld_id=row.id, reviewer=reviewer.account, decision=decision, article=article)


def receipt(request: RightsRequest) -> dict[str, Any]:
    return dict(jwt.decode(request.receipt.jws, options={"verify_signature": False}))


def test_shared_rows_wait_for_a_reviewer_and_the_rest_is_gone(waiting: RightsRequest, shop_file: sa.Engine) -> None:
    step = waiting.steps.get(kind=Step.Kind.CONNECTOR)
    assert (waiting.state, step.state) == ("in_progress", "waiting")
    assert contents(shop_file)["customer"][0][1:3] == (None, None)
    assert contents(shop_file)["payment_card"][-1][:2] == ("card-s", "4222222222222222")
    found = {row.collection: (row.rows, row.decidable) for row in open_rows(waiting).values()}
    assert found["shop:payment_card"] == (1, 1), found
    sealed = bytes(open_rows(waiting)["shop:payment_card"].keys_sealed or b"")
    assert sealed and b"card-s" not in sealed
    assert not waiting.steps.filter(kind=Step.Kind.VERIFY, target="connector:warehouse", state="done").exists()
    assert waiting.steps.get(kind=Step.Kind.KEY).state == "done", "what is ours does not wait"


def test_kept_rows_stay_under_an_article_and_the_end_says_so(
    waiting: RightsRequest, shop_file: sa.Engine, rita: Any
) -> None:
    before = contents(shop_file)
    decide_all(waiting, rita, "keep", "15(4)")
    onward(waiting)
    assert (waiting.state, waiting.outcome) == ("completed", "partly_retained")
    assert contents(shop_file) == before
    kept = waiting.steps.get(kind=Step.Kind.CONNECTOR, target="shop:payment_card")
    assert (kept.state, kept.article) == ("retained", "15(4)")
    said = receipt(waiting)
    assert said["outcome"] == "partly_retained"
    assert [(each["target"], each["found"]) for each in said["connectors"]] == [("warehouse", 0)]
    card = next(each for each in said["withheld"] if each["collection"] == "shop:payment_card")
    assert (card["reason"], card["rows"], card["decision"], card["article"]) == ("shared", 1, "keep", "15(4)")
    assert not WithheldRows.objects.exclude(keys_sealed=None).exists()
    assert AuditEvent.objects.filter(action="withheld.decided", details__decision="keep").exists()


def test_a_change_masks_just_these_rows_and_nothing_else(
    waiting: RightsRequest, shop_file: sa.Engine, rita: Any
) -> None:
    before = contents(shop_file)
    for name, row in open_rows(waiting).items():
        if name == "shop:payment_card":
            withheld.propose_change(withheld_id=row.id, reviewer=make_staff("petra", "irm").account)
        one = {"decision": "change"} if name == "shop:payment_card" else {"decision": "keep", "article": "15(4)"}
        withheld.decide(withheld_id=row.id, reviewer=rita.account, **one)
    onward(waiting)
    after = contents(shop_file)
    assert waiting.state == "completed"
    assert [name for name in after if after[name] != before[name]] == ["payment_card"]
    cards = [{row[0]: row for row in each["payment_card"]} for each in (before, after)]
    assert cards[1]["card-s"][1:4] == (None, None, None) and cards[1]["card-b"] == cards[0]["card-b"]


def test_a_decision_is_taken_once_by_a_reviewer_and_kept_only_under_an_article(
    waiting: RightsRequest, rita: Any
) -> None:
    row = open_rows(waiting)["shop:payment_card"]
    with pytest.raises(Invalid):
        withheld.decide(withheld_id=row.id, reviewer=rita.account, decision="keep")
    with pytest.raises(Invalid):
        withheld.decide(withheld_id=row.id, reviewer=rita.account, decision="change", article="15(4)")
    withheld.decide(withheld_id=row.id, reviewer=rita.account, decision="keep", article="17(3)(e)")
    with pytest.raises(WrongState):
        withheld.decide(withheld_id=row.id, reviewer=rita.account, decision="change")


def test_one_alone_changes_nothing_that_is_somebody_elses_too(
    waiting: RightsRequest, shop_file: sa.Engine, rita: Any
) -> None:
    """One proposes, another decides; to keep them takes one (docs/decisions/0070)."""
    before, row = contents(shop_file), open_rows(waiting)["shop:payment_card"]
    where = f"/admin/erasure/rightsrequest/{waiting.id}/"

    def act(who: Any, name: str) -> str:
        given = {"act": name, "rows": str(row.id)}
        return str(who.browser().post(f"{where}act/", given, follow=True).content.decode())

    assert "A second person has to approve." in act(rita, "change_rows")
    act(rita, "propose_change")
    assert "A proposal is open already." in act(rita, "propose_change")
    page = act(rita, "change_rows")
    assert "A second person has to approve." in page and "You proposed to erase them" in page
    assert contents(shop_file) == before
    with pytest.raises(IntegrityError, match="withheld_four_eyes"), transaction.atomic():
        own = {"decision": "change", "decided_by": rita.account, "decided_at": waiting.received_at}
        WithheldRows.objects.filter(pk=row.pk).update(**own)
    paul = make_staff("paul", "privacy_officer")
    page = paul.browser().get(f"{where}change/").content.decode()
    assert f"{rita.account} proposed to erase them" in page and 'value="change_rows"' in page
    assert "proposal needs a second reviewer" in paul.browser().get("/admin/").content.decode()
    act(paul, "change_rows")
    row.refresh_from_db()
    assert (row.decision, row.proposed_by, row.decided_by) == ("change", rita.account, paul.account)
    assert len(AuditEvent.objects.filter(action="withheld.change_proposed")) == 1


def test_what_was_proposed_may_still_be_kept_by_one(waiting: RightsRequest, rita: Any) -> None:
    row = open_rows(waiting)["shop:payment_card"]
    withheld.propose_change(withheld_id=row.id, reviewer=rita.account)
    withheld.decide(withheld_id=row.id, reviewer=rita.account, decision="keep", article="15(4)")


def test_a_later_run_meets_kept_rows_as_retained(waiting: RightsRequest, shop_file: sa.Engine, rita: Any) -> None:
    decide_all(waiting, rita, "keep", "17(3)(e)")
    onward(waiting)
    bob = run("warehouse", right="erasure", identity="email=bob@example.org", category="user", dry_run=True)
    assert bob.held.get(("shop:service_request", "retained")) == 1, bob.held
    KeptRow.objects.all().delete()
    again = run("warehouse", right="erasure", identity="email=bob@example.org", category="user", dry_run=True)
    assert ("shop:service_request", "shared") in again.held and "retained" not in str(again.held)


def test_rows_are_revealed_with_a_reason_on_record_and_twenty_times_an_hour(waiting: RightsRequest, rita: Any) -> None:
    row = open_rows(waiting)["shop:payment_card"]
    with pytest.raises(Invalid):
        withheld_reveal.reveal(withheld_id=row.id, reviewer=rita.account, reason="curious")
    assert not AuditEvent.objects.filter(action="data.revealed").exists()
    for _look in range(20):
        (shown,) = withheld_reveal.reveal(withheld_id=row.id, reviewer=rita.account, reason="whose_is_it")
    assert shown["ccn"] == "4222222222222222"
    assert AuditEvent.objects.filter(action="data.revealed", details__reason="whose_is_it").count() == 20
    with pytest.raises(Refused):
        withheld_reveal.reveal(withheld_id=row.id, reviewer=rita.account, reason="whose_is_it")


def test_the_desk_shows_where_and_how_many_and_values_only_when_asked(
    waiting: RightsRequest, rita: Any, olga: Any
) -> None:
    row, browser = open_rows(waiting)["shop:payment_card"], rita.browser()
    page = browser.get(reverse("admin:erasure_rightsrequest_change", args=[waiting.id])).content.decode()
    assert "shop:payment_card" in page and "4222222222222222" not in page
    where = reverse("admin:erasure_rightsrequest_withheld", args=[waiting.id])
    shown = browser.post(where, {"rows": str(row.id), "reason": "whose_is_it"}).content.decode()
    assert "4222222222222222" in shown
    refused = olga.browser().post(where, {"rows": str(row.id), "reason": "whose_is_it"})
    assert refused.status_code == 302
    act = reverse("admin:erasure_rightsrequest_act", args=[waiting.id])
    browser.post(act, {"act": "keep_rows", "rows": str(row.id), "article": "15(4)", "until": "2099-12-31"})
    row.refresh_from_db()
    assert (row.decision, row.decided_by) == ("keep", rita.account)
    assert row.until.astimezone(UTC).hour == 22, "kept to the end of the day of the controller's zone, not of UTC's"


def test_what_came_back_keeps_the_request_open_until_it_is_erased_again(
    alice: Any, shop_file: sa.Engine, olga: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone(shop_file)
    real = connector_runs.still_found

    def restored(*given: Any) -> Any:
        with shop_file.begin() as connection:
            connection.exec_driver_sql("INSERT INTO visit VALUES ('alice@example.org', NULL)")
        return real(*given)

    monkeypatch.setattr(connector_runs, "still_found", restored)
    request = carried_out(alice, "erasure")
    look = request.steps.get(kind=Step.Kind.VERIFY, target="connector:warehouse")
    assert (request.state, look.state, look.attempts) == ("in_progress", "failed", 1)
    assert look.last_error == "rows_came_back 1 shop:visit" and not hasattr(request, "receipt")
    monkeypatch.setattr(connector_runs, "still_found", real)
    step_acts.retry(step_id=look.id, operator=olga.account)
    onward(request)
    assert request.state == "completed" and ConnectorCheck.objects.get().found == 0
    assert not [row for row in contents(shop_file)["visit"] if row[0] == "alice@example.org"]
    assert request.steps.get(kind=Step.Kind.CONNECTOR).identities_sealed is None


def test_no_value_of_the_person_lies_in_any_row_about_it(waiting: RightsRequest) -> None:
    rows = json.dumps([[row.collection, row.reason, row.rows] for row in withheld.withheld_of(waiting)])
    assert "alice" not in rows and "4222" not in rows


FORUM = """
dataset:
- fides_key: forum
  name: forum
  data_categories: [user]
  collections:
  - name: member
    fides_meta: {masking_strategy_override: {strategy: delete}}
    fields:
    - {name: id, data_categories: [system.operations], fides_meta: {primary_key: true}}
    - {name: email, fides_meta: {identity: email}}
    - {name: about}
  - name: post
    fides_meta: {masking_strategy_override: {strategy: delete}}
    fields:
    - {name: id, data_categories: [system.operations], fides_meta: {primary_key: true}}
    - name: member
      data_categories: [system.operations]
      fides_meta: {references: [{dataset: forum, field: member.id, direction: from}]}
    - name: answers
      data_categories: [system.operations]
      fides_meta: {references: [{dataset: forum, field: post.id}]}
    - {name: text}
"""


@pytest.fixture
def forum(sqlite_url: Callable[[], sa.URL], alice: Any, tmp_path: Path) -> sa.Engine:
    """A forum whose members and posts are deleted; Alice has a post that somebody else answered."""
    url = sqlite_url()
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for statement in (
            "CREATE TABLE member (id int PRIMARY KEY, email text NOT NULL, about text)",
            "CREATE TABLE post (id int PRIMARY KEY, member int NOT NULL REFERENCES member (id),"
            " answers int REFERENCES post (id), text text NOT NULL)",
            "INSERT INTO member VALUES (1, 'alice@example.org', 'hers'), (2, 'bob@example.org', 'his')",
            "INSERT INTO post VALUES (1, 1, NULL, 'hers'), (2, 2, 1, 'his answer'), (3, 1, NULL, 'hers, unanswered')",
        ):
            connection.exec_driver_sql(statement)
    register("forum", url, FORUM, folder=tmp_path)
    return engine


def written(engine: sa.Engine, table: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.exec_driver_sql(f"SELECT * FROM {table} ORDER BY id")]
    engine.dispose()
    return found


def test_what_cannot_be_deleted_from_under_others_is_masked(forum: sa.Engine, alice: Any, rita: Any) -> None:
    request = carried_out(alice, "erasure")

    (mine, other) = written(forum, "member")
    assert mine[2] is None and mine[1] != "alice@example.org", (
        "her row stays, since her post does, and says nothing of her"
    )
    assert other == (2, "bob@example.org", "his")
    assert [row[0] for row in written(forum, "post")] == [1, 2]
    assert list(open_rows(request)) == ["forum:post"]

    decide_all(request, rita, "change")
    onward(request)

    assert request.state == "completed"
    (hers, answer) = written(forum, "post")
    assert hers[:3] == (1, 1, None) and hers[3] != "hers"
    assert answer == (2, 2, 1, "his answer")
