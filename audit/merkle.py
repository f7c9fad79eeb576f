"""The Merkle tree of RFC 6962 section 2 (RFC 9162 section 2.1), SHA-256, as pure functions.

    leaf hash   SHA-256(0x00 || leaf bytes)
    node hash   SHA-256(0x01 || left || right)      left holds the largest power of two of leaves below the size
    empty tree  SHA-256("")

Promised to old data: none of this ever changes; another hash would be another log with another key name.
A *complete subtree* `(level, index)` covers leaves `[index << level, (index + 1) << level)` and never changes once
full, so those are what is stored; every proof is put together from them (RFC 9162 section 2.1.3, 2.1.4).
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

Subtree = tuple[int, int]
Span = tuple[int, int]


def leaf_hash(leaf: bytes) -> bytes:
    """SHA-256(0x00 || leaf)."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


EMPTY_ROOT = hashlib.sha256(b"").digest()


def complete_subtrees(start: int, end: int) -> list[Subtree]:
    """The complete subtrees that make up leaves `[start, end)` of a span of the tree, from left to right."""
    found = []
    while start < end:
        level = (end - start).bit_length() - 1
        if start:
            level = min(level, (start & -start).bit_length() - 1)
        found.append((level, start >> level))
        start += 1 << level
    return found


def fold(hashes: Sequence[bytes]) -> bytes:
    """The hash over adjacent complete subtrees of falling size: the root of a compact range (right to left)."""
    if not hashes:
        return EMPTY_ROOT
    result = hashes[-1]
    for left in reversed(hashes[:-1]):
        result = node_hash(left, result)
    return result


class CompactRange:
    """The right edge of a growing tree: `size` leaves, and the hashes of their complete subtrees, largest first."""

    def __init__(self, size: int = 0, hashes: Sequence[bytes] = ()) -> None:
        if len(hashes) != size.bit_count():
            raise ValueError(f"a tree of {size} leaves has {size.bit_count()} peaks, not {len(hashes)}")
        self.size = size
        self.hashes = list(hashes)

    def append(self, leaf: bytes) -> list[tuple[int, int, bytes]]:
        """One more leaf (its hash); returns the complete subtrees `(level, index, hash)` it finished, levels from 1."""
        finished = []
        index, level, current = self.size, 0, leaf
        while index & 1:
            current = node_hash(self.hashes.pop(), current)
            index, level = index >> 1, level + 1
            finished.append((level, index, current))
        self.hashes.append(current)
        self.size += 1
        return finished

    def root(self) -> bytes:
        """The root over the leaves so far."""
        return fold(self.hashes)


def root(leaf_hashes: Iterable[bytes]) -> bytes:
    """The root over these leaf hashes."""
    tree = CompactRange()
    for leaf in leaf_hashes:
        tree.append(leaf)
    return tree.root()


def _split(size: int) -> int:
    """The largest power of two below `size` (RFC 6962: k < n <= 2k)."""
    return 1 << (size - 1).bit_length() - 1


def inclusion_spans(index: int, size: int) -> list[Span]:
    """The spans `[start, end)` whose hashes prove leaf `index` in a tree of `size`, leaf to root (RFC 9162 2.1.3.1)."""
    if not 0 <= index < size:
        raise ValueError("the leaf is not in a tree of this size")
    start, end, spans = 0, size, list[Span]()
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            spans.append((middle, end))
            end = middle
        else:
            spans.append((start, middle))
            start = middle
    return spans[::-1]


def consistency_spans(first: int, second: int) -> list[Span]:
    """The spans whose hashes prove that the tree of `second` continues the one of `first` (RFC 9162 2.1.4.1)."""
    if not 0 < first <= second:
        raise ValueError("a consistency proof needs 0 < first <= second")
    start, end, known, spans = 0, second, True, list[Span]()
    while first != end:
        middle = start + _split(end - start)
        if first <= middle:
            spans.append((middle, end))
            end = middle
        else:
            spans.append((start, middle))
            start, known = middle, False
    if not known:
        spans.append((start, end))
    return spans[::-1]


def subtrees_of(spans: Iterable[Span]) -> list[Subtree]:
    """Every complete subtree needed to hash the spans: what a store must be asked for."""
    return [subtree for start, end in spans for subtree in complete_subtrees(start, end)]


def hashes_of(spans: Iterable[Span], stored: Mapping[Subtree, bytes]) -> list[bytes]:
    """The hash of each span, from the stored complete subtrees. `KeyError` names a subtree that is missing."""
    return [fold([stored[subtree] for subtree in complete_subtrees(start, end)]) for start, end in spans]


def subtree_lookup(leaf_hashes: Sequence[bytes]) -> dict[Subtree, bytes]:
    """All complete subtrees over these leaf hashes, leaves at level 0: the store in memory."""
    tree, found = CompactRange(), dict[Subtree, bytes]()
    for seq, leaf in enumerate(leaf_hashes):
        found[(0, seq)] = leaf
        found |= {(level, index): value for level, index, value in tree.append(leaf)}
    return found


def inclusion_holds(*, leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """The leaf (its hash) stands at `index` in the tree of this size and root (RFC 9162 section 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    place, last, current = index, size - 1, leaf
    for sibling in proof:
        if last == 0 or len(sibling) != 32:
            return False
        if place & 1 or place == last:
            current = node_hash(sibling, current)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            current = node_hash(current, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and current == root


def consistency_holds(
    *, first: int, second: int, first_root: bytes, second_root: bytes, proof: Sequence[bytes]
) -> bool:
    """The tree of size `second` begins with exactly the tree of size `first` (RFC 9162 section 2.1.4.2)."""
    if not 0 < first <= second or any(len(value) != 32 for value in proof):
        return False
    if first == second:
        return not proof and first_root == second_root
    path = _with_known_subtree(first, first_root, proof)
    if not path:
        return False
    place, last = first - 1, second - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    old = new = next(path_iterator := iter(path))
    return _climb(place, last, old, new, path_iterator) == (first_root, second_root)


def _with_known_subtree(first: int, first_root: bytes, proof: Sequence[bytes]) -> list[bytes]:
    """Where the old tree is itself a complete subtree, its root starts the path and is not sent."""
    if not proof:
        return []
    return [first_root, *proof] if first & (first - 1) == 0 else list(proof)


def _climb(place: int, last: int, old: bytes, new: bytes, path: Iterator[bytes]) -> tuple[bytes, bytes] | None:
    """The old and the new root that the path leads to; None when it is too long or too short."""
    for sibling in path:
        if last == 0:
            return None
        if place & 1 or place == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        place, last = place >> 1, last >> 1
    return (old, new) if last == 0 else None


Fetch = Callable[[Sequence[Subtree]], Mapping[Subtree, bytes]]
"""Asks a store for complete subtrees, all at once."""


def prove(spans: Sequence[Span], fetch: Fetch) -> list[bytes]:
    """The proof made of these spans, with one call to the store."""
    return hashes_of(spans, fetch(subtrees_of(spans)))
