"""One person of whom very much is held: their archive built and downloaded, beside zipping the same bytes.

    python -m bench.archives --rows 1000000 [--kind history|connector|leading]

`history` are rows of our own database (consent events), `connector` rows of somebody else's (SQLite), read for the
copy first; with `leading` each of these leads on to a row of another table. Each work runs in a process of its own,
whose peak memory (VmHWM) is printed: `build` is the worker that carries the request out, `download` reads every byte as
the portal hands it out, `floor` zips the files of that very archive from a folder, by zipfile. PostgreSQL of its own
with flushed commits and the worker's statement timeout. 1 when a process had more than 200 MB. Quote shares of one run.
"""

import argparse
import hashlib
import json
import multiprocessing as mp
import os
import sqlite3
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

from bench import erasure as common
from bench.world import world

MOST_MEGABYTES = 200
PIECE = 1024 * 1024


def built(person: UUID, _folder: Path) -> dict[str, Any]:
    """The request, from filing to completed."""
    from erasure.models import Archive

    common.carried_out("access", [person])
    return {"bytes": Archive.objects.get(request__subject=person).size_bytes}


def downloaded(person: UUID, folder: Path) -> dict[str, Any]:
    """Every byte, opened and hashed; written down for the floor, which is not part of what is measured."""
    from erasure.archives.build import opened
    from erasure.models import Archive

    archive, digest = Archive.objects.get(request__subject=person), hashlib.sha256()
    with (folder / "archive.zip").open("wb") as file:
        for piece in opened(archive):
            digest.update(piece)
            file.write(piece)
    return {"same": archive.digest == f"sha256:{digest.hexdigest()}"}


def zipped(_person: UUID, folder: Path) -> dict[str, Any]:
    """The same files, zipped and hashed as they stream by."""
    files = folder / "files"
    paths = [path for path in sorted(files.rglob("*")) if path.is_file()]
    with zipfile.ZipFile(folder / "floor.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        for path in paths:
            digest = hashlib.sha256()
            with path.open("rb") as file, packed.open(path.relative_to(files).as_posix(), "w", force_zip64=True) as to:
                while piece := file.read(PIECE):
                    digest.update(piece)
                    to.write(piece)
    return {"bytes": sum(path.stat().st_size for path in paths)}


WORKS: dict[str, Callable[[UUID, Path], dict[str, Any]]] = {"build": built, "download": downloaded, "floor": zipped}


def measured(work: str, person: UUID, folder: Path) -> dict[str, Any]:
    """What one work took, in a process of its own."""
    context = mp.get_context("spawn")
    answers = context.Queue()
    job = context.Process(target=child, args=(work, person, folder, answers))
    job.start()
    found: dict[str, Any] = answers.get(timeout=3600)
    job.join()
    return found


def child(work: str, person: UUID, folder: Path, answers: Any) -> None:
    """`answers` has seconds, CPU seconds of this process, and megabytes before and at the peak."""
    common.set_up()
    before = common.megabytes()
    began, used = time.perf_counter(), time.process_time()
    found = WORKS[work](person, folder)
    taken, used = time.perf_counter() - began, time.process_time() - used
    peak = common.megabytes("VmHWM")
    answers.put(
        {"seconds": round(taken, 1), "cpu": round(used, 1), "before": round(before), "peak": round(peak)} | found
    )


def customer_of(made: Any, rows: int, folder: Path, *, leading: bool) -> UUID:
    """Somebody with so many orders in another database, reached by a connector; each with a parcel where it is
    `leading` on."""
    from erasure.services.connector_runs import add_connector
    from subjects.services.people import register_subject

    path = folder / "orders.sqlite"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, email TEXT, item TEXT, price TEXT, at TEXT)")
        database.execute("CREATE INDEX by_email ON orders (email)")
        database.executemany(
            "INSERT INTO orders VALUES (?, 'often@bench.example', ?, ?, ?)",
            ((n, f"Item number {n % 977}", f"{n % 500}.90", f"2026-01-{1 + n % 28:02d}") for n in range(rows)),
        )
        if leading:
            database.execute("CREATE TABLE parcels (id INTEGER PRIMARY KEY, order_id INTEGER, weight INTEGER)")
            database.execute("CREATE INDEX by_order ON parcels (order_id)")
            database.execute("INSERT INTO parcels SELECT id, id, id % 31 FROM orders")
    add_connector(name="warehouse", url=f"sqlite:///{path}", datasets=[DATASET + PARCELS if leading else DATASET])
    subject, _new = register_subject(application=made.shop, identifiers={"email": "often@bench.example"})
    return subject.pk


DATASET = """
dataset:
  - fides_key: warehouse
    collections:
      - name: orders
        fields:
          - {name: id, data_categories: [system.operations], fides_meta: {primary_key: true}}
          - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
          - {name: item, data_categories: [user.behavior]}
          - {name: price, data_categories: [user.financial]}
          - {name: at, data_categories: [user.behavior]}
"""
PARCELS = """
      - name: parcels
        fields:
          - {name: id, data_categories: [system.operations], fides_meta: {primary_key: true}}
          - name: order_id
            data_categories: [system.operations]
            fides_meta: {references: [{dataset: warehouse, field: orders.id, direction: from}]}
          - {name: weight, data_categories: [user.behavior]}
"""


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--rows", type=int, default=1_000_000)
    asked.add_argument("--kind", choices=("history", "connector", "leading"), default="history")
    given = asked.parse_args()
    os.environ |= {"UNDO_WINDOW_SECONDS": "0"}
    with common.durable(), tempfile.TemporaryDirectory(prefix="bench-archives-") as name, world() as made:
        common.set_up()
        folder = Path(name)
        common.everybody(folder, 1)  # the catalogue, and nobody else who would have to be asked
        person = (
            common.answered_often(made, given.rows)
            if given.kind == "history"
            else customer_of(made, given.rows, folder, leading=given.kind == "leading")
        )
        found = {work: measured(work, person, folder) for work in ("build", "download")}
        with zipfile.ZipFile(folder / "archive.zip") as packed:
            packed.extractall(folder / "files")
        found["floor"] = measured("floor", person, folder)
    found["build"]["rows_per_second"] = round(given.rows / found["build"]["seconds"])
    found["build"]["of_the_floor"] = round(found["floor"]["seconds"] / found["build"]["seconds"], 3)
    print(json.dumps({"rows": given.rows, "kind": given.kind, "load": round(os.getloadavg()[0], 1), **found}, indent=1))
    return 0 if max(each["peak"] for each in found.values()) < MOST_MEGABYTES else 1


if __name__ == "__main__":
    sys.exit(main())
