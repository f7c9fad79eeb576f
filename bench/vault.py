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
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from bench.rotation import service

ROUNDS = 5
FIELDS = (1, 10, 30)
TABLE = (
    "CREATE TABLE bench_value (id uuid PRIMARY KEY, owner uuid NOT NULL, field text NOT NULL, sealed bytea NOT NULL)"
)


def copied(rows: Sequence[tuple[UUID, UUID, str, bytes]], sealer: Callable[..., bytes]) -> float:
    """Rows a second by COPY, each value through the sealer."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE bench_value")
        began = time.perf_counter()
        with cursor.copy("COPY bench_value (id, owner, field, sealed) FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["uuid", "uuid", "text", "bytea"])
            for id_, owner, field, value in rows:
                copy.write_row((id_, owner, field, sealer(id_, owner, field, value)))
        return len(rows) / (time.perf_counter() - began)


def imports(count: int) -> dict[str, float]:
    """Both imports, in turns."""
    from vault import services
    from vault.services import Place

    owners = [uuid4() for _ in range(max(1, count // 10))]
    keys: dict[UUID, Any] = {}
    for start in range(0, len(owners), 1000):
        keys |= services.create_data_keys(owners[start : start + 1000])
    rows = [(uuid4(), owners[number % len(owners)], "email", b"somebody@example.org") for number in range(count)]

    def seal(id_: UUID, owner: UUID, field: str, value: bytes) -> bytes:
        return bytes(keys[owner].seal(Place("bench_value", field, str(id_)), value))

    plain, sealed = [], []
    for _ in range(ROUNDS):
        plain.append(copied(rows, lambda id_, owner, field, value: value))
        sealed.append(copied(rows, seal))
    found = {"plain_rows_per_second": statistics.median(plain), "sealed_rows_per_second": statistics.median(sealed)}
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
