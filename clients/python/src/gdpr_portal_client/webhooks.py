"""Signed notices (Standard Webhooks 1.0): verified with the standard library alone.

A notice is genuine when one of its signatures is by one of the endpoint's secrets over `id.timestamp.body` and its time
is near. Check before anything else, answer 2xx at once, do the work from your own queue, then acknowledge.
"""

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, runtime_checkable
from uuid import UUID

from gdpr_portal_client.errors import NotVerified

TOLERANCE_SECONDS = 300


@runtime_checkable
class Headers(Protocol):
    """Headers as any web framework has them; those of Flask and of `email` are no `Mapping`."""

    def items(self) -> Iterable[tuple[str, str]]:
        """Each name, in any case, with its value."""
        ...


@dataclass(frozen=True)
class Notification:
    """A genuine notice. `id` is the same when it comes again; `sequence` grows for one person: an older one is late."""

    id: str
    type: str
    timestamp: datetime
    delivery: UUID
    sequence: int
    subject: UUID
    reference: str | None
    request: UUID | None
    purpose: str | None
    fields: tuple[str, ...]
    due_at: datetime | None


def verify(
    secrets: str | Iterable[str],
    headers: Headers,
    body: bytes,
    *,
    now: float | None = None,
    tolerance: int = TOLERANCE_SECONDS,
) -> Notification:
    """The notice, when it is genuine; `NotVerified` otherwise.

    `secrets` as the service printed them (`whsec_...`); two of them while the secret is changed. `body` is the exact
    bytes received. `tolerance` in seconds.
    """
    given = {name.lower(): value for name, value in headers.items()}
    try:
        message, stamp = given["webhook-id"], given["webhook-timestamp"]
        signatures = given["webhook-signature"].split(" ")
        sent = int(stamp)
    except (KeyError, ValueError):
        raise NotVerified("The headers of a signed notice are missing or unreadable.") from None
    if abs((time.time() if now is None else now) - sent) > tolerance:
        raise NotVerified("The notice is too old or from the future.")
    signed = _bytes(f"{message}.{stamp}.") + body
    wanted = [_signature(secret, signed) for secret in ([secrets] if isinstance(secrets, str) else secrets)]
    if not any(hmac.compare_digest(_bytes(one), _bytes(other)) for one in signatures for other in wanted):
        raise NotVerified("No signature fits.")
    return _read(message, body)


def _signature(secret: str, signed: bytes) -> str:
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        raise ValueError("A secret begins with whsec_ and goes on in base64.") from None
    if not key:  # a variable that is not set: anybody can sign with nothing
        raise ValueError("The secret is empty.")
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def _bytes(text: str) -> bytes:
    """What came over the wire: servers hand on bytes that are no UTF-8 as lone surrogates."""
    return text.encode("utf-8", "surrogateescape")


def _read(message: str, body: bytes) -> Notification:
    try:
        whole: dict[str, Any] = json.loads(body)
        data = whole["data"]
        return Notification(
            id=message,
            type=whole["type"],
            timestamp=datetime.fromisoformat(whole["timestamp"]),
            delivery=UUID(data["delivery"]),
            sequence=data["sequence"],
            subject=UUID(data["subject"]),
            reference=data.get("reference"),
            request=UUID(data["request"]) if data.get("request") else None,
            purpose=data.get("purpose"),
            fields=tuple(data.get("fields") or ()),
            due_at=datetime.fromisoformat(data["due_at"]) if data.get("due_at") else None,
        )
    except (KeyError, TypeError, ValueError):
        raise NotVerified("It is signed, but it is no notice this library knows.") from None
