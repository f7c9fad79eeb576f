"""A copy waits for those who were asked, says who has not answered, and what comes later follows (Art. 15(3), R38)."""

import base64
import io
import itertools
import json
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from django.core import mail
from django.db import IntegrityError, transaction
from django.test import override_settings
from django.utils import timezone

from access.services.applications import disable_endpoint, remove_endpoint, set_endpoint
from audit import actors
from consent.models import Delivery
from consent.services.deliveries import acknowledge
from erasure.models import AnswerPiece, Archive, RightsRequest, SourceAnswer, Step
from erasure.services import archives, claims, copies, pieces, step_acts, steps
from gdpr_portal import breakers
from gdpr_portal.errors import Gone, Invalid, WrongState
from subjects.holdings import holding
from subjects.models import Subject
from tests.connectors import shop as shops
from tests.connectors.conftest import register
from tests.erasure.people import file, run_all, store
from tests.laws.haystack import in_database, needles
from vault import datakeys

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]
WAIT = timedelta(days=10)
CANARY = "Canary-Wheatear"


@pytest.fixture
def asked(alice: Any, shop: Any) -> RightsRequest:
    """A request for a copy, of which shop is told over its endpoint."""
    store(shop, alice.subject, "orders", given_name="Alice")
    set_endpoint(application=shop, url="https://shop.example/notices")
    return run_all(file(alice.subject, "access"))


def answer(request: RightsRequest, shop: Any, outcome: str = "done", **data: Any) -> None:
    delivery = Delivery.objects.get(request=request.id)
    acknowledge(application=shop, delivery_id=delivery.id, outcome=outcome, evidence={}, data=data)


def collected(request: RightsRequest, number: int = 0) -> dict[str, bytes]:
    _archive, data = archives.collect(request=request, actor=actors.SUBJECT, number=number)
    with zipfile.ZipFile(io.BytesIO(b"".join(data))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def later(frozen: Any, wait: timedelta = WAIT) -> None:
    frozen.shift(wait + timedelta(seconds=1))


def receipt(request: RightsRequest) -> dict[str, Any]:
    body = request.receipt.jws.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return found


# --- waiting --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("held", [True, False])
def test_whose_endpoint_was_switched_off_is_asked_when_it_has_another(
    alice: Any, shop: Any, frozen: Any, held: bool
) -> None:
    if held:
        store(shop, alice.subject, "orders", given_name="Alice")
    set_endpoint(application=shop, url="https://shop.example/notices")
    disable_endpoint(application=shop)
    request = run_all(file(alice.subject, "access"))
    assert Delivery.objects.get(request=request.id).state == "queued"
    assert not request.archives.exists()
    later(frozen)
    steps.sweep()
    (source,) = json.loads(collected(request)["data.json"])["sources"]
    assert (source["name"], source["state"]) == ("Shop", "not_answered")


def test_whose_endpoint_was_removed_is_not_asked(alice: Any, shop: Any) -> None:
    store(shop, alice.subject, "orders", given_name="Alice")
    set_endpoint(application=shop, url="https://shop.example/notices")
    remove_endpoint(application=shop)
    request = run_all(file(alice.subject, "access"))
    assert "sources" not in json.loads(collected(request)["data.json"])


def test_who_has_data_only_here_gets_the_copy_at_once(alice: Any, shop: Any) -> None:
    store(shop, alice.subject, "orders", given_name="Alice")
    request = file(alice.subject, "access")
    assert request.steps.get().next_at is None
    steps.sweep()
    files = collected(request)
    assert not any(name.startswith("data/sources/") for name in files)
    assert "sources" not in json.loads(files["data.json"])


def test_the_copy_waits_for_who_was_asked_and_has_their_answer_in_it(asked: RightsRequest, shop: Any) -> None:
    assert asked.archive is None and asked.steps.get(kind="archive").state == "queued"
    answer(asked, shop, orders=[{"no": 7, "what": CANARY}])
    request = run_all(asked)
    files = collected(request)
    assert json.loads(files["data/sources/application-shop/answer.json"]) == {"orders": [{"no": 7, "what": CANARY}]}
    assert CANARY in files["index.html"].decode() and "From Shop" in files["index.html"].decode()
    assert CANARY in files["csv/application_shop_orders.csv"].decode()
    body = json.loads(files["data.json"])
    assert body["supplement_follows"] is False
    assert (body["sources"][0]["source"], body["sources"][0]["state"]) == ("shop", "answered")
    listed = {each["path"] for each in json.loads(files["manifest.json"])["files"]}
    assert "data/sources/application-shop/answer.json" in listed
    assert request.state == "completed"
    assert [(row["source"], row["answer"], row["archive"]) for row in receipt(request)["sources"]] == [
        ("shop", "answered", 0)
    ]


def test_every_table_of_an_answer_has_a_file_of_its_own(asked: RightsRequest, shop: Any) -> None:
    """Whatever they are called: of two with one name one would be lost in unpacking, and a name can be too long."""
    names = ["orders", "Orders", "orders!", "заказы", "адреса", "x" * 70_000, "x" * 70_001]
    answer(asked, shop, **{name: [{"no": f"row of {number}"}] for number, name in enumerate(names)})
    files = collected(run_all(asked))
    tables = {name: data.decode() for name, data in files.items() if name.startswith("csv/application_shop")}
    assert sorted(tables.values()) == [f'"no"\r\n"row of {number}"\r\n' for number in range(len(names))]
    assert "row of 0" in tables["csv/application_shop_orders.csv"] and max(map(len, tables)) < 150


@pytest.mark.parametrize(
    ("outcome", "words"), [("nothing_held", "Holds nothing about you"), ("refused", "Has refused; we look into it")]
)
def test_an_answer_without_data_ends_the_waiting_and_is_told(
    asked: RightsRequest, shop: Any, outcome: str, words: str
) -> None:
    answer(asked, shop, outcome)
    request = run_all(asked)
    files = collected(request)
    assert words in files["index.html"].decode()
    assert json.loads(files["data.json"])["supplement_follows"] is (outcome == "refused")
    assert (request.state == "completed") is (outcome == "nothing_held")


def test_past_the_limit_it_comes_without_and_says_so(
    frozen: Any, asked: RightsRequest, django_capture_on_commit_callbacks: Any
) -> None:
    frozen.shift(WAIT - timedelta(seconds=5))
    assert run_all(asked).archive is None
    frozen.shift(timedelta(seconds=10))
    with django_capture_on_commit_callbacks(execute=True):
        request = run_all(asked)
    files = collected(request)
    body = json.loads(files["data.json"])
    assert body["supplement_follows"] is True and body["sources"][0]["state"] == "not_answered"
    page = files["index.html"].decode()
    assert "Has not answered yet" in page and "follows in a supplement" in page and "This is all of it" not in page
    assert request.state == "in_progress"
    assert [message.subject for message in mail.outbox] == ["Your copy is ready"]


def test_what_is_answered_late_makes_a_supplement_and_a_mail(
    frozen: Any, asked: RightsRequest, shop: Any, django_capture_on_commit_callbacks: Any
) -> None:
    later(frozen)
    run_all(asked)
    answer(asked, shop, hobby=CANARY)
    with django_capture_on_commit_callbacks(execute=True):
        request = run_all(asked)
    assert CANARY not in collected(request)["data.json"].decode()
    files = collected(request, 1)
    assert json.loads(files["data/sources/application-shop/answer.json"]) == {"hobby": CANARY}
    assert CANARY in files["index.html"].decode() and "This is a supplement" in files["index.html"].decode()
    assert "A supplement to your copy is ready" in [message.subject for message in mail.outbox]
    assert not any(CANARY in str(message.body) for message in mail.outbox)
    assert request.state == "completed"
    assert receipt(request)["sources"][0]["archive"] == 1
    with pytest.raises(Gone):
        collected(request, 1)


def test_an_answer_after_the_end_still_reaches_the_person(
    frozen: Any, asked: RightsRequest, shop: Any, olga: Any
) -> None:
    later(frozen)
    run_all(asked)
    step_acts.close_by_hand(step_id=asked.steps.get(kind="notify").id, operator=olga.account)
    request = run_all(asked)
    assert request.state == "completed" and receipt(request)["sources"][0]["answer"] == "closed"
    answer(asked, shop, hobby=CANARY)
    request = run_all(asked)
    assert CANARY in collected(request, 1)["index.html"].decode()
    assert request.state == "completed"


def test_a_notice_that_was_given_up_may_be_answered_after_all(frozen: Any, asked: RightsRequest, shop: Any) -> None:
    later(frozen)
    run_all(asked)
    Delivery.objects.filter(request=asked.id).update(state="abandoned")
    step = asked.steps.get(kind="notify")
    Step.objects.filter(pk=step.pk).update(state="failed")
    answer(asked, shop, hobby=CANARY)
    assert run_all(asked).state == "completed"
    assert CANARY in collected(asked, 1)["index.html"].decode()


def test_nothing_waits_into_the_last_week(alice: Any, shop: Any) -> None:
    store(shop, alice.subject, "orders", given_name="Alice")
    set_endpoint(application=shop, url="https://shop.example/notices")
    request = file(alice.subject, "access", received_at=timezone.now() - timedelta(days=26))
    assert request.steps.get(kind="archive").next_at is None
    request = file(alice.subject, "access", received_at=timezone.now() - timedelta(days=18))
    until = request.steps.get(kind="archive").next_at
    assert until is not None and until == request.due_at - timedelta(days=7)


@override_settings(ACCESS_WAIT_SECONDS=0)
def test_a_controller_may_wait_for_nobody(alice: Any, shop: Any) -> None:
    store(shop, alice.subject, "orders", given_name="Alice")
    set_endpoint(application=shop, url="https://shop.example/notices")
    request = run_all(file(alice.subject, "access"))
    assert request.archive is not None and request.archive.complete


def test_the_sweep_finds_a_copy_that_waits_for_nobody_any_more(asked: RightsRequest) -> None:
    """Whatever settled the step, and whether or not the process that did lived to say so."""
    asked.steps.filter(kind=Step.Kind.NOTIFY).update(state="done")
    assert run_all(asked).state == "completed"


def test_an_archive_that_waits_takes_no_place_in_the_sweep(asked: RightsRequest, bob: Any) -> None:
    bob.subject.links.all().delete()  # so that nobody has to be asked about them
    request = file(bob.subject, "access")
    assert asked.due_at <= request.due_at
    steps.sweep(limit=1)
    assert Archive.objects.filter(request=request, complete=True).exists()


def test_an_answer_is_never_in_two_archives_nor_in_none(frozen: Any, asked: RightsRequest, shop: Any) -> None:
    """It comes while the archive is being put together: the claim is out, nothing is settled."""
    later(frozen)
    claim = steps.claim(asked.steps.get(kind="archive").id)
    assert claim is not None
    answer(asked, shop, hobby=CANARY)
    steps._do(claim)
    request = run_all(asked)
    assert CANARY in collected(request)["index.html"].decode()
    assert list(request.archives.values_list("number", flat=True)) == [0]
    assert request.state == "completed"


def test_a_second_answer_changes_nothing(asked: RightsRequest, shop: Any) -> None:
    answer(asked, shop, hobby=CANARY)
    run_all(asked)
    answer(asked, shop, hobby="other")
    run_all(asked)
    assert SourceAnswer.objects.count() == 1 and Archive.objects.count() == 1


def test_a_portability_request_asks_nobody_and_waits_for_nobody(alice: Any, shop: Any) -> None:
    store(shop, alice.subject, "orders", given_name="Alice")
    set_endpoint(application=shop, url="https://shop.example/notices")
    request = run_all(file(alice.subject, "portability"))
    assert request.state == "completed" and not Delivery.objects.filter(request=request.id).exists()


@override_settings(UNDO_WINDOW_SECONDS=0)
def test_who_is_erased_meanwhile_gets_no_copy_and_no_failure(frozen: Any, asked: RightsRequest, alice: Any) -> None:
    run_all(file(alice.subject, "erasure"))
    later(frozen)
    request = run_all(asked)
    step = request.steps.get(kind="archive")
    assert (step.state, request.outcome) == ("done", "nothing_held")
    assert request.archive is None


def test_half_a_surrogate_in_an_answer_breaks_nothing(asked: RightsRequest, shop: Any) -> None:
    answer(asked, shop, rows=[{"odd": "\ud800"}])
    files = collected(run_all(asked))
    assert json.loads(files["data/sources/application-shop/answer.json"]) == {"rows": [{"odd": "\ud800"}]}


# --- connectors -----------------------------------------------------------------------------------------------------
@pytest.fixture
def warehouse(sqlite_url: Callable[[], sa.URL], tmp_path: Path) -> sa.URL:
    """A connector whose database is not there."""
    url = sqlite_url()
    register("warehouse", url, shops.DATASET, folder=tmp_path)
    return url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> Callable[[], sa.URL]:
    return lambda: sa.make_url(f"sqlite:///{tmp_path}/warehouse.sqlite")


def test_a_connector_answers_at_once_and_its_copy_is_not_kept_beside_the_archive(alice: Any, warehouse: sa.URL) -> None:
    shops.build(warehouse)
    request = run_all(file(alice.subject, "access"))
    row = SourceAnswer.objects.get()
    assert request.state == "completed" and row.sealed is None and row.archive == request.archive
    files = collected(request)
    assert "Alice Archer" in files["data/sources/connector-warehouse/answer.json"].decode()
    assert "Alice Archer" in files["index.html"].decode() and "From warehouse" in files["index.html"].decode()


def test_a_connector_that_is_down_delays_the_copy_only_to_its_limit(
    frozen: Any, alice: Any, olga: Any, warehouse: sa.URL
) -> None:
    """It is asked on, seldom by now, until the request is due; an operator sees it after five tries."""
    request = file(alice.subject, "access")
    step = request.steps.get(kind="connector")
    pauses = []
    for tried in range(1, 12):
        steps.run(step.id)
        step.refresh_from_db()
        assert (step.state, step.attempts, step.unanswered) == ("queued", 0, tried), "no attempt counts towards five"
        assert Step.objects.filter(Step.stuck()).exists() is (tried >= 5)
        pauses.append((step.next_at - timezone.now()).total_seconds())
        frozen.shift(pauses[-1] + 0.001)
        breakers.forget()  # its pauses are of a clock that no test moves
    assert pauses[0] <= 2.4 and all(late > early for early, late in itertools.pairwise(pauses))
    page = olga.browser().get(f"/admin/erasure/rightsrequest/{request.id}/change/").content.decode()
    assert "retry_step" in page and "connection_failed" in page
    assert run_all(request).archive is None
    later(frozen)
    run_all(request)
    assert json.loads(collected(request)["data.json"])["sources"][0]["state"] == "not_answered"
    frozen.shift(request.due_at - timezone.now() + timedelta(seconds=1))
    steps.run(step.id)
    step.refresh_from_db()
    assert step.state == "failed", "the request is due: it is given up, and nothing is complete"
    shops.build(warehouse)
    breakers.forget()
    step_acts.retry(step_id=step.id, operator=olga.account)
    request = run_all(request)
    section = json.loads(collected(request, 1)["data.json"])["data"]["connector warehouse"]
    assert section["shop:customer"][0]["name"] == "Alice Archer"
    assert request.state == "completed"


def test_what_was_fetched_lies_sealed_until_it_is_handed_on(
    alice: Any, shop: Any, warehouse: sa.URL, monkeypatch: Any
) -> None:
    """More than a piece holds lies in several; the copy has every row of them, and then they are gone."""
    monkeypatch.setattr(pieces, "PIECE_BYTES", 100)
    store(shop, alice.subject, "orders", given_name="Alice")
    set_endpoint(application=shop, url="https://shop.example/notices")
    shops.build(warehouse)
    request = run_all(file(alice.subject, "access"))
    cell = SourceAnswer.objects.get(step__kind="connector").sealed
    assert cell is not None and b"Archer" not in bytes(cell) and AnswerPiece.objects.count() > 3
    assert in_database(needles({"row": "Alice Archer"})) == set()
    assert pieces.forget_pieces() == 0, "an archive waits for them"
    with transaction.atomic():
        holding("rights_requests").erase(alice.subject, {})
        assert not AnswerPiece.objects.exists()
        transaction.set_rollback(True)
    list(datakeys.renew_person(alice.subject.pseudonym))
    datakeys.settle()
    answer(request, shop, "nothing_held")
    files = collected(run_all(request))
    told = json.loads(files["data/sources/connector-warehouse/answer.json"])
    assert told["shop:customer"][0]["name"] == "Alice Archer" and len(told) > 5
    assert told == json.loads(files["data.json"])["data"]["connector warehouse"]
    assert "Alice Archer" in files["index.html"].decode()
    assert "Alice Archer" in files["csv/connector_warehouse_shop_customer.csv"].decode()
    assert not AnswerPiece.objects.exists() and not SourceAnswer.objects.exclude(sealed=None).exists()


def test_what_a_lost_try_fetched_is_nobodys_and_goes(alice: Any, warehouse: sa.URL, monkeypatch: Any) -> None:
    monkeypatch.setattr(pieces, "PIECE_BYTES", 100)
    shops.build(warehouse)
    request = file(alice.subject, "access")
    first = Step.objects.get(request=request, kind="connector")
    assert claims.claim(first.id) is not None
    first.refresh_from_db()
    copies.read(first)  # and the worker dies
    assert first.pieces.count() > 3 and pieces.forget_pieces() == 0, "it may be under way"
    slow = pieces.Keeping(first)
    Step.objects.filter(pk=first.pk).update(state="queued", lease_until=None)
    with pytest.raises(WrongState):  # nobody's any more: nothing is written for it
        slow.take("shop:customer", {"name": "x" * 100})
    assert claims.claim(first.id) is not None
    second = Step.objects.get(pk=first.pk)
    copies.read(second)
    with pytest.raises(WrongState):
        slow.take("shop:customer", {"name": "x" * 100})
    pieces.Keeping(first)  # a worker that slept since its claim
    assert {row.fence for row in AnswerPiece.objects.all()} == {2}
    Subject.objects.filter(pk=alice.subject.pk).update(erased_at=timezone.now())
    with pytest.raises(WrongState):
        pieces.Keeping(second).take("shop:customer", {"name": "x" * 100})
    Subject.objects.filter(pk=alice.subject.pk).update(erased_at=None)
    copies.read(second)
    Step.objects.filter(pk=first.pk).update(state="queued", lease_until=None)
    assert second.pieces.exists() and pieces.forget_pieces() == 1 and not AnswerPiece.objects.exists()
    assert run_all(request).state == "completed" and "Alice Archer" in collected(request)["data.json"].decode()


def test_only_an_answer_that_was_given_has_words(asked: RightsRequest) -> None:
    step = asked.steps.get(kind="notify")
    with pytest.raises(IntegrityError), transaction.atomic():
        SourceAnswer.objects.create(step=step, outcome="refused", at=timezone.now(), sealed=b"words")


# --- doors ----------------------------------------------------------------------------------------------------------
def test_the_page_of_the_request_tells_and_gives_out_each(
    frozen: Any, asked: RightsRequest, alice: Any, shop: Any
) -> None:
    where = f"/requests/{asked.id}"
    page = alice.browser().get(where).content.decode()
    assert "Your copy waits until everybody we asked has answered" in page and "Waiting for the others" in page
    later(frozen)
    run_all(asked)
    answer(asked, shop, hobby=CANARY)
    run_all(asked)
    browser = alice.browser()
    assert "A supplement to your copy is ready" in browser.get(where).content.decode()
    got = browser.post(f"{where}/archive", {"supplement": "1"}, follow=True)
    assert got.status_code == 200 and b"".join(got.streaming_content).startswith(b"PK")
    page = browser.get(where).content.decode()
    assert "A supplement to your copy is ready" not in page and "Your copy is ready" in page
    assert browser.post(f"{where}/archive", {"supplement": "9"}).status_code == 302


def test_the_application_that_filed_collects_supplements_too(
    frozen: Any, alice: Any, shop: Any, client_for: Any
) -> None:
    store(shop, alice.subject, "orders", given_name="Alice")
    set_endpoint(application=shop, url="https://shop.example/notices")
    api = client_for(shop)
    body = {"subject": str(alice.id_for(shop)), "right": "access", "verified_by": "account"}
    made = api.post("/api/v1/requests", body).body
    where = f"/api/v1/requests/{made['id']}/archive"
    request = RightsRequest.objects.get(pk=made["id"])
    assert api.get(where).status_code == 409
    later(frozen)
    run_all(request)
    api = client_for(shop)
    assert api.get(where).status_code == 200
    assert api.get(f"{where}?supplement=1").status_code == 409
    answer(request, shop, hobby=CANARY)
    run_all(request)
    content = b"".join(api.get(f"{where}?supplement=1").streaming_content)
    assert "data/sources/application-shop/answer.json" in zipfile.ZipFile(io.BytesIO(content)).namelist()
    assert api.get(f"{where}?supplement=x").status_code == 400


def test_no_supplement_is_given_out_before_it_is_built(asked: RightsRequest) -> None:
    with pytest.raises(WrongState):
        archives.collect(request=asked, actor=actors.SUBJECT, number=1)


def test_another_outcome_later_is_refused_and_hands_nothing_on(asked: RightsRequest, shop: Any) -> None:
    answer(asked, shop, "nothing_held")
    run_all(asked)
    with pytest.raises((WrongState, Invalid)):
        answer(asked, shop, hobby=CANARY)
    run_all(asked)
    assert Archive.objects.count() == 1
