"""Who else there is in tests of rights requests: a second reviewer, and another controller."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from access import roles
from tests.conftest import make_staff
from tests.erasure.receiver import Other, receiving


@pytest.fixture
def ruth(db: None) -> Any:
    """A second reviewer."""
    return make_staff("ruth", roles.IRM)


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Other]:
    """Another controller, that takes copies."""
    with receiving(tmp_path / "uploads") as controller:
        yield controller
