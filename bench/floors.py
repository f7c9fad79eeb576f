"""What the service's answers are measured against, as WSGI: each does the least that could be done instead.

`/constant` says the same bytes. `/select` and `/libpq` run the very statement of a single decision, prepared, for the
person named in the body, and throw the row away: by psycopg's own cursor, and by libpq without it. They have nothing of
`gdpr_portal.prepared` in them, so that what is made quicker there does not move the floor. `/read` is the plain read of
personal data without token, limit and audit event. Everything else is the service (`gdpr_portal.wsgi`).
"""

import json
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import UUID

import psycopg

from gdpr_portal.wsgi import application as service

BODY = json.dumps({"allowed": True, "code": "allowed", "basis": "consent", "notice_version": 1}).encode()
Environ = dict[str, Any]

_thread = threading.local()


def application(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
    """One of the floors, or the service."""
    floor = FLOORS.get(environ["PATH_INFO"])
    if floor is None:
        return service(environ, start_response)
    body = floor(environ)
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


def constant(_: Environ) -> bytes:
    """Nothing is done."""
    return BODY


def select(environ: Environ) -> bytes:
    """One prepared statement by a cursor of psycopg's, on a connection kept for the thread."""
    from consent.services.facts import ONE_DECISION  # Django stands only now

    values = _values(environ)
    given = [values[name] for name in ONE_DECISION.names]
    _cursor().execute(ONE_DECISION.text, given, prepare=True).fetchone()
    return BODY


def libpq(environ: Environ) -> bytes:
    """The same by libpq alone, parameters and row as texts."""
    from consent.services.facts import ONE_DECISION

    values, pgconn = _values(environ), _cursor().connection.pgconn
    if not hasattr(_thread, "named"):
        _thread.named = pgconn.prepare(b"floor", ONE_DECISION.text.encode())
    row = pgconn.exec_prepared(b"floor", [str(values[name]).encode() for name in ONE_DECISION.names])
    assert row.ntuples == 1, row.error_message
    return BODY


def read(environ: Environ) -> bytes:
    """The values of a plain read, without its event."""
    from consent.services.facts import FACTS
    from subjects.services.values import opened
    from vault.services import opened as opened_key

    values = _values(environ)
    row = _unrecorded().one(**values, fields=None)
    assert row is not None
    _, _, wrapped, version, commitment, former, ids, held, sealed = row[FACTS:]
    found = opened(opened_key(values["id"], wrapped, version, commitment, former), zip(ids, held, sealed, strict=True))
    return json.dumps({"purpose": "orders", "values": found, "withheld": []}).encode()


FLOORS: dict[str, Callable[[Environ], bytes]] = {
    "/constant": constant, "/select": select, "/libpq": libpq, "/read": read,
}  # fmt: skip


@cache
def _unrecorded() -> Any:
    from consent.services.reading import FOUND, GATED
    from gdpr_portal.prepared import Prepared

    return Prepared(f"{GATED} SELECT {FOUND} FROM plain", binary=True)


def _values(environ: Environ) -> dict[str, Any]:
    asked = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
    who, by, now = UUID(asked["inner"]), UUID(asked["application"]), datetime.now(UTC)
    return {
        "slug": asked["purpose"], "application": by, "linked": by, "id": who, "at": now, "past": False,
        "proofs_since": now,
    }  # fmt: skip


def _cursor() -> psycopg.RawCursor[Any]:
    """A connection for each thread, with the options of the service's own."""
    kept: psycopg.RawCursor[Any] | None = getattr(_thread, "cursor", None)
    if kept is None:
        from django.db import connection

        given = connection.get_connection_params()
        own = {name: value for name, value in given.items() if name not in {"context", "cursor_factory"}}
        kept = _thread.cursor = psycopg.RawCursor(psycopg.connect(**own | {"autocommit": True, "prepare_threshold": 5}))
    return kept
