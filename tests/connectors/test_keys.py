"""Very many keys are known again, asked once and in order, in memory that a table of a million rows allows."""

import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from erasure.connectors.keys import FEW, Digests, Questions
from erasure.connectors.masking import ALPHABET, random_text


def keys(count: int) -> list[tuple[Any, ...]]:
    return [(str(number), None) for number in range(count)]


@pytest.mark.parametrize("count", [3, FEW, FEW + 1, 5 * FEW])
def test_each_key_is_asked_once_and_handed_out_in_order_once_and_as_often_as_wanted(count: int) -> None:
    asked, half = Questions(), count // 2
    assert all(asked.ask(key, (number,)) for number, key in enumerate(keys(half)))
    assert list(asked.take()) == [(number,) for number in range(half)] and len(asked.take()) == 0
    assert [asked.ask(key, (number,)) for number, key in enumerate(keys(count))] == [False] * half + [True] * (
        count - half
    )
    new, every = asked.take(), asked.every()
    assert list(new) == [(number,) for number in range(half, count)] and len(new) == count - half
    assert list(every) == list(every) == [(number,) for number in range(count)] and len(every) == count
    assert all(key in asked for key in keys(count))
    assert not any(other in asked for other in [(str(count), None), ("1", ""), ("1",), (None, "1"), ("None", None)])


def grown(make: Callable[[], Any], add: Callable[[Any, int], Any], count: int) -> float:
    """Bytes a key."""
    tracemalloc.start()
    try:
        made = make()
        for number in range(count):
            add(made, number)
        return tracemalloc.get_traced_memory()[0] / count
    finally:
        tracemalloc.stop()


def test_a_key_costs_some_fifty_bytes_and_where_it_is_kept_as_it_is_two_hundred() -> None:
    assert grown(Questions, lambda made, n: made.ask((str(n),), (n,)), 20_000) < 64
    assert grown(Digests, lambda made, n: made.add((str(n),)), 20_000) < 56
    assert grown(dict, lambda made, n: made.setdefault((str(n),), (n,)), 20_000) > 150


def test_random_text_has_its_length_and_every_letter_as_often_as_any_other() -> None:
    assert [len(random_text(length)) for length in (1, 30, 300)] == [1, 30, 300]
    many = random_text(248_000)
    assert set(many) == set(ALPHABET) and max(many.count(each) for each in ALPHABET) < 4_400  # six deviations
