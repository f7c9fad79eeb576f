"""`manage.py import_subjects FILE.jsonl --application shop` (docs/import.md)."""

import os
import time
from argparse import ArgumentParser
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from access.models import Application
from gdpr_portal.errors import DomainError
from subjects.services.imports import LINES_A_BATCH, Outcome, import_people
from subjects.services.newcomers import Run

MOST_NAMED = 100
SECONDS_BETWEEN_LINES = 5.0
STOPPED = 2


class Command(BaseCommand):
    help = (
        "Brings people in from a file of JSON lines. Repeating it is harmless and finishes what was stopped. "
        "Exit code 0: all came in; 1: there were bad lines; 2: it could not run to the end."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE.jsonl")
        parser.add_argument("--application", required=True, metavar="SLUG", help="whose customers they are")
        parser.add_argument("--batch", type=int, default=LINES_A_BATCH, help="lines a transaction (%(default)s)")

    def handle(self, *args: Any, file: Path, application: str, batch: int, **options: Any) -> None:
        run = Run(_application(application), uuid4())
        begun = time.monotonic()
        with _opened(file) as stream:
            try:
                total = self._imported(run, stream, max(1, batch))
            except DomainError as error:
                raise CommandError(f"Stopped: {error.message} Run it again.", returncode=STOPPED) from None
        seconds = time.monotonic() - begun
        self.stdout.write(
            f"imported {total.imported}, already known {total.known}, bad {total.bad}, seconds {seconds:.1f}"
        )
        if total.bad:
            raise SystemExit(1)

    def _imported(self, run: Run, stream: IO[bytes], batch: int) -> "_Total":
        total = _Total()
        with _Progress(os.fstat(stream.fileno()).st_size, self.stderr) as progress:
            for outcome in import_people(run, stream, lines_a_batch=batch):
                for bad in outcome.bad[: max(0, MOST_NAMED - total.bad)]:
                    progress.say(str(bad))
                total.add(outcome)
                progress.show(total)
            if total.bad > MOST_NAMED:
                progress.say(f"and {total.bad - MOST_NAMED} more bad lines")
        return total


@dataclass(slots=True)
class _Total:
    """What became of the lines so far, in numbers."""

    imported: int = 0
    known: int = 0
    bad: int = 0
    size: int = 0

    def add(self, outcome: Outcome) -> None:
        self.imported += outcome.imported
        self.known += outcome.known
        self.bad += len(outcome.bad)
        self.size += outcome.size

    def __str__(self) -> str:
        return f"imported {self.imported}, already known {self.known}, bad {self.bad}"


class _AsIs:
    """The command's stream without the line end and colour that Django adds to every write: a bar redraws its line."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        self._stream.write(text, style_func=str, ending="")

    def flush(self) -> None:
        self._stream.flush()

    def isatty(self) -> bool:
        return bool(self._stream.isatty())


class _Progress:
    """A bar of the bytes read, where somebody watches; else a plain line every few seconds."""

    def __init__(self, size: int, stream: Any) -> None:
        self._size, self._stream = size, _AsIs(stream)
        self._bar = tqdm(
            total=size or None,
            unit="B",
            unit_scale=True,
            desc="importing",
            file=self._stream,
            disable=not stream.isatty(),
        )
        self._said = time.monotonic()

    def __enter__(self) -> "_Progress":
        return self

    def __exit__(self, *ended: object) -> None:
        self._bar.close()

    def say(self, words: str) -> None:
        with tqdm.external_write_mode(file=self._stream):
            self._stream.write(f"{words}\n")

    def show(self, total: _Total) -> None:
        self._bar.set_postfix_str(str(total), refresh=False)
        self._bar.update(min(total.size, self._size or total.size) - self._bar.n)
        if self._bar.disable and time.monotonic() - self._said >= SECONDS_BETWEEN_LINES:
            self._said = time.monotonic()
            share = f" ({100 * total.size // self._size} %)" if self._size else ""
            self._stream.write(f"{total}{share}\n")


def _application(slug: str) -> Application:
    found = Application.objects.filter(slug=slug).first()
    if found is None:
        raise CommandError("There is no application of this name.", returncode=STOPPED)
    if not found.enabled:
        raise CommandError("This application is disabled.", returncode=STOPPED)
    return found


def _opened(file: Path) -> IO[bytes]:
    try:
        return file.open("rb")
    except OSError as error:
        raise CommandError(f"The file cannot be read: {error.strerror}.", returncode=STOPPED) from None
