"""One effect and one answer for one key: `Idempotency-Key` on every POST that changes the world (invariant I7).

The view's effect and its stored answer commit together, so a crash leaves neither and the retry starts afresh. While
the first call runs it holds an advisory lock of its transaction; PostgreSQL lets go of it when the process dies.

    lock(hash of application, method, path, key) -- taken? -> 409 idempotency_in_progress
    answer there and not older than 24 h         -- same body? -> replay, else 422 idempotency_mismatch
    run the view; 2xx and 4xx are kept, 5xx, 401 and 429 are not (and 5xx rolls the effect back)
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.http import HttpRequest
from django.http.response import HttpResponse, HttpResponseBase
from django.utils import timezone

from access.models import Application, IdempotencyKey
from gdpr_portal.errors import Invalid, WrongState
from gdpr_portal.prepared import Loaded, Prepared
from vault.services import Place, keyed_digest, open_secret, seal_secret

KEPT = timedelta(hours=24)
NEVER_KEPT = {401, 429}
_LOCK = Prepared("SELECT pg_try_advisory_xact_lock(%(number)s::bigint)")
_KEPT = Loaded(
    IdempotencyKey,
    "WHERE application_id = %(application)s AND method = %(method)s AND path = %(path)s AND key = %(key)s",
)
_KEEP = Prepared("""
INSERT INTO access_idempotencykey
    (application_id, method, path, key, fingerprint, status, content_type, body_sealed, created_at)
VALUES (%(application)s, %(method)s, %(path)s, %(key)s, %(fingerprint)s, %(status)s, %(content_type)s, %(body)s, %(at)s)
RETURNING id
""")


@dataclass(frozen=True)
class Call:
    """One POST under a key, as far as it can be told from another."""

    application: Application
    method: str
    path: str
    key: str
    fingerprint: bytes

    @property
    def name(self) -> str:
        """What the lock and the sealed answer are bound to; tells nothing of the key."""
        parts = json.dumps([str(self.application.pk), self.method, self.path, self.key])
        return hashlib.sha256(parts.encode()).hexdigest()

    @property
    def place(self) -> Place:
        return Place("access_idempotencykey", "body_sealed", self.name)


def call_of(request: HttpRequest, application: Application, body: bytes) -> Call | None:
    """The call as its header names it; None without one, 400 `invalid_idempotency_key` for a key that is none."""
    key = request.META.get("HTTP_IDEMPOTENCY_KEY")
    if key is None:
        return None
    query, kind = request.META.get("QUERY_STRING", ""), request.content_type
    return call_named(key, application, str(request.method), request.path, body, query=query, content_type=kind)


def call_named(
    key: str, application: Application, method: str, path: str, body: bytes, *, query: str, content_type: str | None
) -> Call:
    """The call under this key; `content_type` without its parameters. Raises as `call_of`."""
    if not 1 <= len(key) <= 255 or not all("!" <= letter <= "~" for letter in key):
        raise Invalid("invalid_idempotency_key", "The Idempotency-Key is 1 to 255 visible ASCII characters.")
    what = json.dumps([query, content_type]).encode() + b"\n" + body
    return Call(application, method, path, key, keyed_digest("access.idempotency", what))


def once(call: Call, act: Callable[[], HttpResponseBase]) -> HttpResponseBase:
    """The answer of `act`, run now, or the answer it gave to the first call under this key."""
    with transaction.atomic():
        if not _lock(call):
            raise WrongState("idempotency_in_progress", "The first request with this key still runs.")
        kept = _kept(call)
        if kept is not None:
            return _replay(kept, call)
        response = act()
        if response.status_code >= 500:
            transaction.set_rollback(True)
        elif response.status_code not in NEVER_KEPT and isinstance(response, HttpResponse):
            keep(call, response.status_code, response.get("Content-Type", ""), response.content)
        return response


def is_first(call: Call) -> bool:
    """Whether no call under this key runs or was answered; none can begin until the caller's transaction ends."""
    return _lock(call) and _kept(call) is None


def purge_idempotency_keys() -> int:
    """Answers older than 24 hours are gone; returns how many."""
    return IdempotencyKey.objects.filter(created_at__lte=timezone.now() - KEPT).delete()[0]


def _lock(call: Call) -> bool:
    number = int.from_bytes(bytes.fromhex(call.name)[:8], "big", signed=True)
    [(is_ours,)] = _LOCK.all(number=number)
    return bool(is_ours)


def _kept(call: Call) -> IdempotencyKey | None:
    # A statement of its own: one that locked as well would not see what was kept while it waited for its turn.
    found = _KEPT.first(application=call.application.pk, method=call.method, path=call.path, key=call.key)
    if found is not None and found.created_at <= timezone.now() - KEPT:
        found.delete()
        return None
    return found


def _replay(kept: IdempotencyKey, call: Call) -> HttpResponse:
    if bytes(kept.fingerprint) != call.fingerprint:
        raise Invalid("idempotency_mismatch", "This key was used with another body.", status=422)
    body = open_secret(call.place, bytes(kept.body_sealed))
    response = HttpResponse(body, status=kept.status, content_type=kept.content_type)
    response["Idempotency-Replayed"] = "true"
    return response


def keep(call: Call, status: int, content_type: str, body: bytes) -> None:
    """This is the answer to every later call under the key, once the caller's transaction commits."""
    _KEEP.one(
        application=call.application.pk,
        method=call.method,
        path=call.path,
        key=call.key,
        fingerprint=call.fingerprint,
        status=status,
        content_type=content_type,
        body=seal_secret(call.place, body),
        at=timezone.now(),
    )
