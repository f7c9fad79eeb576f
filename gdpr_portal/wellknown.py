"""What the world may ask without signing in: whether the service lives, whom to write to, the public keys."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooSlow
from datetime import timedelta
from functools import cache
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from audit import selectors
from gdpr_portal import clocks, metrics
from gdpr_portal.errors import DomainError
from vault import ledger, signing
from vault import services as vault

READY_SECONDS = 1.0
"""How long the database may take to answer, and how long an answer about readiness is given again."""
GPC_UPDATED = "2026-11-01"


@require_safe
def livez(request: HttpRequest) -> HttpResponse:
    """200 while the process can answer at all; looks at nothing else."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """200 when requests may come, else 503; says which check fails and nothing of why."""
    checks = readiness.checks()
    is_ready = all(checks.values())
    body = {
        "status": "ok" if is_ready else "unready",
        "checks": {name: "ok" if passed else "failing" for name, passed in checks.items()},
    }
    return JsonResponse(body, status=200 if is_ready else 503)


class Readiness:
    """The checks behind `/readyz`, run at most once in `READY_SECONDS` however often it is asked."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="readyz")
        self._looking: Future[dict[str, bool]] | None = None
        self._at = float("-inf")
        self._checks: dict[str, bool] = {}

    def checks(self) -> dict[str, bool]:
        with self._lock:
            if time.monotonic() - self._at >= READY_SECONDS:
                self._checks = {**self._of_database(), "draining": not is_draining()}
                self._at = time.monotonic()
                for name, passed in self._checks.items():
                    metrics.READY.labels(name).set(passed)
            return self._checks

    def forget(self) -> None:
        """The next question is answered afresh."""
        self._at, self._looking = float("-inf"), None

    def _of_database(self) -> dict[str, bool]:
        if self._looking is None or self._looking.done():  # a slow one is waited for: more of them would only queue
            self._looking = self._pool.submit(_look)
        try:
            return self._looking.result(timeout=READY_SECONDS)
        except TooSlow:
            return dict.fromkeys(_CHECKS, False)


def is_draining() -> bool:
    """Whether this instance was told to take no new requests: `RUN_DIR/draining` exists."""
    return (settings.RUN_DIR / "draining").exists()


def _look() -> dict[str, bool]:
    try:
        return {name: _passes(check) for name, check in _CHECKS.items()}
    finally:
        connection.close()


def _passes(check: Callable[[], bool]) -> bool:
    try:
        return check()
    except (DatabaseError, DomainError, OSError):
        return False


def _database() -> bool:
    with connection.cursor() as cursor:
        # A standby takes no withdrawal, nor does a server whose provider shut it for writes because its disk is full.
        cursor.execute("SELECT NOT current_setting('transaction_read_only')::boolean")
        return cursor.fetchone() == (True,)


def missing_migrations() -> int:
    """How many migrations of this code the database does not have."""
    return len(_on_disk().difference(MigrationRecorder(connection).applied_migrations()))


@cache
def _on_disk() -> frozenset[tuple[str, str]]:
    return frozenset(MigrationLoader(None, ignore_no_migrations=True).disk_migrations)


_CHECKS: dict[str, Callable[[], bool]] = {
    "database": _database,
    "migrations": lambda: missing_migrations() == 0,
    "keys": lambda: vault.status().unsealed,
    "shred_ledger": ledger.replayed,
    "clock": clocks.agree,
}
readiness = Readiness()


# --- /.well-known/ --------------------------------------------------------------------------------------------------
@require_safe
def security_txt(request: HttpRequest) -> HttpResponse:
    """Whom to tell about a weakness (RFC 9116); good for half a year from now."""
    expires = (timezone.now() + timedelta(days=180)).strftime("%Y-%m-%dT00:00:00Z")
    lines = [
        f"Contact: mailto:{settings.CONTROLLER['contact']}",
        f"Expires: {expires}",
        "Preferred-Languages: en, de, fr",
        f"Canonical: {settings.BASE_URL}/.well-known/security.txt",
    ]
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain; charset=utf-8")


@require_safe
def gpc(request: HttpRequest) -> HttpResponse:
    """The Global Privacy Control signal is honoured."""
    return JsonResponse({"gpc": True, "lastUpdate": GPC_UPDATED})


@require_safe
def jwks(request: HttpRequest) -> HttpResponse:
    """The public keys of receipts and archives (RFC 7517)."""
    keys: dict[str, Any] = dict(signing.jwks())
    return JsonResponse(keys, content_type="application/jwk-set+json")


@require_safe
def audit_vkey(request: HttpRequest) -> HttpResponse:
    """The key that checkpoints of the audit log are verified with (C2SP signed-note)."""
    return HttpResponse(selectors.vkey().rstrip("\n") + "\n", content_type="text/plain; charset=utf-8")
