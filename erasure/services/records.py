"""What the audit log keeps of requests and steps: states, places and codes, never what was asked for in words."""

from collections.abc import Sequence
from typing import Any

from audit import services as audit
from erasure.models import RightsRequest, Step
from erasure.services.identity_files import end_checks
from erasure.services.mandate_words import end_mandate
from erasure.states import OPEN_REQUEST, REQUEST, STEP, move

IN_DOUBT = frozenset({"received", "verifying", "in_review"})
"""The states in which who asks may still be in question; in every other one the evidence of it has gone."""


def move_request(
    request: RightsRequest, to: str, *, actor: str, before: Sequence[audit.Entry] = (), **details: Any
) -> None:
    """The request stands in state `to`, saved and recorded behind `before`, in the caller's transaction."""
    was_in_doubt = request.state in IN_DOUBT and not request._state.adding  # nobody asked about one that is new
    move(request, to, REQUEST)
    request.save()
    audit.record_many([*before, request_entry(request, f"request.{to}", actor=actor, **details)])
    if was_in_doubt and to not in IN_DOUBT:
        end_checks(request, actor=actor)
    if to not in OPEN_REQUEST and request.mandate_id is not None:
        end_mandate(request, actor=actor)


def record_request(request: RightsRequest, action: str, *, actor: str, **details: Any) -> None:
    """The act on the request is in the log."""
    audit.record_many([request_entry(request, action, actor=actor, **details)])


def request_entry(request: RightsRequest, action: str, *, actor: str, **details: Any) -> audit.Entry:
    """What the log is to say of the act."""
    known = {"request": str(request.id), "right": request.right}
    subject = request.subject.pseudonym
    return audit.Entry(action=action, actor=actor, subject=subject, purpose=request.purpose, details=known | details)


def move_step(step: Step, to: str, *, actor: str, **details: Any) -> None:
    """The step stands in state `to`, saved; outcomes are recorded, claims and waits between tries are not."""
    move(step, to, STEP)
    step.save()
    if to in {"done", "failed", "waiting"}:
        record_step(step, actor=actor, **details)


def record_step(step: Step, *, actor: str, **details: Any) -> None:
    """How the step stands is in the log."""
    audit.record_many([step_entry(step, actor=actor, **details)])


def step_entry(step: Step, *, actor: str, **details: Any) -> audit.Entry:
    """What the log is to say of how the step stands."""
    known: dict[str, Any] = {"request": str(step.request_id), "kind": step.kind, "target": step.target}
    if step.state == "retained" and step.until is not None:
        known |= {"article": step.article, "until": step.until.date().isoformat()}
    if step.state == "waiting" and step.delivery is not None:
        known |= {"delivery": str(step.delivery)}
    return audit.Entry(
        action=f"step.{step.state}",
        actor=actor,
        subject=step.request.subject.pseudonym,
        purpose=step.purpose,
        fields=step.fields,
        details=known | details,
    )
