"""What a fleet needs for so many requests a second, computed from the CPU a request was measured to cost.

    python -m bench.capacity --measure costs.json [--requests 500]      measures on a service of its own, and writes
    python -m bench.capacity --measured costs.json [--mix decision=0.9,consent=0.1] [--busy 0.65]       computes

Prints Markdown. The file is `{"requests": {"decision": {"web_us": 1, "database_us": 1, "bytes": 1, "writes": false}},
"web_mib": 1}`. Nothing is rounded in favour of the service: cores and pods are rounded up, and one pod stands by.

    cores        = requests a second x CPU a request / busy             (web, and PostgreSQL apart)
    connections  = two for each busy core of PostgreSQL behind a pooler; without, one for each thread
    shards       = cores of PostgreSQL for writes / cores of one server
    replicas     = cores of PostgreSQL for reads that do not fit beside the writes / cores of one server
    network      = requests a second x bytes of question and answer
"""

import argparse
import http.client
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Any

from bench.cpu import TICKS, cpu_seconds, resident_mib

RATES = (1_000, 10_000, 100_000, 1_000_000)
BUSY = 0.65
POD_CORES = 1
THREADS = 8
DATABASE_CORES = 32
"""Cores of one large PostgreSQL server."""


@dataclass(frozen=True)
class Cost:
    """One kind of request: CPU microseconds in web and in PostgreSQL, bytes both ways, whether it writes."""

    web_us: float
    database_us: float
    bytes: float
    writes: bool = False


@dataclass(frozen=True)
class Need:
    """What so many requests a second take. Memory in GiB, network in Gbit a second."""

    rate: int
    web_cores: int
    pods: int
    memory_gib: float
    database_cores: float
    writing_cores: float
    pooled: int
    direct: int
    replicas: int
    shards: int
    gbit: float


@dataclass(frozen=True)
class Fleet:
    """How the fleet is built: share of time busy; cores, threads, memory of a pod; cores of a database server."""

    busy: float = BUSY
    pod_cores: int = POD_CORES
    threads: int = THREADS
    pod_mib: float = 241
    database_cores: int = DATABASE_CORES
    mix: Mapping[str, float] = field(default_factory=lambda: {"decision": 1.0})


def mixed(costs: Mapping[str, Cost], mix: Mapping[str, float]) -> tuple[Cost, float]:
    """The cost of an average request of this mix (its shares are brought to 1), and the share of database CPU that
    writes."""
    whole = sum(mix.values())
    parts = [(share / whole, costs[name]) for name, share in mix.items()]
    web, database, size = (sum(share * getattr(cost, what) for share, cost in parts)
                           for what in ("web_us", "database_us", "bytes"))  # fmt: skip
    written = sum(share * cost.database_us for share, cost in parts if cost.writes)
    return Cost(web, database, size), written / database if database else 0.0


def need(rate: int, cost: Cost, writing: float, fleet: Fleet) -> Need:
    """What so many average requests a second take."""
    cores = rate * cost.web_us / 1e6 / fleet.busy
    pods = ceil(cores / fleet.pod_cores) + 1
    database = rate * cost.database_us / 1e6 / fleet.busy
    written = database * writing
    shards = max(1, ceil(written / fleet.database_cores))
    read = database - written
    own_room = shards * fleet.database_cores - written
    replicas = max(0, ceil((read - own_room) / fleet.database_cores))
    pooled = ceil(database) * 2 + 2
    return Need(
        rate, ceil(cores), pods, pods * fleet.pod_mib / 1024, database, written, pooled, pods * (fleet.threads + 1),
        replicas, shards, rate * cost.bytes * 8 / 1e9,
    )  # fmt: skip


def table(needs: list[Need]) -> str:
    """Markdown."""
    lines = [
        "| requests a second | cores of web | pods of one core | memory of web, GiB | cores of PostgreSQL |"
        " of it for writes | connections, pooled | without a pooler | read replicas | shards | network, Gbit/s |",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for each in needs:
        figures = (
            f"{each.rate:,}", f"{each.web_cores:,}", f"{each.pods:,}", f"{each.memory_gib:,.1f}",
            f"{each.database_cores:,.1f}", f"{each.writing_cores:,.1f}", f"{each.pooled:,}", f"{each.direct:,}",
            f"{each.replicas:,}", f"{each.shards:,}", f"{each.gbit:,.2f}",
        )  # fmt: skip
        lines.append(f"| {' | '.join(figures)} |")
    return "\n".join(lines)


# --- measuring --------------------------------------------------------------------------------------------------------
def measure(count: int) -> dict[str, Any]:
    """CPU of the web process and of PostgreSQL, and bytes, for each kind of request; so many of each, one after the
    other, over one connection."""
    from tests.faults.ground import ground

    with tempfile.TemporaryDirectory(prefix="capacity-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        with ground(Path(name), 1, full=False) as stands:
            web = stands.web.workers()[0]
            postmaster = int((stands.server.cluster.data / "postmaster.pid").read_text().split("\n", 1)[0])
            found = {kind: _cost(stands, calls, web, postmaster, count) for kind, calls in _calls(stands).items()}
            return {"requests": found, "web_mib": round(resident_mib(web))}


def _calls(stands: Any) -> dict[str, list[tuple[str, str, Any]]]:
    from bench.imports import newsletter
    from subjects.services import register_subject
    from vault.services import pairwise_id

    shop = stands.made.shop
    person = register_subject(application=shop, identifiers={"customer_id": "capacity"})[0]
    subject = str(pairwise_id(shop.pk, person.pk))
    consents, spoken = f"/api/v1/subjects/{subject}/consents", {"purpose": "newsletter", "channel": "web"}
    give = {**spoken, "action": "give", "notice": newsletter()["notice"]}
    return {
        "consent": [("POST", consents, give), ("POST", consents, {**spoken, "action": "withdraw"})],
        "decision": [("POST", "/api/v1/decisions", {"subject": subject, "purpose": "newsletter"})],
        "catalogue": [("GET", "/api/v1/purposes", None)],
        "register": [("POST", "/api/v1/subjects", {"identifiers": {"customer_id": "capacity"}})],
    }


def _cost(stands: Any, calls: list[tuple[str, str, Any]], web: int, postmaster: int, count: int) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {stands.token()}", "Content-Type": "application/json"}
    connection = http.client.HTTPConnection("127.0.0.1", stands.web.port, timeout=30)
    size, before = 0, (0.0, 0.0)
    for number in range(-50, count):
        if number == 0:
            before = cpu_seconds(web), cpu_of_children(postmaster)
        method, path, body = calls[number % len(calls)]
        sent = json.dumps(body) if body is not None else ""
        connection.request(method, path, sent or None, headers)
        answer = connection.getresponse()
        size = len(path) + len(sent) + len(str(headers)) + len(answer.read()) + len(str(answer.headers))
        assert answer.status < 400, (path, answer.status)
    spent = cpu_seconds(web) - before[0], cpu_of_children(postmaster) - before[1]
    microseconds = [round(each / count * 1e6) for each in spent]
    writes = any(path.endswith("/consents") for _method, path, _body in calls)
    return {"web_us": microseconds[0], "database_us": microseconds[1], "bytes": size, "writes": writes}


def cpu_of_children(pid: int) -> float:
    """CPU seconds of a server's processes: those that are there, and those it has buried."""
    parts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return (int(parts[13]) + int(parts[14])) / TICKS + sum(cpu_seconds(int(each)) for each in children)


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--measure", type=Path)
    asked.add_argument("--measured", type=Path)
    asked.add_argument("--requests", type=int, default=500)
    asked.add_argument("--mix", default="decision=0.9,consent=0.1")
    asked.add_argument("--busy", type=float, default=BUSY)
    given = asked.parse_args()
    if given.measure:
        given.measure.write_text(json.dumps(measure(given.requests), indent=1) + "\n")
    measured = json.loads((given.measure or given.measured).read_text())
    costs = {name: Cost(**cost) for name, cost in measured["requests"].items()}
    mix = {name: float(share) for name, _, share in (part.partition("=") for part in given.mix.split(","))}
    cost, writing = mixed(costs, mix)
    fleet = Fleet(busy=given.busy, pod_mib=float(measured["web_mib"]), mix=mix)
    print(f"Mix {given.mix}: {cost.web_us:,.0f} us in web, {cost.database_us:,.0f} us in PostgreSQL a request.\n")
    print(table([need(rate, cost, writing, fleet) for rate in RATES]))


if __name__ == "__main__":
    main()
