"""The evidence pack of a request: what a regulator checks without access to the service (Art. 5(2), 58(1)(e)).

A ZIP of the timeline, the receipt, the keys, the proofs that each event is in the audit log, and the programs that
check them. Nothing in it names the person: the log has none of it, and receipts neither.
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

from access.models import Account
from audit import actors
from audit import selectors as audit_log
from audit.models import AuditEvent
from erasure.models import RightsRequest
from erasure.services.records import record_request
from gdpr_portal.errors import DomainError
from vault.signing import jwks

README = """Evidence of a rights request

timeline.json     every event of the audit log about the request, in order
receipt.jws       the signed receipt, when the request was completed
jwks.json         the public keys receipts are signed with; compare it with /.well-known/jwks.json
proofs/           one file an event: the exact bytes hashed, the hashes to the root, the signed checkpoint (RFC 9162)
not_proven.json   events so new that no checkpoint covers them yet; ask for the pack again in a few seconds
receipt_verifier.py, standalone_verifier.py: Python 3.9 or later, nothing else

    python receipt_verifier.py --jwks jwks.json receipt.jws
    python standalone_verifier.py --key @audit-vkey.txt --proof proofs/ID.json   (says `ok` and the event)
"""


def evidence_pack(*, request: RightsRequest, by: Account) -> bytes:
    """The ZIP; that it was made, and its SHA-256, are in the log."""
    events = _events(request)
    proven, missing = proofs(events)
    files: dict[str, bytes] = {
        "README.txt": README.encode(),
        "timeline.json": as_json({"request": facts(request), "events": [event(row) for row in events]}),
        "jwks.json": as_json(jwks()),
        "audit-vkey.txt": vkey(),
        "not_proven.json": as_json(missing),
        **proven,
        **programs(),
    }
    if hasattr(request, "receipt"):
        files["receipt.jws"] = request.receipt.jws.encode()
    pack = zipped({name: data for name, data in files.items() if data})
    with transaction.atomic():
        digest = f"sha256:{hashlib.sha256(pack).hexdigest()}"
        record_request(request, "evidence.exported", actor=actors.staff(by.id), digest=digest)
    return pack


def _events(request: RightsRequest) -> list[AuditEvent]:
    about = audit_log.events(subject=request.subject.pseudonym)
    return list(reversed(about.filter(details__request=str(request.id))))


def facts(request: RightsRequest) -> dict[str, Any]:
    """How the request stands, without what was said in it."""
    names = ("id", "right", "state", "received_at", "due_at", "extended", "completed_at", "outcome", "reason_code")
    return {name: getattr(request, name) for name in names}


def event(row: AuditEvent) -> dict[str, Any]:
    """What the log says, as the verifier reads it too."""
    names = ("id", "at", "action", "actor", "subject", "purpose", "fields", "details")
    return {name: getattr(row, name) for name in names}


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


def programs(*more: str) -> dict[str, bytes]:
    """The programs that check a pack, by their names; `more` are paths below the service's folder."""
    paths = ("erasure/receipt_verifier.py", "audit/standalone_verifier.py", *more)
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
