"""The end of evidence of identity: row and key are gone; that there was some, and the method, stay (R23)."""

from datetime import datetime

from django.utils import timezone

from audit import services as audit
from erasure.models import IdentityCheck, IdentityEvidence, RightsRequest
from vault import services as vault


def evidence_place(evidence: IdentityEvidence) -> vault.Place:
    """Where the file lies, for the seal."""
    return vault.Place("erasure_identityevidence", "sealed", str(evidence.id))


def delete_evidence(request: RightsRequest, *, actor: str, reason: str, before: datetime | None = None) -> int:
    """Every file about who asks is gone, with the key it was sealed under; how many. In the caller's transaction."""
    rows = IdentityEvidence.objects.filter(check_row__request=request).select_for_update(of=("self",))
    found = list(rows if before is None else rows.filter(delete_at__lte=before))
    for row in found:
        row_id = row.id
        row.delete()
        vault.destroy_data_key(row_id)
    if found:
        audit.record(
            "identity.deleted", actor=actor, subject=request.subject.pseudonym,
            details={"request": str(request.id), "reason": reason, "count": len(found)},
        )  # fmt: skip
    return len(found)


def end_checks(request: RightsRequest, *, actor: str) -> None:
    """The request went on or ended: nothing about who asks is needed any more (Art. 5(1)(e))."""
    if not request.identity_checks.exists():
        return
    delete_evidence(request, actor=actor, reason="decided")
    IdentityCheck.objects.filter(request=request, settled_at=None).update(
        outcome=IdentityCheck.Outcome.ENDED, settled_at=timezone.now()
    )
