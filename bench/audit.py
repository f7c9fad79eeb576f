"""`python -m bench.audit [--events 100000] [--seconds 15] [--rate 500]`: the audit log beside its floors (G7, G8).

A durable throw-away PostgreSQL. Events are written one a transaction and a thousand a statement, sealed, verified from
inside and by the stand-alone verifier; then a writer commits `--rate` events a second while the sequencer runs as in
`run_sequencer`, and the time from `at` to sealed is taken of each. Floors: the same insert into a plain table without
partitions, indexes and triggers; hashing the leaves alone. Prints one JSON object.
"""

import argparse
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.rotation import service

STATEMENT = 1000
BATCH = 2000
"""As in `run_sequencer`."""
INTERVAL_SECONDS = 0.2
PLAIN = """CREATE TABLE bench_plain (at timestamptz, action text, actor text, subject uuid, request_id text,
    purpose text, fields text[], details jsonb)"""

SEALED_SINCE = """SELECT extract(epoch FROM e.at)::float FROM audit_leaf l JOIN audit_event e ON e.id = l.event
    WHERE l.seq >= %s"""


def main() -> int:
    options = parsed()
    with tempfile.TemporaryDirectory(prefix="bench-audit-") as folder, service(Path(folder)), signing():
        found = measured(options, Path(folder))
    print(json.dumps(found, indent=2))
    return 0


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--rate", type=int, default=500)
    return parser.parse_args()


@contextmanager
def signing() -> Iterator[None]:
    """This process signs checkpoints, as the sequencer's does."""
    from vault import checkpoint_key

    checkpoint_key.register(signs=True)
    yield


def measured(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    singles = max(500, options.events // 50)
    found: dict[str, Any] = {"events": options.events, "cores": os.cpu_count()}
    found["plain_insert_per_s"] = per_second(singles, plain_inserts)
    found["event_write_per_s"] = per_second(singles, single_events)
    found["event_write_of_plain"] = ratio(found["event_write_per_s"], found["plain_insert_per_s"])
    found["record_many_per_s"] = per_second(options.events - singles, many_events)
    found["hashing_per_s"] = per_second(options.events, hashing)
    found["sequencer_per_s"] = per_second(options.events, lambda count: seal())
    found["sequencer_of_hashing"] = ratio(found["sequencer_per_s"], found["hashing_per_s"])
    found["verify_per_s"] = per_second(options.events, lambda count: verified())
    found |= outsider(folder)
    found |= delays(options)
    return found


def ratio(value: float, floor: float) -> float:
    return round(value / floor, 3)


def per_second(count: int, work: Callable[[int], None]) -> float:
    begun = time.perf_counter()
    work(count)
    return round(count / (time.perf_counter() - begun), 1)


def entry(number: int) -> Any:
    import uuid

    from audit.services import Entry

    details = {"application": "shop", "count": number % 10, "withheld": 0}
    return Entry(
        action="data.read", actor="application:shop", subject=uuid.uuid4(), purpose="newsletter",
        fields=["email", "given_name"], details=details,
    )  # fmt: skip


def plain_inserts(count: int) -> None:
    from django.db import connection, transaction

    from audit.services import INSERT, row

    statement = INSERT.replace("audit_event", "bench_plain")
    with connection.cursor() as cursor:
        cursor.execute(PLAIN)
    for number in range(count):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, row(entry(number)))


def single_events(count: int) -> None:
    from django.db import connection, transaction

    from audit.services import INSERT, row

    for number in range(count):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(INSERT, row(entry(number)))


def many_events(count: int) -> None:
    from django.db import transaction

    from audit.services import record_many

    for start in range(0, count, STATEMENT):
        with transaction.atomic():
            record_many([entry(number) for number in range(min(STATEMENT, count - start))])


def hashing(count: int) -> None:
    """Leaf bytes of an event and its hash, so many times: what no sequencer in Python can be faster than."""
    from audit import canonical, merkle

    columns = (
        "7d1a62fc-6f6a-4bd6-9f4f-0d7d8f6b9a11", "2026-11-24T10:15:00.000000Z", "data.read", "application:shop",
        "7d1a62fc-6f6a-4bd6-9f4f-0d7d8f6b9a12", "", "newsletter", ["email", "given_name"],
        '{"application": "shop", "count": 3, "withheld": 0}',
    )  # fmt: skip
    for _ in range(count):
        merkle.leaf_hash(canonical.leaf_bytes(columns))


def seal() -> None:
    from audit import sequencer

    while sequencer.integrate(BATCH):
        pass
    sequencer.checkpoint()


def verified() -> None:
    from audit.verify import verify

    report = verify()
    if not report.holds:
        raise SystemExit(f"the log does not hold: {report.damages[:3]}")


def outsider(folder: Path) -> dict[str, Any]:
    """The dump, and the stand-alone verifier over it, as a program of its own."""
    from audit import dump, selectors

    path = folder / "log.jsonl"
    begun = time.perf_counter()
    with path.open("w", encoding="utf-8") as file:
        count = dump.write(file)
    dumped = time.perf_counter()
    command = [sys.executable, "audit/standalone_verifier.py", str(path), "--key", selectors.vkey()]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - dumped
    return {
        "dump_per_s": round(count / (dumped - begun), 1),
        "standalone_per_s": round(count / seconds, 1),
        "standalone_seconds_for_a_million": round(seconds * 1_000_000 / count, 1),
    }


def delays(options: argparse.Namespace) -> dict[str, Any]:
    """Milliseconds from an event's `at` until it is sealed, under a steady load."""
    from django.db import connection

    connection.close()
    writer = multiprocessing.get_context("spawn").Process(target=write_steadily, args=(options.rate, options.seconds))
    writer.start()
    waited: list[float] = []
    while writer.is_alive():
        waited += one_look()
        time.sleep(INTERVAL_SECONDS)
    waited += one_look()
    cuts = statistics.quantiles(waited, n=100)
    return {
        "load_per_s": round(len(waited) / options.seconds, 1), "sealed_p50_ms": round(cuts[49], 1),
        "sealed_p99_ms": round(cuts[98], 1), "sealed_max_ms": round(max(waited), 1),
    }  # fmt: skip


def one_look() -> list[float]:
    from django.db import connection

    from audit import sequencer, store

    before = store.watermark().size
    sequencer.integrate(BATCH)
    now = time.time()
    with connection.cursor() as cursor:
        cursor.execute(SEALED_SINCE, [before])
        return [(now - at) * 1000 for (at,) in cursor.fetchall()]


def write_steadily(rate: int, seconds: float) -> None:
    from bench.rotation import set_up

    set_up()
    begun = time.perf_counter()
    for number in range(int(rate * seconds)):
        time.sleep(max(0.0, begun + number / rate - time.perf_counter()))
        single_events(1)


if __name__ == "__main__":
    sys.exit(main())
