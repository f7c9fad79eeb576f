"""A database that neither answers nor hangs up: no request waits for it longer than a few seconds (fault F10).

`statement_timeout` is the server's; when the network swallows everything, nobody tells. So after a while without an
answer a second connection is tried. Does the server answer that one, the statement is a long one and goes on; does it
not, the first is given up and `OperationalError` raised, which the doors answer with 503.
"""

import logging
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import errors

log = logging.getLogger(__name__)
SECONDS = 3.0
"""Without an answer for so long the server is asked anew."""
CONNECT_SECONDS = 2
"""The shortest that libpq keeps to."""


def bound(sender: Any, connection: Any, **_more: Any) -> None:
    """The connection just made waits with an end (receiver of `connection_created`)."""
    made: psycopg.Connection[Any] = connection.connection
    made.wait = _patient(made, made.wait)  # type: ignore[method-assign]


def _patient(made: psycopg.Connection[Any], wait: Callable[..., Any]) -> Callable[..., Any]:
    def patient(generator: Any, *given: Any, **named: Any) -> Any:
        if named.get("timeout") is not None:  # somebody has an end of their own
            return wait(generator, *given, **named)
        while True:
            try:
                return wait(generator, *given, **named | {"timeout": SECONDS})
            except errors._WaitTimeout:
                if not _answers(made):
                    log.warning("database does not answer, connection given up")
                    made.pgconn.finish()
                    raise psycopg.OperationalError("the database does not answer") from None

    return patient


def _answers(made: psycopg.Connection[Any]) -> bool:
    """Whether the server takes another connection to the same place."""
    try:
        psycopg.connect(made.info.dsn, password=made.info.password, connect_timeout=CONNECT_SECONDS).close()
    except psycopg.OperationalError:
        return False
    return True
