"""The hot paths over HTTP beside their floors: one server process on one core, load and PostgreSQL on the other.

    python -m bench.http [--people 100000] [--seconds 3] [--runs 5]

Rows take turns within a run, so that a busy moment hits all alike; the share of the floor is taken within each run.
CPU is the server process's own, user and system, from /proc. Prints JSON; `make bench` makes a page of it.
"""

import argparse
import itertools
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.cpu import cpu_seconds, resident_mib
from bench.load import asked, request
from bench.world import World, world
from deploy.local.programs import WEB_ENVIRONMENT

CONNECTIONS = 8
READERS = 200
"""People whose values are held, and read."""
BATCH = 1000
MEMORY_MIB = 150
PORTS = range(8150, 8199)
CONSTANT = "constant reply of granian"
UNRECORDED = "read of 5 fields without audit"
SELECT = "bare prepared select (psycopg)"
SELECTS_THERE = 26_000
"""What `SELECT` does a second and core on the machine that the rates of the target table are for (scale.md,
"Designs": 26,000 with a psycopg cursor). Here a rate is asked for in the proportion of the two."""
VALUES = {
    "email": "ada@people.example", "given_name": "Ada", "family_name": "Byron", "phone": "+4930123456",
    "postal_address": "Unter den Linden 1, 10117 Berlin",
}  # fmt: skip


@dataclass
class Row:
    """One thing asked. `each` is how many pieces of work one request is; goals are at least this rate on the machine of
    the target table, and at least this share of the floor."""

    name: str
    requests: list[bytes]
    floor: str = ""
    each: int = 1
    rate_there: float = 0
    share: float = 0
    remembers: bool = False
    """Asked of the process that may remember decisions."""


# --- what is asked ---------------------------------------------------------------------------------------------------
def rows(made: World, people: list[Any], *, fresh: int) -> list[Row]:
    """Every row; `fresh` is how many requests those get that must not repeat."""
    from access.oauth import save_token
    from access.tokens import new_token
    from consent.models import NoticeText
    from vault.services import pairwise_ids

    token = new_token()
    save_token(application=made.shop, token=token, scopes=made.shop.scopes)
    _forever()
    headers = {"Authorization": f"Bearer {token}"}
    ids = [str(each) for each in pairwise_ids(made.shop.pk, people)]
    text = NoticeText.objects.get(notice__purpose__slug="newsletter", notice__state="live", language="en")
    notice = {"version": text.notice.version, "language": "en", "digest": text.digest}
    some = list(zip(people, ids, strict=True))[:: max(1, len(ids) // 5000)]
    questions = [{"subject": each, "purpose": "newsletter"} for _, each in some]
    inner = [_inner(made, who, "newsletter") for who, _ in some]
    _hold_values(made, people[:READERS])
    readers = [_inner(made, who, "orders") for who in people[:READERS]]
    batches = [questions[at : at + BATCH] for at in range(0, len(questions) - BATCH + 1, BATCH)] or [questions]
    acts = itertools.cycle(("withdraw", "give"))  # an answer that stands already writes nothing
    consents = [
        request("POST", f"/api/v1/subjects/{ids[number // 2 % len(ids)]}/consents", headers, _act(next(acts), notice))
        for number in range(fresh)
    ]
    created = [{"identifiers": {"email": f"new{n}@people.example", "customer_id": f"new-{n}"}} for n in range(fresh)]
    return [
        Row(CONSTANT, [request("GET", "/constant", {})]),
        Row(SELECT, [request("POST", "/select", {}, each) for each in inner]),
        Row("the same by libpq alone", [request("POST", "/libpq", {}, each) for each in inner]),
        Row("Django with its middleware: /livez", [request("GET", "/livez", {})]),
        Row(
            "single decision, fresh", _posts("/api/v1/decisions", headers, questions),
            floor=SELECT, share=0.80,
        ),
        Row(
            "single decision by the Django view", _posts("/api/v1/decisions?explain=0", headers, questions),
            floor=SELECT,
        ),
        Row(
            f"batch of {len(batches[0]):,}, decisions", _posts("/api/v1/decisions/batch", headers, _batches(batches)),
            each=len(batches[0]), floor=SELECT, rate_there=120_000,
        ),
        Row(
            "single decision, replica", _posts("/api/v1/decisions", headers, questions), floor=CONSTANT, share=0.70,
            remembers=True,
        ),
        Row(
            f"batch of {len(batches[0]):,}, replica", _posts("/api/v1/decisions/batch", headers, _batches(batches)),
            each=len(batches[0]), floor=SELECT, rate_there=500_000, remembers=True,
        ),
        Row(UNRECORDED, [request("POST", "/read", {}, each) for each in readers]),
        Row(
            "read of 5 fields, audited",
            [request("GET", f"/api/v1/subjects/{each}/data?purpose=orders", headers) for each in ids[:READERS]],
            floor=UNRECORDED, share=0.40, rate_there=5000,
        ),
        Row("consent write", consents, floor=SELECT, rate_there=3000),
        Row("create person", _posts("/api/v1/subjects", headers, created), floor=SELECT, rate_there=1500),
    ]  # fmt: skip


def _act(action: str, notice: dict[str, Any]) -> dict[str, Any]:
    return {"purpose": "newsletter", "action": action, "notice": notice if action == "give" else None, "channel": "web"}


def _posts(path: str, headers: dict[str, str], bodies: list[Any]) -> list[bytes]:
    return [request("POST", path, headers, each) for each in bodies]


def _batches(batches: list[Any]) -> list[Any]:
    return [{"items": each} for each in batches]


def _inner(made: World, who: Any, purpose: str) -> dict[str, str]:
    """What a floor is asked, which knows nothing of the application's own ids."""
    return {"inner": str(who), "application": str(made.shop.pk), "purpose": purpose}


def _hold_values(made: World, people: list[Any]) -> None:
    """These people have a key, and a value in each field of `orders`."""
    from consent.services.data import store_data
    from subjects.models import Subject
    from vault.services import create_data_keys

    create_data_keys(people)
    for person in people:
        store_data(
            application=made.shop, subject=Subject.objects.get(pk=person), purpose="orders", values=VALUES,
            source="subject",
        )  # fmt: skip


def _forever() -> None:
    from datetime import UTC, datetime, timedelta

    from access.models import AccessToken

    AccessToken.objects.update(expires_at=datetime.now(UTC) + timedelta(days=1))


# --- the server ------------------------------------------------------------------------------------------------------
@contextmanager
def serving(**settings: str) -> Iterator[tuple[int, int]]:
    """The service and its floors on the first core; its port, and the id of the process that answers."""
    port = next(each for each in PORTS if _is_free(each))
    core = str(min(os.sched_getaffinity(0)))
    command = [
        "taskset", "-c", core, sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1",
        "--port", str(port), "--workers", "1", "--blocking-threads", "8", "--no-ws", "--http", "1",
        "--log-level", "error", "--no-access-log", "bench.floors:application",
    ]  # fmt: skip
    server = subprocess.Popen(command, env=os.environ | WEB_ENVIRONMENT | settings)
    try:
        _wait_for(port, server)
        yield port, _worker(server.pid)
    finally:
        server.terminate()
        server.wait(timeout=30)


def _is_free(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) != 0


def _wait_for(port: int, server: subprocess.Popen[bytes], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/livez", timeout=5).read()
            return
        except OSError:
            time.sleep(0.2)
    raise SystemExit("the server did not start")


def _worker(parent: int) -> int:
    """The child that answers: of the server's children the one with the most memory."""
    children = [
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and _parent(int(entry.name)) == parent
    ]
    return max(children, key=resident_mib)


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


# --- the run ---------------------------------------------------------------------------------------------------------
def measured(people: int, *, seconds: float, runs: int) -> list[dict[str, Any]]:
    """Every row: rate (median, lowest, highest), CPU microseconds, latency, share of its floor in the same run."""
    with tempfile.TemporaryDirectory(prefix="bench-http-") as folder, world() as made:
        everybody = made.people(people)
        made.consents(everybody, ["newsletter"])
        asked_for = rows(made, everybody, fresh=int(2000 * seconds * (runs + 1)))
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        with serving() as fresh, serving(DECISIONS_FROM="replica") as remembering:
            found: dict[str, list[dict[str, float]]] = {row.name: [] for row in asked_for}
            for run in range(runs + 1):
                for row in asked_for:
                    taken = _one(row, *(remembering if row.remembers else fresh), seconds, Path(folder))
                    if run:  # the first warms up
                        found[row.name].append(taken)
            memory, beside = resident_mib(fresh[1]), resident_mib(remembering[1])
    told = [_summed(row, found) for row in asked_for]
    return [
        *told, _memory("memory of the web worker afterwards", memory),
        _memory("memory of the one that remembers", beside),
    ]  # fmt: skip


def _memory(name: str, mib: float) -> dict[str, Any]:
    kept = {"goal": "< 150 MiB", "goal_here": "the same", "kept": "yes" if mib < MEMORY_MIB else "no"}
    return {"name": name, "memory_mib": round(mib, 1)} | kept


def _one(row: Row, port: int, pid: int, seconds: float, folder: Path) -> dict[str, float]:
    print(f"{row.name}", file=sys.stderr, flush=True)
    before = cpu_seconds(pid)
    taken = asked(port, row.requests, seconds=seconds, connections=CONNECTIONS, folder=folder)
    if taken["failed"]:
        raise SystemExit(f"{row.name}: {taken['failed']} of {taken['count']} answers are no 2xx")
    done = int(taken["count"])
    if len(row.requests) > done and row.name in {"create person", "consent write"}:
        row.requests = row.requests[done + CONNECTIONS :]  # each is asked once
    cpu = 1e6 * (cpu_seconds(pid) - before) / max(1, done * row.each)
    return {"rate": taken["rate"] * row.each, "cpu_us": cpu, "median_ms": taken["median_ms"], "p99_ms": taken["p99_ms"]}


def _summed(row: Row, found: dict[str, list[dict[str, float]]]) -> dict[str, Any]:
    own = found[row.name]
    told: dict[str, Any] = {"name": row.name, "floor": row.floor}
    told |= {name: statistics.median(each[name] for each in own) for name in own[0]}
    told |= {"lowest": min(each["rate"] for each in own), "highest": max(each["rate"] for each in own)}
    if row.floor:
        told["share"] = statistics.median(
            each["rate"] / under["rate"] for each, under in zip(own, found[row.floor], strict=True)
        )
    return told | _goals(row, told, [each["rate"] for each in found[SELECT]])


def _goals(row: Row, told: dict[str, Any], selects: list[float]) -> dict[str, str]:
    """What the target table asks for on its machine, what that is on this one by the floor of the same run, and whether
    it is kept here."""
    there, here, kept = [], [], []
    if row.rate_there:
        asked = row.rate_there * statistics.median(selects) / SELECTS_THERE
        there.append(f"rate >= {row.rate_there:,.0f}")
        here.append(f"rate >= {asked:,.0f}")
        kept.append(told["rate"] >= asked)
    if row.share:
        there.append(f"share >= {row.share:.2f}")
        here.append(f"share >= {row.share:.2f}")
        kept.append(told["share"] >= row.share)
    if not there:
        return {}
    return {"goal": ", ".join(there), "goal_here": ", ".join(here), "kept": "yes" if all(kept) else "no"}


def main() -> None:
    asked_for = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked_for.add_argument("--people", type=int, default=100_000)
    asked_for.add_argument("--seconds", type=float, default=3)
    asked_for.add_argument("--runs", type=int, default=5)
    given = asked_for.parse_args()
    print(json.dumps(measured(given.people, seconds=given.seconds, runs=given.runs)))


if __name__ == "__main__":
    main()
