"""A place run by hand is asked, reminded, and answers: by a link in the mail, or somebody of ours for it.

The row is the queue: `next_at` says when the next reminder is due, `mark` which was the last. What the place may see
of the person is sealed into its step when the request begins, because an erasure takes it away meanwhile; it goes with
the answer. An answer counts once; what was answered is sealed under the person's key (erasure.services.sources).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_noop

from access.models import Account
from access.services.accounts import account_email
from access.services.mail import send_mail_later
from audit import actors
from audit import services as audit
from erasure.models import AnswerFile, MailLink, ManualPlace, PlaceTask, RightsRequest, SourceAnswer, Step
from erasure.services import sources
from erasure.services.connectors import identities_place
from erasure.services.details import opened_details
from erasure.services.escalations import desk_accounts
from erasure.services.files import MOST_BYTES, kind_of, sealed_file
from erasure.services.links import link_to_task
from erasure.services.locking import locked_request
from erasure.services.places import PREFIX, latest, respondent_of
from erasure.services.records import move_step, record_request
from gdpr_portal.errors import Invalid, Missing, WrongState
from gdpr_portal.wake import wake
from subjects.models import Identifier, Subject
from subjects.services.reveal import opened_identifiers, staff_reveal
from vault import services as vault

REMIND, ESCALATE, GIVE_UP = (50, 80), 100, 200
MARKS = (*REMIND, ESCALATE, GIVE_UP)
"""Percent of the days a place has. At GIVE_UP the step is failed and its link dead, for the desk to see."""
MOST_FILES = 3
LONGEST = 20_000
BEFORE_DUE = timedelta(days=2)
KEPT_FOR = timedelta(days=30)
"""How long the words of an answer are kept once an archive has them: as evidence (erasure.services.identity)."""
ENDS = {"done": "done", "nothing_held": "nothing_held", "cannot": "failed"}
"""What a place says -> what its answer's row has."""


UNTOLD = frozenset({"not_possible", "unreasonable", "not_ours"})
"""Why others may not have been told: the technology there is and what it costs count (Art. 17(2)); not ours to tell is
who has it from somebody else."""

RESPONDENT = actors.system("respondent")
"""Who answered by the link: the log names nobody outside."""


@dataclass(frozen=True)
class Told:
    """What who answers may see: which right, of whom by what the desk allowed, until when; nothing else."""

    task: PlaceTask
    place: ManualPlace
    right: Any
    wants_copy: bool
    due_at: datetime
    person: Sequence[tuple[str, str]]
    values: Mapping[str, Any]
    to_tell: Sequence[str] | None
    """Of something public that is to be erased: who is to be told too (Art. 17(2)); None where nobody is."""


# --- asking -------------------------------------------------------------------------------------------------------
def seal_person(step: Step, place: ManualPlace) -> None:
    """The step knows the person by what the place may see, and by no more; to be saved by the caller."""
    rows = Identifier.objects.filter(subject=step.request.subject, kind__in=place.identifiers, is_vouched=True)
    found = [[_kind(row), value] for row, value in opened_identifiers(step.request.subject_id, rows)]
    step.identities_sealed = vault.seal_secret(identities_place(step.id), json.dumps({"shown": sorted(found)}).encode())


def _kind(row: Identifier) -> str:
    return f"{row.kind}:{row.application.name}" if row.application is not None else row.kind


def ask(step: Step) -> PlaceTask:
    """Who answers for the place has the mail with the link; in the transaction that begins the request."""
    request, now = step.request, timezone.now()
    place = latest(step.target)
    due_at = max(min(now + timedelta(days=place.days), request.due_at - BEFORE_DUE), now + timedelta(days=1))
    task = PlaceTask(step=step, place=place, asked_at=now, due_at=due_at)
    task.next_at = _mark_at(task, MARKS[0])
    task.save(force_insert=True)
    record_request(request, "place.asked", actor=sources.WORKER, place=place.slug, due_on=due_at.date().isoformat())
    _write(task, "place_asked")
    return task


def _write(task: PlaceTask, kind: str) -> None:
    """A mail to the respondent with a fresh link, by which every older one is dead; no word about the person."""
    place = latest(PREFIX + task.place.slug)  # who answers now: it may have been declared anew since it was asked
    respondent = respondent_of(place)
    context = {"place": place.name, "name": respondent.name, "due": task.due_at, "link": link_to_task(task)}
    send_mail_later(kind, to=respondent.email, language=place.language, context=context)


# --- reminding ----------------------------------------------------------------------------------------------------
def remind(limit: int = 200) -> int:
    """Every mark that is due is made, once; returns how many."""
    due = PlaceTask.objects.filter(next_at__lte=timezone.now(), answered_at=None).order_by("next_at")
    return sum(_remind(task_id) for task_id in list(due.values_list("id", flat=True)[:limit]))


def _remind(task_id: UUID) -> bool:
    with transaction.atomic():
        task, step, request = _locked(task_id)
        now = timezone.now()
        if task.answered_at is not None or task.next_at is None or task.next_at > now:
            return False
        open_still = step.state == "waiting" and request.state == "in_progress"
        task.mark = max(mark for mark in MARKS if _mark_at(task, mark) <= now)
        later = next((mark for mark in MARKS if mark > task.mark), None)
        task.next_at = _mark_at(task, later) if later and open_still else None
        task.save(update_fields=["mark", "next_at"])
        if open_still:
            _made(task, step, request)
    return open_still


def _made(task: PlaceTask, step: Step, request: RightsRequest) -> None:
    record_request(request, "place.reminded", actor=sources.WORKER, place=task.place.slug, mark=task.mark)
    if task.mark in REMIND:
        _write(task, "place_reminder")
        return
    if task.mark == GIVE_UP:
        MailLink.objects.filter(task=task).delete()
        step.last_error = "no_answer"
        move_step(step, "failed", actor=sources.WORKER, reason="no_answer")
        sources.go_on(request)
    for account in desk_accounts():
        context = {
            "reference": str(request.id),
            "place": task.place.name,
            "due": task.due_at,
            "given_up": task.mark == GIVE_UP,
        }
        send_mail_later("place_overdue", to=account_email(account), language=account.language, context=context)


def _mark_at(task: PlaceTask, mark: int) -> datetime:
    return task.asked_at + (task.due_at - task.asked_at) * mark / 100


def write_again(*, step_id: UUID, by: Account) -> None:
    """The respondent has a fresh link; older ones are dead. Raises `wrong_state` when nothing is asked any more."""
    with transaction.atomic():
        task, _step, request = _locked(_task_of(step_id))
        if task.answered_at is not None or request.state != "in_progress":
            raise WrongState("wrong_state", "This place has answered, or is asked nothing any more.")
        record_request(request, "place.reminded", actor=actors.staff(by.id), place=task.place.slug, mark=task.mark)
        _write(task, "place_reminder")


def revoke(*, step_id: UUID, by: Account) -> None:
    """No link to this task opens anything any more, in no browser."""
    with transaction.atomic():
        task, _step, request = _locked(_task_of(step_id))
        MailLink.objects.filter(task=task).delete()
        record_request(request, "place.revoked", actor=actors.staff(by.id), place=task.place.slug)


def _task_of(step_id: UUID) -> UUID:
    found = PlaceTask.objects.filter(step_id=step_id).values_list("id", flat=True).first()
    if found is None:
        raise Missing
    return found


# --- answering ----------------------------------------------------------------------------------------------------
def told(task: PlaceTask, *, actor: str) -> Told:
    """What the page shows; that it was shown is in the log."""
    step = Step.objects.select_related("request__subject").get(pk=task.step_id)
    request = step.request
    person: list[tuple[str, str]] = []
    if step.identities_sealed is not None:
        cell = vault.open_secret(identities_place(step.id), bytes(step.identities_sealed))
        person = [(kind, value) for kind, value in json.loads(cell)["shown"]]
    values = opened_details(request).get("values", {}) if request.right == "rectification" else {}
    with transaction.atomic():
        record_request(request, "place.opened", actor=actor, place=task.place.slug)
    copy = request.right in sources.COPIES
    to_tell = task.place.shown_by if tells_others(task, request) else None
    return Told(task, task.place, request.get_right_display(), copy, task.due_at, person, values, to_tell)


def told_to_staff(task: PlaceTask, *, by: Account) -> Told:
    """The same for a member of staff: where it shows anything of the person, it is a look at their data, which the log
    has and the person reads. Raises as `staff_reveal`."""
    with staff_reveal(by):
        found = told(task, actor=actors.staff(by.pk))
        fields = sorted({kind.partition(":")[0] for kind, _value in found.person} | found.values.keys())
        if fields:
            request = task.step.request
            audit.record(
                "data.revealed", actor=actors.staff(by.pk), subject=request.subject.pseudonym, fields=fields,
                details={"request": str(request.id), "reason": "asked_of_a_place", "count": 1},
            )  # fmt: skip
    return found


def tells_others(task: PlaceTask, request: RightsRequest) -> bool:
    """Whether something that was made public is to be erased, so that others have to be told (Art. 17(2))."""
    return task.place.is_public and request.right == "erasure"


def answer(
    *,
    task_id: UUID,
    outcome: str,
    reason: str = "",
    text: str = "",
    files: Sequence[bytes] = (),
    told: Sequence[str] = (),
    actor: str,
) -> SourceAnswer:
    """The place has answered: the step is done, or failed for the desk to see when it cannot; the links are dead.

    The first answer stands: a second one, from another browser, changes nothing. `told` are those of the publication's
    `shown_by` who were told; for the others there has to be a reason. Raises `invalid_value` for what does not fit
    together, `too_large` for files of more than 5 MiB in all, `wrong_state` when nothing is asked any more.
    """
    kinds = _checked(outcome, reason, text, files)
    with transaction.atomic():
        task, step, request = _locked(task_id)
        found = SourceAnswer.objects.filter(step=step).first()
        if found is not None:
            return found
        if request.state != "in_progress" or step.state not in {"waiting", "failed"}:
            raise WrongState("wrong_state", gettext_noop("Nothing is asked here any more."))
        if outcome == "done" and request.right in sources.COPIES and not text.strip() and not files:
            raise Invalid("invalid_value", gettext_noop("Write down what is held, or attach it."), status=422)
        told = sorted(set(told))
        untold = _untold(task, request, outcome, reason, told)
        alive = request.subject.erased_at is None
        words = {"text": text.strip()} if alive and outcome != "nothing_held" else None
        why = reason if outcome == "cannot" or untold else ""
        row = sources.answered(step, outcome=ENDS[outcome], reason=why, words=words, told=told)
        if alive and outcome == "done" and request.right in sources.COPIES:
            _keep_files(row, request.subject, files, kinds)
        _settle(task, step, row, actor)
    return row


def _checked(outcome: str, reason: str, text: str, files: Sequence[bytes]) -> list[str]:
    if outcome not in ENDS or (outcome == "cannot" and reason not in SourceAnswer.Reason.values):
        raise Invalid("invalid_value", gettext_noop("Choose what you did; if you cannot, say why."), status=422)
    if len(text) > LONGEST or len(files) > MOST_FILES:
        raise Invalid("invalid_value", gettext_noop("This is too long, or too many files."), status=422)
    if sum(map(len, files)) > MOST_BYTES:
        raise Invalid("too_large", gettext_noop("The files have at most 5 MiB together."), status=413)
    return [kind_of(data) for data in files]


def _untold(task: PlaceTask, request: RightsRequest, outcome: str, reason: str, told: Sequence[str]) -> bool:
    """Whether somebody known to show what was public was not told; it has to be said why (Art. 17(2))."""
    known = task.place.shown_by if tells_others(task, request) else []
    if not set(told) <= set(known) or (told and outcome == "cannot"):
        raise Invalid("invalid_value", gettext_noop("Only those who are named here can have been told."), status=422)
    untold = outcome == "done" and len(told) < len(known)
    if untold and reason not in UNTOLD:
        raise Invalid("invalid_value", gettext_noop("Tell everybody named here, or say why not."), status=422)
    if outcome == "cannot" and reason == SourceAnswer.Reason.UNREASONABLE:
        words = gettext_noop("Effort is a reason not to tell others, and none not to do what is asked.")
        raise Invalid("invalid_value", words, status=422)
    return untold


def _keep_files(row: SourceAnswer, subject: Subject, files: Sequence[bytes], kinds: Sequence[str]) -> None:
    key = vault.subject_key(subject.id)
    for position, (data, kind) in enumerate(zip(files, kinds, strict=True), 1):
        file = AnswerFile(answer=row, position=position, content_type=kind, size_bytes=len(data))
        file.sealed = sealed_file(key, sources.file_place(file), data)
        file.save(force_insert=True)


def _settle(task: PlaceTask, step: Step, row: SourceAnswer, actor: str) -> None:
    MailLink.objects.filter(task=task).delete()
    task.answered_at, task.next_at = row.at, None
    task.save(update_fields=["answered_at", "next_at"])
    record_request(step.request, "place.answered", actor=actor, place=task.place.slug, outcome=row.outcome)
    step.identities_sealed, step.settled_at = None, row.at
    step.last_error = row.reason
    if row.outcome == "failed" and step.state == "waiting":
        move_step(step, "failed", actor=actor, reason=row.reason)
    elif row.outcome != "failed":
        move_step(step, "done", actor=actor, outcome=row.outcome)
    else:
        step.save(update_fields=["identities_sealed", "settled_at", "last_error"])
    sources.go_on(step.request)
    wake("erasure.tasks.advance", str(step.request_id))


def _locked(task_id: UUID) -> tuple[PlaceTask, Step, RightsRequest]:
    """The task with its person, request and step locked, in that order; Missing when there is none."""
    request_id = PlaceTask.objects.filter(pk=task_id).values_list("step__request_id", flat=True).first()
    if request_id is None:
        raise Missing
    request = locked_request(request_id)
    task = PlaceTask.objects.select_related("place").get(pk=task_id)
    step = Step.objects.select_for_update().get(pk=task.step_id)
    step.request = request
    return task, step, request


def reason_of(step: Step) -> tuple[str, str]:
    """Why the place cannot, and its words about it, for the desk; empty when it said nothing of the kind."""
    row = SourceAnswer.objects.filter(step=step, outcome="failed").first()
    if row is None:
        return "", ""
    return str(row.get_reason_display()), str(sources.opened(step, row).get("text", ""))


def others_told(task: PlaceTask) -> tuple[Sequence[str], Sequence[str], str]:
    """Of what was public and is erased: who was told (Art. 17(2)), who was not, and why; nobody before the answer."""
    row = SourceAnswer.objects.filter(step=task.step_id).first()
    if row is None or not tells_others(task, task.step.request):
        return [], [], ""
    return row.told, [name for name in task.place.shown_by if name not in row.told], str(row.get_reason_display())


# --- the end ------------------------------------------------------------------------------------------------------
def closed(step: Step) -> None:
    """Somebody of ours settled the step with the place: nobody is reminded, no link opens anything.

    What the place could see of the person goes; the step is to be saved by the caller.
    """
    MailLink.objects.filter(task__step=step).delete()
    PlaceTask.objects.filter(step=step).update(next_at=None)
    step.identities_sealed = None


def forget_answers(limit: int = 200) -> int:
    """Words and files of places that an archive has had for KEPT_FOR, or whose request is over, are gone; how many."""
    over = ~Q(step__request__state="in_progress")
    old = SourceAnswer.objects.filter(step__kind=Step.Kind.MANUAL, at__lte=timezone.now() - KEPT_FOR)
    kept = SourceAnswer.objects.filter(sealed__isnull=False).values("pk").union(AnswerFile.objects.values("answer"))
    held = old.filter(Q(archive__isnull=False) | over).filter(pk__in=kept)
    return sum(_forget(answer_id) for answer_id in list(held.values_list("id", flat=True).distinct()[:limit]))


def _forget(answer_id: UUID) -> bool:
    with transaction.atomic():
        row = SourceAnswer.objects.select_related("step").get(pk=answer_id)
        request = locked_request(row.step.request_id)
        count = row.files.all().delete()[0]
        SourceAnswer.objects.filter(pk=row.pk).update(sealed=None)
        place = row.step.target.removeprefix(PREFIX)
        record_request(request, "place.forgotten", actor=sources.WORKER, place=place, count=count)
    return True
