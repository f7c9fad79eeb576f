"""`python -m bench.rotation [--subjects 100000] [--kills 5]`: the master key rotates under load and `kill -9` (G26).

A throw-away PostgreSQL, keys in a folder of their own, every subject with a data key and one sealed cell. While readers
open random people's cells and writers make, seal, replace and destroy keys, `manage.py keys rotate master` runs and is
killed again and again; the same command then takes it up. At the end every row is looked at. Prints one JSON object and
exits 1 when a cell did not open, a request failed, or a row is left on the old version.
"""

import argparse
import json
import multiprocessing
import os
import random
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

BATCH = 1000
READERS, WRITERS = 2, 1
# Key and cell by one statement: between two of them a writer may replace both.
TOGETHER = """
    SELECT owner, sealed, wrapped, master_version, commitment
      FROM bench_cell JOIN vault_datakey USING (owner) WHERE owner = ANY(%s)
"""
TABLE = "CREATE TABLE bench_cell (owner uuid PRIMARY KEY, sealed bytea NOT NULL)"


# --- the ground -----------------------------------------------------------------------------------------------------
@contextmanager
def service(folder: Path) -> Iterator[None]:
    """An empty service on a server of its own; this process and its children are set up for it."""
    from deploy.local.postgres import SETTINGS, SUPERUSER, Cluster, wait_until_it_answers

    password = secrets.token_urlsafe(16)
    # Durable as a real one is: what a killed rotation leaves behind is part of what is measured.
    cluster = Cluster(folder / "postgres", settings=SETTINGS)
    cluster.create(password)
    with (
        open(folder / "postgres.log", "ab") as log,
        subprocess.Popen(cluster.command(), stdout=log, stderr=log, start_new_session=True) as server,
    ):
        try:
            wait_until_it_answers(cluster, password, server)
            os.environ |= {
                "DATABASE_URL": cluster.address(SUPERUSER, password, "postgres"),
                "RUN_DIR": str(folder), "SECRET_KEY": "bench-" + "x" * 50, "PROFILE": "development",
                "BROKER_URL": "memory://", "DJANGO_SETTINGS_MODULE": "gdpr_portal.settings",
                "VAULT_KEY_FILE": str(folder / "keys" / "vault.json"),
                "AUDIT_SIGNING_KEY_FILE": str(folder / "keys" / "audit.json"),
                "SHRED_LEDGER_FILE": str(folder / "ledger" / "shred.jsonl"),
            }  # fmt: skip
            for words in (["migrate", "--verbosity=0"], ["keys", "init"]):
                subprocess.run(
                    [sys.executable, "manage.py", *words], check=True, env=os.environ, stdout=subprocess.DEVNULL
                )
            say("the service stands")
            set_up()
            yield
        finally:
            server.send_signal(signal.SIGINT)


def say(words: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {words}", file=sys.stderr, flush=True)


def set_up() -> None:
    import django

    django.setup()


def seed(subjects: int) -> None:
    """So many people have a data key and a sealed cell that holds their own id."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(TABLE)
    for start in range(0, subjects, BATCH):
        make_people(min(BATCH, subjects - start))


def make_people(count: int) -> list[UUID]:
    from django.db import connection, transaction

    from vault import services

    owners = [uuid4() for _ in range(count)]
    with transaction.atomic(), connection.cursor() as cursor:
        keys = services.create_data_keys(owners)
        cells = [keys[owner].seal(place(owner), owner.bytes) for owner in owners]
        cursor.execute("INSERT INTO bench_cell SELECT * FROM unnest(%s::uuid[], %s::bytea[])", [owners, cells])
    return owners


def place(owner: UUID) -> Any:
    from vault.services import Place

    return Place("bench_cell", "sealed", str(owner))


# --- the load -------------------------------------------------------------------------------------------------------
def load(kind: str, seed_: int, sample: list[UUID], stop: Any, told: Any) -> None:
    """A process that reads or writes until it is told to stop, and tells how often it did and how often it failed."""
    set_up()
    act = {"read": read, "write": write}[kind]
    chance = random.Random(seed_)
    done, failed, slowest, words = 0, 0, 0.0, ""
    while not stop.is_set():
        began = time.perf_counter()
        try:
            act(chance, sample)
            done += 1
        except Exception as error:  # whatever it is, it is a request that failed
            failed, words = failed + 1, f"{type(error).__name__}: {error}"
        slowest = max(slowest, time.perf_counter() - began)
    told.put({"kind": kind, "done": done, "failed": failed, "slowest_seconds": round(slowest, 3), "error": words})


@contextmanager
def under_load(sample: list[UUID]) -> Iterator[list[dict[str, Any]]]:
    """Readers and writers work while the block runs; afterwards the list has what each of them tells."""
    context = multiprocessing.get_context("spawn")
    stop, told = context.Event(), context.Queue()
    jobs = ["read"] * READERS + ["write"] * WRITERS
    people = [
        context.Process(target=load, args=(kind, number, sample, stop, told), daemon=True)
        for number, kind in enumerate(jobs)
    ]
    found: list[dict[str, Any]] = []
    for process in people:
        process.start()
    try:
        yield found
        stop.set()
        found += [told.get(timeout=60) for _ in people]
    finally:
        stop.set()
        for process in people:
            process.join(10)
            process.kill()


def read(chance: random.Random, sample: list[UUID]) -> None:
    """The cells of ten people, whose keys nobody destroys, open and hold what was sealed."""
    from django.db import connection

    from vault import services

    with connection.cursor() as cursor:
        cursor.execute(TOGETHER, [chance.sample(sample, 10)])
        for owner, sealed, *row in cursor.fetchall():
            if services.opened(owner, *row).open(place(owner), bytes(sealed)) != owner.bytes:
                raise AssertionError("another person's value")


def write(chance: random.Random, sample: list[UUID]) -> None:
    """Somebody comes, one of those known gets a new data key and is sealed anew, and the newcomer leaves again."""
    from django.db import connection, transaction

    from vault import services

    newcomer = make_people(1)[0]
    known = chance.choice(sample)
    with transaction.atomic(), connection.cursor() as cursor:
        old, new = services.replace_data_key(known, shred=False)
        cursor.execute("SELECT sealed FROM bench_cell WHERE owner = %s FOR UPDATE", [known])
        cell = new.seal(place(known), old.open(place(known), bytes(cursor.fetchone()[0])))
        cursor.execute("UPDATE bench_cell SET sealed = %s WHERE owner = %s", [cell, known])
    with transaction.atomic(), connection.cursor() as cursor:
        services.destroy_data_key(newcomer)
        cursor.execute("DELETE FROM bench_cell WHERE owner = %s", [newcomer])


# --- the rotation ---------------------------------------------------------------------------------------------------
def rotate_and_kill(subjects: int, kills: int) -> dict[str, Any]:
    """The rotation has ended after so many kills; what it took."""
    began = time.perf_counter()
    at = []
    for number in range(1, kills + 1):
        process = begin()
        target = subjects * number // (kills + 1)
        while process.poll() is None and on_new_version() < target:
            time.sleep(0.01)
        if process.poll() is not None:
            raise SystemExit("The rotation ended before it could be killed: take more subjects.")
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        at.append(on_new_version())
        say(f"killed at {at[-1]} rows")
    last = begin()
    if last.wait(3600) != 0:
        raise SystemExit("The rotation failed.")
    return {"killed_at_rows": at, "seconds": round(time.perf_counter() - began, 2)}


def begin() -> "subprocess.Popen[bytes]":
    command = [sys.executable, "manage.py", "keys", "rotate", "master", "--pause", "0.02"]
    return subprocess.Popen(command, env=os.environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def on_new_version() -> int:
    from vault import rotation

    return rotation.histogram("master").get(2, 0)


def unreadable() -> int:
    """How many cells do not open, of all that are there."""
    from django.db import connection

    from vault import services
    from vault.services import Tampered

    bad = 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT owner, sealed FROM bench_cell")
        rows = cursor.fetchall()
    for start in range(0, len(rows), BATCH):
        part = rows[start : start + BATCH]
        keys = services.subject_keys(owner for owner, _ in part)
        for owner, sealed in part:
            try:
                bad += keys[owner].open(place(owner), bytes(sealed)) != owner.bytes
            except (Tampered, KeyError):
                bad += 1
    return bad


def measure(subjects: int, kills: int) -> dict[str, Any]:
    """Seeds, rotates under load and kills, and looks at every row; what was found."""
    from django.db import connection

    from vault import providers, rotation

    began = time.perf_counter()
    seed(subjects)
    seeded = round(time.perf_counter() - began, 2)
    say(f"{subjects} subjects seeded in {seeded} s")
    with connection.cursor() as cursor:
        cursor.execute("SELECT owner FROM bench_cell ORDER BY owner LIMIT 5000")
        sample = [owner for (owner,) in cursor.fetchall()]
    with under_load(sample) as loads:
        rotation_result = rotate_and_kill(subjects, kills)
    return {
        "subjects": subjects, "seed_seconds": seeded, "rotation": rotation_result, "load": loads,
        "histogram": rotation.histogram("master"), "current": providers.keyring(fresh=True).current("master"),
        "unreadable": unreadable(),
    }  # fmt: skip


def failures(found: dict[str, Any]) -> list[str]:
    """What is not as it has to be."""
    wrong = []
    if set(found["histogram"]) != {2} or found["current"] != 2:
        wrong.append("rows are left on the old version, or a version too many was made")
    if found["unreadable"]:
        wrong.append("cells do not open")
    if any(each["failed"] or not each["done"] for each in found["load"]):
        wrong.append("requests failed, or none was made")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--subjects", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rotation-") as folder, service(Path(folder)):
        found = measure(given.subjects, given.kills)
    print(json.dumps(found | {"failures": failures(found)}, indent=1))
    return 1 if failures(found) else 0


if __name__ == "__main__":
    sys.exit(main())
