"""The processes of an instance, each with the environment it needs and no more."""

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.local.instance import MARK, ROOT, Instance
from deploy.local.postgres import Cluster, environment
from deploy.local.processes import Program
from deploy.local.roles import Addresses

STOP_ORDER = ("web", "scheduler", "worker", "sequencer", "metrics", "postgres")
WEB_OPTIONS = [
    "--workers", "1", "--blocking-threads", "8", "--no-ws", "--respawn-failed-workers",
    # It counts connections, and one that says nothing keeps its place: with 64, as many idle clients shut out everybody
    # (fault F27).
    "--backpressure", "1024",
    "--workers-kill-timeout", "10", "--log-level", "error", "--no-access-log",
]  # fmt: skip
WEB_ENVIRONMENT = {"MALLOC_ARENA_MAX": "2"}
"""glibc keeps memory apart for each thread, up to eight a core; two places are enough under the interpreter's lock."""
MANAGE = [sys.executable, str(ROOT / "manage.py")]


@dataclass(frozen=True)
class Plan:
    """An instance with its database addresses and metrics port: all that its processes are told."""

    instance: Instance
    addresses: Addresses
    metrics_port: int
    tls: tuple[Path, Path, Path] | None = None

    @property
    def signing_key(self) -> Path:
        """The checkpoint key lies apart: only the sequencer's environment names it."""
        return self.instance.run_dir / "sequencer" / "audit.json"

    def settings(self) -> dict[str, str]:
        """What every process of the instance finds in its environment."""
        run_dir = self.instance.run_dir
        return {
            "DJANGO_SETTINGS_MODULE": "gdpr_portal.settings",
            "PROFILE": "embedded",
            "RUN_DIR": str(run_dir),
            "SECRET_KEY": self.instance.secret("django"),
            "ALLOWED_HOSTS": "127.0.0.1,localhost,[::1]",
            "BASE_URL": self.instance.base_url,
            "HTTPS": "1" if self.instance.https else "0",
            "DATABASE_URL": self.addresses.app,
            "BROKER_URL": os.environ.get("BROKER_URL") or "pgmq://",
            "METRICS_PORT": str(self.metrics_port),
            "PROMETHEUS_MULTIPROC_DIR": str(run_dir / "metrics"),
        }

    def everything(self) -> dict[str, str]:
        """What a command at the terminal needs: all three roles and the signing key."""
        return self.settings() | {
            "DATABASE_OWNER_URL": self.addresses.owner,
            "DATABASE_SEQUENCER_URL": self.addresses.sequencer,
            "AUDIT_SIGNING_KEY_FILE": str(self.signing_key),
        }

    def env(self, **more: str) -> dict[str, str]:
        """The environment of a child: the person's own, without PG* and roles, and ours over it."""
        hidden = {"DATABASE_OWNER_URL", "DATABASE_SEQUENCER_URL", "AUDIT_SIGNING_KEY_FILE", "DATABASE_ROLE"}
        hidden |= {"PYTHONDONTWRITEBYTECODE"}  # without compiled modules every start takes three times as long
        own = {key: value for key, value in os.environ.items() if key not in hidden and not key.startswith("PG")}
        marked = {MARK: str(self.instance.run_dir), "PYTHONUNBUFFERED": "1"}
        return own | dict(self._wished()) | marked | more

    def _wished(self) -> Mapping[str, str]:
        """Our settings; of those a person may well have set for this start, theirs."""
        ours = self.settings()
        theirs = {key: os.environ[key] for key in ("PROFILE", "ALLOWED_HOSTS", "BASE_URL") if os.environ.get(key)}
        return ours | theirs


def database(cluster: Cluster) -> Program:
    """The embedded server; SIGINT is its fast shutdown, and the kernel's signal when we die."""
    return Program("postgres", cluster.command(), environment(), signal.SIGINT, 30.0, dies_with_parent=False)


def preparation(plan: Plan) -> Program:
    """Migrations and the like as the owner, and the demo as the app."""
    more = plan.everything() | {"DATABASE_ROLE": "owner"}
    return Program("prepare", [sys.executable, "-m", "deploy.local.prepare"], plan.env(**more))


def restoration(plan: Plan, words: Sequence[str]) -> Program:
    """`manage.py restore`, which takes the role it needs for each of its steps."""
    return Program("restore", [*MANAGE, "restore", "--replace", *words], plan.env(**plan.everything()))


def web(plan: Plan) -> Program:
    """One process with threads: the database is what the work waits for."""
    command = [
        sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1",
        "--port", str(plan.instance.port),
        "--http", "auto", *WEB_OPTIONS,
    ]  # fmt: skip
    if plan.tls:
        command += ["--ssl-certificate", str(plan.tls[1]), "--ssl-keyfile", str(plan.tls[2])]
    return Program("web", [*command, "gdpr_portal.wsgi:application"], plan.env(**WEB_ENVIRONMENT))


def services(plan: Plan) -> list[Program]:
    """Everything but the web process, in the order of starting."""
    worker = [
        sys.executable, "-m", "celery", "--quiet", "-A", "gdpr_portal", "worker", "--pool", "threads",
        "--concurrency", "4", "--hostname", "worker@local", "--loglevel", "INFO",
        "--without-gossip", "--without-mingle", "--without-heartbeat",
    ]  # fmt: skip
    sequencer = {
        "DATABASE_ROLE": "sequencer",
        "DATABASE_SEQUENCER_URL": plan.addresses.sequencer,
        "AUDIT_SIGNING_KEY_FILE": str(plan.signing_key),
    }
    # The embedded profile may run as root, in a container for one; messages are JSON, so nothing is unpickled.
    as_root = {"PYTHONWARNINGS": "ignore:You're running the worker"}
    return [
        Program("sequencer", [*MANAGE, "run_sequencer"], plan.env(**sequencer)),
        Program("worker", worker, plan.env(**as_root), patience_seconds=30.0),
        Program("scheduler", [sys.executable, "-m", "gdpr_portal.scheduler"], plan.env()),
        Program("metrics", [sys.executable, "-m", "gdpr_portal.exposition"], plan.env()),
    ]
