"""Which line of which package takes the memory of a running process, without a look at any value (docs/leaks.md).

`manage.py leak start web` leaves a note in RUN_DIR/leaks; the process finds it within `lifetimes.MEASURE_SECONDS`,
begins to follow allocations (tracemalloc) and keeps a first picture. `stop` makes it compare and write what grew: file,
line, distribution, version, bytes, blocks. tracemalloc knows sizes and places, never contents. While it follows, a
process is up to twice as slow: one process, some minutes.
"""

import json
import os
import sys
import tracemalloc
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

LONGEST_REPORT = 20
SMALLEST_BYTES = 16 * 1024
"""Growth below this is no leak: caches fill, and so do counters."""


@dataclass(frozen=True)
class Growth:
    """One line of code that holds more than before: bytes and blocks more, and whose line it is."""

    place: str
    distribution: str
    version: str
    bytes: int
    blocks: int


class Follower:
    """What one process does about the notes in the folder; `look()` is called now and then, in any thread."""

    def __init__(self, folder: Path, process: str) -> None:
        self._note, self._report = (folder / f"{process}.{end}" for end in ("follow", "report"))
        self._before: tracemalloc.Snapshot | None = None

    def look(self) -> None:
        """Following began or ended, as the note says. A process that came later than the note begins too."""
        if self._note.exists() and self._before is None:
            tracemalloc.start(1)
            self._before = _snapshot()
            self._write({"state": "following", "grown": []})
        elif self._before is not None and not self._note.exists():
            grown = compared(self._before, _snapshot())
            tracemalloc.stop()
            self._before = None
            self._write({"state": "done", "grown": [asdict(each) for each in grown]})

    def _write(self, content: dict[str, Any]) -> None:
        aside = self._report.with_suffix(".new")
        aside.write_text(json.dumps(content | {"pid": os.getpid()}))
        aside.replace(self._report)


def compared(before: tracemalloc.Snapshot, after: tracemalloc.Snapshot) -> list[Growth]:
    """The lines that hold more, the greatest first."""
    grown = [each for each in after.compare_to(before, "lineno") if each.size_diff >= SMALLEST_BYTES]
    return [_named(each) for each in sorted(grown, key=lambda each: -each.size_diff)[:LONGEST_REPORT]]


def _snapshot() -> tracemalloc.Snapshot:
    ours = (tracemalloc.Filter(False, tracemalloc.__file__), tracemalloc.Filter(False, __file__))
    return tracemalloc.take_snapshot().filter_traces(ours)


def _named(grown: tracemalloc.StatisticDiff) -> Growth:
    frame = grown.traceback[0]
    name, version = owner(frame.filename)
    place = f"{'/'.join(Path(frame.filename).parts[-3:])}:{frame.lineno}"
    return Growth(place, name, version, grown.size_diff, grown.count_diff)


@cache
def owner(file: str) -> tuple[str, str]:
    """Name and version of the distribution a file belongs to; Python's own, or this service's."""
    path = Path(file)
    for distribution in distributions():
        root = Path(str(distribution.locate_file("")))
        if path.is_relative_to(root) and f"\n{path.relative_to(root).as_posix()}," in _record(distribution):
            return distribution.name, distribution.version
    if path.is_relative_to(Path(__file__).parents[1]) and "site-packages" not in path.parts:
        return "gdpr-portal", "this code"
    return "python", sys.version.partition(" ")[0]


def _record(distribution: Distribution) -> str:
    """Its list of files as text: taking it apart would cost a running process a minute for a large environment."""
    return "\n" + (distribution.read_text("RECORD") or "")


# --- the notes --------------------------------------------------------------------------------------------------------
def start(folder: Path, process: str) -> None:
    """The process of that name begins to follow, soon; what an earlier run reported is gone."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / f"{process}.report").unlink(missing_ok=True)
    (folder / f"{process}.follow").touch(mode=0o600)


def stop(folder: Path, process: str) -> None:
    """The process compares and reports, soon."""
    (folder / f"{process}.follow").unlink(missing_ok=True)


def report(folder: Path, process: str) -> dict[str, Any] | None:
    """What the process reported last; None while it has reported nothing."""
    try:
        found: dict[str, Any] = json.loads((folder / f"{process}.report").read_text())
    except FileNotFoundError:
        return None
    return found
