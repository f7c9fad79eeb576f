"""Resumable uploads to another controller: tus 1.0.0 (core and creation), signed. One call each, an outcome comes back.

    POST  the destination's address   Upload-Length, Upload-Metadata, Idempotency-Key   -> 201, Location
    HEAD  the upload                                                                    -> Upload-Offset
    PATCH the upload                  Upload-Offset, Content-Digest, a piece            -> 204, Upload-Offset

Every call is signed (`erasure.opendsr.signatures`). Creating again under the same Idempotency-Key leads to the same
upload. Whoever holds all bytes says so: Repr-Digest over the whole, and a signature over it, in the answer to PATCH or
HEAD; we never tell the digest of the whole beforehand, so that only who has the bytes can say it. Nothing the other
side says is believed beyond that: offsets lie within the file and only grow by what was sent, the upload lies at the
destination's own origin, redirects are not followed, addresses pass `consent.webhook`'s guard.
"""

import base64
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin, urlsplit

from consent import webhook
from erasure.opendsr.signatures import content_digest, digest_field, is_signed, signed

TUS: Final = "1.0.0"
RETRIED: Final = frozenset({404, 408, 409, 410, 423, 425, 429})
"""Answers below 500 after which another try may go well; any other one below 500 is a refusal."""
FORBIDDEN: Final = frozenset({"address_not_allowed", "https_only", "port_not_allowed", "address_malformed"})
"""What the guard refuses for good."""
_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Upload:
    """What is sent and where to: the destination's address and secret, the transfer, its size and SHA-256 (hex)."""

    endpoint: str
    secret: bytes
    keyid: str
    transfer: str
    size: int
    sha256: str
    location: str = ""
    allow_loopback: bool = False
    timeout_seconds: float = 10.0


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What came of a call: how much is held over there, or what went wrong and whether for good."""

    offset: int = 0
    location: str = ""
    acknowledgement: str = ""
    error: str = ""
    final: bool = False
    gone: bool = False
    retry_after: float | None = None


def create(upload: Upload) -> Reply:
    """There is an upload for this transfer over there, the same however often this is called."""
    about = {"transfer": upload.transfer, "filename": "archive.zip", "filetype": "application/zip"}
    metadata = ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in about.items())
    headers = {
        "Upload-Length": str(upload.size), "Upload-Metadata": metadata, "Idempotency-Key": f'"{upload.transfer}"',
    }  # fmt: skip
    outcome = _call("POST", upload.endpoint, b"", headers, upload)
    failure = _failure(outcome, {201, 200})
    if failure is not None:
        return failure
    if not outcome.headers.get("location"):
        return Reply(error="answer_unreadable", retry_after=outcome.retry_after)
    location = urljoin(upload.endpoint, outcome.headers.get("location", ""))
    if not _same_origin(upload.endpoint, location) or webhook.check(location, upload.allow_loopback):
        return Reply(error="upload_elsewhere", final=True)
    return Reply(location=location)


def look(upload: Upload) -> Reply:
    """How much of it is over there."""
    outcome = _call("HEAD", upload.location, b"", {}, upload)
    return _failure(outcome, {200, 204}) or _held(outcome, upload, least=0, most=upload.size)


def send(upload: Upload, offset: int, piece: bytes) -> Reply:
    """The piece was sent once, for the place it belongs to."""
    headers = {
        "Upload-Offset": str(offset), "Content-Digest": content_digest(piece),
        "Content-Type": "application/offset+octet-stream",
    }  # fmt: skip
    outcome = _call("PATCH", upload.location, piece, headers, upload)
    return _failure(outcome, {200, 204}) or _held(outcome, upload, least=offset + 1, most=offset + len(piece))


def _call(method: str, url: str, body: bytes, headers: Mapping[str, str], upload: Upload) -> webhook.Outcome:
    components = [('"@method"', method), ('"@path"', urlsplit(url).path or "/")]
    components += [(f'"{name.lower()}"', value) for name, value in headers.items() if name != "Content-Type"]
    signature = signed(upload.secret, components, keyid=upload.keyid, created=int(time.time()))
    sent = {"Tus-Resumable": TUS, **headers, **signature}
    return webhook.call(method, url, body, sent, upload.allow_loopback, timeout_seconds=upload.timeout_seconds)


def _failure(outcome: webhook.Outcome, good: set[int]) -> Reply | None:
    if outcome.status in good:
        return None
    status = outcome.status or 0
    final = outcome.error in FORBIDDEN if outcome.error else status < 500 and status not in RETRIED
    gone = status in {404, 410}
    return Reply(error=outcome.code, final=final, gone=gone, retry_after=outcome.retry_after)


def _held(outcome: webhook.Outcome, upload: Upload, *, least: int, most: int) -> Reply:
    said = outcome.headers.get("upload-offset", "")
    if not _NUMBER.fullmatch(said) or not least <= int(said) <= most:
        return Reply(error="offset_invalid", retry_after=outcome.retry_after)
    offset = int(said)
    return Reply(offset=offset) if offset < upload.size else _acknowledged(outcome, upload, said)


def _acknowledged(outcome: webhook.Outcome, upload: Upload, said: str) -> Reply:
    """All is there; is it what was sent, and does the other side put its name to it?"""
    given = outcome.headers.get("repr-digest", "").strip()
    if not given:
        return Reply(offset=upload.size, error="not_acknowledged", retry_after=outcome.retry_after)
    path = urlsplit(upload.location).path or "/"
    components = [('"@path";req', path), ('"upload-offset"', said), ('"repr-digest"', given)]
    if not is_signed(upload.secret, components, outcome.headers):
        return Reply(offset=upload.size, error="acknowledgement_unsigned", retry_after=outcome.retry_after)
    if given != digest_field(bytes.fromhex(upload.sha256)):
        return Reply(offset=upload.size, error="digest_differs", final=True)
    signature = f"{outcome.headers['signature-input'].strip()} {outcome.headers['signature'].strip()}"
    return Reply(offset=upload.size, acknowledgement=signature)


def _same_origin(one: str, other: str) -> bool:
    try:
        first, second = urlsplit(one), urlsplit(other)
        return (first.scheme, first.hostname, first.port) == (second.scheme, second.hostname, second.port)
    except ValueError:
        return False
