"""The steps of an erasure in other people's databases: erase, wait for a reviewer where rows are shared, look again.

Nothing here claims that all is gone: the last look asks every connector anew, and its answer stands in the receipt.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.utils import timezone

from audit import actors
from audit import services as audit
from erasure.connectors.report import Report
from erasure.models import ConnectorCheck, ConnectorCommit, RightsRequest, Step
from erasure.services import connectors, withheld
from gdpr_portal.errors import WrongState

WORKER = actors.system("worker")
CAME_BACK = "rows_came_back"


class RowsCameBack(WrongState):
    """The person is found again where they were erased: a reviewer's matter, not another try's."""


def settle(step: Step, report: Report) -> tuple[Mapping[str, Any], str]:
    """What was done is in the log; whether the step is done or waits for a reviewer. In the caller's transaction."""
    ConnectorCommit.objects.filter(step=step).delete()
    rows = sum(change.rows for change in report.changes.values())
    if withheld.decided_rows(step):
        withheld.carried_out(step)
    audit.record(
        "data.erased",
        actor=WORKER,
        subject=step.request.subject.pseudonym,
        details={"request": str(step.request_id), "reason": step.target, "count": rows},
    )
    if not _checks(step):  # planned before there was a last look: nothing needs the seal any more
        step.identities_sealed = None
    reasons = sorted({row.reason for row in step.withheld.all()})
    outcome = f"withheld:{'+'.join(reasons)}" if reasons else "done"
    return {"rows": rows, "outcome": outcome}, "waiting" if withheld.undecided(step) else "done"


def under_way(request_id: UUID) -> bool:
    """Whether an erasure in a connector is not finished yet: it waits for a reviewer."""
    return Step.objects.filter(request_id=request_id, kind=Step.Kind.CONNECTOR, state="waiting").exists()


# --- looking again --------------------------------------------------------------------------------------------------
def is_check(step: Step) -> bool:
    """Whether this step looks at a group of connectors again."""
    return step.kind == Step.Kind.VERIFY and step.target.startswith(connectors.CHECK_PREFIX)


def _checks(step: Step) -> bool:
    target = connectors.CHECK_PREFIX + step.target
    return Step.objects.filter(request=step.request_id, kind=Step.Kind.VERIFY, target=target).exists()


def erasing_of(step: Step) -> Step:
    """The step that erased what this one looks for."""
    target = step.target.removeprefix(connectors.CHECK_PREFIX)
    return Step.objects.select_related("request__subject").get(
        request=step.request_id, kind=Step.Kind.CONNECTOR, target=target
    )


def settle_check(step: Step, found: Mapping[str, int]) -> Mapping[str, Any]:
    """That nothing was found is a row and in the log; whom to look for is forgotten. In the caller's transaction."""
    rows = sum(found.values())
    ConnectorCheck.objects.update_or_create(
        step=step, defaults={"looked_at": timezone.now(), "found": rows, "collections": sorted(found)}
    )
    erasing = erasing_of(step)
    erasing.identities_sealed = None
    erasing.save(update_fields=["identities_sealed"])
    audit.record(
        "connector.checked",
        actor=WORKER,
        subject=step.request.subject.pseudonym,
        details={"request": str(step.request_id), "target": erasing.target, "rows": rows},
    )
    return {"rows": rows}


# --- what the end says ----------------------------------------------------------------------------------------------
def _reaches_any(steps: Sequence[Step]) -> bool:
    return any(step.kind == Step.Kind.CONNECTOR for step in steps)


def outcome_of(request: RightsRequest, steps: Sequence[Step]) -> str:
    """`partly_retained` when rows were left in connectors, else empty. `steps` are all of the request."""
    if not _reaches_any(steps):
        return ""
    left = withheld.withheld_of(request).exclude(decision="change")
    return "partly_retained" if left.exists() else ""


def verification(request: RightsRequest, steps: Sequence[Step]) -> dict[str, Any]:
    """What the receipt says of connectors: when each was looked at again, what was found, what was left and why."""
    if not _reaches_any(steps):
        return {}
    checks = ConnectorCheck.objects.filter(step__request=request).select_related("step").order_by("step__target")
    left = list(withheld.withheld_of(request))
    if not checks and not left:
        return {}
    return {
        "connectors": [
            {
                "target": check.step.target.removeprefix(connectors.CHECK_PREFIX),
                "looked_at": check.looked_at.isoformat(),
                "found": check.found,
            }
            for check in checks
        ],
        "withheld": [
            {
                "collection": row.collection,
                "reason": row.reason,
                "rows": row.rows,
                "decision": row.decision or None,
                "article": row.article or None,
                "until": row.until.isoformat() if row.until else None,
            }
            for row in left
        ],
    }
