"""`make soak`: does anything leak? The memory of web and worker under load, in KiB a thousand calls.

    python -m tests.soak [--short] [--requests N] [--jobs N] [--if-changed]

Exit 1 for a leak, named by line, distribution and version; exit 2 when the machine was too noisy to tell. A run that
passes writes the pins of the lock to tests/soak/passed.txt; with `--if-changed` nothing is done while they are those.
"""

import argparse
import http.client
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import Any

from tests.faults.ground import ROOT, Ground, ground
from tests.soak import gate, lock

FORMS = {"full": (10_000, 2_000, 20.0, 50.0), "short": (1_600, 400, 500.0, 500.0)}
"""Requests to each group, jobs, and KiB in 1,000 of them that are no leak. The short form warms up too little to see
less than half a KB a call; the full one keeps to 20 and 50."""


def main() -> int:
    asked = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    asked.add_argument("--short", action="store_true")
    asked.add_argument("--requests", type=int)
    asked.add_argument("--jobs", type=int)
    asked.add_argument("--if-changed", action="store_true")
    given = asked.parse_args()
    now = (ROOT / lock.LOCK).read_text()
    changes = lock.changed(lock.passed(), now)
    if given.if_changed and not changes:
        print("soak gate: it passed with these dependencies, nothing to measure")
        return 0
    requests, jobs, web_allowance, job_allowance = FORMS["short" if given.short else "full"]
    requests, jobs = given.requests or requests, given.jobs or jobs
    with tempfile.TemporaryDirectory(prefix="soak-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        os.environ["RUN_DIR"] = name
        with ground(Path(name), 1, full=False, broker="pgmq://") as stands, workers() as (pid, work):
            collected = [sys.executable, "manage.py", "collectstatic", "--noinput", "-v", "0"]
            subprocess.run(collected, cwd=ROOT, check=True)  # pages name their style sheets by what is in them
            notes = Path(name) / "leaks"
            targets = [
                gate.Target(f"web: {what}", "web", stands.web.workers()[0], call, web_allowance, requests)
                for what, call in routes(stands).items()
            ]
            targets.append(gate.Target("worker: jobs", "worker", pid, work, job_allowance, jobs))
            rows = [gate.judged(each, notes) for each in targets]
    print(gate.table(rows, changes))
    verdicts = {row.verdict for row in rows}
    if verdicts == {"flat"} and lock.has_passed(now):
        print(f"\n{lock.PASSED.relative_to(ROOT)} is written anew: commit it with the lock")
    return 1 if "leak" in verdicts else 2 if "too noisy" in verdicts else 0


@contextmanager
def workers() -> Iterator[tuple[int, Callable[[int], None]]]:
    """The process that does jobs: its id, and how to have it do some."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.soak.jobs"]
    env = os.environ | {"UNDO_WINDOW_SECONDS": "0", "ACCESS_WAIT_SECONDS": "0", "LOG_LEVEL": "WARNING"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=ROOT, env=env, text=True, stderr=subprocess.DEVNULL, **pipes) as process:

        def heard(word: str) -> None:
            assert process.stdout is not None
            said = process.stdout.readline().strip()
            assert said == word, f"the worker ended: {process.poll()}"

        def work(count: int) -> None:
            assert process.stdin is not None
            process.stdin.write(f"{count}\n")
            process.stdin.flush()
            heard("done")

        heard("ready")
        yield process.pid, work
        assert process.stdin is not None
        process.stdin.close()


def routes(stands: Ground) -> dict[str, Callable[[int], None]]:
    """Each group of routes, as something that can be asked so many times."""
    from bench.imports import newsletter
    from subjects.services import register_subject
    from vault.services import pairwise_id

    shop = stands.made.shop
    person = register_subject(application=shop, identifiers={"customer_id": "soak"})[0]
    subject = str(pairwise_id(shop.pk, person.pk))
    notice = newsletter()["notice"]
    consents = f"/api/v1/subjects/{subject}/consents"
    question = {"subject": subject, "purpose": "newsletter"}
    known: dict[str, list[tuple[str, str, Any]]] = {
        "health": [("GET", "/livez", None), ("GET", "/.well-known/security.txt", None)],
        "pages": [("GET", "/login", None), ("GET", "/signup", None), ("GET", "/request", None)],
        "decisions": [("POST", "/api/v1/decisions", question)],
        "consents": [
            ("POST", consents, {"purpose": "newsletter", "action": "give", "channel": "web", "notice": notice}),
            ("POST", consents, {"purpose": "newsletter", "action": "withdraw", "channel": "web"}),
        ],
        "catalogue": [("GET", "/api/v1/purposes", None), ("POST", "/api/v1/subjects",
                      {"identifiers": {"customer_id": "soak"}})],
    }  # fmt: skip
    return {name: asker(stands, calls) for name, calls in known.items()}


def asker(stands: Ground, calls: list[tuple[str, str, Any]]) -> Callable[[int], None]:
    """Asks these in turn, over one connection; each batch has a token of its own, as one lasts for ten minutes."""
    turn = cycle(calls)

    def ask(count: int) -> None:
        headers = {"Authorization": f"Bearer {stands.token()}", "Content-Type": "application/json"}
        connection = http.client.HTTPConnection("127.0.0.1", stands.web.port, timeout=30)
        for _ in range(count):
            method, path, body = next(turn)
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status >= 400:  # what does not work is not measured
                sys.exit(f"soak gate: {method} {path.rpartition('/')[2]} was answered {answer.status}")
        connection.close()

    return ask


if __name__ == "__main__":
    sys.exit(main())
