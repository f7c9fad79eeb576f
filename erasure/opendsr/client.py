"""OpenDSR 2.0 spoken to a processor of ours: discovery, request, status. One call each; an outcome comes back.

Nothing is believed that is not signed under the certificate the processor's own domain published (sections 6.3, 8.8).
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from django.utils import timezone

from consent import webhook
from erasure.opendsr.messages import REGULATION, VERSION
from gdpr_portal.errors import Invalid
from vault.x509 import names_match, names_of, read_certificate, verify_domain_signature

STATUSES: Final = ("pending", "in_progress", "completed", "cancelled")
"""In the order in which they come."""
REFUSALS: Final = frozenset({400, 409, 410, 413, 415, 422})
"""Answers after which the same request is not sent again."""
FORMATS: Final[dict[str, Callable[[str], str]]] = {
    "raw": lambda value: value,
    "sha256": lambda value: hashlib.sha256(value.encode()).hexdigest(),
}
"""The formats we speak; the weak digests (md5, sha1) are not ours to give a person's address away in."""


@dataclass(frozen=True)
class Peer:
    """A processor: where it is, who it is, how we show who we are; its certificate once discovery was made."""

    base_url: str
    domain: str
    token: str
    certificate: str = ""
    allow_loopback: bool = False
    timeout_seconds: float = 10.0


@dataclass(frozen=True)
class Discovered:
    """What a processor says of itself, or what is wrong with it."""

    certificate: str = ""
    identities: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    error: str = ""


@dataclass(frozen=True)
class Said:
    """What came of a call: the status signed for, or what went wrong and whether for good."""

    status: str = ""
    error: str = ""
    final: bool = False
    retry_after: float | None = None


def discover(peer: Peer) -> Discovered:
    """Version, types, identities and the certificate, fetched from the processor's own domain."""
    outcome = _get(peer, f"{peer.base_url}/discovery")
    told = _object(outcome)
    if told is None:
        return Discovered(error=outcome.code if not outcome.accepted else "discovery_unreadable")
    if not str(told.get("api_version", "")).startswith("2."):
        return Discovered(error="version_unknown")
    where = told.get("processor_certificate")
    if not isinstance(where, str) or not _is_at(where, peer):
        return Discovered(error="certificate_elsewhere")
    fetched = _get(replace(peer, token=""), where)
    try:
        names = names_of(read_certificate(fetched.body)) if fetched.accepted else []
        pem = fetched.body.decode("ascii")
    except (Invalid, UnicodeDecodeError):
        return Discovered(error="bad_certificate")
    if not any(names_match(name, peer.domain) for name in names):
        return Discovered(error="certificate_of_another_domain" if fetched.accepted else fetched.code)
    return Discovered(pem, tuple(_identities(told)), tuple(_texts(told.get("supported_subject_request_types"))))


def ask(peer: Peer, body: bytes, subject_request_id: str) -> Said:
    """The request was sent once; pending when the answer is signed and about it."""
    headers = _headers(peer) | {"Content-Type": "application/json"}
    outcome = webhook.call(
        "POST", f"{peer.base_url}/opendsr_requests", body, headers, peer.allow_loopback,
        timeout_seconds=peer.timeout_seconds, keep_body=True,
    )  # fmt: skip
    return _said(peer, outcome, subject_request_id, lambda told: "pending")


def poll(peer: Peer, subject_request_id: str) -> Said:
    """The status the processor signs for now."""
    outcome = _get(peer, f"{peer.base_url}/opendsr_requests/{subject_request_id}")
    return _said(peer, outcome, subject_request_id, lambda told: told.get("request_status"))


def is_genuine(peer: Peer, body: bytes, headers: Mapping[str, str], at: datetime) -> bool:
    """Whether these bytes were signed by this processor; headers have names in lower case."""
    if headers.get("x-opendsr-processor-domain", "").strip().lower() != peer.domain:
        return False
    try:
        verify_domain_signature(
            body=body, signature=headers.get("x-opendsr-signature", ""), certificate=peer.certificate.encode(),
            domain=peer.domain, at=at,
        )  # fmt: skip
    except Invalid:
        return False
    return True


def request_body(
    *, subject_request_id: str, kind: str, submitted_at: str, identities: Mapping[str, str], supported: list[str],
    callback_url: str,
) -> bytes:  # fmt: skip
    """A request with those of the identities the processor can use, raw where it may be; the same at every try."""
    chosen = []
    for name, value in sorted(identities.items()):
        found = next((each for each in FORMATS if f"{name}:{each}" in supported), None)
        if found is not None:
            chosen.append({"identity_type": name, "identity_value": FORMATS[found](value), "identity_format": found})
    body = {
        "regulation": REGULATION,
        "subject_request_id": subject_request_id,
        "subject_request_type": kind,
        "submitted_time": submitted_at,
        "subject_identities": chosen,
        "api_version": VERSION,
        "status_callback_urls": [callback_url],
    }
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode() if chosen else b""


def _said(peer: Peer, outcome: webhook.Outcome, subject_request_id: str, status: Any) -> Said:
    if not outcome.accepted:
        final = outcome.status in REFUSALS
        return Said(error=outcome.code, final=final, retry_after=outcome.retry_after)
    if not is_genuine(peer, outcome.body, outcome.headers, timezone.now()):
        return Said(error="answer_unsigned")
    told = _object(outcome)
    if told is None or told.get("subject_request_id") != subject_request_id or status(told) not in STATUSES:
        return Said(error="answer_unreadable")
    return Said(status=str(status(told)))


def _get(peer: Peer, url: str) -> webhook.Outcome:
    return webhook.call(
        "GET", url, b"", _headers(peer), peer.allow_loopback, timeout_seconds=peer.timeout_seconds, keep_body=True
    )


def _headers(peer: Peer) -> dict[str, str]:
    return {"Accept": "*/*"} | ({"Authorization": f"Bearer {peer.token}"} if peer.token else {})


def _object(outcome: webhook.Outcome) -> dict[str, Any] | None:
    if not outcome.accepted:
        return None
    try:
        told = json.loads(outcome.body)
    except (ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) else None


def _is_at(url: str, peer: Peer) -> bool:
    """Whether the address is at the processor's own domain, or at the very origin it is called at."""
    try:
        where, base = urlsplit(url), urlsplit(peer.base_url)
        if (where.scheme, where.netloc) == (base.scheme, base.netloc):
            return True
        return where.scheme == "https" and where.hostname == peer.domain
    except ValueError:
        return False


def _identities(told: Mapping[str, Any]) -> list[str]:
    given = told.get("supported_identities")
    rows = [each for each in given if isinstance(each, dict)] if isinstance(given, list) else []
    return _texts([f"{each.get('identity_type')}:{each.get('identity_format')}" for each in rows])


def _texts(given: Any) -> list[str]:
    return [each for each in given if isinstance(each, str) and len(each) <= 80][:50] if isinstance(given, list) else []
