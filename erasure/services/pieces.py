"""What a connector answered, in sealed pieces: written while its rows come from the cursor, read again table by table.

An answer that fits into one piece stays in the answer itself. Of a longer one the answer holds where each table begins
and ends. A piece is bound to its step, the try that wrote it, and its number; one of a try that was lost is nobody's.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from consent.services import leases
from erasure.models import AnswerPiece, SourceAnswer, Step
from erasure.services.locking import locked_request
from gdpr_portal.errors import WrongState
from subjects.holdings import Rows
from vault import services as vault

PIECE_BYTES: Final = 256 * 1024
"""So much of an answer is in memory at a time; a row is never cut."""
PIECES: Final = "pieces"
"""What stands in the answer instead of its tables; no table is called so, since each has a colon in its name."""


@dataclass
class _Table:
    first: int
    last: int = 0
    rows: int = 0
    columns: dict[str, None] = field(default_factory=dict)


class Keeping:
    """Takes the rows of one reading, table after table, and keeps them sealed under the person's key."""

    def __init__(self, step: Step) -> None:
        self._step = step
        self._tables: dict[str, _Table] = {}
        self._held: dict[str, list[str]] = {}
        self._size = self._written = 0
        lost = AnswerPiece.objects.filter(step=step, fence__lte=step.fence)  # not those of a later try
        lost.delete()

    def take(self, name: str, row: Mapping[str, Any]) -> None:
        """The row is kept. Raises WrongState when the step is not this worker's any more, or the person is erased."""
        text = json.dumps(row)
        table = self._tables.setdefault(name, _Table(self._written))
        table.last, table.rows = self._written, table.rows + 1
        table.columns |= dict.fromkeys(row)
        self._held.setdefault(name, []).append(text)
        self._size += len(text)
        if self._size >= PIECE_BYTES:
            self._write()

    def words(self) -> dict[str, Any]:
        """What the answer is to hold: the tables, or where they lie; empty when no row came."""
        if not self._written:
            tables: dict[str, Any] = json.loads(self._text())
            return tables
        if self._held:
            self._write()
        found = {name: [each.first, each.last, each.rows, list(each.columns)] for name, each in self._tables.items()}
        return {PIECES: {"fence": self._step.fence, "tables": found}}

    def _text(self) -> str:
        tables = (f"{json.dumps(name)}:[{','.join(rows)}]" for name, rows in self._held.items())
        return f"{{{','.join(tables)}}}"

    def _write(self) -> None:
        with transaction.atomic():
            _still_ours(self._step)
            row = AnswerPiece(step=self._step, fence=self._step.fence, position=self._written)
            row.sealed = vault.subject_key(self._step.request.subject_id).seal(piece_place(row), self._text().encode())
            row.save(force_insert=True)
        self._held, self._size, self._written = {}, 0, self._written + 1


def _still_ours(step: Step) -> None:
    """The lease lasts on, since something comes; the person is locked, and not erased."""
    request = locked_request(step.request_id)
    ours = Step.objects.filter(pk=step.pk, fence=step.fence, state="in_progress", request__state="in_progress")
    if request.subject.erased_at is not None or not ours.update(lease_until=leases.ends(timezone.now())):
        raise WrongState("wrong_state", "This step is somebody else's by now, or nobody's.")


def piece_place(row: AnswerPiece) -> vault.Place:
    """Where a piece lies, for the seal."""
    return vault.Place("erasure_answerpiece", "sealed", f"{row.step_id}/{row.fence}/{row.position}")


def opened_tables(step: Step, words: Mapping[str, Any]) -> dict[str, Any]:
    """The words of an answer with its tables in them: what lies in pieces as `Rows`, opened a piece at a time."""
    if PIECES not in words:
        return dict(words)
    kept = words[PIECES]
    tables = {
        name: Rows(partial(_rows, step, kept["fence"], name, first, last), seen=(rows, columns))
        for name, (first, last, rows, columns) in kept["tables"].items()
    }
    return tables | {name: part for name, part in words.items() if name != PIECES}


def _rows(step: Step, fence: int, name: str, first: int, last: int) -> Iterator[dict[str, Any]]:
    for position in range(first, last + 1):
        row = AnswerPiece.objects.get(step=step, fence=fence, position=position)
        cell = vault.open_cell(step.request.subject_id, piece_place(row), row, "sealed")
        yield from json.loads(cell or b"{}").get(name, ())


def forget_pieces(limit: int = 200) -> int:
    """Pieces of readings that came to nothing are gone, and of answers that were handed on; of how many steps."""
    waiting = SourceAnswer.objects.filter(step=OuterRef("step"), archive=None, sealed__isnull=False)
    idle = AnswerPiece.objects.exclude(step__state="in_progress").exclude(Exists(waiting))
    steps = list(idle.order_by().values_list("step", flat=True).distinct()[:limit])
    for step in steps:
        with transaction.atomic():
            locked_request(Step.objects.values_list("request_id", flat=True).get(pk=step))
            idle.filter(step=step).delete()
    return len(steps)
