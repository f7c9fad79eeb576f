"""PostgreSQL as the queue, for a role that may not change the schema.

kombu's `pgmq` transport creates queues, tables and triggers as it connects, which the app role has no right to do and
should not have. Here the queue stands already (`manage.py provision_roles` makes it, as the owner), and connecting only
listens. `BROKER_URL=pgmq://` means the database the service itself uses; with a host in it, any other database.
"""

import sys
from typing import Any

import psycopg
from django.conf import settings
from django.db import connections
from psycopg.conninfo import conninfo_to_dict, make_conninfo

for _name in ("pgmq.sqlalchemy_queue", "pgmq.sqlalchemy_async_queue"):
    # Clients that nobody uses here: as where SQLAlchemy is not installed, and a web process stays free of it.
    sys.modules.setdefault(_name, None)  # type: ignore[arg-type]  # None: the import system says there is none

from kombu.transport import pgmq  # noqa: E402

OPTIONS: dict[str, Any] = {
    "init_extension": False,
    # LISTEN wakes an idle worker at once; the interval is what a busy one waits between two looks.
    "use_notify": True,
    "wait_time_seconds": 0,
    "polling_interval": 0.5,
    # Longer than the longest step: what a killed worker held comes back after this many seconds.
    "visibility_timeout": 300,
    "pool_size": 2,
    "pool_timeout": 1,
}


def database_address() -> dict[str, str]:
    """libpq parameters of the database Django's default connection uses now (in tests: the test database)."""
    settings = connections["default"].settings_dict
    names = {"host": "HOST", "port": "PORT", "dbname": "NAME", "user": "USER", "password": "PASSWORD"}
    address = {key: str(settings[name]) for key, name in names.items() if settings[name]}
    # `options` carries the statement timeout, which is for the service's own statements.
    extra = {key: str(value) for key, value in settings["OPTIONS"].items() if key != "options"}
    return address | extra


KNOWN = {"host", "port", "dbname", "user", "password"}
"""What the client takes from a connection string; everything else it drops."""


def plain(address: dict[str, str]) -> str:
    """A connection string that survives the client's own parsing, which knows five members and quotes none.

    The client takes the string apart and writes `host=… password={password}` anew, so each value is handed over
    already quoted, and the members it does not know ride behind the password.
    """
    known = {"host": "localhost", "port": "5432"} | address
    rest = {key: known.pop(key) for key in list(known) if key not in KNOWN}
    quoted = {key: make_conninfo(**{key: value}).partition("=")[2] for key, value in known.items()}
    quoted["password"] = " ".join(filter(None, [quoted.get("password", "''"), make_conninfo(**rest)]))
    return make_conninfo(**quoted)


class Channel(pgmq.Channel):
    """A channel on queues that stand already."""

    connection: Any

    def _new_queue(self, queue: str, **kwargs: Any) -> None:
        """Nothing: queues are made when the roles are provisioned."""

    def _maybe_enable_notify(self, queue: str, queue_name: str | None = None) -> None:
        if self.use_notify:
            self.connection._register_notify_queue(queue_name or self._queue_name(queue))


class Transport(pgmq.Transport):
    """kombu's transport with an address that may be a socket directory or carry TLS parameters."""

    Channel = Channel
    client: Any
    polling_interval = OPTIONS["polling_interval"]
    # A database that takes no writes for a while is waited for like one that is away.
    connection_errors = (*pgmq.Transport.connection_errors, psycopg.InternalError)

    def _create_pgmq_client(self) -> Any:
        self.client.transport_options["conn_string"] = plain(address_of(self.client))
        return super()._create_pgmq_client()


def is_the_database() -> bool:
    """Whether the queue lies in the database the service itself uses."""
    scheme, _, rest = settings.BROKER_URL.partition("://")
    return scheme == "pgmq" and not conninfo_to_dict(f"postgresql://{rest}").get("host")


def address_of(client: Any) -> dict[str, str]:
    """libpq parameters of a broker address: its own when it names a host, else the service's database."""
    # The client's own host name is kombu's default by the time a producer connects; the setting says what is meant.
    if is_the_database():
        return database_address()
    url = client.as_uri(include_password=True).replace("pgmq://", "postgresql://", 1)
    return {key: str(value) for key, value in conninfo_to_dict(url).items()}
