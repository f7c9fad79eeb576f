"""Scans of paper forms as evidence beside a consent event (Art. 7(1)), sealed as a stream under the person's key.

A scan names a person and bears a signature: it goes with an erasure, whatever else is kept as proof; its SHA-256 stays
with the event. Who looks at one gives a reason, and the log has it. Only PDF, PNG and JPEG, told by their first bytes.
"""

import hashlib
from collections.abc import Iterator
from typing import Final
from uuid import UUID, uuid4

from django.db import transaction
from django.utils import timezone

from access import roles
from access.models import Account
from audit.actors import staff
from audit.services import record
from consent.models import ConsentEvent, ConsentProof
from gdpr_portal.errors import Gone, Invalid, Missing, Refused, WrongState
from subjects.selectors import ensure_not_erased
from subjects.services import lock_subject
from subjects.services.reveal import staff_reveal
from vault.services import Place, SubjectKey, open_cells, open_stream, seal_stream, subject_key

REVIEWERS = frozenset({roles.IRM, roles.PRIVACY_OFFICER})
MOST_BYTES: Final = 5 * 1024 * 1024
MOST_PROOFS: Final = 5
"""For one event."""
TYPES: Final = {b"%PDF-": "application/pdf", b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}
"""How a file begins -> what it is."""
SUFFIXES: Final = {"application/pdf": "pdf", "image/png": "png", "image/jpeg": "jpg"}
PIECE: Final = 64 * 1024


@transaction.atomic
def add_proof(*, event: UUID, data: bytes, reviewer: Account) -> ConsentProof:
    """The scan is sealed beside the event. The same scan again changes nothing.

    Raises Refused(`role_missing`), Missing, Gone(`erased`), Invalid (422): `too_large` (413), `invalid_value` for
    what is neither PDF, PNG nor JPEG; WrongState(`too_many`).
    """
    _require_role(reviewer)
    if len(data) > MOST_BYTES:
        raise Invalid("too_large", "A scan has at most 5 MiB.", status=413)
    kind = _type_of(data)
    found = _event(event)
    subject = ensure_not_erased(lock_subject(found.subject_id))
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    rows = ConsentProof.objects.filter(event=found.event)
    standing = rows.filter(digest=digest).first()
    if standing is not None:
        return standing
    if rows.count() >= MOST_PROOFS:
        raise WrongState("too_many", "This answer has five scans already.")
    row_id = uuid4()
    sealed = b"".join(seal_stream(subject_key(subject.pk), proof_place(row_id), _pieces(data)))
    proof = ConsentProof.objects.create(
        id=row_id, subject=subject, event=found.event, content_type=kind, size_bytes=len(data), digest=digest,
        sealed=sealed, added_by=reviewer, added_at=timezone.now(),
    )  # fmt: skip
    record(
        "consent.proof_added", actor=staff(reviewer.pk), subject=subject.pseudonym, purpose=found.purpose,
        details={"event": str(found.event), "proof": str(row_id), "digest": digest, "bytes": len(data)},
    )  # fmt: skip
    return proof


def read_proof(*, proof_id: UUID, reviewer: Account, reason: str) -> tuple[ConsentProof, bytes]:
    """The scan, opened; the log has who looked and why. The door asks for a fresh second factor first.

    Raises Refused(`role_missing`), Invalid(`reason_missing`), Missing, Gone(`erased`), and as `staff_reveal`.
    """
    _require_role(reviewer)
    if reason not in REASONS:
        raise Invalid("reason_missing", "Say why the scan is looked at.", status=422)
    with staff_reveal(reviewer):
        row = ConsentProof.objects.select_related("subject").filter(pk=proof_id).first()
        if row is None:
            raise Missing()
        data = opened_proof(row)
        record(
            "consent.proof_read", actor=staff(reviewer.pk), subject=row.subject.pseudonym,
            details={"event": str(row.event), "proof": str(row.pk), "reason": reason},
        )  # fmt: skip
    return row, data


REASONS = ("complaint", "authority_request", "quality_check", "rights_request", "legal_claim")
"""Why a scan may be looked at; a code, so that nothing of the person gets into the log."""


def opened_proof(row: ConsentProof) -> bytes:
    """All of the scan; Gone once the person was erased, Tampered when a byte was changed."""

    def opening(key: SubjectKey, sealed: bytes | memoryview | None) -> bytes:
        if sealed is None:
            raise Gone("erased", "This scan has been erased.")
        return b"".join(open_stream(key, proof_place(row.pk), iter([bytes(sealed)])))

    again = ConsentProof.objects.filter(pk=row.pk).values_list("sealed", flat=True).first
    return open_cells(row.subject_id, row.sealed, again, opening)


def proof_place(row_id: UUID) -> Place:
    """The cell of a scan."""
    return Place("consent_consentproof", "sealed", str(row_id))


def _event(event: UUID) -> ConsentEvent:
    found = ConsentEvent.objects.filter(event=event).first()
    if found is None:
        raise Missing()
    return found


def _type_of(data: bytes) -> str:
    kind = next((kind for start, kind in TYPES.items() if data.startswith(start)), None)
    if kind is None:
        raise Invalid("invalid_value", "A scan is a PDF, PNG or JPEG file.", status=422)
    return kind


def _pieces(data: bytes) -> Iterator[bytes]:
    return (data[start : start + PIECE] for start in range(0, len(data), PIECE))


def _require_role(reviewer: Account) -> None:
    if not reviewer.roles & REVIEWERS:
        raise Refused("role_missing", "Only IRM and privacy officers look after proofs of consent.")
