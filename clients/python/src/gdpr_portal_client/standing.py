"""The decisions about everybody, in few bytes and read by many threads while one changes them.

A person is a row: eight bytes of their id, then a byte for each purpose and recipient that numbers the answer. Rows lie
in bags by the first bits of the id. A bag is `bytes`, replaced and never changed, so that whoever reads sees it as it
was before or after a change and needs no lock. A million people with ten purposes take some 22 MB.

Of an id 78 bits are looked at. They are drawn as if by lot, so that of an id which the service never gave out a known
person's decision is told once in 10**17 questions.
"""

from collections.abc import Iterable
from itertools import groupby
from types import MappingProxyType
from uuid import UUID

from gdpr_portal_client.models import Decision, DecisionChange

BAG_BITS = 14
OF_ID = 8
"""Bytes of an id in a row, after the bits that name its bag."""
_BAG_SHIFT = 128 - BAG_BITS
_ROW_SHIFT = _BAG_SHIFT - 8 * OF_ID
_MASK = (1 << 8 * OF_ID) - 1

Pair = tuple[str, str | None]
"""Purpose, recipient."""


def answer(code: str) -> Decision:
    """One answer for all who get it: nothing in it can be changed."""
    return Decision(allowed=code == "allowed", code=code, fields=MappingProxyType({}), trace=())


UNKNOWN = answer("unknown_subject")


class Standing:
    """What a snapshot and the changes after it say; `cursor` is where the changes go on from."""

    def __init__(self) -> None:
        self.cursor = ""
        self._answers, self._numbers = [UNKNOWN], {UNKNOWN.code: 0}
        self._laid: tuple[dict[Pair, int], int, list[bytes]] = {}, OF_ID, [b""] * (1 << BAG_BITS)
        """Where in a row the byte of a pair is, how long a row is, and the bags."""

    def decision(self, subject: UUID, purpose: str, recipient: str | None) -> Decision:
        """What stands; `unknown_subject` for a person, purpose or recipient nothing was said of."""
        places, length, bags = self._laid
        place, number = places.get((purpose, recipient)), subject.int
        bag, key = bags[number >> _BAG_SHIFT], (number >> _ROW_SHIFT & _MASK).to_bytes(OF_ID, "big")
        row = bag.find(key)
        if row % length:  # nowhere, or for once within another row
            row = _row(bag, key, length)
        return UNKNOWN if place is None or row < 0 else self._answers[bag[row + place]]

    def take(self, changes: Iterable[DecisionChange]) -> None:
        """What these say stands from now on; of one thread at a time."""
        for subject, said in groupby(changes, key=_subject):
            codes = {(change.purpose, change.recipient): self._number(change.code) for change in said}
            self._make_room(codes)
            self._write(subject, codes)

    def _write(self, subject: UUID, codes: dict[Pair, int]) -> None:
        places, length, bags = self._laid
        which, key = subject.int >> _BAG_SHIFT, (subject.int >> _ROW_SHIFT & _MASK).to_bytes(OF_ID, "big")
        bag = bags[which]
        at = _row(bag, key, length)
        start = len(bag) if at < 0 else at
        row = bytearray(bag[start : start + length] or key.ljust(length, b"\0"))
        for pair, number in codes.items():
            row[places[pair]] = number
        bags[which] = bag[:start] + row + bag[start + length :]

    def _number(self, code: str) -> int:
        number = self._numbers.get(code)
        if number is None:
            number = self._numbers[code] = len(self._answers)
            self._answers.append(answer(code))
        return number

    def _make_room(self, pairs: Iterable[Pair]) -> None:
        """Every row has a byte for each of the pairs; a new one says nothing yet."""
        places, length, bags = self._laid
        new = [pair for pair in pairs if pair not in places]
        if new:
            longer = bytes(len(new))
            places = places | {pair: length + number for number, pair in enumerate(new)}
            self._laid = places, length + len(new), [_widened(bag, length, longer) for bag in bags]


def _row(bag: bytes, key: bytes, length: int) -> int:
    """Where the row begins whose id this is, or -1; the same bytes may stand within another row."""
    at = bag.find(key)
    while at > 0 and at % length:
        at = bag.find(key, at + 1)
    return at


def _widened(bag: bytes, length: int, longer: bytes) -> bytes:
    return b"".join(bag[at : at + length] + longer for at in range(0, len(bag), length))


def _subject(change: DecisionChange) -> UUID:
    return change.subject
