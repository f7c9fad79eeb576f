"""A log to test on, with its key registered."""

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection

from audit import signing
from tests.audit.tools import NAME, PUBLIC, behind_the_triggers, seal, sign, write


@pytest.fixture(scope="session", autouse=True)
def _flush_behind_the_triggers() -> Iterator[None]:
    """Tests with real transactions empty the tables afterwards; the log's own trigger refuses that, rightly."""
    operations = type(connection.ops)
    original = operations.execute_sql_flush

    def flush(self: Any, sql_list: list[str]) -> None:
        with behind_the_triggers():
            original(self, sql_list)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(operations, "execute_sql_flush", flush)
        yield


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
