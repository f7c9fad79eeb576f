"""`make fleet`: two web processes behind HAProxy, with PgBouncer, RabbitMQ and all jobs; and what they stand.

    python -m tests.fleet [--seconds 10] [--restarts 20] [--out artefacts/fleet.json]

Under the load of tests/faults (consent given and withdrawn over HTTP, every act counted in the rows): a rolling
restart, a flood of lists, reads and decisions, one web process killed, the database restarted. Prints a table, writes
it as JSON; exit 1 when a promise was not kept, 2 when a program is missing.
"""

import argparse
import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from psycopg.conninfo import make_conninfo

from bench.world import service_stands, set_environment
from deploy.local.instance import free_port
from deploy.local.postgres import SETTINGS, SUPERUSER, Cluster
from deploy.local.programs import WEB_OPTIONS
from tests.faults.ground import ROOT, Ground, Load, Server, Web, forget_connections, wait_for
from tests.fleet import parts

REQUESTS = 5
SHED_AFTER_SECONDS = 0.25
"""A quarter of what it is by default: fewer clients make a flood."""
READY_SECONDS = 300
"""Far more than a start takes on a machine of its own."""


class Fleet:
    """Everything that stands, and what is done to it."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.cluster = Cluster(folder / "postgres" / "db", settings=dict(SETTINGS) | {"max_connections": "60"})
        (folder / "postgres").mkdir()
        self.password = secrets.token_urlsafe(20)
        self.server = Server(self.cluster, self.password)
        self.cluster.create(self.password)
        self.server.start()
        stack.callback(self._stop_server)
        brokers, self.broker = parts.rabbitmq(folder)
        for each in reversed(brokers):
            stack.callback(each.stop)
        set_environment(folder, self.cluster.address(SUPERUSER, self.password, "postgres"))
        own = {"BROKER_URL": self.broker, "UNDO_WINDOW_SECONDS": "0", "ERASURES_PER_HOUR": "0"}
        os.environ |= own | {"ACCESS_WAIT_SECONDS": "0", "STATIC_ROOT": str(folder / "static")}
        self.made = service_stands()
        pooler, self.pooler_port = parts.pgbouncer(folder, self.cluster, SUPERUSER, self.password)
        stack.callback(pooler.stop)
        self.web_ports = [free_port(), free_port()]
        self.webs = [self._web(number) for number in range(2)]
        self.jobs = self._jobs()
        for each in [*self.webs, *self.jobs]:
            each.start()
            stack.callback(each.stop)
        for port in self.web_ports:
            wait_for(lambda at=port: parts.is_ready(at), READY_SECONDS, "a web process is not ready")  # type: ignore[misc]
        balancer, self.port = parts.haproxy(folder, self.web_ports)
        stack.callback(balancer.stop)
        wait_for(lambda: parts.is_ready(self.port), READY_SECONDS, "nobody is ready behind the balancer")

    def address(self, database: str) -> str:
        """Through the pooler: `portal` lends a connection for a transaction, `portal_session` for a session."""
        given = {"host": "127.0.0.1", "port": str(self.pooler_port), "user": SUPERUSER, "password": self.password}
        return make_conninfo(**given, dbname=database)

    def _env(self, name: str, **more: str) -> dict[str, str]:
        run = self.folder / name
        (run / "metrics").mkdir(parents=True)
        own = {"SHED_AFTER_SECONDS": str(SHED_AFTER_SECONDS)}
        own |= {"RUN_DIR": str(run), "PROMETHEUS_MULTIPROC_DIR": str(run / "metrics"), "DATABASE_POOLED": "1"}
        return os.environ | own | {"DATABASE_URL": self.address("portal"), "ALLOWED_HOSTS": "127.0.0.1"} | more

    def _web(self, number: int) -> parts.Part:
        words = ["granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(self.web_ports[number])]
        words += [*WEB_OPTIONS, "gdpr_portal.wsgi:application"]
        return parts.python(f"web-{number + 1}", words, self.folder, self._env(f"web-{number + 1}"))

    def _jobs(self) -> list[parts.Part]:
        worker = ["celery", "--quiet", "-A", "gdpr_portal", "worker", "--pool", "threads", "--concurrency", "4"]
        worker += ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "WARNING"]
        alone = self.address("portal_session")
        sealing = {"DATABASE_URL": alone, "DATABASE_SEQUENCER_URL": alone, "DATABASE_ROLE": "sequencer"}
        seal = [sys.executable, "-W", "ignore", "manage.py", "run_sequencer"]
        return [
            parts.python("worker", worker, self.folder, self._env("worker")),
            parts.python("scheduler", ["gdpr_portal.scheduler"], self.folder, self._env("scheduler")),
            parts.Part("sequencer", seal, self.folder, self._env("sequencer", **sealing), patience=40.0),
        ]

    def _stop_server(self) -> None:
        if self.server.process.poll() is None:
            self.server.stop(signal.SIGINT)

    # --- what is done ---------------------------------------------------------------------------------------------
    def rolling_restart(self, times: int = 1) -> None:
        """Each web process drains, ends and starts again, one after the other; all of that so many times."""
        for number, web in list(enumerate(self.webs)) * times:
            drain = self.folder / f"web-{number + 1}" / "draining"
            drain.touch()
            parts.pause(5.0)  # five looks of the balancer, and what is under way
            ended = web.stop()
            assert ended == 0, f"{web.name} ended with {ended}"
            drain.unlink()
            web.start()
            port = self.web_ports[number]
            wait_for(lambda at=port: parts.is_ready(at), READY_SECONDS, f"{web.name} is not ready again")  # type: ignore[misc]
            parts.pause(1.5)  # and sees that it is back

    def kill_one(self) -> None:
        """One web process is gone with a kill -9, and started again."""
        self.webs[0].kill()
        parts.pause(3.0)
        self.webs[0].start()
        wait_for(lambda: parts.is_ready(self.web_ports[0]), READY_SECONDS, "it is not ready again")

    def restart_database(self) -> None:
        """The database server is restarted under everybody."""
        self.server.stop(signal.SIGINT)
        self.server.start()
        forget_connections()
        wait_for(lambda: parts.is_ready(self.port), READY_SECONDS, "not ready after the database was back")


@contextmanager
def fleet() -> Iterator[Fleet]:
    """All of it stands, and nothing of it is left afterwards."""
    with tempfile.TemporaryDirectory(prefix="fleet-", ignore_cleanup_errors=True) as name, ExitStack() as stack:
        Path(name).chmod(0o755)
        try:
            yield Fleet(Path(name), stack)
        except AssertionError:
            last_words(Path(name))
            raise


def last_words(folder: Path) -> None:
    """What the parts said last, before it is gone with the folder."""
    for log in sorted(folder.glob("*.log")):
        print(f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}", file=sys.stderr)


def phase(load: Load, what: str, act: Callable[[], None], may_fail: bool) -> dict[str, Any]:
    """The act under load, with a second before and after; what was answered meanwhile."""
    before, acts, began = Counter(load.statuses), load.total, time.monotonic()
    load.slowest = 0.0
    problem = ""
    try:
        act()
    except AssertionError as error:
        problem = str(error)
    parts.pause(1.0)
    gone_on = load.total
    with contextlib.suppress(AssertionError):
        wait_for(lambda: load.total > gone_on, 30, "the load does not go on")
    took = time.monotonic() - began
    answered = Counter(load.statuses)
    answered.subtract(before)
    statuses = {str(status): count for status, count in sorted(answered.items()) if count}
    failed = sum(count for status, count in statuses.items() if status != "201")
    kept = not problem and (may_fail or not failed) and load.total > acts
    return {
        "phase": what, "seconds": round(took, 1), "requests": sum(statuses.values()), "answers": statuses,
        "failed": failed, "slowest": round(load.slowest, 2), "kept": kept, "problem": problem,
    }  # fmt: skip


def flooded(stands: Ground, load: Load, clients: int, seconds: float) -> str:
    """Far more is asked than two processes answer: consents are all acknowledged, the rest is refused by its kind."""
    subject = str(pairwise_of(stands, stands.person().subject))
    before, acts, load.slowest = Counter(load.statuses), load.total, 0.0
    command = [sys.executable, "-m", "tests.fleet.flood", str(stands.web.port), stands.token(), subject]
    done = subprocess.run(
        [*command, "--clients", str(clients), "--seconds", str(seconds)],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    counts = json.loads(done.stdout)
    answered = Counter(load.statuses)
    answered.subtract(before)
    refused = {kind: round(each.get("503", 0) / sum(each.values()), 2) for kind, each in counts.items()}
    words = f"{counts}, refused {refused}; meanwhile {load.total - acts} consents, slowest {load.slowest:.1f} s"
    assert load.total > acts and not +answered - Counter({201: answered[201]}), f"{words}, answers {dict(answered)}"
    assert refused["lists"] > 0, f"nothing was shed: {words}"
    assert refused["lists"] >= refused["data"] >= refused["decisions"], f"not in their order: {words}"
    assert all(set(each) <= {"200", "503"} for each in counts.values()), words
    return words


def pairwise_of(stands: Ground, person: Any) -> Any:
    """The id by which shop knows the person."""
    from vault.services import pairwise_id

    return pairwise_id(stands.made.shop.pk, person.pk)


def jobs_done(stands: Ground) -> str:
    """Rights requests that go by the broker to the worker, through the pooler; complete, and how fast."""
    from erasure.models import RightsRequest
    from tests.crashes.world import file

    forget_connections()
    began = time.monotonic()
    filed = [file(stands.person(), "access").pk for _ in range(REQUESTS)]

    def done() -> bool:
        return RightsRequest.objects.filter(pk__in=filed, state="completed").count() == REQUESTS

    wait_for(done, 120, "the worker did not complete them")
    return f"{REQUESTS} access requests complete after {time.monotonic() - began:.1f} s"


def sealed(stands: Ground) -> str:
    """The sequencer is not behind: it found its lock again after the database was restarted."""
    from audit.selectors import latest_size
    from audit.sequencer import lag_seconds

    forget_connections()
    with contextlib.suppress(AssertionError):
        wait_for(lambda: lag_seconds() < 5, 60, "the audit log is not sealed")
    locks = stands.count("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")
    oldest = stands.count("SELECT coalesce(max(extract(epoch FROM now() - xact_start)), 0)::int FROM pg_stat_activity")
    assert lag_seconds() < 5, f"{lag_seconds():.0f} s behind, {locks} advisory locks, oldest transaction {oldest} s"
    return f"{latest_size()} entries sealed, {lag_seconds():.1f} s behind"


def limits(fleet: Fleet) -> str:
    """Behind the pooler too a statement ends after five seconds and a lock is waited for two."""
    import psycopg

    with psycopg.connect(fleet.address("portal"), options="-c statement_timeout=1") as connection:
        found = connection.execute("SELECT current_setting('statement_timeout'), current_setting('lock_timeout')")
        row = found.fetchone()
    assert row == ("5s", "2s"), row
    return "statement_timeout 5 s, lock_timeout 2 s"


def main() -> int:
    asked = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    asked.add_argument("--seconds", type=float, default=10.0)
    asked.add_argument("--restarts", type=int, default=1)
    asked.add_argument("--clients", type=int, default=400)
    asked.add_argument("--out", type=Path, default=ROOT / "artefacts" / "fleet.json")
    given = asked.parse_args()
    if missing := parts.install():
        print(f"not here: {', '.join(missing)} (apt-get install {' '.join(missing)})", file=sys.stderr)
        return 2
    with fleet() as stands:
        front = Web(stands.port, dict(os.environ))
        ground = Ground(stands.folder, stands.made, stands.server, None, front, Random(1), False, False)  # type: ignore[arg-type]
        rows = []
        with Load(ground, webs=[front], tolerated=frozenset({409, 502, 503, 504})) as load:  # 502, 504: the balancer
            rows.append(phase(load, "load alone", lambda: parts.pause(given.seconds), False))
            rows.append(
                phase(
                    load,
                    f"rolling restart of both x {given.restarts}",
                    partial(stands.rolling_restart, given.restarts),
                    False,
                )
            )
            rows.append(_said("flood", lambda: flooded(ground, load, given.clients, given.seconds)))
            rows.append(phase(load, "one web process killed", stands.kill_one, True))
            rows.append(phase(load, "database restarted", stands.restart_database, True))
            rows.append(phase(load, "load afterwards", lambda: parts.pause(given.seconds / 2), False))
            rows.append(_said("every act in the rows once", load.finish))
        rows.append(_said("worker, by RabbitMQ and PgBouncer", lambda: jobs_done(ground)))
        rows.append(_said("sequencer, by a session of its own", lambda: sealed(ground)))
        rows.append(_said("limits behind the pooler", lambda: limits(stands)))
        if not all(row["kept"] for row in rows):
            last_words(stands.folder)
    print(table(rows))
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps({"rows": rows}, indent=1) + "\n")
    return 0 if all(row["kept"] for row in rows) else 1


def _said(what: str, act: Callable[[], str]) -> dict[str, Any]:
    try:
        return {"phase": what, "seen": act(), "kept": True}
    except Exception as error:  # whatever it is: the promise was not kept, and the next one is looked at
        return {"phase": what, "seen": f"{type(error).__name__}: {error}"[:300], "kept": False}


def table(rows: list[dict[str, Any]]) -> str:
    """What was seen, in Markdown."""
    lines = ["| what | seen | kept |", "| --- | --- | --- |"]
    for row in rows:
        seen = row.get("seen") or (
            f"{row['requests']} requests in {row['seconds']} s, {row['failed']} failed {row['answers']},"
            f" slowest {row['slowest']} s {row['problem']}"
        )
        lines.append(f"| {row['phase']} | {seen.strip()} | {'yes' if row['kept'] else '**no**'} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
