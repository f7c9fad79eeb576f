"""Tests marked `exhaustive` run with EXHAUSTIVE=1 (`make test-exhaustive`, each night in CI) and are left out else.

Each is one more of a kind that `make test` shows by others: another window, language, role, or broken application.
"""

import os
from typing import Any

import pytest


def exhaustive() -> bool:
    """Whether everything is tried, as each night."""
    return bool(os.environ.get("EXHAUSTIVE"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if exhaustive():
        return
    left_out = [item for item in items if item.get_closest_marker("exhaustive")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker("exhaustive")]


def every_second(*values: Any, first: int = 0) -> list[Any]:
    """The values as parameters, of which `make test` takes every second from `first` on, and the night all."""
    rest = pytest.mark.exhaustive
    return [pytest.param(each, marks=() if at % 2 == first else rest) for at, each in enumerate(values)]
