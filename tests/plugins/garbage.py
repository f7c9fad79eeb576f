"""What imports and the collection of tests made stays until the end: the garbage collector need not walk it again."""

import gc

import pytest


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """A full collection walks a million objects of modules and tests; frozen, it walks what the tests make."""
    gc.collect()
    gc.freeze()
