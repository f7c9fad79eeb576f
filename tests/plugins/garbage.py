"""What imports and the collection of tests made stays until the end: the garbage collector need not walk it again.

What tests make it walks seldom: with Python's own thresholds that took a fortieth of a worker's time.
"""

import gc

import pytest

SELDOM = (20_000, 20, 20)
"""How many objects, and young and middle collections, go before the next (Python's own: 700, 10, 10)."""


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """A full collection walks a million objects of modules and tests; frozen, it walks what the tests make."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*SELDOM)
