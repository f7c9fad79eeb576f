"""Very many keys in little memory: which were asked for, as digests, and their values, packed, in the order they came.

A few are kept as they are. Of more, a digest is 16 bytes of BLAKE2b (RFC 7693) in a table of open addressing, 24 to 48
bytes a key; that two keys ever share one is as likely as guessing it. Nothing of this leaves the process.
"""

import pickle
from collections.abc import Iterator
from hashlib import blake2b
from itertools import chain
from typing import Any, Final

DIGEST_BYTES: Final = 16
PACKED: Final = 500
"""So many keys are packed together."""
FEW: Final = 1_000
"""So many keys are no digests yet."""
_EMPTY: Final = bytes(DIGEST_BYTES)
_LEAST_SLOTS: Final = 4_096

Key = tuple[Any, ...]


class Digests:
    """A set of keys that only says whether one is in it; a key is text, or None, for each of its columns."""

    def __init__(self) -> None:
        self._few: set[Key] | None = set()
        self._slots = bytearray()
        self._used = 0

    def __contains__(self, key: object) -> bool:
        if self._few is not None:
            return key in self._few
        digest = _digest(key)
        return self._slots.startswith(digest, self._place(digest))

    def add(self, key: Key) -> bool:
        """The key is in it; whether it is new."""
        if self._few is None:
            return self._add_digest(_digest(key))
        if key in self._few:
            return False
        self._few.add(key)
        if len(self._few) > FEW:
            few, self._few, self._slots = self._few, None, bytearray(_LEAST_SLOTS * DIGEST_BYTES)
            for each in few:
                self._add_digest(_digest(each))
        return True

    def _add_digest(self, digest: bytes) -> bool:
        at = self._place(digest)
        if self._slots.startswith(digest, at):
            return False
        self._slots[at : at + DIGEST_BYTES] = digest
        self._used += 1
        if 3 * self._used * DIGEST_BYTES > 2 * len(self._slots):
            self._grow()
        return True

    def _place(self, digest: bytes) -> int:
        """Where the digest is, or would be."""
        slots, size = self._slots, len(self._slots)
        at = int.from_bytes(digest[:8], "big") * DIGEST_BYTES % size
        while not slots.startswith((digest, _EMPTY), at):
            at = (at + DIGEST_BYTES) % size
        return at

    def _grow(self) -> None:
        before, self._slots = self._slots, bytearray(2 * len(self._slots))
        for start in range(0, len(before), DIGEST_BYTES):
            digest = bytes(before[start : start + DIGEST_BYTES])
            if digest != _EMPTY:
                at = self._place(digest)
                self._slots[at : at + DIGEST_BYTES] = digest


class Span:
    """Some of the keys that were asked for, gone through as often as wanted; `len` says how many."""

    def __init__(self, packs: list[list[Key] | bytes], length: int) -> None:
        self._packs, self._length = packs, length

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Key]:
        return chain.from_iterable(map(_unpacked, self._packs))


class Questions:
    """The keys asked of some columns of a table, each once: by `take` those that are new, by `every` all of them."""

    def __init__(self) -> None:
        self._known = Digests()
        self._packs: list[list[Key] | bytes] = []
        self._open: list[Key] = []
        self._count = self._taken = self._packs_taken = 0

    def __contains__(self, key: object) -> bool:
        return key in self._known

    def ask(self, key: Key, values: Key) -> bool:
        """The key, as text, is asked for with these values; whether it is new."""
        if not self._known.add(key):
            return False
        self._open.append(values)
        self._count += 1
        if len(self._open) == PACKED:
            self._packs.append(pickle.dumps(self._open))
            self._open = []
        return True

    def take(self) -> Span:
        """What was asked since this was asked last."""
        self._close()
        new = Span(self._packs[self._packs_taken :], self._count - self._taken)
        self._taken, self._packs_taken = self._count, len(self._packs)
        return new

    def every(self) -> Span:
        """Whatever was asked."""
        self._close()
        return Span(self._packs, self._count)

    def _close(self) -> None:
        if self._open:
            self._packs.append(self._open)
            self._open = []


def _digest(key: object) -> bytes:
    return blake2b(repr(key).encode(), digest_size=DIGEST_BYTES).digest()


def _unpacked(pack: list[Key] | bytes) -> list[Key]:
    return pickle.loads(pack) if isinstance(pack, bytes) else pack  # noqa: S301 - packed by this very process
