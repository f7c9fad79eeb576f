"""`python -m bench.imports [--people 10000]`: people a second of `manage.py import_subjects`, and where the time goes.

Each has two identifiers, three values for orders and a consent; a throw-away database with flushed commits. The second
run of the same file finds everybody known. Prints one JSON object; exit 1 under 1,500 people a second.
"""

import argparse
import cProfile
import io
import json
import pstats
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.world import world

GOAL = 1500
RUNS = 3


def lines(people: int, run: int, consent: dict[str, Any]) -> bytes:
    """A file of so many people nobody knows."""
    return b"".join(json.dumps(_person(f"{run}-{number}", consent)).encode() + b"\n" for number in range(people))


def _person(name: str, consent: dict[str, Any]) -> dict[str, Any]:
    email = f"p{name}@bench.example"
    orders = {"given_name": f"Ada {name}", "family_name": f"Byron {name}", "email": email}
    return {
        "identifiers": {"email": email, "customer_id": name},
        "data": {"orders": orders, "newsletter": {"email": email}},
        "consents": [consent],
    }


def newsletter() -> dict[str, Any]:
    from consent.models import NoticeText

    text = NoticeText.objects.get(notice__purpose__slug="newsletter", notice__state="live", language="en")
    notice = {"version": text.notice.version, "language": "en", "digest": text.digest}
    return {"purpose": "newsletter", "action": "give", "notice": notice, "channel": "paper"}


def imported(file: Path) -> tuple[float, float]:
    """Seconds for the file: by the clock, and of this process on a core (without the database's own)."""
    from django.core.management import call_command

    began, used = time.perf_counter(), time.process_time()
    call_command("import_subjects", str(file), application="shop", stdout=io.StringIO(), stderr=io.StringIO())
    return time.perf_counter() - began, time.process_time() - used


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=10_000)
    parser.add_argument("--profile", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-imports-") as folder, world():
        consent, files = newsletter(), []
        for run in range(RUNS):
            files.append(Path(folder) / f"{run}.jsonl")
            files[-1].write_bytes(lines(given.people, run, consent))
        taken = sorted(imported(file) for file in files)
        new = [given.people / seconds for seconds, _ in taken]
        known = given.people / imported(files[0])[0]
        if given.profile:
            files[0].write_bytes(lines(given.people, RUNS, consent))
            profiled(files[0])
    cpu = [given.people / used for _, used in taken]
    print(json.dumps({"new_per_second": new, "new_per_cpu_second": cpu, "known_per_second": known}, indent=1))
    return 0 if new[len(new) // 2] >= GOAL else 1


def profiled(file: Path) -> None:
    profile = cProfile.Profile()
    profile.runcall(imported, file)
    pstats.Stats(profile, stream=sys.stderr).sort_stats("tottime").print_stats(40)


if __name__ == "__main__":
    sys.exit(main())
