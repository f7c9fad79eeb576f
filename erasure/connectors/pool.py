"""Connections to other people's databases, kept between runs: few, closed when idle, never shared with a fork.

A kept connection saves a run the log-in and warms the server's caches; the engine keeps compiled statements. The
bounds: MOST connections a database and process, each closed IDLE_SECONDS after its last run. What broke is thrown away
by SQLAlchemy (with all its elders), what a fork inherited is left alone: the socket is the parent's.
"""

import atexit
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from typing import Any, Self
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.engine import URL
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry, NullPool, Pool

from erasure.connectors.held import read_all

MOST = 8
IDLE_SECONDS = 30
CONNECT_SECONDS = 3
STATEMENT_SECONDS = 60

_engines: dict[URL, sa.Engine] = {}
_left_behind: list[dict[URL, sa.Engine]] = []
_lock = threading.Lock()
_broom: threading.Timer | None = None


class KeptPool(Pool):
    """At most MOST connections; the one used last is used next, so that the others grow idle and are closed."""

    def __init__(self, creator: Any, **more: Any) -> None:
        super().__init__(creator, **more)
        self._room = threading.BoundedSemaphore(MOST)
        self._mutex = threading.Lock()
        self._idle: list[tuple[float, ConnectionPoolEntry]] = []

    def _do_get(self) -> ConnectionPoolEntry:
        if not self._room.acquire(timeout=CONNECT_SECONDS):
            raise PoolTimeout("every connection to this database is in use")
        try:
            with self._mutex:
                kept = self._idle.pop()[1] if self._idle else None
            return kept or self._create_connection()
        except BaseException:
            self._room.release()
            raise

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        with self._mutex:
            self._idle.append((time.monotonic(), record))
        self._room.release()
        _sweep_later()

    def close_idle(self, seconds: float) -> int:
        """Connections that nobody used for so long are closed; returns how many are kept."""
        limit = time.monotonic() - seconds
        with self._mutex:
            old = [each for each in self._idle if each[0] <= limit]
            self._idle = [each for each in self._idle if each[0] > limit]
        for _since, record in old:
            record.close()
        return len(self._idle)

    def dispose(self) -> None:
        """No idle connection is left."""
        self.close_idle(0)

    def recreate(self) -> Self:
        """A pool of the same kind, empty."""
        return type(self)(
            self._creator, recycle=self._recycle, dialect=self._dialect, logging_name=self._orig_logging_name
        )

    def status(self) -> str:
        """How many connections lie idle."""
        return f"{len(self._idle)} idle"


def engine(url: URL) -> sa.Engine:
    """The engine for an address, with its kept connections."""
    with _lock:
        found = _engines.get(url)
        if found is None:
            found = _engines[url] = _made(url)
    return found


def close_all() -> None:
    """No idle connection is left in this process."""
    for each in list(_engines.values()):
        each.pool.dispose()


def _made(url: URL) -> sa.Engine:
    bare = url.set(query={}) if url.get_backend_name() == "sqlite" else url
    made = sa.create_engine(bare, hide_parameters=True, **_options(url))
    if made.dialect.driver == "psycopg":
        sa.event.listen(made, "connect", read_all)
    return made


def _options(url: URL) -> dict[str, Any]:
    kept = {"poolclass": KeptPool, "isolation_level": "REPEATABLE READ"}
    match url.get_backend_name():
        case "sqlite":  # opening a file costs nothing, and a file must not be carried across a fork
            return {"poolclass": NullPool, "creator": _sqlite(url)}
        case "postgresql":
            # No prepared statements: they refuse to run when a column's type changed, and poolers in between lose them.
            unprepared = {"prepare_threshold": None} if url.get_driver_name() == "psycopg" else {}
            return {**kept, "connect_args": {"connect_timeout": CONNECT_SECONDS, **unprepared}}
        case "mysql" | "mariadb":
            times = {"read_timeout": STATEMENT_SECONDS, "write_timeout": STATEMENT_SECONDS}
            return {**kept, "connect_args": {"connect_timeout": CONNECT_SECONDS, **times}}
        case _:
            return {"poolclass": NullPool}


def _sqlite(url: URL) -> Callable[[], sqlite3.Connection]:
    """An existing file is opened, none is made; transactions are begun by us."""
    mode = url.query.get("mode", "rw")
    path = str(url.database).removeprefix("file:")

    def connect() -> sqlite3.Connection:
        where = f"file:{quote(path)}?mode={'ro' if mode == 'ro' else 'rw'}"
        connection = sqlite3.connect(where, uri=True, timeout=CONNECT_SECONDS, isolation_level=None)
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    return connect


# --- idle ones ------------------------------------------------------------------------------------------------------
def _sweep_later() -> None:
    global _broom
    if _broom is None:
        _broom = threading.Timer(IDLE_SECONDS, _sweep)
        _broom.daemon = True
        _broom.start()


def _sweep() -> None:
    global _broom
    _broom = None
    pools = [each.pool for each in list(_engines.values()) if isinstance(each.pool, KeptPool)]
    if sum(pool.close_idle(IDLE_SECONDS) for pool in pools):
        _sweep_later()


def _forget_in_child() -> None:
    """The parent's connections are never used nor closed here; they are kept alive, so that nothing collects them."""
    global _engines, _lock, _broom
    _left_behind.append(_engines)
    _engines, _lock, _broom = {}, threading.Lock(), None


os.register_at_fork(after_in_child=_forget_in_child)
atexit.register(close_all)
