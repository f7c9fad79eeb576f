"""What the service's answers are measured against, as WSGI: `/constant` says the same bytes, `/select` asks first.

`/select` runs the very statement of a single decision, prepared, for the person named in the body, and throws the row
away: what no service that decides afresh can go below. Everything else is the service (`gdpr_portal.wsgi`).
"""

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from gdpr_portal.wsgi import application as service

BODY = json.dumps({"allowed": True, "code": "allowed", "basis": "consent", "notice_version": 1}).encode()
HEADERS = [("Content-Type", "application/json"), ("Content-Length", str(len(BODY)))]


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """One of the floors, or the service."""
    if environ["PATH_INFO"] == "/select":
        from consent.services.facts import ONE_DECISION  # Django stands only now

        asked = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
        who, by = UUID(asked["inner"]), UUID(asked["application"])
        now = datetime.now(UTC)
        ONE_DECISION.one(slug=asked["purpose"], application=by, linked=by, id=who, at=now, past=False, proofs_since=now)
    elif environ["PATH_INFO"] != "/constant":
        return service(environ, start_response)
    start_response("200 OK", HEADERS)
    return [BODY]
