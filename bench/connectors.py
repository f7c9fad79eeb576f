"""Rights requests through a connector of eleven tables, on a real PostgreSQL that keeps what it commits.

    python -m bench.connectors --people 100000 --runs 1500 --processes 2

The floor is the very statements of the engine's runs, recorded with their values and sent again by plain psycopg over
one kept connection, to a copy of the database made before. Quote the ratio: absolute figures move with the machine.
"""

import argparse
import gc
import json
import multiprocessing as mp
import pickle
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
from django.conf import settings
from psycopg import sql as pgsql
from psycopg.conninfo import conninfo_to_dict

from bench.eleven import TABLES, fill
from deploy.local import postgres
from erasure.connectors.dataset import Dataset, load
from erasure.connectors.engine import Order, Source, running
from erasure.connectors.masking import Strategy
from tests.connectors.shop import DATASET

if not settings.configured:
    settings.configure(IS_LOCAL=False)  # of the service nothing but its engine is measured

PASSWORD = "only-for-this"
RIGHTS = ("access", "erasure")


@contextmanager
def server(folder: Path) -> Iterator[postgres.Cluster]:
    """A server with the settings of `make run`, commits flushed to disk."""
    kept, postgres.THROW_AWAY = postgres.THROW_AWAY, {}
    try:
        with postgres.throw_away(folder, PASSWORD) as cluster:
            yield cluster
    finally:
        postgres.THROW_AWAY = kept


def address(cluster: postgres.Cluster, name: str) -> str:
    return cluster.address(postgres.SUPERUSER, PASSWORD, name)


def url(where: str) -> str:
    parts = conninfo_to_dict(where)
    made = sa.URL.create(
        "postgresql+psycopg",
        username=str(parts["user"]),
        password=str(parts["password"]),
        database=str(parts["dbname"]),
        query={"host": str(parts["host"]), "port": str(parts["port"])},
    )
    return made.render_as_string(hide_password=False)


# --- what is measured, each in a process of its own --------------------------------------------------------------
@cache
def datasets() -> tuple[Dataset, ...]:
    """The dataset file, read once a process, as the service does (erasure.services.connectors)."""
    return tuple(load(DATASET))


def engine_runs(where: str, right: str, numbers: list[int], record: str | None = None) -> dict[str, Any]:
    """Each person's request through the engine."""
    source = Source("shop", url(where), datasets())
    said: list[Any] = []
    if record:
        sa.event.listen(sa.Engine, "before_cursor_execute", lambda _c, _k, text, given, *_: said.append((text, given)))
    runs, statements, rows = [], 0, 0
    for number in numbers:
        said.clear()
        order = Order(
            right=right,  # type: ignore[arg-type]
            identities={"email": frozenset([f"person{number}@example.org"])},
            categories=("user",),
            fallback=Strategy("random_string_rewrite"),
        )
        with running([source], order) as run:
            rows += sum(1 for _row in run.rows)
        if run.report.state != "completed":
            raise SystemExit(f"a run failed: {run.report.errors}")
        statements += run.report.statements
        rows += sum(change.rows for change in run.report.changes.values())
        runs.append(list(said))
    if record:
        Path(record).write_bytes(pickle.dumps(runs))
    return {"statements": statements, "rows": rows}


def floor_runs(where: str, right: str, numbers: list[int], record: str | None = None) -> dict[str, Any]:
    """The statements of the recorded runs, by psycopg alone."""
    runs = pickle.loads(Path(record or "").read_bytes())
    rows = 0
    with psycopg.connect(where) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        for run in runs:
            for text, given in run:
                cursor = connection.execute(text, given)
                rows += len(cursor.fetchall()) if cursor.description else cursor.rowcount
            connection.commit()
    return {"statements": sum(map(len, runs)), "rows": rows}


def child(work: Any, given: tuple[Any, ...], warm: tuple[Any, ...], barrier: Any, answers: Any) -> None:
    """One process's share: warmed up, then together with the others."""
    if warm:
        work(*warm)
    gc.collect()
    before = rss()
    barrier.wait()
    began, spent = time.perf_counter(), time.process_time()
    found = work(*given)
    taken, spent = time.perf_counter() - began, time.process_time() - spent
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    answers.put(found | {"seconds": taken, "cpu": spent, "grown": rss() - before, "peak": peak})


def rss() -> float:
    """Megabytes in memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def measured(work: Any, shares: list[tuple[Any, ...]], warm: list[tuple[Any, ...]]) -> dict[str, float]:
    """The shares done at the same time, a process each; the rate of all together."""
    context = mp.get_context("spawn")
    barrier, answers = context.Barrier(len(shares)), context.Queue()
    processes = [
        context.Process(target=child, args=(work, share, before, barrier, answers))
        for share, before in zip(shares, warm, strict=True)
    ]
    for process in processes:
        process.start()
    found = [answers.get(timeout=1200) for _process in processes]
    for process in processes:
        process.join()
    runs = sum(len(share[2]) for share in shares)
    return {
        "per_second": runs / max(each["seconds"] for each in found),
        "cpu_ms": 1000 * sum(each["cpu"] for each in found) / runs,
        "statements": sum(each["statements"] for each in found) / runs,
        "rows": sum(each["rows"] for each in found) / runs,
        "grown_mb": max(each["grown"] for each in found),
        "peak_mb": max(each["peak"] for each in found),
    }


def floor_first(cluster: postgres.Cluster, right: str, numbers: list[list[int]], folder: Path) -> dict[str, float]:
    """The floor of a right: recorded on one copy, sent again on another."""
    for name in ("recorded", "floor"):
        copied(cluster, name)
    records = [str(folder / f"{right}{at}") for at in range(len(numbers))]
    for record, share in zip(records, numbers, strict=True):
        process = mp.get_context("spawn").Process(
            target=engine_runs, args=(address(cluster, "recorded"), right, share, record)
        )
        process.start()
        process.join()
    shares = [(address(cluster, "floor"), right, share, record) for share, record in zip(numbers, records, strict=True)]
    return measured(floor_runs, shares, [()] * len(shares))


def copied(cluster: postgres.Cluster, name: str) -> None:
    with psycopg.connect(address(cluster, "postgres"), autocommit=True) as connection:
        connection.execute(pgsql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(pgsql.Identifier(name)))
        connection.execute(pgsql.SQL("CREATE DATABASE {} TEMPLATE original").format(pgsql.Identifier(name)))


def bench(people: int, runs: int, processes: int) -> dict[str, dict[str, float]]:
    """Every figure of one go."""
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, server(Path(folder) / "server") as cluster:
        with psycopg.connect(address(cluster, "postgres"), autocommit=True) as connection:
            connection.execute("CREATE DATABASE original")
        with psycopg.connect(address(cluster, "original")) as connection:
            fill(connection, people)
        share = runs // processes
        numbers = [list(range(1 + at * share, 1 + (at + 1) * share)) for at in range(processes)]
        warm = [list(range(people - 20 * (at + 1), people - 20 * at)) for at in range(processes)]
        for right in RIGHTS:
            found[f"{right}, floor"] = floor_first(cluster, right, numbers, Path(folder))
            copied(cluster, "engine")
            where = address(cluster, "engine")
            found[right] = measured(
                engine_runs, [(where, right, each) for each in numbers], [(where, right, each) for each in warm]
            )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=1500)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = bench(given.people, given.runs, given.processes)
    if given.json:
        print(json.dumps(found))
        return
    print(f"{len(TABLES)} tables, {given.people:,} people, {given.runs} runs in {given.processes} processes")
    print("| | per second | CPU ms a run (client) | statements | rows | memory grown MB | peak MB |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, each in found.items():
        print(
            f"| {name} | {each['per_second']:.1f} | {each['cpu_ms']:.1f} | {each['statements']:.1f} |"
            f" {each['rows']:.1f} | {each['grown_mb']:.1f} | {each['peak_mb']:.0f} |"
        )
    for right in RIGHTS:
        ratio = found[right]["per_second"] / found[f"{right}, floor"]["per_second"]
        print(f"{right}: {ratio:.2f} of the floor")


if __name__ == "__main__":
    main()
