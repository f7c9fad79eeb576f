"""What others answered, for an archive: a long answer is opened whenever it is gone through, never two at once."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from erasure.services.sources import Source, opened_answer

Way = tuple[str | int, ...]
"""A way into an answer: names and positions, from the outside in."""
KEPT_BYTES: Final = 256 * 1024
"""So much of short answers, as they are sealed, is kept in memory for all of an archive."""


class Answers(Mapping[Source, dict[str, Any]]):
    """The words of each of these sources. Of one that is not kept `dict`s are made anew each time it is asked for.

    What connectors read is kept: its long tables are `Rows`.
    """

    def __init__(self, told: Iterable[Source]) -> None:
        self._told = dict.fromkeys(told)
        self._changes: dict[Source, list[tuple[Way, str]]] = {}
        self._kept: dict[Source, dict[str, Any]] = {}
        self._room = KEPT_BYTES

    def __getitem__(self, source: Source) -> dict[str, Any]:
        if source not in self._told:
            raise KeyError(source)
        return self._kept[source] if source in self._kept else self._opened(source)

    def __contains__(self, source: object) -> bool:
        return source in self._told

    def __iter__(self) -> Iterator[Source]:
        return iter(self._told)

    def __len__(self) -> int:
        return len(self._told)

    def change(self, source: Source, changes: Sequence[tuple[Way, str]]) -> None:
        """From now on these texts stand there in the answer; of connectors their holder changes them."""
        self._changes[source] = [*self._changes.get(source, ()), *changes]
        self._kept.pop(source, None)

    def _opened(self, source: Source) -> dict[str, Any]:
        size, words = opened_answer(source)
        for way, text in self._changes.get(source, ()):
            put(words, way, text)
        if source.kind == "connector" or size <= self._room:
            self._kept[source] = words
            self._room -= 0 if source.kind == "connector" else size
        return words


def put(value: Any, way: Way, text: str) -> None:
    """The text stands at the end of the way."""
    *above, last = way
    for name in above:
        value = value[name]
    value[last] = text
