"""The evidence pack of a request: what a regulator checks without access to the service (Art. 5(2), 58(1)(e)).

A ZIP of the timeline, the receipt, the keys, the proofs that each event is in the audit log, a signed manifest of all
that, and the programs that check it. Nothing in it names the person: the log has none of it, and receipts neither.
"""

import base64
import hashlib
import io
import json
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from access.models import Account
from audit import actors
from audit import selectors as audit_log
from audit.canonical import timestamp
from audit.models import AuditEvent
from erasure.models import RightsRequest
from erasure.services.records import record_request
from gdpr_portal.errors import DomainError
from vault.signing import jwks, sign_jws

FORMAT = "gdpr-portal-evidence/1"
README = """Evidence of a rights request

manifest.json, manifest.jws   every file with its SHA-256, signed by the service (RFC 7515, detached)
requests.json     the request: when received and due, extended, when and how answered
timeline.json     every event of the audit log about it, in order
receipts/         the signed receipt, when it was completed
proofs/           one file an event: the exact bytes hashed, the hashes to the root, the signed checkpoint (RFC 9162)
not_proven.json   events so new that no checkpoint covers them yet; ask for the pack again in a few seconds
audit-vkey.txt, jwks.json   compare the keys with /.well-known/audit-vkey and /.well-known/jwks.json

"""
HOW_TO_CHECK = """\
Python 3.9 or later checks all of it, offline. Who changes a pack can change the programs in it too: take
the three (pack_verifier.py, receipt_verifier.py, standalone_verifier.py) from the source of the service, or read them,
and both keys from the addresses above or from who was given them before.

    python pack_verifier.py FOLDER --jwks YOUR-jwks.json --key @YOUR-audit-vkey.txt
"""


def evidence_pack(*, request: RightsRequest, by: Account) -> bytes:
    """The ZIP; that it was made, and its SHA-256, are in the log."""
    events = _events(request)
    proven, missing = proofs(events)
    receipt = {f"receipts/{request.id}.jws": request.receipt.jws.encode()} if hasattr(request, "receipt") else {}
    head = {"format": FORMAT, "request": request.id, "made_at": timezone.now()}
    files: dict[str, bytes] = {
        "README.txt": (README + HOW_TO_CHECK).encode(),
        "pack.json": as_json(head),
        "requests.json": as_json([facts(request)]),
        "timeline.json": as_json([event(row) for row in events]),
        "jwks.json": as_json(jwks()),
        "audit-vkey.txt": vkey(),
        "not_proven.json": as_json(missing),
        **proven,
        **receipt,
        **programs(),
    }
    pack = zipped(signed(files))
    with transaction.atomic():
        digest = f"sha256:{hashlib.sha256(pack).hexdigest()}"
        record_request(request, "evidence.exported", actor=actors.staff(by.id), digest=digest)
    return pack


def signed(files: dict[str, bytes]) -> dict[str, bytes]:
    """The files that are not empty, with a manifest of their digests and its signature."""
    kept = {name: data for name, data in files.items() if data}
    listed = [{"path": name, "sha256": hashlib.sha256(data).hexdigest()} for name, data in sorted(kept.items())]
    manifest = as_json({"format": FORMAT, "files": listed})
    signature = sign_jws(manifest, typ="evidence-manifest+jws", detached=True).encode()
    return kept | {"manifest.json": manifest, "manifest.jws": signature}


def _events(request: RightsRequest) -> list[AuditEvent]:
    about = audit_log.events(subject=request.subject.pseudonym)
    return list(reversed(about.filter(details__request=str(request.id))))


def facts(request: RightsRequest) -> dict[str, Any]:
    """How the request stands, without what was said in it."""
    names = ("id", "right", "state", "received_at", "due_at", "extended", "completed_at", "outcome", "reason_code")
    return {name: getattr(request, name) for name in names}


def event(row: AuditEvent) -> dict[str, Any]:
    """What the log says, as its entry does, letter by letter."""
    names = ("id", "action", "actor", "subject", "purpose", "fields", "details")
    return {name: getattr(row, name) for name in names} | {"at": timestamp(row.at)}


def proofs(events: list[AuditEvent]) -> tuple[dict[str, bytes], list[str]]:
    """(files of proofs, the events no checkpoint covers yet)."""
    proven, missing = {}, []
    for row in events:
        try:
            found = audit_log.proof(row.id)
        except DomainError:  # not under a checkpoint yet: said in the pack
            missing.append(str(row.id))
            continue
        hashes = [base64.b64encode(each).decode() for each in found.inclusion]
        leaf = base64.b64encode(found.leaf).decode()
        body = {"index": found.index, "leaf": leaf, "inclusion": hashes, "checkpoint": found.checkpoint}
        proven[f"proofs/{row.id}.json"] = as_json(body)
    return proven, missing


def vkey() -> bytes:
    """The key of the log; empty while nothing was sealed."""
    try:
        return audit_log.vkey().encode()
    except DomainError:  # nothing sealed yet
        return b""


def programs() -> dict[str, bytes]:
    """The programs that check a pack, by their names."""
    paths = ("erasure/pack_verifier.py", "erasure/receipt_verifier.py", "audit/standalone_verifier.py")
    return {Path(path).name: (Path(settings.BASE_DIR) / path).read_bytes() for path in paths}


def as_json(value: Any) -> bytes:
    """The value as a file of a pack: moments by RFC 3339, ids and numbers as they are written."""
    return json.dumps(value, indent=2, default=_plain, sort_keys=True).encode()


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def zipped(files: dict[str, bytes]) -> bytes:
    """The files as a ZIP."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as pack:
        for name, data in sorted(files.items()):
            pack.writestr(name, data)
    return buffer.getvalue()
