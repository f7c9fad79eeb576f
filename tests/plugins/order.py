"""Nobody waits at the end of a run for one long test: those that would come last begin it."""

import pytest

LAST = 0.2
"""Share of a run that is kept free of tests with processes or a browser of their own."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """After pytest-randomly; the order is the same in every worker."""
    begun = int(len(items) * (1 - LAST))
    late = [item for item in items[begun:] if item.get_closest_marker("slow") or item.get_closest_marker("browser")]
    moved = set(late)
    items[:] = late + [item for item in items if item not in moved]
