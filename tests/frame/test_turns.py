"""What is dear among the tests has its turn (docs/decisions/0064): nothing is left out of every day."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


def examples(of: int) -> list[int]:
    """What a property of so many examples is tried with today."""
    seen = []

    @exhaustive.drawn(of)
    @given(st.integers(0, 2**64))
    def tried(number: int) -> None:
        seen.append(number)

    tried()
    return seen


def test_a_property_is_tried_with_a_third_of_its_examples_and_with_others_the_next_day(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("EXHAUSTIVE", raising=False)
    monkeypatch.setenv(exhaustive.NAMED, "")
    days = []
    for day in (739_950, 739_950, 739_951):
        monkeypatch.setenv("TURN", str(day))
        days.append(examples(60))
    assert [len(day) for day in days] == [20, 20, 20]
    assert days[0] == days[1] != days[2]
    monkeypatch.setenv(exhaustive.NAMED, "1")
    assert len(examples(60)) == 60
