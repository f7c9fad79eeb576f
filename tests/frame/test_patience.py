"""A database that neither answers nor hangs up is given up; one that takes its time is not (F10)."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connections
from django.db.backends.postgresql.base import DatabaseWrapper

from gdpr_portal import patience
from tests.faults.proxy import Proxy

pytestmark = pytest.mark.slow


@pytest.fixture
def proxy(transactional_db: None) -> Iterator[Proxy]:
    where = connections["default"].settings_dict
    if not str(where["HOST"]).startswith("/"):
        pytest.skip("the database of this run is not on a socket")
    made = Proxy(Path(where["HOST"]) / f".s.PGSQL.{where['PORT'] or os.environ.get('PGPORT', '5432')}")
    yield made
    made.close()


@pytest.fixture
def through(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A connection of Django's to the test database, through the proxy."""
    monkeypatch.setattr(patience, "SECONDS", 0.5)
    settings = connections["default"].settings_dict | {"HOST": "127.0.0.1", "PORT": str(proxy.port)}
    made = DatabaseWrapper(settings, alias="through")
    yield made
    made.close()


def asked(connection: Any, statement: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()[0]


def test_a_database_behind_a_black_hole_is_given_up(
    proxy: Proxy, through: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert asked(through, "SELECT 1") == 1
    proxy.set("black hole")
    monkeypatch.setattr(patience, "CONNECT_SECONDS", 2)
    began = time.monotonic()
    with pytest.raises(OperationalError, match="does not answer"):
        asked(through, "SELECT 1")
    assert time.monotonic() - began < 60
    proxy.set("pass")
    proxy.cut()
    through.close()
    assert asked(through, "SELECT 1") == 1


def test_a_long_statement_of_a_database_that_lives_goes_on(through: Any) -> None:
    asked(through, "SELECT set_config('statement_timeout', '0', false)")
    assert asked(through, "SELECT 7 FROM pg_sleep(2)") == 7


def test_without_it_nobody_would_give_up(proxy: Proxy, through: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The teeth: an ordinary connection is still waiting when ours has long given up."""
    monkeypatch.setattr(patience, "_answers", lambda _made: True)
    assert asked(through, "SELECT 1") == 1
    proxy.set("black hole")
    hurry = time.monotonic()

    def cut_later() -> None:
        time.sleep(4)
        proxy.set("pass")

    import threading

    opener = threading.Thread(target=cut_later)
    opener.start()
    assert asked(through, "SELECT 1") == 1
    assert time.monotonic() - hurry >= 3.5
    opener.join()
