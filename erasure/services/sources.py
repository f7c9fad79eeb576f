"""Those who are asked for a person's data, what they answered, and when the copy is put together (Art. 15(3), R38).

The first archive waits until everybody asked has answered, at most ACCESS_WAIT_SECONDS and never into the last week
before it is due. What is answered afterwards makes a supplement. Every answer is a row before anything is built from
it; archives are built with the person locked, so an answer is either in the one being built or in the next.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from access.models import Application
from audit import actors
from consent.models import Delivery
from consent.services.deliveries import data_of
from erasure.models import AnswerFile, AnswerPiece, Archive, RightsRequest, SourceAnswer, Step
from erasure.rights import PUBLISHED
from erasure.services.connectors import name_in_words
from erasure.services.files import SUFFIXES, opened_file
from erasure.services.locking import locked_request
from erasure.services.pieces import opened_tables
from erasure.services.places import PREFIX, named
from erasure.states import REMOVED
from gdpr_portal.wake import wake
from vault import services as vault

WORKER = actors.system("worker")
COPIES = frozenset({"access", "portability"})
"""The rights that end with an archive."""
SILENT = Q(state__in=["queued", "in_progress", "waiting"]) | Q(kind=Step.Kind.CONNECTOR, state="failed") & ~Q(
    last_error=REMOVED
)
"""Steps that have not answered yet. A connector that failed has not: it is tried again at the desk. One that was
removed is not waited for."""
ASKED = (Step.Kind.NOTIFY, Step.Kind.MANUAL, Step.Kind.CONNECTOR)
KINDS = {Step.Kind.NOTIFY.value: "application", Step.Kind.MANUAL.value: "place", Step.Kind.CONNECTOR.value: "connector"}
LAST_WEEK = timedelta(days=7)
"""What is left of the period for putting together, reading and asking back, however long others are waited for."""
SUPPLEMENT = "supplement-"
UNNAMEABLE = re.compile(r"[^a-z0-9_-]+")


@dataclass(frozen=True)
class Source:
    """One of those asked, as archives, pages and the receipt tell of it; `archive` is the number of that it is in."""

    step: Step
    row: SourceAnswer | None
    kind: str
    name: str
    state: str
    archive: int | None

    @property
    def folder(self) -> str:
        """Its folder in the archive: no name of it can lead anywhere else."""
        return f"data/sources/{self.kind}-{UNNAMEABLE.sub('-', self.step.target.removeprefix(PREFIX).lower())}"

    @property
    def outstanding(self) -> bool:
        """Whether a supplement may still follow: it has said nothing yet, or that it cannot."""
        return self.state in {"not_answered", "refused", "failed"} or self.step.state == "failed"


# --- waiting ------------------------------------------------------------------------------------------------------
def waits_until(request: RightsRequest, plan: Sequence[Step]) -> datetime | None:
    """Until when the first archive waits for others at most; None when nobody is asked, or no time is left."""
    if not any(step.kind in ASKED for step in plan):
        return None
    now = timezone.now()
    until = min(now + timedelta(seconds=settings.ACCESS_WAIT_SECONDS), request.due_at - LAST_WEEK)
    return until if until > now else None


def waited_for(request: RightsRequest) -> bool:
    """Whether somebody asked has not answered yet."""
    return bool(waited_for_of([request.id]))


def waited_for_of(request_ids: Sequence[UUID]) -> set[UUID]:
    """Those of these requests of which that is so."""
    steps = Step.objects.filter(SILENT, request_id__in=request_ids, kind__in=ASKED)
    return set(steps.values_list("request_id", flat=True))


def go_on(request: RightsRequest) -> None:
    """The archive is due at once when nobody is waited for; what came after it becomes a supplement. Idempotent.

    In the transaction of the answer, with the person locked.
    """
    if request.right not in COPIES:
        return
    first = request.steps.filter(kind=Step.Kind.ARCHIVE, target="archive")
    if first.exclude(state="done").exists():
        if not waited_for(request):
            first.filter(state="queued", attempts=0).update(next_at=None)
    elif unsent(request).exists() and request.subject.erased_at is None:
        number = request.archives.filter(complete=True).count()
        target, later = f"{SUPPLEMENT}{number}", {"position": first.values_list("position", flat=True).get()}
        Step.objects.get_or_create(request=request, kind=Step.Kind.ARCHIVE, target=target, defaults=later)
    wake("erasure.tasks.advance", str(request.id))


def overtaken(limit: int) -> list[UUID]:
    """Requests whose first archive still waits although nobody is waited for any more.

    Whoever settles a step says `go_on`; this is for what was settled in any other way, and for a process that died.
    """
    silent = Step.objects.filter(SILENT, request=OuterRef("request"), kind__in=ASKED)
    waiting = Step.objects.filter(kind=Step.Kind.ARCHIVE, target="archive", state="queued", attempts=0)
    over = waiting.filter(next_at__gt=timezone.now(), request__state="in_progress").exclude(Exists(silent))
    return list(over.values_list("request_id", flat=True)[:limit])


def release(request_id: UUID) -> None:
    """What waits for nobody any more is due."""
    with transaction.atomic():
        go_on(locked_request(request_id))


def is_supplement(step: Step) -> bool:
    """Whether this step builds a supplement; it may do so after the request was completed."""
    return step.kind == Step.Kind.ARCHIVE and step.target.startswith(SUPPLEMENT)


def number_of(step: Step) -> int:
    """Which archive of its request this step builds."""
    return int(step.target.removeprefix(SUPPLEMENT)) if is_supplement(step) else 0


# --- answers ------------------------------------------------------------------------------------------------------
def answered(
    step: Step,
    *,
    outcome: str,
    reason: str = "",
    words: Mapping[str, Any] | None = None,
    told: Sequence[str] = (),
) -> SourceAnswer:
    """The answer to the step is a row, its words sealed for the archive; the first one stands. Person locked."""
    found = SourceAnswer.objects.filter(step=step).first()
    if found is not None:
        return found
    row = SourceAnswer(step=step, outcome=outcome, reason=reason, told=list(told), at=timezone.now())
    if words is not None:
        cell = json.dumps(words).encode()
        row.sealed = vault.subject_key(step.request.subject_id).seal(answer_place(row), cell)
    row.save(force_insert=True)
    return row


def answer_place(row: SourceAnswer) -> vault.Place:
    """Where the words of an answer lie, for the seal."""
    return vault.Place("erasure_sourceanswer", "sealed", str(row.id))


def unsent(request: RightsRequest) -> QuerySet[SourceAnswer]:
    """Answers with something in them that no archive has handed on yet."""
    told = Delivery.objects.filter(request=request.id, data_sealed__isnull=False).values("pk")
    rows = SourceAnswer.objects.filter(step__request=request, archive=None, outcome="done")
    return rows.filter(Q(sealed__isnull=False) | Q(step__delivery__in=told))


def sources(request: RightsRequest) -> list[Source]:
    """Everybody who was asked for a copy, in the order of the plan; empty for other rights."""
    return sources_of([request])[request.id]


def sources_of(requests: Sequence[RightsRequest]) -> dict[UUID, list[Source]]:
    """The same of each of these requests, by one statement."""
    copies = {row.id: row for row in requests if row.right in COPIES}
    asked = Step.objects.filter(request__in=copies, kind__in=ASKED).select_related("answer__archive")
    found: dict[UUID, list[Source]] = {row.id: [] for row in requests}
    for step in asked.order_by("position", "kind", "target"):
        step.request = copies[step.request_id]
        found[step.request_id].append(_source(step))
    return found


def _source(step: Step) -> Source:
    row: SourceAnswer | None = getattr(step, "answer", None)
    state = "closed" if step.state == "done" else "removed" if step.last_error == REMOVED else "not_answered"
    if row is not None:
        state = "answered" if row.outcome == "done" else row.outcome
    archive = row.archive.number if row is not None and row.archive is not None else None
    return Source(step, row, KINDS[step.kind], name_of(step), state, archive)


def opened_answer(source: Source) -> tuple[int, dict[str, Any]]:
    """What was answered, and how many bytes it has sealed; empty when nothing was, or the person is erased."""
    row, step = source.row, source.step
    if row is None:
        return 0, {}
    if step.delivery is not None:
        delivery = Delivery.objects.get(pk=step.delivery)
        return len(delivery.data_sealed or b""), data_of(delivery)
    names = [name for name, _file in attachments(row)]
    words = opened_tables(step, opened(step, row)) | ({"attachments": names} if names else {})
    return len(row.sealed or b""), words


def opened(step: Step, row: SourceAnswer) -> dict[str, Any]:
    """The words of an answer that lie here; empty when there are none, or none any more."""
    cell = vault.open_cell(step.request.subject_id, answer_place(row), row, "sealed")
    return {} if cell is None else dict(json.loads(cell))


def files_of(source: Source, withheld: Mapping[UUID, str] | None = None) -> list[tuple[str, Callable[[], bytes]]]:
    """The files that came with an answer, by the name they have in the archive; each is opened when asked for.

    Instead of one that is withheld, a text that says so.
    """
    if source.row is None:
        return []
    owner, instead = source.step.request.subject_id, withheld or {}
    return [
        (f"{name}.withheld.txt", f"{instead[file.id]}\n".encode)
        if file.id in instead
        else (name, partial(file_bytes, owner, file))
        for name, file in attachments(source.row)
    ]


def file_bytes(owner: UUID, file: AnswerFile) -> bytes:
    """The file, opened; empty when an erasure came between."""

    def opening(key: vault.SubjectKey, cell: bytes | None) -> bytes:
        return b"" if cell is None else opened_file(key, file_place(file), bytes(cell))

    held: Any = file.sealed
    again = AnswerFile.objects.filter(pk=file.pk).values_list("sealed", flat=True).first
    return vault.open_cells(owner, held, again, opening)


def attachments(row: SourceAnswer) -> list[tuple[str, AnswerFile]]:
    """The files that came with an answer, unopened, by the name they have in the archive."""
    files = row.files.defer("sealed").order_by("position")
    return [(f"attachment-{file.position}.{SUFFIXES[file.content_type]}", file) for file in files]


def file_place(file: AnswerFile) -> vault.Place:
    """Where a file that came with an answer lies, for the seal."""
    return vault.Place("erasure_answerfile", "sealed", str(file.id))


def name_of(step: Step) -> str:
    """Who was asked, in words."""
    if step.kind == Step.Kind.CONNECTOR:
        return name_in_words(step.target)
    if step.target.startswith(PREFIX):
        return named(step.target)
    application = Application.objects.filter(slug=step.target).first()
    return application.name if application else step.target


def handed_on(archive: Archive, told: Sequence[Source]) -> None:
    """These answers are in the archive, and what was fetched for it alone is not kept beside it."""
    rows = SourceAnswer.objects.filter(step__in=[each.step for each in told], archive=None, outcome="done")
    rows.filter(step__kind=Step.Kind.CONNECTOR).update(sealed=None)
    AnswerPiece.objects.filter(step__answer__in=rows).delete()
    rows.update(archive=archive)


def in_receipt(request: RightsRequest, steps: Sequence[Step]) -> dict[str, Any]:
    """What the receipt says of those asked: what each answered, when, and in which archive it is (0 the first).

    Of other rights, what the places run by hand answered. `steps` are all of the request.
    """
    if not any(step.kind in ASKED for step in steps):
        return {}
    told = sources(request) if request.right in COPIES else _places(request)
    rows = [
        {
            **_told_others(each),
            "source": each.step.target.removeprefix(PREFIX),
            "kind": each.kind,
            "answer": each.state,
            "reason": each.row.reason if each.row and each.row.reason else None,
            "answered_at": each.row.at.isoformat() if each.row else None,
            "archive": each.archive,
        }
        for each in told
    ]
    return {"sources": rows} if rows else {}


def _told_others(source: Source) -> dict[str, Any]:
    """Of what was made public: who was told, and who is known and was not (Art. 17(2))."""
    if source.step.article != PUBLISHED:
        return {}
    told = source.row.told if source.row is not None else []
    return {"told": told, "not_told": sorted(set(source.step.task.place.shown_by) - set(told))}


def _places(request: RightsRequest) -> list[Source]:
    steps = request.steps.filter(target__startswith=PREFIX).select_related("answer__archive").order_by("target")
    return [_source(step) for step in steps]
