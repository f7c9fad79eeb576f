"""A log to test on, with its key registered."""

import uuid
from collections.abc import Callable, Iterator

import pytest

from audit import signing
from tests.audit.tools import NAME, PUBLIC, seal, sign, write


@pytest.fixture
def key() -> Iterator[str]:
    """The log's key is registered; its vkey."""
    kept = signing._signers[:], signing._vkeys[:], signing._verify[:]
    signing.forget()
    signing.register_signer(NAME, sign, PUBLIC)
    yield signing.vkeys()[-1]
    signing._signers[:], signing._vkeys[:], signing._verify[:] = kept


@pytest.fixture
def log(transactional_db: None, key: str) -> Callable[[int], list[uuid.UUID]]:
    """Writes and seals so many events; their ids in the order of the tree."""

    def fill(count: int) -> list[uuid.UUID]:
        ids = write(count)
        seal()
        return ids

    return fill
