"""What is dear among the tests has its turn (docs/decisions/0064): nothing is left out of every day."""

import pytest

from tests.plugins import exhaustive

VALUES = ("a", "b", "c", "d", "e")


def todays(of: int) -> list[str]:
    """What has its turn today."""
    found = exhaustive.in_turn(*VALUES, of=of)
    return [str(each.values[0]) for each in found if [mark.name for mark in each.marks] == ["today"]]


@pytest.mark.parametrize("of", [2, 3, 5, 7])
def test_each_has_its_turn_once_in_so_many_days(monkeypatch: pytest.MonkeyPatch, of: int) -> None:
    seen = []
    for day in range(739_950, 739_950 + of):
        monkeypatch.setenv("TURN", str(day))
        seen += todays(of)
    assert sorted(seen) == sorted(VALUES)


def test_where_files_are_named_nothing_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EXHAUSTIVE", raising=False)
    for named, waits in (("1", False), ("", True)):
        monkeypatch.setenv(exhaustive.NAMED, named)
        assert exhaustive.every_turn() is not waits
