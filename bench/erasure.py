"""Erasures and access archives of people held in the service's own vault, beside the least that could be done instead.

    python -m bench.erasure --people 2000 --processes 2 [--rows 1000000] [--profile]

Each person has two identifiers, three values for two purposes and a consent; nobody else has to be told. A request is
filed, carried out by the worker's own code and completed: plan, steps, receipt, mail, audit entries; each at once, or
as many as a sweep takes together are filed first and then carried out. The floors of the same run, by plain psycopg
with prepared statements in one transaction a person: what an erasure cannot do without (the row of the request, DELETE
and UPDATE of what is held, the row of the receipt, one entry in the log), and what a copy cannot (the row of the
request, SELECT of what is held, zip, hash and seal of the same bytes, the archive and its chunks, one entry). Nothing
is planned, claimed, verified, signed or mailed there. PostgreSQL of its own with flushed commits. `--rows` builds one
person's archive of so many rows and measures its memory. Quote shares of one run; rates move with the machine
(docs/figures.md).
"""

import argparse
import cProfile
import gc
import hashlib
import io
import json
import multiprocessing as mp
import os
import pstats
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from bench.imports import imported, lines, newsletter
from bench.world import copy, without_triggers, world
from deploy.local import postgres

RIGHTS = ("access", "erasure")
GOAL = 100
"""A second, of each right, with both cores."""
MOST_MEGABYTES = 200
"""Of the process that builds the archive of `--rows` rows."""
GONE = (
    "DELETE FROM subjects_valuepurpose l USING subjects_personalvalue v WHERE l.value_id = v.id AND subject_id = %(p)s",
    "DELETE FROM subjects_personalvalue WHERE subject_id = %(p)s",
    "DELETE FROM subjects_identifier WHERE subject_id = %(p)s",
    "DELETE FROM consent_standing WHERE subject_id = %(p)s",
    "DELETE FROM vault_datakey WHERE owner = %(p)s",
    "UPDATE subjects_subject SET language = '', country = '', birth_date_sealed = NULL, erased_at = now()"
    " WHERE id = %(p)s",
)


REQUEST = """INSERT INTO erasure_rightsrequest (id, subject_id, "right", state, verified_by, by_person, received_at,
    created_at, due_at, extended, extension_reason, needs_review, reason_code, outcome, verification_tries,
    completed_at)
VALUES (%(r)s, %(p)s, %(right)s, 'completed', 'account', true, now(), now(), now(), false, '', false, '', 'done', 0,
    now()) RETURNING id"""
RECEIPT = "INSERT INTO erasure_receipt (request_id, jws, created_at) VALUES (%(r)s, %(j)s, now())"
ENTRY = """INSERT INTO audit_event (at, action, actor, subject, request_id, purpose, fields, details)
VALUES (now(), 'request.completed', 'system:worker', %(p)s, '', NULL, '{}', '{}')"""
READ = (
    "SELECT * FROM subjects_subject WHERE id = %(p)s FOR UPDATE",
    "SELECT * FROM subjects_identifier WHERE subject_id = %(p)s",
    "SELECT * FROM subjects_personalvalue WHERE subject_id = %(p)s",
    "SELECT l.* FROM subjects_valuepurpose l JOIN subjects_personalvalue v ON l.value_id = v.id"
    " WHERE subject_id = %(p)s",
    "SELECT * FROM consent_standing WHERE subject_id = %(p)s",
    "SELECT * FROM consent_consentevent WHERE subject_id = %(p)s",
    "SELECT * FROM vault_datakey WHERE owner = %(p)s",
)
ARCHIVE = """INSERT INTO erasure_archive (id, request_id, number, complete, size_bytes, digest, created_at,
    window_reads)
VALUES (%(a)s, %(r)s, 0, true, %(n)s, %(d)s, now(), 0)"""
CHUNK = "INSERT INTO erasure_archivechunk (archive_id, position, sealed) VALUES (%(a)s, %(at)s, %(chunk)s)"


@contextmanager
def durable() -> Iterator[None]:
    """The throw-away server keeps what it commits, as one in use does."""
    kept, postgres.THROW_AWAY = postgres.THROW_AWAY, {}
    try:
        yield
    finally:
        postgres.THROW_AWAY = kept


# --- what is measured ------------------------------------------------------------------------------------------------
def carried_out(right: str, people: list[UUID], at_once: int = 1) -> dict[str, Any]:
    """Each person's request, from filing to completed, so many at once."""
    from erasure.models import RightsRequest
    from erasure.services import steps

    for start in range(0, len(people), at_once):
        filed = [filed_request(right, person) for person in people[start : start + at_once]]
        steps.push_all(filed)
        states = set(RightsRequest.objects.filter(pk__in=filed).values_list("state", flat=True))
        if states != {"completed"}:
            raise SystemExit(f"a request did not complete: {states}")
    return {}


def carried_out_together(right: str, people: list[UUID]) -> dict[str, Any]:
    """The same, as many at once as a sweep takes; erasures with an undo window, whose end the sweep finds."""
    from django.conf import settings

    from erasure.services import steps

    settings.UNDO_WINDOW_SECONDS = 0.001
    return carried_out(right, people, steps.BATCH)


def filed_request(right: str, person: UUID) -> UUID:
    from audit import actors
    from erasure.services.requests import file_request
    from subjects.models import Subject

    subject = Subject.objects.get(pk=person)
    return file_request(subject=subject, right=right, details={}, verified_by="account", actor=actors.SUBJECT).id


def least_erasures(_right: str, people: list[UUID]) -> dict[str, Any]:
    """The same rows gone, and told; one transaction a person."""
    with _plain() as connection:
        for person in people:
            given = {"p": person, "r": uuid4(), "right": "erasure", "j": "x" * 900}
            with connection.transaction():
                for statement in (REQUEST, *GONE, RECEIPT, ENTRY):
                    connection.execute(statement, given, prepare=True)
    return {"statements": len(people) * (len(GONE) + 3)}


def least_copies(_right: str, people: list[UUID]) -> dict[str, Any]:
    """The same rows read, and the same bytes zipped, hashed, sealed and stored; one transaction a person."""
    from vault.services import Place, subject_keys
    from vault.stream import seal_stream

    keys = subject_keys(people)
    with _plain() as connection:
        for person, data in zip(people, _unzipped(people), strict=True):
            packed, archive = _zipped(data), uuid4()
            given = {"p": person, "r": uuid4(), "right": "access", "a": archive, "n": len(packed)}
            given["d"] = f"sha256:{hashlib.sha256(packed).hexdigest()}"
            with connection.transaction():
                for statement in (REQUEST, *READ):
                    connection.execute(statement, given, prepare=True).fetchall()
                connection.execute(ARCHIVE, given, prepare=True)
                sealed = seal_stream(keys[person], Place("erasure_archivechunk", "sealed", str(archive)), [packed])
                for at, chunk in enumerate(sealed):
                    connection.execute(CHUNK, {"a": archive, "at": at, "chunk": chunk}, prepare=True)
                connection.execute(ENTRY, given, prepare=True)
    return {"statements": len(people) * (len(READ) + 5)}


def _plain() -> Any:
    """A connection of psycopg's own to the same database."""
    import psycopg
    from django.db import connection

    own = {"cursor_factory", "context", "prepare_threshold"}
    return psycopg.connect(**{name: it for name, it in connection.get_connection_params().items() if name not in own})


def _zipped(data: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in data.items():
            packed.writestr(name, content)
    return buffer.getvalue()


def _unzipped(people: list[UUID]) -> list[dict[str, bytes]]:
    """The files of each person's archive; opened before the clock runs."""
    return _READ.get(people[0]) or _READ.setdefault(people[0], [_files(person) for person in people])


_READ: dict[UUID, list[dict[str, bytes]]] = {}


def _files(person: UUID) -> dict[str, bytes]:
    from erasure.archives.build import opened
    from erasure.models import Archive

    data = b"".join(opened(Archive.objects.filter(request__subject=person).latest("created_at")))
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


WORKS: dict[str, Callable[[str, list[UUID]], dict[str, Any]]] = {
    "engine": carried_out, "together": carried_out_together, "erasures": least_erasures, "copies": least_copies,
}  # fmt: skip


# --- in processes of their own ---------------------------------------------------------------------------------------
def child(work: str, right: str, people: list[UUID], warm: list[UUID], barrier: Any, answers: Any) -> None:
    """One process's share: warmed up, then together with the others; `answers` has what it took."""
    set_up()
    WORKS[work](right, warm)
    if work == "copies":
        _unzipped(people)
    gc.collect()
    before = megabytes()
    with counting() as statements:
        barrier.wait()
        began, used = time.perf_counter(), time.process_time()
        said = WORKS[work](right, people)
        taken, used = time.perf_counter() - began, time.process_time() - used
    answers.put(
        {
            "taken": taken, "cpu": used, "statements": statements["n"] + said.get("statements", 0),
            "grown": megabytes() - before, "peak": megabytes("VmHWM"),
        }
    )  # fmt: skip


def set_up() -> None:
    import django

    django.setup()
    from django.conf import settings

    settings.UNDO_WINDOW_SECONDS = settings.ERASURES_PER_HOUR = 0
    from gdpr_portal import wake

    wake._send = lambda *_given: None  # no broker: what the worker does is what counts


@contextmanager
def counting() -> Iterator[dict[str, int]]:
    """How many statements were sent while the block ran; COPY and what is prepared go past Django's own counting."""
    from django.db import connection
    from psycopg import Cursor

    from gdpr_portal.prepared import Prepared

    found = {"n": 0}

    def count(execute: Any, *given: Any, **values: Any) -> Any:
        found["n"] += 1
        return execute(*given, **values)

    def count_prepared(self: Prepared, **values: Any) -> list[Any]:
        return count(partial(plain, self), **values)

    def count_copy(self: Any, *given: Any, **named: Any) -> Any:
        return count(partial(copy, self), *given, **named)

    plain, copy = Prepared.all, Cursor.copy
    Prepared.all, Cursor.copy = count_prepared, count_copy  # type: ignore[method-assign]
    try:
        with connection.execute_wrapper(count):
            yield found
    finally:
        Prepared.all, Cursor.copy = plain, copy  # type: ignore[method-assign]


def megabytes(line: str = "VmRSS") -> float:
    """Resident memory now, or the most there ever was (`VmHWM`): `getrusage` also counts the parent's."""
    lines = dict(each.split(":", 1) for each in Path("/proc/self/status").read_text().splitlines())
    return int(lines[line].split()[0]) / 1024


def measured(work: str, right: str, people: list[UUID], processes: int, warm: int) -> dict[str, Any]:
    """So many processes at once; rates over all of them."""
    context = mp.get_context("spawn")
    barrier, answers = context.Barrier(processes), context.Queue()
    shares = [people[number::processes] for number in range(processes)]
    jobs = [
        context.Process(target=child, args=(work, right, share[warm:], share[:warm], barrier, answers))
        for share in shares
    ]
    for job in jobs:
        job.start()
    found = [answers.get(timeout=1800) for _ in jobs]
    for job in jobs:
        job.join()
    runs = len(people) - warm * processes
    return {
        "rate": runs / max(each["taken"] for each in found),
        "cpu": 1000 * sum(each["cpu"] for each in found) / runs,
        "statements": sum(each["statements"] for each in found) / runs,
        "grown": max(each["grown"] for each in found),
        "peak": max(each["peak"] for each in found),
    }


def row(name: str, found: dict[str, Any], floor: dict[str, Any] | None = None) -> str:
    """A row of the Markdown table."""
    shares = f"{found['rate'] / floor['rate']:.3f} | {found['cpu'] / floor['cpu']:.1f}" if floor else "1 | 1"
    numbers = f"{found['rate']:.1f} | {found['cpu']:.1f} | {found['statements']:.1f}"
    return f"| {name} | {numbers} | {found['grown']:.1f} | {found['peak']:.0f} | {shares} |"


# --- the archive of a person of whom very much is held ---------------------------------------------------------------
def large_archive(rows: int, person: UUID) -> dict[str, Any]:
    """The archive of a person with so many counted answers in their history; in a process of its own."""
    context = mp.get_context("spawn")
    answers = context.Queue()
    job = context.Process(target=build_large, args=(person, answers))
    job.start()
    found: dict[str, Any] = answers.get(timeout=1800)
    job.join()
    return {"rows": rows, **found, "rows_per_second": round(rows / found["seconds"])}


def build_large(person: UUID, answers: Any) -> None:
    """The archive is built and opened again; `answers` has seconds, bytes and memory."""
    set_up()
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")  # the worker's own limit is looked at apart
    began = time.perf_counter()
    before = megabytes()
    carried_out("access", [person])
    taken = time.perf_counter() - began
    peak = megabytes("VmHWM")
    from erasure.models import Archive

    archive = Archive.objects.get(request__subject=person)
    answers.put(
        {
            "seconds": round(taken, 1), "megabytes": round(archive.size_bytes / 2**20, 1), "before": round(before),
            "peak": round(peak),
        }
    )  # fmt: skip


def answered_often(made: Any, rows: int) -> UUID:
    """Somebody with an identifier and so many consent events, as an automatic signal leaves over the years."""
    import uuid
    from datetime import UTC, datetime, timedelta

    from consent.models import ConsentEvent
    from subjects.services.people import register_subject

    subject, _new = register_subject(application=made.shop, identifiers={"email": "often@bench.example"})
    names = ("event", "subject_id", "purpose", "action", "state", "at")
    constant = {
        "channel": "import", "actor": "subject", "recorded_at": datetime.now(UTC), "notice_version": 1,
        "notice_language": "en", "notice_digest": "sha256:" + "0" * 64, "expires_at": None,
    }  # fmt: skip
    began = datetime.now(UTC) - timedelta(days=365)
    acts = (("give", "given"), ("withdraw", "withdrawn"))
    events = (
        (uuid.uuid4(), subject.pk, "newsletter", *acts[number % 2], began + timedelta(seconds=number))
        for number in range(rows)
    )
    copy(ConsentEvent, names, events, **constant)
    return subject.pk


# --- the run ---------------------------------------------------------------------------------------------------------
def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--people", type=int, default=2000)
    asked.add_argument("--processes", type=int, default=2)
    asked.add_argument("--warm", type=int, default=10)
    asked.add_argument("--rows", type=int, default=0)
    asked.add_argument("--profile", choices=RIGHTS)
    given = asked.parse_args()
    os.environ |= {"UNDO_WINDOW_SECONDS": "0", "ERASURES_PER_HOUR": "0"}
    with durable(), tempfile.TemporaryDirectory(prefix="bench-erasure-") as folder, world() as made:
        set_up()
        people = everybody(Path(folder), 5 * given.people if not given.profile else given.people)
        if given.profile:
            return profiled(given.profile, people)
        if given.rows:
            found = large_archive(given.rows, answered_often(made, given.rows))
            print(json.dumps(found, indent=1))
            return 0 if found["peak"] < MOST_MEGABYTES else 1
        return tables(people, given)


def everybody(folder: Path, count: int) -> list[UUID]:
    """So many people, imported as they would be; nobody else holds a contract for their data."""
    from consent.models import DataContract
    from subjects.models import Subject

    file = folder / "people.jsonl"
    file.write_bytes(lines(count, 0, newsletter()))
    imported(file)
    with without_triggers():
        DataContract.objects.all().delete()
    return list(Subject.objects.filter(account=None).order_by("pk").values_list("pk", flat=True))


def tables(people: list[UUID], given: argparse.Namespace) -> int:
    """Prints the table; 1 when a rate is under its goal."""
    count = given.people
    copied, copied_together, floors, erased, erased_together = (people[at * count :][:count] for at in range(5))
    many = {"processes": given.processes, "warm": given.warm}
    load = os.getloadavg()[0]
    print(f"{count} people, {given.processes} processes, load {load:.1f}, {os.cpu_count()} cores\n")
    print(
        "| | per second | CPU ms each (client) | statements | memory grown MB | peak MB | of the floor's rate |"
        " times its CPU |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    singly = measured("engine", "access", copied, **many)
    floor = measured("copies", "access", copied, **many)
    access = measured("together", "access", copied_together, **many)
    print(row("the least of a copy", floor))
    print(row("access, filed to completed", singly, floor))
    print(row("access, as many at once as a sweep takes", access, floor), flush=True)
    floor = measured("erasures", "erasure", floors, **many)
    print(row("the least of an erasure", floor))
    singly = measured("engine", "erasure", erased, **many)
    print(row("erasure, filed to completed", singly, floor))
    erasure = measured("together", "erasure", erased_together, **many)
    print(row("erasure, as many at once as a sweep takes", erasure, floor), flush=True)
    return 0 if min(access["rate"], erasure["rate"]) >= GOAL else 1


def profiled(right: str, people: list[UUID]) -> int:
    """Where the time of one process goes, and the statements of one request and of two, on standard error."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    carried_out_together(right, people[:4])
    with CaptureQueriesContext(connection) as said:
        carried_out(right, people[4:5])
    print(len(said), "statements for one", file=sys.stderr)
    with CaptureQueriesContext(connection) as said:
        carried_out_together(right, people[5:7])
    print(len(said), "statements for two", file=sys.stderr)
    for number, each in enumerate(said.captured_queries):
        print(number, str(each["sql"])[:150].replace("\n", " "), file=sys.stderr)
    profile = cProfile.Profile()
    began = time.perf_counter()
    profile.runcall(carried_out_together, right, people[7:])
    print(f"{(len(people) - 7) / (time.perf_counter() - began):.1f} a second under the profiler", file=sys.stderr)
    pstats.Stats(profile, stream=sys.stderr).sort_stats("tottime").print_stats(35)
    return 0


if __name__ == "__main__":
    sys.exit(main())
