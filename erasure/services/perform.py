"""What each kind of step does, in the transaction that settles it."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from typing import Any
from uuid import UUID

from access.services.accounts import erase_account
from audit import services as audit
from consent.services.data import rectifiable
from erasure.models import Step
from erasure.services import connector_runs, connector_steps, copies, leftovers, sources
from erasure.services.details import opened_details
from gdpr_portal.failpoints import failpoint
from subjects.holdings import Kept, holding, where_left
from subjects.selectors import retained, retained_of
from subjects.services import shred_keys, store_values


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
        return connector_runs.erase(step)
    if connector_steps.is_check(step):
        return connector_runs.look_again(step)
    return None


def perform(step: Step, called: Any = None) -> Outcome:
    """The step's work is done in the caller's transaction; every kind may be repeated without harm."""
    if copies.is_reading(step):
        return Outcome(copies.settle(step, called or {}))
    if step.kind == Step.Kind.CONNECTOR:
        return Outcome(*connector_steps.settle(step, called))
    if connector_steps.is_check(step):
        return Outcome(connector_steps.settle_check(step, called or {}))
    return _KINDS[step.kind]([step], retained(step.request.subject))[0]


def is_quick(step: Step) -> bool:
    """Whether the step touches no database but ours, and so may share a transaction with its like."""
    return step.kind in _KINDS and not connector_steps.is_check(step) and not sources.is_supplement(step)


def perform_all(steps: Sequence[Step]) -> list[Outcome]:
    """The work of quick steps of any requests is done, in order, in the caller's transaction; all or none.

    Steps of one kind are one piece of work, for all the people of whom the same is kept.
    """
    kept = retained_of([step.request.subject_id for step in steps])
    outcomes: dict[UUID, Outcome] = {}
    for alike in _alike(steps, kept):
        found = _KINDS[alike[0].kind](alike, kept[alike[0].request.subject_id])
        outcomes |= {step.id: outcome for step, outcome in zip(alike, found, strict=True)}
        failpoint(f"erasure.{alike[0].kind}.performed")
    return [outcomes[step.id] for step in steps]


def _alike(steps: Sequence[Step], kept: Mapping[UUID, Kept]) -> list[list[Step]]:
    """The steps by their kind and by what is kept, in the order of the plan."""
    groups: dict[tuple[Any, ...], list[Step]] = {}
    for step in sorted(steps, key=attrgetter("position", "kind", "request.right", "target")):
        stays = frozenset(kept[step.request.subject_id].items())
        groups.setdefault((step.position, step.kind, step.request.right, stays), []).append(step)
    return list(groups.values())


def _holding(steps: Sequence[Step], kept: Kept) -> list[Outcome]:
    if steps[0].request.right == "rectification":
        return [_rectify(step) for step in steps]
    there = where_left(_people(steps), kept)
    gone: dict[str, Counter[UUID]] = {}
    for target, alike in groupby(steps, attrgetter("target")):
        gone[target] = holding(target).erase_all(_people(list(alike)), kept) if target in there else Counter()
    return [_erased(step, gone[step.target].pop(step.request.subject_id, 0)) for step in steps]


def _erased(step: Step, rows: int) -> Outcome:
    return Outcome({"rows": rows}, entries=[leftovers.erased_entry(step.request, step.target, rows)])


def _people(steps: Sequence[Step]) -> list[UUID]:
    return [step.request.subject_id for step in steps]


def _rectify(step: Step) -> Outcome:
    """The corrected values stand in the place of the old ones (Art. 16); nobody's, once the person is erased.

    What is held no more, and has no ground any more, is not held again.
    """
    request = step.request
    if request.subject.erased_at is not None:
        return Outcome({"rows": 0})
    fields = rectifiable(subject=request.subject, purpose=request.purpose or "")
    values = {field: value for field, value in opened_details(request)["values"].items() if field in fields}
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
        actor=leftovers.WORKER,
        subject=request.subject.pseudonym,
        purpose=request.purpose,
        fields=[*marks, *sorted(values.keys() - marks.keys())],
        details={"request": str(request.id), "count": len(marks), "marks": list(marks.values())},
    )
    return Outcome({"rows": len(marks)})


def _archive(steps: Sequence[Step], kept: Kept) -> list[Outcome]:
    return [Outcome(details, state) for details, state in copies.put_together(steps)]


def _account(steps: Sequence[Step], kept: Kept) -> list[Outcome]:
    for subject in (step.request.subject for step in steps):
        if subject.account_id is not None:
            account_id = subject.account_id
            subject.account = None
            subject.save(update_fields=["account"])
            erase_account(account_id=account_id)
    return [Outcome()] * len(steps)


def _key(steps: Sequence[Step], kept: Kept) -> list[Outcome]:
    """The data key is destroyed, or replaced by a new one for what a law keeps: no old copy can be read any more."""
    shred_keys(people=_people(steps), kept=kept)
    return [Outcome()] * len(steps)


def _verify(steps: Sequence[Step], kept: Kept) -> list[Outcome]:
    """Another look at every place; what was found late is told with the first."""
    late = leftovers.clear([step.request for step in steps], dict.fromkeys(_people(steps), kept))
    return [Outcome({"rows": 0}, entries=late), *(Outcome({"rows": 0}) for _step in steps[1:])]


_KINDS: dict[str, Callable[[Sequence[Step], Kept], list[Outcome]]] = {
    Step.Kind.HOLDING: _holding,
    Step.Kind.ARCHIVE: _archive,
    Step.Kind.ACCOUNT: _account,
    Step.Kind.KEY: _key,
    Step.Kind.VERIFY: _verify,
}
CALLING = frozenset({Step.Kind.CONNECTOR, Step.Kind.VERIFY})
"""The kinds that may need something from other people's databases first."""
