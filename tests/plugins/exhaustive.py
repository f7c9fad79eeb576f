"""Tests marked `exhaustive` run with EXHAUSTIVE=1 (`make test-exhaustive`, each night in CI) and are left out else.

Each is one more of a kind that `make test` shows by others: another window, language, role, or broken application.
"""

import os

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if os.environ.get("EXHAUSTIVE"):
        return
    left_out = [item for item in items if item.get_closest_marker("exhaustive")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker("exhaustive")]
