"""What each kind of step does, in the transaction that settles it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from access.services.accounts import erase_account
from audit import actors
from audit import services as audit
from erasure.models import Step
from erasure.services import connector_steps, copies
from erasure.services.details import opened_details
from gdpr_portal.errors import WrongState
from gdpr_portal.failpoints import failpoint
from subjects.holdings import Holding, Kept, holdings
from subjects.selectors import retained
from subjects.services import shred_key, store_values

WORKER = actors.system("worker")


@dataclass(frozen=True)
class Outcome:
    """What the log says of a step that was done."""

    details: Mapping[str, Any] = field(default_factory=dict)
    state: str = "done"
    entries: Sequence[audit.Entry] = ()


def call(step: Step) -> Any:
    """What a step needs from other people's databases, fetched or done while no transaction of ours is open."""
    if copies.is_reading(step):
        return copies.read(step)
    if step.kind == Step.Kind.CONNECTOR:
        return connector_steps.erase(step)
    if connector_steps.is_check(step):
        return connector_steps.look_again(step)
    return None


def perform(step: Step, called: Any = None) -> Outcome:
    """The step's work is done in the caller's transaction; every kind may be repeated without harm."""
    if copies.is_reading(step):
        return Outcome(copies.settle(step, called or {}))
    if step.kind == Step.Kind.CONNECTOR:
        return Outcome(*connector_steps.settle(step, called))
    if connector_steps.is_check(step):
        return Outcome(connector_steps.settle_check(step, called or {}))
    if step.kind == Step.Kind.ARCHIVE:
        return Outcome(copies.put_together(step))
    return _KINDS[step.kind](step, retained(step.request.subject))


def is_quick(step: Step) -> bool:
    """Whether the step touches no database but ours, and so may share a transaction with its like."""
    return step.kind in _KINDS and not connector_steps.is_check(step)


def perform_all(steps: Sequence[Step]) -> list[Outcome]:
    """The work of quick steps of one request is done, in order, in the caller's transaction; all or none."""
    kept = retained(steps[0].request.subject)
    return [_performed(step, kept) for step in steps]


def _performed(step: Step, kept: Kept) -> Outcome:
    outcome = _KINDS[step.kind](step, kept)
    failpoint(f"erasure.{step.kind}.performed")
    return outcome


def _holding(step: Step, kept: Kept) -> Outcome:
    if step.request.right == "rectification":
        return _rectify(step)
    subject = step.request.subject
    rows = _named(step.target).erase(subject, kept)
    details: dict[str, Any] = {"request": str(step.request_id), "reason": step.target, "count": rows}
    entry = audit.Entry(action="data.erased", actor=WORKER, subject=subject.pseudonym, details=details)
    return Outcome({"rows": rows}, entries=[entry])


def _named(name: str) -> Holding:
    return next(holding for holding in holdings() if holding.name == name)


def _rectify(step: Step) -> Outcome:
    """The corrected values stand in the place of the old ones (Art. 16); nobody's, once the person is erased."""
    request = step.request
    if request.subject.erased_at is not None:
        return Outcome({"rows": 0})
    values = opened_details(request)["values"]
    marks = store_values(
        subject=request.subject,
        purpose=request.purpose or "",
        values=values,
        source="subject",
        source_name="",
        application=request.application,
    )
    audit.record(
        "data.rectified",
        actor=WORKER,
        subject=request.subject.pseudonym,
        purpose=request.purpose,
        fields=[*marks, *sorted(values.keys() - marks.keys())],
        details={"request": str(request.id), "count": len(marks), "marks": list(marks.values())},
    )
    return Outcome({"rows": len(marks)})


def _account(step: Step, kept: Kept) -> Outcome:
    subject = step.request.subject
    if subject.account_id is not None:
        account_id = subject.account_id
        subject.account = None
        subject.save(update_fields=["account"])
        erase_account(account_id=account_id)
    return Outcome()


def _key(step: Step, kept: Kept) -> Outcome:
    """The data key is destroyed, or replaced by a new one for what a law keeps: no old copy can be read any more."""
    shred_key(subject=step.request.subject, kept=kept)
    return Outcome()


def _verify(step: Step, kept: Kept) -> Outcome:
    """Another look at every place: complete is only said when nothing is left that should be gone."""
    subject = step.request.subject
    left = {holding.name: holding.residue(subject, kept) for holding in holdings()}
    if any(left.values()):
        raise WrongState("residue", f"Something is left in {', '.join(name for name, rows in left.items() if rows)}.")
    return Outcome({"rows": 0})


_KINDS: dict[str, Callable[[Step, Kept], Outcome]] = {
    Step.Kind.HOLDING: _holding,
    Step.Kind.ACCOUNT: _account,
    Step.Kind.KEY: _key,
    Step.Kind.VERIFY: _verify,
}
OURS = (
    Step.Kind.HOLDING,
    Step.Kind.ARCHIVE,
    Step.Kind.CONNECTOR,
    Step.Kind.ACCOUNT,
    Step.Kind.KEY,
    Step.Kind.VERIFY,
)
"""The kinds of step this service does itself; the others wait for someone outside."""
CALLING = frozenset({Step.Kind.CONNECTOR, Step.Kind.VERIFY})
"""The kinds that may need something from other people's databases first."""
