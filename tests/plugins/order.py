"""Nobody waits at the end of a run for one long test, and a browser is started once a worker."""

import pytest

LAST = 0.2
"""Share of a run that is kept free of tests with processes of their own."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """After pytest-randomly; the order is the same in every worker.

    The tests of the browser come first, side by side: they are the longest, and their package shares a Chromium.
    """
    browser = [item for item in items if item.get_closest_marker("browser")]
    others = [item for item in items if not item.get_closest_marker("browser")]
    begun = int(len(others) * (1 - LAST))
    late = [item for item in others[begun:] if item.get_closest_marker("slow")]
    moved = set(late)
    items[:] = late + browser + [item for item in others if item not in moved]
