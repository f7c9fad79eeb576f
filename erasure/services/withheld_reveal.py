"""What stands in withheld rows, shown to the reviewer who decides about them, once and for a reason.

Above `withheld` and above the runs of connectors, which ask `withheld` what stays.
"""

from typing import Any
from uuid import UUID

from access.models import Account
from audit import actors
from audit import services as audit
from erasure.models import WithheldRows
from erasure.services.withheld import address_of, opened_keys
from gdpr_portal.errors import Invalid, Missing, WrongState
from subjects.services.reveal import staff_reveal

REASONS = ("whose_is_it", "what_is_lost", "complaint")
"""Why a reviewer opens withheld rows."""


def reveal(*, withheld_id: UUID, reviewer: Account, reason: str) -> list[dict[str, Any]]:
    """What stands in the rows, for this reviewer and this once; that they looked, and why, is in the log first.

    Raises as `staff_reveal`.
    """
    if reason not in REASONS:
        raise Invalid("invalid_value", "A reason is needed.", status=422)
    row = WithheldRows.objects.select_related("step__request__subject").filter(pk=withheld_id).first()
    if row is None:
        raise Missing
    if row.keys_sealed is None:
        raise WrongState("wrong_state", "These rows cannot be opened any more.")
    with staff_reveal(reviewer):
        audit.record(
            "data.revealed",
            actor=actors.staff(reviewer.id),
            subject=row.step.request.subject.pseudonym,
            details={"request": str(row.step.request_id), "reason": reason, "count": row.decidable},
        )
    from erasure.services.connector_runs import read_rows  # rare, and 22 MiB (docs/decisions/0050)

    return read_rows(row.step, {address_of(row): opened_keys(row)[:100]})
