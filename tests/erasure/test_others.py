"""Other people in an archive: a reviewer looks first, what is withheld is marked and told (Art. 15(4), 20(4); R40)."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from django.db import IntegrityError, transaction
from django.test import override_settings
from jsonschema import Draft202012Validator

from access.services.applications import set_endpoint
from audit import actors
from audit.models import AuditEvent
from consent.models import Component, Delivery
from consent.services.deliveries import acknowledge
from erasure.archives import build
from erasure.models import Archive, ArchiveChunk, CheckedText, RightsRequest
from erasure.services import archives, checking, pieces, place_tasks, places
from gdpr_portal.errors import Invalid, WrongState
from subjects.models import PersonalValue
from subjects.services.reveal import revealed_values
from tests.audit.tools import behind_the_triggers
from tests.conftest import make_staff
from tests.connectors import shop as shops
from tests.connectors.conftest import register
from tests.erasure.people import file, run_all, store
from tests.erasure.test_places import PAPER, declared, task_of
from tests.erasure.test_sources import receipt
from tests.laws.haystack import in_database, needles

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]
OTHER = "Canary-Wryneck"
NOTE = f"Delivered to the neighbour {OTHER}; {OTHER} signed."
SCHEMA = json.loads((Path(__file__).parents[2] / "docs/archive.schema.json").read_text())
DESK = "/admin/erasure/checkedtext/"
MARKED = shops.DATASET.replace(
    "{name: text, data_categories: [user.content]}",
    "{name: text, data_categories: [user.content], fides_meta: {may_name_others: True}}",
)


@pytest.fixture
def marked(catalogue: None) -> None:
    """One field of the catalogue is text in which other people may stand, as a revision would have made it."""
    with behind_the_triggers():
        Component.objects.filter(slug="given_name").update(may_name_others=True)


def waiting(request: RightsRequest) -> list[CheckedText]:
    return list(checking.queue().filter(step__request=request))


def decide(row: CheckedText, by: Any, reason: str, *passages: str) -> CheckedText:
    decision = "keep" if reason in checking.KEEPING else "redact"
    return checking.decide(
        checked_id=row.id, reviewer=by.account, decision=decision, reason=reason, passages=passages
    )  # fmt: skip


def collected(request: RightsRequest, number: int = 0) -> dict[str, bytes]:
    _archive, data = archives.collect(request=request, actor=actors.SUBJECT, number=number)
    with zipfile.ZipFile(io.BytesIO(b"".join(data))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture
def everywhere(
    alice: Any,
    shop: Any,
    rita: Any,
    marked: None,
    tmp_path: Path,
    monkeypatch: Any,
    django_capture_on_commit_callbacks: Any,
) -> RightsRequest:
    """A copy in which somebody else stands in a value, an application's answer, a connector's row, a place's words.

    The connector's rows lie in several pieces.
    """
    monkeypatch.setattr(pieces, "PIECE_BYTES", 100)
    store(shop, alice.subject, "orders", given_name=NOTE, family_name="Ahlberg")
    set_endpoint(application=shop, url="https://shop.example/notices")
    url = sa.make_url(f"sqlite:///{tmp_path}/warehouse.sqlite")
    shops.build(url)
    register("warehouse", url, MARKED, folder=tmp_path)
    petra = make_staff("petra", "privacy_officer")
    places.approve(place_id=declared(rita, may_name_others=True).id, by=petra.account)
    with django_capture_on_commit_callbacks(execute=True):
        request = file(alice.subject, "access")
    delivery = Delivery.objects.get(request=request.id)
    data = {"orders": [{"no": 7, "given_name": NOTE}, {"no": 8, "given_name": "Alice"}]}
    acknowledge(application=shop, delivery_id=delivery.id, outcome="done", evidence={}, data=data)
    place_tasks.answer(task_id=task_of(request).id, outcome="done", text=NOTE, files=[PAPER], actor="system:respondent")
    return run_all(request)


def test_plain_fields_never_wait(alice: Any, shop: Any, marked: None) -> None:
    store(shop, alice.subject, "orders", family_name=NOTE)
    request = run_all(file(alice.subject, "access"))
    assert request.state == "completed" and not CheckedText.objects.exists()
    files = collected(request)
    Draft202012Validator(SCHEMA).validate(json.loads(files["data.json"]))
    assert OTHER in files["data.json"].decode() and "withheld" not in json.loads(files["data.json"])
    assert "withheld_for_others" not in receipt(request)


def test_the_copy_waits_and_carries_what_was_decided(everywhere: RightsRequest, alice: Any, rita: Any) -> None:
    request = everywhere
    due = request.due_at
    rows = waiting(request)
    warehouse = ("connector:warehouse", "shop:service_request.text")
    assert [(row.source, row.field) for row in rows] == [
        warehouse, warehouse, ("deliveries", "given_name"), ("place:paper", "file"), ("place:paper", "text"),
        ("values", "given_name"),
    ], "the same words under one field are one text"  # fmt: skip
    assert request.state == "in_progress" and not Archive.objects.filter(complete=True).exists()
    page = alice.browser().get(f"/requests/{request.id}").content.decode()
    assert "being checked for data about other people" in page and "Being checked" in page and OTHER not in page
    assert in_database(needles({"note": OTHER})) == set(), "the queue is sealed"

    texts = {
        each.row.id: each.text
        for each in checking.reveal(step_id=rows[0].step_id, reviewer=rita.account, reason="others_in_it")
    }
    assert AuditEvent.objects.filter(action="data.revealed", details__reason="others_in_it", details__count=6).exists()
    for row in rows[:-1]:
        names_other = OTHER in texts[row.id]
        if row.field == "file":
            decide(row, rita, "confidence")
        elif texts[row.id].startswith("Bob"):
            decide(row, rita, "secret")
        else:
            decide(row, rita, *(["another_person", OTHER] if names_other else ["nobody_else"]))
        assert run_all(request).archive is None, "not before all is decided"
    decide(rows[-1], rita, "another_person", OTHER)
    request = run_all(request)
    assert (request.state, request.outcome, request.due_at) == ("completed", "partly_withheld", due)

    files = collected(request)
    assert not [name for name, data in files.items() if OTHER.encode() in data or b"Dotterel" in data]
    body = json.loads(files["data.json"])
    Draft202012Validator(SCHEMA).validate(body)
    mark = "[withheld: about somebody else, Art. 15(4)]"
    answer = json.loads(files["data/sources/application-shop/answer.json"])
    assert answer["orders"][0]["given_name"] == f"Delivered to the neighbour {mark}; {mark} signed."
    assert answer["orders"][1]["given_name"] == "Alice"
    assert mark in files["csv/application_shop_orders.csv"].decode()
    assert json.loads(files["data/sources/place-paper/answer.json"]) == {
        "text": f"Delivered to the neighbour {mark}; {mark} signed.",
        "attachments": ["attachment-1.pdf: [withheld: it shows who told us in confidence, Art. 15(4)]"],
    }
    assert b"in confidence" in files["data/sources/place-paper/attachment-1.pdf.withheld.txt"]
    assert "data/sources/place-paper/attachment-1.pdf" not in files
    values = {row["field"]: row["value"] for row in body["data"]["values"]["values"]}
    assert values == {"given_name": f"Delivered to the neighbour {mark}; {mark} signed.", "family_name": "Ahlberg"}
    assert mark in files["csv/deliveries_told.csv"].decode(), "nor in the record of who was told"
    rows_of = body["data"]["connector warehouse"]["shop:service_request"]
    assert [row["text"] for row in rows_of] == ["Alice asks", "[withheld: a business secret, Art. 15(4)]"]
    assert body["withheld"]["places"] == 6 and "complain to" in body["withheld"]["complaint"]
    html = files["index.html"].decode()
    assert "What is left out" in html and mark in html and "would adversely affect" in html and "complain to" in html
    assert "This is all of it." not in html

    told = {
        (row["archive"], row["reason"], row["texts"], row["places"]) for row in receipt(request)["withheld_for_others"]
    }
    assert told == {(0, "another_person", 2, 4), (0, "confidence", 1, 1), (0, "secret", 1, 1)}
    assert revealed_values(subject=alice.subject)["given_name"] == NOTE, "the original is not changed"
    assert not CheckedText.objects.exclude(sealed=None).exists(), "the texts are not kept beside the archive"
    logged = AuditEvent.objects.filter(action="others.decided").values_list("details__decision", flat=True)
    assert sorted(logged) == ["keep"] * 2 + ["redact"] * 4


def test_the_archive_withholds_only_because_the_marks_are_applied(
    everywhere: RightsRequest, rita: Any, monkeypatch: Any
) -> None:
    for row in waiting(everywhere):
        decide(row, rita, "another_person")
    monkeypatch.setattr(build.Withheld, "apply", lambda *_given: None)
    assert OTHER in collected(run_all(everywhere))["data.json"].decode()


def test_what_changes_after_the_decision_is_looked_at_again(alice: Any, shop: Any, rita: Any, marked: None) -> None:
    store(shop, alice.subject, "orders", given_name=NOTE)
    request = run_all(file(alice.subject, "portability"))
    (row,) = waiting(request)
    decide(row, rita, "another_person", OTHER)
    store(shop, alice.subject, "orders", given_name=f"{NOTE} Again.")
    request = run_all(request)
    (again,) = waiting(request)
    assert again.id != row.id and request.archive is None
    decide(again, rita, "another_person", OTHER)
    body = json.loads(collected(run_all(request))["data.json"])
    assert "[withheld: about somebody else, Art. 20(4)] signed. Again." in body["data"]["values"]["values"][0]["value"]


def test_decisions_that_do_not_fit_are_refused(alice: Any, shop: Any, rita: Any, marked: None) -> None:
    store(shop, alice.subject, "orders", given_name=NOTE)
    (row,) = waiting(run_all(file(alice.subject, "access")))
    for decision, reason, passages in (
        ("keep", "secret", ()), ("redact", "known", ()), ("redact", "", ()), ("later", "secret", ()),
        ("keep", "known", (OTHER,)), ("redact", "secret", ("Canary-Nobody",)), ("redact", "secret", (" ",)),
    ):  # fmt: skip
        with pytest.raises(Invalid):
            checking.decide(
                checked_id=row.id, reviewer=rita.account, decision=decision, reason=reason, passages=passages
            )
    with pytest.raises(IntegrityError), transaction.atomic():
        CheckedText.objects.filter(pk=row.pk).update(decision="redact", reason="secret", places=1)
    decide(row, rita, "known")
    with pytest.raises(WrongState):
        decide(row, rita, "secret")


def test_the_desk_says_in_words_where_a_text_stands(everywhere: RightsRequest, rita: Any) -> None:
    row = next(each for each in waiting(everywhere) if each.field == "given_name")
    rita.account.language = "de"
    rita.account.save(update_fields=["language"])
    many, one = (rita.browser().get(path).content.decode() for path in (DESK, f"{DESK}{row.id}/change/"))
    assert ">Werte</td>" in many and ">Vorname</td>" in many and ">given_name<" not in many
    assert "<li>Werte, Vorname\n</li>" in one and "given_name" not in one


def test_the_desk_is_for_reviewers_with_a_fresh_second_factor(
    everywhere: RightsRequest, alice: Any, rita: Any, quentin: Any, olga: Any
) -> None:
    row = waiting(everywhere)[-1]
    where, look = f"{DESK}{row.id}/change/", {"act": "open", "reason": "others_in_it"}
    for person in (alice, quentin, olga):
        browser = person.browser()
        assert browser.get(DESK).status_code in {302, 403} and OTHER not in browser.post(where, look).content.decode()
        browser.post(where, {"act": "decide", f"decision-{row.id}": "keep:known"})
    assert not CheckedText.objects.exclude(decision="").exists()
    assert rita.browser(fresh=False).post(where, look).status_code == 403
    browser = rita.browser()
    assert "look at texts about other people" in browser.get("/admin/").content.decode()
    assert OTHER not in browser.get(where).content.decode(), "only with a reason"
    page = browser.post(where, look)
    assert OTHER in page.content.decode() and "no-store" in page["Cache-Control"]
    scan = next(each for each in waiting(everywhere) if each.field == "file")
    answer = browser.post(f"{DESK}{scan.id}/change/", {"act": "file", "reason": "others_in_it"})
    assert answer.content == PAPER and answer["Content-Type"] == "application/pdf"
    given = {"act": "decide"} | {f"decision-{each.id}": "redact:another_person" for each in waiting(everywhere)}
    browser.post(where, given | {f"passages-{row.id}": f"{OTHER}\r\n"})
    assert waiting(everywhere) == [] and CheckedText.objects.get(pk=row.pk).places == 2
    assert "look at texts about other people" not in browser.get("/admin/").content.decode()


@override_settings(UNDO_WINDOW_SECONDS=0)
def test_an_erasure_empties_the_queue_and_ends_the_copy(everywhere: RightsRequest, alice: Any, rita: Any) -> None:
    decided, *_others = waiting(everywhere)
    decide(decided, rita, "another_person")
    assert checking.queue().exists()
    erasure = run_all(file(alice.subject, "erasure"))
    everywhere.refresh_from_db()
    assert (everywhere.state, everywhere.outcome) == ("completed", "nothing_held")
    assert not checking.queue().exists() and list(CheckedText.objects.values_list("id", "sealed")) == [
        (decided.id, None)
    ]
    assert not ArchiveChunk.objects.exists() and not PersonalValue.objects.exists()
    assert erasure.steps.get(kind="verify", target="verification").state == "done"
