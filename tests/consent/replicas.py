"""A replica within one transaction of a test: its changes have no order of commits, and the clock is the frozen one."""

from typing import Any

import pytest
from django.utils import timezone

from consent.models import DecisionChange
from consent.services import replica as module


class _ByNumber:
    """What `_CHANGES` would give, by the number of the last row instead of by a snapshot."""

    def all(self, *, seen: str | None) -> list[tuple[Any, ...]]:
        rows = list(DecisionChange.objects.order_by("id").values_list("id", "subject"))
        last = str(rows[-1][0]) if rows else "0"
        new = [subject for number, subject in rows if seen is not None and number > int(seen)]
        return [(last, "here", True, each) for each in new] or [(last, "here", None, None)]


def in_one_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    """`follow` works within this transaction, and by the frozen clock."""
    monkeypatch.setattr(module, "_CHANGES", _ByNumber())
    monkeypatch.setattr(module, "clock", lambda: timezone.now().timestamp())
