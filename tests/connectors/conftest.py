"""Databases of others: a file of SQLite, and a database of its own on the run's PostgreSQL."""

import itertools
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pymysql
import pytest
import sqlalchemy as sa
from django.core.management import call_command
from psycopg.conninfo import conninfo_to_dict

from erasure.connectors import pool
from tests.connectors import mariadb
from tests.connectors import shop as shops
from tests.plugins.postgres import address

_numbers = itertools.count()


@dataclass
class Outcome:
    """What one run of the command said."""

    code: int
    body: dict[str, Any]
    stderr: str

    def __getattr__(self, name: str) -> Any:
        return self.body[name]

    @property
    def held(self) -> dict[tuple[str, str], int]:
        """Withheld rows by collection and reason."""
        return {(each["collection"], each["reason"]): each["rows"] for each in self.body["withheld"]}


def run(*names: str, right: str, identity: str | Sequence[str], category: str | Sequence[str], **more: Any) -> Outcome:
    """`connector run … --json`, its standard output read as JSON."""
    out, err, code = StringIO(), StringIO(), 0
    listed = [[identity] if isinstance(identity, str) else list(identity)]
    listed += [[category] if isinstance(category, str) else list(category)]
    words = [*names, "--right", right]
    words += [word for each in listed[0] for word in ("--identity", each)]
    words += [word for each in listed[1] for word in ("--category", each)]
    words += [f"--masking={more['masking']}"] if "masking" in more else []
    words += ["--dry-run"] if more.get("dry_run") else []
    words += ["--show-sql"] if more.get("show_sql") else []
    try:
        call_command("connector", "run", *words, "--json", stdout=out, stderr=err)
    except SystemExit as stop:
        code = int(stop.code or 0)
    return Outcome(code, json.loads(out.getvalue()), err.getvalue())


def register(name: str, url: sa.URL | str, *datasets: str, folder: Path) -> str:
    """`connector add`, the datasets written to files first; what it said on standard error."""
    files = []
    for at, text in enumerate(datasets):
        files.append(folder / f"{name}-{at}.yml")
        files[-1].write_text(text)
    shown = url if isinstance(url, str) else url.render_as_string(hide_password=False)
    err = StringIO()
    call_command("connector", "add", name, "--url", shown, "--dataset", *map(str, files), stdout=StringIO(), stderr=err)
    return err.getvalue()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> Callable[[], sa.URL]:
    """The address of a fresh file."""
    return lambda: sa.make_url(f"sqlite:///{tmp_path}/db{next(_numbers)}.sqlite")


@pytest.fixture
def postgres_url() -> Iterator[Callable[[], sa.URL]]:
    """The address of a fresh database on the run's server."""
    made: list[str] = []

    def make() -> sa.URL:
        name = f"shop_{os.getpid()}_{next(_numbers)}"
        with psycopg.connect(address("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        made.append(name)
        parts = conninfo_to_dict(address(name))
        return sa.URL.create(
            "postgresql+psycopg",
            username=parts["user"],
            password=parts.get("password"),
            database=name,
            query={"host": str(parts["host"]), "port": str(parts["port"])},
        )

    yield make
    pool.close_all()
    with psycopg.connect(address("postgres"), autocommit=True) as connection:
        for name in made:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def _mariadb() -> Iterator[sa.URL]:
    binary = mariadb.program()
    if binary is None:
        pytest.skip("NO MARIADB HERE: install mariadb-server-core or set MARIADBD; connectors are not tried on MySQL")
    with mariadb.server(binary) as url:
        yield url


@pytest.fixture
def mariadb_url(_mariadb: sa.URL) -> Callable[[], sa.URL]:
    """The address of a fresh database on a throw-away MariaDB."""

    def make() -> sa.URL:
        name = f"shop_{next(_numbers)}"
        connection = pymysql.connect(host=_mariadb.host, port=_mariadb.port or 0, user="root")
        with connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        return _mariadb.set(database=name)

    return make


@pytest.fixture(params=["sqlite", "postgresql", pytest.param("mariadb", marks=pytest.mark.slow)])
def url(request: pytest.FixtureRequest) -> sa.URL:
    """Each kind of database in turn."""
    name = {"sqlite": "sqlite_url", "postgresql": "postgres_url", "mariadb": "mariadb_url"}[request.param]
    return request.getfixturevalue(name)()


@pytest.fixture
def shop_db(url: sa.URL, db: None, tmp_path: Path) -> Iterator[sa.Engine]:
    """The shop, registered as the connector `shop`."""
    engine = shops.build(url)
    register("shop", url, shops.DATASET, folder=tmp_path)
    yield engine
    engine.dispose()
