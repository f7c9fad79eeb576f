"""CPU time a request costs the web process of a running instance: what docs/deployment.md computes capacity from.

    make run                                  in another terminal; RUN_DIR as there
    python -m bench.cpu [--requests 500]

One connection, one request after the other; the time is that of the worker process alone (user and system), read from
/proc, so that a busy machine changes it little. PostgreSQL's share is not in it: bench/ measures that elsewhere.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

TICKS = os.sysconf("SC_CLK_TCK")


def web_worker(port: int) -> int:
    """The id of the process that answers: the child of the server on this port."""
    servers = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"granian" in words and str(port).encode() in words:
                servers.append(int(entry.name))
    return max(servers)


def cpu_seconds(pid: int) -> float:
    """User and system time of the process so far."""
    parts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(parts[11]) + int(parts[12])) / TICKS


def resident_mib(pid: int) -> float:
    """Its resident memory in MiB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def calls(base: str, told: dict[str, Any], client: httpx.Client) -> dict[str, Callable[[], httpx.Response]]:
    """What is asked, by name; a person is registered and a token taken first."""
    shop = told["applications"]["shop"]
    form, auth = {"grant_type": "client_credentials"}, (shop["client_id"], shop["client_secret"])
    token = client.post(f"{base}/oauth/token", data=form, auth=auth).raise_for_status().json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    who = {"identifiers": {"email": "cpu@people.example", "customer_id": "cpu-1"}}
    subject = client.post(f"{base}/api/v1/subjects", json=who, headers=headers).raise_for_status().json()["id"]
    question = {"subject": subject, "purpose": "newsletter"}
    return {
        "/livez": lambda: client.get(f"{base}/livez"),
        "page: /login": lambda: client.get(f"{base}/login"),
        "API: one decision": lambda: client.post(f"{base}/api/v1/decisions", json=question, headers=headers),
        "API: the catalogue": lambda: client.get(f"{base}/api/v1/purposes", headers=headers),
        "API: register a known person": lambda: client.post(f"{base}/api/v1/subjects", json=who, headers=headers),
    }


def main() -> None:
    """Prints a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=500)
    count = parser.parse_args().requests
    told = json.loads((Path(os.environ.get("RUN_DIR", ".run")) / "demo.json").read_text())
    base = told["web"]
    pid = web_worker(httpx.URL(base).port or 80)
    with httpx.Client(timeout=30) as client:
        print(f"| request ({count} each) | CPU us in web | requests a second and core at 65 % | answer, median ms |")
        print("| --- | ---: | ---: | ---: |")
        for name, call in calls(base, told, client).items():
            for _ in range(20):
                call().raise_for_status()
            before, times = cpu_seconds(pid), []
            for _ in range(count):
                began = time.perf_counter()
                call().raise_for_status()
                times.append(time.perf_counter() - began)
            spent = (cpu_seconds(pid) - before) / count
            median = sorted(times)[count // 2]
            print(f"| {name} | {spent * 1e6:,.0f} | {0.65 / max(spent, 1e-6):,.0f} | {median * 1e3:.1f} |")
    print(f"\nResident memory of the web worker afterwards: {resident_mib(pid):.0f} MiB")


if __name__ == "__main__":
    main()
