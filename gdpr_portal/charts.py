"""Charts drawn on the server, as numbers a template turns into SVG. Pure; no script, no style attribute (strict CSP).

Every chart carries its words and numbers, so that a table stands behind it for whoever cannot see it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

HEIGHT = 120
"""Units of a column chart from the base line to its highest column."""
STEP, GAP = 36, 6
"""Units from one group of columns to the next, and between two groups."""


@dataclass(frozen=True)
class Bar:
    """One line of a bar chart: `percent` (0 to 100) of the longest one; `tone` is a class of the design system."""

    label: Any
    value: int
    percent: int
    tone: str = ""
    url: str = ""


@dataclass(frozen=True)
class Column:
    """A rectangle of a column chart, in units of its view box."""

    x: int
    y: int
    width: int
    height: int
    series: int


@dataclass(frozen=True)
class Columns:
    """Values over time, a group of columns for each moment and one column in it for each series."""

    labels: Sequence[str]
    names: Sequence[Any]
    table: Sequence[tuple[str, Sequence[int]]]
    rectangles: Sequence[Column]
    top: int
    width: int
    height: int = HEIGHT

    @property
    def any(self) -> bool:
        """Whether there is anything to draw."""
        return self.top > 0


def bars(lines: Sequence[tuple[Any, int, str, str]]) -> list[Bar]:
    """Lines of `(label, value, tone, url)` with their lengths; what is more than nothing is seen."""
    longest = max((value for _label, value, _tone, _url in lines), default=0)
    return [
        Bar(label, value, max(1, round(100 * value / longest)) if value else 0, tone, url)
        for label, value, tone, url in lines
    ]


def columns(*, labels: Sequence[str], series: Sequence[tuple[Any, Sequence[int]]]) -> Columns:
    """The chart of these series, each with a value for each label."""
    top = max((value for _name, values in series for value in values), default=0)
    wide = (STEP - GAP) // max(1, len(series))
    rectangles = [
        _column(moment, number, value, top, wide)
        for number, (_name, values) in enumerate(series)
        for moment, value in enumerate(values)
        if value
    ]
    table = [(label, [values[at] for _name, values in series]) for at, label in enumerate(labels)]
    return Columns(labels, [name for name, _values in series], table, rectangles, top, STEP * max(1, len(labels)))


def _column(moment: int, number: int, value: int, top: int, wide: int) -> Column:
    tall = max(1, round(HEIGHT * value / top))
    return Column(moment * STEP + number * wide, HEIGHT - tall, wide, tall, number)
