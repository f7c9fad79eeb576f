"""An archive is built and read in memory that does not grow with the rows, and is a bag another program validates."""

import io
import json
import sqlite3
import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from consent.models import ConsentEvent
from consent.services.deliveries import acknowledge, queue_delivery
from erasure.archives import build, files
from erasure.archives.tables import ON_PAGE
from erasure.models import Archive, RightsRequest, SourceAnswer, Step
from erasure.receipt_verifier import main as verify
from erasure.services import copies
from erasure.services.claims import claim
from subjects.holdings import Rows
from tests.conftest import make_application
from tests.connectors.conftest import register
from tests.erasure.people import file, run_all, store
from tests.plugins.exhaustive import its_turn
from vault.signing import jwks

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]
MIB = 1024 * 1024
CLONES = """
    INSERT INTO consent_consentevent (event, subject_id, purpose, recipient, action, state, notice_version,
        notice_language, notice_digest, channel, explicit, actor, application_id, at, expires_at, confirms, recorded_at)
    SELECT gen_random_uuid(), subject_id, purpose, recipient, action, state, notice_version,
        notice_language, notice_digest, channel, explicit, actor, application_id, at + n * interval '1 second',
        expires_at, confirms, recorded_at
      FROM consent_consentevent, generate_series(1, %s) AS n WHERE seq = %s
"""


DATASET = """
dataset:
  - fides_key: warehouse
    collections:
      - name: orders
        fields:
          - {name: id, data_categories: [system.operations], fides_meta: {primary_key: true}}
          - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
          - {name: item, data_categories: [user.behavior]}
"""


def answered_often(subject: Any, times: int) -> None:
    """So many consent events, one second after another."""
    first = ConsentEvent.objects.create(
        subject=subject, purpose="orders", action="give", state="given", channel="web", actor="subject",
        at="2025-01-01T00:00:00Z",
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(CLONES, [times - 1, first.seq])


def peak(work: Any) -> int:
    """The most bytes Python held at once for the work."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def unzipped(archive: Archive) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(b"".join(build.opened(archive)))) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def rows_of(count: int) -> Iterator[dict[str, Any]]:
    return ({"item": f"Item {n}", "price": n, "when": "2026-01-01"} for n in range(count))


def content_of(table: Any) -> dict[str, Any]:
    return {
        "format": "gdpr-portal-archive/1", "request": "r", "made_at": "2026-01-01T00:00:00+00:00", "right": "access",
        "anything_held": True, "data": {"orders": {"orders": table}},
    }  # fmt: skip


def streamed(table: Any) -> int:
    """How long the ZIP is; nothing of it is kept."""
    return sum(len(piece) for piece in files.zipped(content_of(table), language="en"))


@its_turn(1)
def test_forty_thousand_rows_take_no_more_memory_than_two_thousand() -> None:
    streamed(Rows(lambda: rows_of(10)))  # what is loaded once
    few, many = (peak(lambda n=n: streamed(Rows(lambda: rows_of(n)))) for n in (2_000, 40_000))
    assert many - few < MIB


@its_turn(1)
def test_teeth_whole_lists_do() -> None:
    few, many = (peak(lambda n=n: streamed(list(rows_of(n)))) for n in (2_000, 40_000))
    assert many - few > MIB


@pytest.mark.exhaustive
def test_from_the_database_to_the_sealed_chunks_and_out_again(alice: Any) -> None:
    """The whole way, warm: 2,000 events, then 10,000."""
    found = []
    for times in (2_000, 8_000):
        answered_often(alice.subject, times)
        request = file(alice.subject, "access")
        step = request.steps.get(kind="archive")
        built = peak(lambda step=step: build.build_archives([step]))
        archive = Archive.objects.get(request=request)
        read = peak(lambda archive=archive: sum(len(piece) for piece in build.opened(archive)))
        found.append((built, read))
    (built, read), (built_of_more, read_of_more) = found
    assert built_of_more - built < 4 * MIB and read_of_more - read < 3 * MIB
    told = unzipped(archive)
    assert len(json.loads(told["data.json"])["data"]["consents"]["history"]) == 10_000
    assert told["csv/consents_history.csv"].count(b"\n") == 10_001


@its_turn(1)
def test_from_a_connectors_cursor_to_sealed_pieces(alice: Any, tmp_path: Path) -> None:
    """8,000 orders, then 30,000; both are more than a piece holds."""
    path, found = tmp_path / "orders.sqlite", []
    register("warehouse", f"sqlite:///{path}", DATASET, folder=tmp_path)
    request = file(alice.subject, "access")
    assert claim(request.steps.get(kind="connector").id) is not None
    step = request.steps.get(kind="connector")
    for rows in (8_000, 30_000):
        with sqlite3.connect(path) as database:
            database.execute("CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, email TEXT, item TEXT)")
            database.execute("DELETE FROM orders")
            many = ((n, alice.email, f"Item {n}") for n in range(rows))
            database.executemany("INSERT INTO orders VALUES (?, ?, ?)", many)
        found.append(peak(lambda: copies.read(step)))
    assert step.pieces.count() > 4 and found[1] - found[0] < MIB


def answered_by(many: int, request: RightsRequest) -> None:
    """So many applications have answered the request, each with some 760 KB: 200 long rows and a long text."""
    first = request.steps.filter(kind="notify").count()
    for number in range(first, first + many):
        shop = make_application(f"shop{number}", ["deliveries:acknowledge"])
        told = queue_delivery(application=shop, subject=request.subject, type="access.requested", request=request.id)
        Step.objects.create(
            request=request, position=10, kind="notify", target=shop.slug, delivery=told.id, state="waiting"
        )
        orders = [{"no": n, "item": f"Item {n}", "about": f"{n:04} " * 600} for n in range(200)]
        data = {"orders": orders, "letter": "word " * 30_000, "last": f"Last-{number}"}
        acknowledge(application=shop, delivery_id=told.id, outcome="done", evidence={}, data=data)


def test_of_many_answers_one_at_a_time_is_open(alice: Any) -> None:
    """Three, then ten. Whole in their files, and their long parts begin on the page."""
    request = file(alice.subject, "access")
    step, found = request.steps.get(kind="archive"), []
    for more in (3, 7):
        answered_by(more, request)
        Step.objects.filter(pk=step.pk).update(state="queued", attempts=0)
        SourceAnswer.objects.update(archive=None)
        found.append(peak(lambda: build.build_archives([step])))
    assert found[1] - found[0] < MIB, "seven more that are open together are five"
    told = unzipped(Archive.objects.get(request=request))
    answers = [json.loads(told[f"data/sources/application-shop{n}/answer.json"]) for n in range(10)]
    assert [(len(each["orders"]), each["last"]) for each in answers] == [(200, f"Last-{n}") for n in range(10)]
    kept = json.loads(told["data.json"])["data"]["deliveries"]["told"]
    assert [row["data"] for row in kept] == answers
    assert told["csv/application_shop9_orders.csv"].count(b"\n") == 201
    page = told["index.html"].decode()
    assert "All 200 rows of this table" in page and 'href="csv/application_shop9_orders.csv"' in page
    assert "whole in data/sources/application-shop9/answer.json" in page and "word " * 4_001 not in page


def test_a_long_table_is_whole_in_json_and_csv_and_begins_on_the_page(alice: Any) -> None:
    answered_often(alice.subject, ON_PAGE + 200)
    told = unzipped(Archive.objects.get(request=run_all(file(alice.subject, "access"))))
    history = json.loads(told["data.json"])["data"]["consents"]["history"]
    assert len(history) == ON_PAGE + 200 == len({row["event"] for row in history})
    assert history == sorted(history, key=lambda row: row["at"])
    page = told["index.html"].decode()
    assert 'href="csv/consents_history.csv"' in page and "All 1200 rows of this table" in page.replace(",", "")
    assert history[ON_PAGE - 1]["event"] in page and history[ON_PAGE]["event"] not in page


def test_half_a_surrogate_pair_and_nothing_at_all_are_json() -> None:
    value = {
        "a": Rows(lambda: iter([{"x": "\ud800"}, {"x": "é\n"}])),
        "b": Rows(lambda: iter([])),
        "c": {"d": ["\udfff"]},
    }
    text = b"".join(files._pieces(files.json_of(value)))
    assert json.loads(text) == {"a": [{"x": "\ud800"}, {"x": "é\n"}], "b": [], "c": {"d": ["\udfff"]}}


# --- the bag ----------------------------------------------------------------------------------------------------------
@pytest.fixture
def folder(alice: Any, shop: Any, tmp_path: Path) -> Path:
    """Alice's archive, unpacked into an empty folder."""
    store(shop, alice.subject, "orders", given_name="Alice-Marker")
    archive = Archive.objects.get(request=run_all(file(alice.subject, "access")))
    with zipfile.ZipFile(io.BytesIO(b"".join(build.opened(archive)))) as packed:
        packed.extractall(tmp_path / "bag")
    return tmp_path / "bag"


def is_valid(folder: Path) -> bool:
    """What the `bagit` package of the Library of Congress says."""
    command = [sys.executable, "-W", "ignore", "-m", "bagit", "--validate", "--quiet", str(folder)]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def test_another_program_validates_the_bag_and_sees_every_change(folder: Path) -> None:
    assert is_valid(folder) and (folder / "data").is_dir()
    for name in ("data.json", "index.html", "bag-info.txt", "manifest.jws"):
        kept = (folder / name).read_bytes()
        (folder / name).write_bytes(kept + b" ")
        assert not is_valid(folder), name
        (folder / name).write_bytes(kept)
    (folder / "data" / "planted.txt").write_text("not ours")
    assert not is_valid(folder)


def test_every_tag_file_is_bound_and_the_tag_manifest_is_signed(folder: Path, tmp_path: Path) -> None:
    lines = (folder / "tagmanifest-sha256.txt").read_text().splitlines()
    bound = {line.split("  ", 1)[1] for line in lines}
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert found - bound == {"tagmanifest-sha256.txt", "tagmanifest-sha256.jws"}
    (tmp_path / "jwks.json").write_text(json.dumps(jwks()))
    arguments = ["--jwks", str(tmp_path / "jwks.json"), str(folder / "tagmanifest-sha256.jws"), "--payload"]
    assert verify([*arguments, str(folder / "tagmanifest-sha256.txt")]) == 0
    assert verify([*arguments, str(folder / "manifest-sha256.txt")]) == 1


def test_what_the_bag_says_of_itself_is_not_about_the_person(folder: Path, alice: Any) -> None:
    told = "".join((folder / name).read_text() for name in ("bagit.txt", "bag-info.txt", "README.txt"))
    assert "BagIt-Version: 1.0" in told and "Payload-Oxum: 0.0" in told and "index.html" in told
    assert not any(word in told for word in ("Alice", alice.email, str(alice.subject.id)))
