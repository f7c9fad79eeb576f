"""Looking at texts in which other people may stand, before an archive hands them out (Art. 15(4), 20(4); R40).

The step of the archive waits, and the clock goes on, until a reviewer decided about each text: it is handed out whole,
or passages of it are withheld with a reason. A decision is about these very words in this place: when they change
meanwhile, somebody looks again.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Count, QuerySet, Sum
from django.utils import timezone

from access.models import Account
from audit import actors
from audit import services as audit
from erasure.archives.others import Candidate, without
from erasure.models import AnswerFile, CheckedText, RightsRequest, Step
from erasure.services.locking import locked_request
from erasure.services.records import move_step
from erasure.services.sources import file_bytes, number_of
from gdpr_portal.errors import Invalid, Missing, WrongState
from gdpr_portal.wake import wake
from subjects.services.reveal import staff_reveal
from vault import services as vault

Passages = Sequence[str]
Decided = Mapping[Candidate, tuple[CheckedText, Passages]]
REASONS: Final = ("others_in_it", "complaint")
"""Why a reviewer opens these texts."""
KEEPING: Final = frozenset({CheckedText.Reason.NOBODY_ELSE.value, CheckedText.Reason.KNOWN.value})
PARTLY: Final = "partly_withheld"
"""The outcome of a request whose archives withhold something."""
MOST: Final = 50
"""So many texts are opened at a time."""


def article_of(request: RightsRequest) -> str:
    """Under what something may be withheld from the archive of this request."""
    return "Art. 20(4)" if request.right == "portability" else "Art. 15(4)"


def text_place(row: CheckedText) -> vault.Place:
    """Where a text lies until its archive was built, for the seal."""
    return vault.Place("erasure_checkedtext", "sealed", str(row.id))


# --- while the archive is built -------------------------------------------------------------------------------------
def settle(step: Step, found: Sequence[Candidate]) -> Decided | None:
    """What is withheld of these texts; None while a reviewer has to look at one, which is in the queue then.

    In the transaction of the step, with the person locked. When all is decided the texts are not kept any longer.
    """
    if not found and step.fence == 1:  # claimed for the first time: it never waited for anybody
        return {}
    rows = list(step.checked.exclude(sealed=None))
    known = {candidate.key: (row, passages) for row in rows for candidate, passages in [_opened(row)]}
    wanted = {each.key for each in found}
    step.checked.filter(pk__in=[row.pk for key, (row, _passages) in known.items() if key not in wanted]).delete()
    new = [_queued(step, each) for each in found if each.key not in known]
    CheckedText.objects.bulk_create(new)
    if new or any(not known[each.key][0].decision for each in found):
        return None
    step.checked.update(sealed=None)
    redacted = CheckedText.Decision.REDACT
    return {each: known[each.key] for each in found if known[each.key][0].decision == redacted}


def _queued(step: Step, each: Candidate) -> CheckedText:
    row = CheckedText(step=step, source=each.source, field=each.field)
    row.sealed = _sealed(step.request.subject_id, row, each, ())
    return row


def _sealed(owner: UUID, row: CheckedText, each: Candidate, passages: Passages) -> bytes:
    file = str(each.file) if each.file else None
    body = {"text": each.text, "file": file, "passages": list(passages)}
    return vault.subject_key(owner).seal(text_place(row), json.dumps(body).encode())


def _opened(row: CheckedText) -> tuple[Candidate, Passages]:
    """Raises Missing when an erasure came between."""
    cell = vault.open_cell(row.step.request.subject_id, text_place(row), row, "sealed")
    if cell is None:
        raise Missing
    body = json.loads(cell)
    file = UUID(body["file"]) if body["file"] else None
    return Candidate(row.source, row.field, body["text"], (), file), body["passages"]


def left_behind(limit: int) -> list[UUID]:
    """Steps that wait for a look at texts of somebody who is erased: there is nothing to look at any more."""
    waiting = Step.objects.filter(kind=Step.Kind.ARCHIVE, state="waiting", request__subject__erased_at__isnull=False)
    return list(waiting.values_list("id", flat=True)[:limit])


def release(step_id: UUID) -> None:
    """The step goes on, to end with nothing to give."""
    with transaction.atomic():
        step = _locked(step_id)
        if step.state == "waiting":
            _go_on(step, actors.system("worker"))


def _locked(step_id: UUID) -> Step:
    """The step with its person and request locked before it."""
    request_id = Step.objects.filter(pk=step_id).values_list("request_id", flat=True).first()
    if request_id is None:
        raise Missing
    request = locked_request(request_id)
    step = Step.objects.select_for_update().get(pk=step_id)
    step.request = request
    return step


def _go_on(step: Step, actor: str) -> None:
    step.attempts, step.next_at = 0, None
    move_step(step, "queued", actor=actor)
    wake("erasure.tasks.run_step", str(step.id))


# --- at the desk ----------------------------------------------------------------------------------------------------
def queue() -> QuerySet[CheckedText]:
    """The texts that wait for a reviewer, those of the request that is due next first."""
    waiting = CheckedText.objects.filter(decided_at=None, decision="", sealed__isnull=False, step__state="waiting")
    return waiting.order_by("step__request__due_at", "step", "source", "field", "id")


@dataclass(frozen=True)
class Shown:
    """A text as the reviewer sees it, this once."""

    row: CheckedText
    text: str
    is_file: bool


def reveal(*, step_id: UUID, reviewer: Account, reason: str) -> list[Shown]:
    """The texts of one archive that wait, at most MOST, opened for this reviewer; the log says who looked and why.

    Raises as `staff_reveal`; Missing when nothing waits.
    """
    rows = list(queue().filter(step=step_id).select_related("step__request__subject")[:MOST])
    if not rows:
        raise Missing
    _look(rows[0].step, reviewer, reason, len(rows))
    return [Shown(row, each.text, each.file is not None) for row in rows for each, _passages in [_opened(row)]]


def reveal_file(*, checked_id: UUID, reviewer: Account, reason: str) -> tuple[AnswerFile, bytes]:
    """A file that waits, opened for this reviewer. Raises as `reveal`."""
    row = queue().filter(pk=checked_id).select_related("step__request__subject").first()
    held = _opened(row)[0].file if row is not None else None
    file = AnswerFile.objects.filter(pk=held).first() if held is not None else None
    if row is None or file is None:
        raise Missing
    _look(row.step, reviewer, reason, 1)
    return file, file_bytes(row.step.request.subject_id, file)


def _look(step: Step, reviewer: Account, reason: str, count: int) -> None:
    if reason not in REASONS:
        raise Invalid("invalid_value", "A reason is needed.", status=422)
    request = step.request
    with staff_reveal(reviewer):
        audit.record(
            "data.revealed", actor=actors.staff(reviewer.id), subject=request.subject.pseudonym,
            details={"request": str(request.id), "reason": reason, "count": count},
        )  # fmt: skip


def decide(
    *, checked_id: UUID, reviewer: Account, decision: str, reason: str, passages: Sequence[str] = ()
) -> CheckedText:
    """The text is handed out whole, or with these passages withheld; without passages, all of it is withheld.

    When it was the last of its archive the step goes on. `invalid_value` for a reason that does not fit or a passage
    that is not in the text, `wrong_state` for a text that waits for no decision.
    """
    keeps = decision == CheckedText.Decision.KEEP
    if decision not in CheckedText.Decision.values or reason not in CheckedText.Reason.values:
        raise Invalid("invalid_value", "A decision needs a reason from the list.", status=422)
    if keeps != (reason in KEEPING) or (keeps and passages):
        raise Invalid("invalid_value", "This reason does not fit the decision.", status=422)
    with transaction.atomic():
        row, each = _undecided(checked_id)
        row.decision, row.reason = decision, reason
        row.decided_by, row.decided_at = reviewer, timezone.now()
        row.places = 0 if keeps else _places(each, passages)
        row.sealed = _sealed(row.step.request.subject_id, row, each, passages)
        row.save()
        _record(row, reviewer)
        if not row.step.checked.filter(decision="").exists():
            _go_on(row.step, actors.staff(reviewer.id))
    return row


def _undecided(checked_id: UUID) -> tuple[CheckedText, Candidate]:
    step_id = CheckedText.objects.filter(pk=checked_id).values_list("step_id", flat=True).first()
    if step_id is None:
        raise Missing
    step = _locked(step_id)
    row = CheckedText.objects.get(pk=checked_id)
    row.step = step
    if step.state != "waiting" or row.decision or row.sealed is None:
        raise WrongState("wrong_state", "Nothing is to be decided about this text.")
    return row, _opened(row)[0]


def _places(each: Candidate, passages: Passages) -> int:
    if passages and each.file is not None:
        raise Invalid("invalid_value", "Of a file everything is withheld, or nothing.", status=422)
    if any(not passage.strip() or passage not in each.text for passage in passages):
        raise Invalid("invalid_value", "A passage does not stand in the text like this.", status=422)
    return without(each.text, passages, "")[1]


def _record(row: CheckedText, reviewer: Account) -> None:
    request = row.step.request
    details = {"request": str(request.id), "source": row.source, "decision": row.decision, "reason": row.reason}
    audit.record(
        "others.decided", actor=actors.staff(reviewer.id), subject=request.subject.pseudonym,
        details=details | {"count": row.places},
    )  # fmt: skip


# --- what the end says ----------------------------------------------------------------------------------------------
def in_receipt(request: RightsRequest) -> dict[str, Any]:
    """What the receipt says of texts that were looked at: from which archive how much was withheld, and why."""
    if request.outcome != PARTLY:
        return {}
    rows = CheckedText.objects.filter(step__request=request, decision=CheckedText.Decision.REDACT)
    told = rows.values("step", "reason").annotate(Sum("places"), Count("pk")).order_by("step__position", "reason")
    steps = {step.pk: step for step in request.steps.filter(kind=Step.Kind.ARCHIVE)}
    withheld = [
        {
            "archive": number_of(steps[row["step"]]),
            "reason": row["reason"],
            "article": article_of(request),
            "texts": row["pk__count"],
            "places": row["places__sum"],
        }
        for row in told
    ]
    return {"withheld_for_others": withheld} if withheld else {}
