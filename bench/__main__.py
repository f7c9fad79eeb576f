"""`make bench`: every figure of the target table that is measured here, beside its floor in the same run, as a page.

    python -m bench [--people 100000] [--only http imports] [--to artefacts]
    python -m bench --compare BASE.json [NEW.json]

The parts are modules that also run alone; each has a process of its own. Written are `bench.json`, `bench.md` and
`bench.html` (one file, no scripts), and the JSON once more under its time, for `make bench-compare BASE=`.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.report import compared, markdown, page

Rows = list[dict[str, Any]]


def http(people: int) -> Rows:
    few = ["--seconds", "2", "--runs", "1"] if people < 10_000 else []
    return list(json.loads(_said("bench.http", "--people", str(people), *few).splitlines()[-1]))


def imports(people: int) -> Rows:
    count = min(people // 10, 10_000)
    found = json.loads(_said("bench.imports", "--people", str(count)))
    rates = sorted(found["new_per_second"])
    return [
        {
            "name": f"import of {count:,} new people, one process", "rate": rates[len(rates) // 2],
            "lowest": rates[0], "highest": rates[-1], "cpu_us": 1e6 / max(found["new_per_cpu_second"]),
            "goal": "rate >= 1500",
        },
        {"name": "import of known people", "rate": found["known_per_second"]},
    ]  # fmt: skip


def erasure(people: int) -> Rows:
    """Its own table, read: each right under its floor."""
    said = _said("bench.erasure", "--people", str(max(20, min(people // 100, 1000))), "--warm", "4")
    told = [
        {"name": name, "rate": float(rate), "cpu_us": 1000 * float(cpu), "memory_mib": float(peak)}
        for name, rate, cpu, peak in re.findall(
            r"^\| ([a-z][^|]*) \| ([\d.]+) \| ([\d.]+) \| [\d.]+ \| [-\d.]+ \| (\d+) \|", said, re.MULTILINE
        )
    ]
    for floor, own in zip(told[::2], told[1::2], strict=True):
        own |= {"floor": floor["name"], "share": own["rate"] / floor["rate"], "goal": "rate >= 100"}
    return told


def connectors(people: int) -> Rows:
    runs = max(40, min(people // 50, 1500))
    found = json.loads(_said("bench.connectors", "--people", str(people), "--runs", str(runs), "--json"))
    told = []
    for right in ("access", "erasure"):
        floor, own = found[f"{right}, floor"], found[right]
        names = (f"connector of 11 tables, {right}: its statements alone", f"connector of 11 tables, {right}")
        for name, each in zip(names, (floor, own), strict=True):
            told.append({"name": name, "rate": each["per_second"], "cpu_us": 1000 * each["cpu_ms"]})
            told[-1]["memory_mib"] = each["peak_mb"]
        told[-1] |= {"floor": names[0], "share": own["per_second"] / floor["per_second"], "goal": "rate >= 50"}
    return told


def gdprbench(people: int) -> Rows:
    """The four roles; a wrong answer ends the run."""
    count = max(200, min(people // 50, 2000))
    found = json.loads(_said("bench.gdprbench", "--people", str(count), "--operations", str(count), "--json"))
    for row in found:
        if row["right"] != row["asked"]:
            raise SystemExit(f"{row['name']}: {row['wrong']}")
    return [row | {"name": f"{row['name']}, {row['asked']:,} right answers"} for row in found]


def local(people: int) -> Rows:
    return list(json.loads(_said("bench.local", "--people", str(people)).splitlines()[-1]))


PARTS: dict[str, Callable[[int], Rows]] = {
    "http": http, "local": local, "imports": imports, "erasure": erasure, "connectors": connectors,
    "gdprbench": gdprbench,
}  # fmt: skip


def _said(module: str, *given: str) -> str:
    """What a part prints. One that misses its goal ends with 1, which is no failure here."""
    print(f"{datetime.now(UTC):%H:%M:%S} {module} {' '.join(given)}", file=sys.stderr, flush=True)
    paths = os.environ | {"PYTHONPATH": "clients/python/src"}
    done = subprocess.run([sys.executable, "-m", module, *given], stdout=subprocess.PIPE, text=True, env=paths)
    if done.returncode not in (0, 1) or not done.stdout.strip():
        raise SystemExit(f"{module} ended with {done.returncode}")
    return done.stdout


def measured(people: int, only: list[str]) -> dict[str, Any]:
    """The parts one after the other, and on what they were measured."""
    began, load = datetime.now(UTC), os.getloadavg()[0]
    parts = {name: PARTS[name](people) for name in only}
    about = {
        "at": f"{began:%Y-%m-%dT%H:%M:%SZ}", "people": people, "cores": len(os.sched_getaffinity(0)),
        "load_before": round(load, 1), "load_after": round(os.getloadavg()[0], 1), "python": platform.python_version(),
        "commit": subprocess.check_output(["git", "rev-parse", "--short", "HEAD"], text=True).strip(),
        "minutes": round((time.time() - began.timestamp()) / 60, 1),
    }  # fmt: skip
    return {"about": about, "parts": parts}


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--people", type=int, default=100_000)
    asked.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    asked.add_argument("--to", type=Path, default=Path("artefacts"))
    asked.add_argument("--compare", nargs="+", type=Path, metavar="FILE")
    given = asked.parse_args()
    if given.compare:
        base, new = (*given.compare, given.to / "bench.json")[:2]
        print(compared(json.loads(base.read_text()), json.loads(new.read_text())))
        return 0
    found = measured(given.people, given.only)
    given.to.mkdir(exist_ok=True)
    name = re.sub(r"[^0-9TZ]", "", found["about"]["at"])
    for file in ("bench.json", f"bench-{name}.json"):
        (given.to / file).write_text(json.dumps(found, indent=1))
    (given.to / "bench.md").write_text(markdown(found))
    (given.to / "bench.html").write_text(page(found))
    print(markdown(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
