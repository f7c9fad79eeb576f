"""What every test stands on: a throw-away PostgreSQL, its three roles, keys, and no network.

Loaded by the top `conftest.py`, before any other one: it sets the environment, then Django up. Every process that runs
tests has a server of its own: on a shared one the transactions of another worker's database would hold back the audit
log's sequencer, which waits for all that are under way on the server. The first worker of xdist migrates; the others
start on a copy of its data. A `DATABASE_URL` in the environment is used instead; its role must be a superuser, because
that is what tests are unless they ask for a role (`as_role`).
"""

import fcntl
import io
import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import django
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from deploy.local.postgres import SETTINGS, SUPERUSER, THROW_AWAY, Cluster, throw_away, way_to_run
from deploy.local.roles import APP, OWNER, SEQUENCER, ensure_role
from tests.plugins import network

ROOT = Path(__file__).resolve().parents[2]
FOLDER = "TEST_RUN_FOLDER"
"""Variable that tells an xdist worker what the run it belongs to has set up already."""
MIGRATED = "test_gdpr_portal"
"""The database that workers of xdist share as a copy."""


def prepare_environment() -> None:
    """The variables of the service are set for this run; a worker of xdist gets folders of its own."""
    if FOLDER not in os.environ:
        (ROOT / ".test").mkdir(exist_ok=True)
        sweep_away(ROOT / ".test")
        os.environ[FOLDER] = tempfile.mkdtemp(dir=ROOT / ".test", prefix="run-")
        os.environ["TEST_ROLE_PASSWORD"] = secrets.token_urlsafe(20)
        os.environ["TEST_OWN_SERVER"] = "" if os.environ.get("DATABASE_URL") else "1"
    run_dir = folder()
    for part in ("static", "metrics", "mail", "keys", "ledger"):
        (run_dir / part).mkdir(parents=True, exist_ok=True)
    os.environ |= {
        "RUN_DIR": str(run_dir),
        "PROMETHEUS_MULTIPROC_DIR": str(run_dir / "metrics"),
        "VAULT_KEY_FILE": str(run_dir / "keys" / "vault.json"),
        "AUDIT_SIGNING_KEY_FILE": str(run_dir / "keys" / "audit.json"),
        "SHRED_LEDGER_FILE": str(run_dir / "ledger" / "shred.jsonl"),
        "MAIL_DIR": str(run_dir / "mail"),
    }
    os.environ.setdefault("PROFILE", "development")
    os.environ.setdefault("SECRET_KEY", "only-for-tests-" + "x" * 50)
    os.environ.setdefault("BROKER_URL", "pgmq://")
    # On a busy machine everything takes longer, and nothing is wrong.
    os.environ.setdefault("STATEMENT_TIMEOUT_MS", "120000")
    os.environ.setdefault("LOCK_TIMEOUT_MS", "60000")
    if os.environ["TEST_OWN_SERVER"]:
        os.environ["DATABASE_URL"] = server().address(SUPERUSER, os.environ["TEST_ROLE_PASSWORD"], "gdpr_portal")


def sweep_away(runs: Path) -> None:
    """Folders of runs that were killed more than a day ago are gone."""
    for old in runs.iterdir():
        if time.time() - old.stat().st_mtime > 86400:
            shutil.rmtree(old, ignore_errors=True)


def folder() -> Path:
    """The folder of this process of the run."""
    return Path(os.environ[FOLDER]) / os.environ.get("PYTEST_XDIST_WORKER", "main")


def server() -> Cluster:
    """This process's server, running or not."""
    return Cluster(folder() / "postgres", way_to_run(), SETTINGS | THROW_AWAY)


def set_up_django() -> None:
    """Django is set up, so that conftest files may import models; subprocesses of tests find the settings' name."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "gdpr_portal.settings"
    django.setup()


prepare_environment()
set_up_django()


def pytest_configure(config: pytest.Config) -> None:
    network.switch_off()
    if config.getoption("numprocesses", None):
        # A worker that inherited the name would read the settings before this module has set the worker's folders.
        del os.environ["DJANGO_SETTINGS_MODULE"]


def pytest_unconfigure(config: pytest.Config) -> None:
    if "PYTEST_XDIST_WORKER" not in os.environ and FOLDER in os.environ:
        shutil.rmtree(os.environ.pop(FOLDER), ignore_errors=True)


def address(database: str, **other: str) -> str:
    """Where `database` on this run's server is, as the superuser unless `user` and `password` are given."""
    return make_conninfo(**{**conninfo_to_dict(os.environ["DATABASE_URL"]), "dbname": database, **other})


def copies() -> bool:
    """Whether this process starts on what the first worker of the run has migrated."""
    return bool(os.environ["TEST_OWN_SERVER"]) and "PYTEST_XDIST_WORKER" in os.environ


@pytest.fixture(scope="session")
def _server(django_db_blocker: Any) -> Iterator[None]:
    """This process's server runs, with the three roles."""
    password = os.environ["TEST_ROLE_PASSWORD"]
    with ExitStack() as stack:
        if copies():
            with django_db_blocker.unblock():
                migrate_or_copy(password)
        if os.environ["TEST_OWN_SERVER"]:
            stack.enter_context(throw_away(folder() / "postgres", password))
        make_roles(password)
        yield


def make_roles(password: str) -> None:
    """The three roles of the service can log in to this process's server."""
    with psycopg.connect(address("postgres"), autocommit=True) as connection:
        for role in (OWNER, APP, SEQUENCER):
            ensure_role(connection, role, password)


def migrate_or_copy(password: str) -> None:
    """The data folder of this worker holds a migrated database: the first worker of the run makes it, others copy."""
    data, first = server().data, Path(os.environ[FOLDER]) / "migrated"
    with open(first.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if first.exists():
            copy(first, data)
            return
        with throw_away(data.parent, password):
            make_roles(password)
            migrate()
        copy(data, first)


def copy(source: Path, target: Path) -> None:
    """A data folder of a server that is stopped, with its owners and modes; half a copy never bears the name."""
    aside = target.with_suffix(".new")
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    subprocess.run(["cp", "--archive", source, aside], check=True)
    aside.rename(target)


def migrate() -> None:
    """The database MIGRATED stands as a deployment would leave it."""
    from django.core.management import call_command
    from django.db import connection

    with psycopg.connect(address("postgres"), autocommit=True) as superuser:
        superuser.execute(f"CREATE DATABASE {MIGRATED}")
    use(MIGRATED)
    call_command("migrate", verbosity=0, interactive=False)
    call_command("createcachetable", verbosity=0)
    provision_test_database()
    connection.close()


def use(database: str) -> None:
    """Django's connection goes to this database, as Django's own creation of a test database has it."""
    from django.conf import settings
    from django.db import connection

    connection.close()
    settings.DATABASES["default"]["NAME"] = connection.settings_dict["NAME"] = database


@pytest.fixture(scope="session")
def django_db_setup(request: pytest.FixtureRequest, _server: None) -> Iterator[None]:
    """The test database stands, with the roles' grants and the queue; without xdist it is made when first asked for."""
    from gdpr_portal.celery import app

    if copies():
        use(MIGRATED)
    else:
        request.getfixturevalue("django_db_setup")  # the one of pytest-django
        provision_test_database()
    yield
    app.pool.force_close_all()  # connections of the publisher would keep the database from being dropped


def provision_test_database() -> None:
    """Grants and queue in the test database are those of a real one."""
    from gdpr_portal.roles import provision

    with psycopg.connect(address(test_database()), autocommit=True) as connection:
        provision(connection, app=APP, sequencer=SEQUENCER)


def test_database() -> str:
    """The name of this worker's test database."""
    from django.db import connections

    return str(connections["default"].settings_dict["NAME"])


test_database.__test__ = False  # type: ignore[attr-defined]


@pytest.fixture
def as_role(transactional_db: None) -> Iterator[Callable[[str], psycopg.Connection]]:
    """Gives a connection (autocommit) to the test database as `gdpr_app` or `gdpr_sequencer`.

    Needs `transactional_db`: another connection sees only what is committed.
    """
    with ExitStack() as stack:

        def connect(role: str) -> psycopg.Connection:
            where = address(test_database(), user=role, password=os.environ["TEST_ROLE_PASSWORD"])
            return stack.enter_context(psycopg.connect(where, autocommit=True))

        yield connect


@pytest.fixture(scope="session", autouse=True)
def _service_stands(_server: None) -> None:
    """The keys are made, and static files have their plain names: no collectstatic is needed."""
    from django.conf import settings
    from django.core.management import call_command, get_commands

    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}
    if "keys" in get_commands():
        call_command("keys", "init", stdout=io.StringIO())
