"""Not everything is tried each day: the night tries all, and what costs much has its turn.

Tests marked `exhaustive` run with EXHAUSTIVE=1 (`make test-exhaustive`, each night in CI) and are left out else: each
is one more of a kind that `make test` shows by others. What is dear and seldom breaks has its turn instead: each day
another third of it (docs/decisions/0064), and all of it where files are named (`pytest FILE`). The last line of a run
tells the TURN that repeats it.
"""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest
from hypothesis import seed, settings

Test = TypeVar("Test", bound=Callable[..., None])

TURNS = 3
NAMED = "TEST_FILES_NAMED"
"""Variable that tells the workers of a run whether files were named."""

# Workers take it from here: one started after midnight would collect others than those before.
os.environ.setdefault("TURN", str(datetime.now(UTC).toordinal()))


def exhaustive() -> bool:
    """Whether everything is tried, as each night."""
    return bool(os.environ.get("EXHAUSTIVE"))


def every_turn() -> bool:
    """Whether nothing waits for its turn: each night, and where files are named."""
    return exhaustive() or bool(os.environ[NAMED])


def turn(of: int = TURNS) -> int:
    """Whose turn it is: 0 to `of` - 1."""
    return int(os.environ["TURN"]) % of


def its_turn(place: int, of: int = TURNS) -> pytest.MarkDecorator:
    """The mark of what has its turn at this place: for a test, a parameter or a module."""
    return pytest.mark.today if place % of == turn(of) else pytest.mark.another_day


def in_turn(*values: Any, of: int = TURNS) -> list[Any]:
    """The values (several for a test as tuples) as parameters, one `of` so many each day."""
    return [
        pytest.param(*(each if isinstance(each, tuple) else (each,)), marks=its_turn(place, of))
        for place, each in enumerate(values)
    ]


def drawn(many: int) -> Callable[[Test], Test]:
    """Of a property this many examples, and one TURNS so many each day: the day draws them, and other ones the next."""
    shown = settings(max_examples=many if every_turn() else many // TURNS, deadline=None)
    return lambda test: seed(int(os.environ["TURN"]))(shown(test))


def pytest_configure(config: pytest.Config) -> None:
    if "PYTEST_XDIST_WORKER" not in os.environ:
        os.environ[NAMED] = "1" if config.args_source is pytest.Config.ArgsSource.ARGS else ""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left = [] if exhaustive() else ["exhaustive"] if every_turn() else ["exhaustive", "another_day"]
    left_out = [item for item in items if any(map(item.get_closest_marker, left))]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        gone = set(left_out)
        items[:] = [item for item in items if item not in gone]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if not every_turn():
        now = os.environ["TURN"]
        terminalreporter.write_line(f"What had its turn: TURN={now} repeats it, EXHAUSTIVE=1 tries everything.")
