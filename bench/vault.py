"""`python -m bench.vault [--rows 20000]`: COPY with sealing against plain COPY, and reads of 1, 10 and 30 fields.

The floor (the same rows, unsealed; the same statement, nothing opened) is measured in the same run, in turns, and the
median of the rounds is printed as one JSON object. Target: a sealing import above half the speed of the plain one.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from bench.rotation import service

ROUNDS = 5
BLOCK = 1000
FIELDS = (1, 10, 30)
TABLE = (
    "CREATE TABLE bench_value (id uuid PRIMARY KEY, owner uuid NOT NULL, field text NOT NULL, sealed bytea NOT NULL)"
)


Values = Sequence[tuple[UUID, UUID, str, bytes]]


def copied(rows: Values, sealer: Callable[[Values], Iterable[bytes]]) -> tuple[float, float]:
    """Rows by COPY, the values of each block through the sealer: rows a second, microseconds of this process a row."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE bench_value")
        began, used = time.perf_counter(), time.process_time()
        with cursor.copy("COPY bench_value (id, owner, field, sealed) FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["uuid", "uuid", "text", "bytea"])
            for start in range(0, len(rows), BLOCK):
                block = rows[start : start + BLOCK]
                for (id_, owner, field, _), cell in zip(block, sealer(block), strict=True):
                    copy.write_row((id_, owner, field, cell))
        own = (time.process_time() - used) / len(rows) * 1e6
        return len(rows) / (time.perf_counter() - began), own


def imports(count: int) -> dict[str, float]:
    """Both imports, in turns."""
    from vault import services

    owners = [uuid4() for _ in range(max(1, count // 10))]
    keys: dict[UUID, Any] = {}
    for start in range(0, len(owners), 1000):
        keys |= services.create_data_keys(owners[start : start + 1000])
    rows = [(uuid4(), owners[number % len(owners)], "email", b"somebody@example.org") for number in range(count)]

    def plain(block: Values) -> Iterable[bytes]:
        return [value for _, _, _, value in block]

    def sealed(block: Values) -> Iterable[bytes]:
        cells = [(keys[owner], field, str(id_), value) for id_, owner, field, value in block]
        return services.seal_cells("bench_value", cells)

    timed: dict[str, list[tuple[float, float]]] = {"plain": [], "sealed": []}
    for _ in range(ROUNDS):
        timed["plain"].append(copied(rows, plain))
        timed["sealed"].append(copied(rows, sealed))
    found = {}
    for name, rounds in timed.items():
        found[f"{name}_rows_per_second"] = statistics.median(rate for rate, _ in rounds)
        found[f"{name}_cpu_microseconds_a_row"] = statistics.median(own for _, own in rounds)
    return found | {"share": found["sealed_rows_per_second"] / found["plain_rows_per_second"]}


def reads(fields: int, rounds: int = 300) -> dict[str, float]:
    """One person's fields, opened, against the same rows fetched alone; microseconds a read and its statements."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from vault import services
    from vault.services import Place

    owner = uuid4()
    key = services.create_data_key(owner)
    with connection.cursor() as cursor:
        for number in range(fields):
            id_, field = uuid4(), f"field_{number}"
            cell = key.seal(Place("bench_value", field, str(id_)), b"somebody@example.org")
            cursor.execute("INSERT INTO bench_value VALUES (%s, %s, %s, %s)", [id_, owner, field, cell])

    def fetch() -> list[Any]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT id, field, sealed FROM bench_value WHERE owner = %s", [owner])
            return list(cursor.fetchall())

    def opened() -> list[bytes]:
        found = services.subject_key(owner)
        return [found.open(Place("bench_value", field, str(id_)), bytes(cell)) for id_, field, cell in fetch()]

    with CaptureQueriesContext(connection) as statements:
        assert len(opened()) == fields
    timed: dict[Callable[[], Any], list[float]] = {fetch: [], opened: []}
    for _ in range(rounds):
        for act, seconds in timed.items():
            began = time.perf_counter()
            act()
            seconds.append(time.perf_counter() - began)
    floor, whole = (statistics.median(seconds) * 1e6 for seconds in timed.values())
    return {"statements": len(statements), "floor_microseconds": floor, "microseconds": whole}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=20_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-vault-") as folder, service(Path(folder)):
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute(TABLE)
            cursor.execute("CREATE INDEX ON bench_value (owner)")
        found = {"import": imports(given.rows), "reads": {fields: reads(fields) for fields in FIELDS}}
        connection.close()
    print(json.dumps(found, indent=1))
    return 0 if found["import"]["share"] > 0.5 else 1


if __name__ == "__main__":
    sys.exit(main())
