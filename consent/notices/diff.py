"""What changed between two texts, paragraph by paragraph and word by word, for two columns side by side. Pure.

Nothing is lost: the pieces of the left column put together are the old text to the byte, those of the right the new.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

SAME, DELETED, INSERTED = "same", "del", "ins"
ADDED, REMOVED, CHANGED = "added", "removed", "changed"

_PARAGRAPH = re.compile(r".+?(?:\n(?:[^\S\n]*\n)+|\Z)|\n+", re.DOTALL)
_TOKEN = re.compile(r"\w+\s*|[^\w\s]\s*|\s+")
_LIKE = 0.35
"""Two paragraphs that share less of their words are not one that was changed, but one gone and one new."""
_MOST_EDITS = 400
"""With more, a paragraph is shown as gone and new: nobody reads that many marks, and no page may take seconds."""
_MOST_PAIRS = 10_000


class Piece(NamedTuple):
    """Some words, and whether they stand in both texts, only in the old (`del`) or only in the new (`ins`)."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Row:
    """One paragraph, left and right; a side is empty when the paragraph is not in that text."""

    kind: str
    old: tuple[Piece, ...]
    new: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class LanguageDiff:
    """One language of two versions: added, removed, changed or the same."""

    language: str
    kind: str
    title: Row
    rows: tuple[Row, ...]

    @property
    def changed(self) -> int:
        """How many paragraphs differ."""
        return sum(row.kind != SAME for row in self.rows)


class Wording(NamedTuple):
    """A notice in one language."""

    title: str
    body: str


def languages(old: Mapping[str, Wording], new: Mapping[str, Wording]) -> list[LanguageDiff]:
    """Every language of either version, those of the new one first."""
    return [_language(language, old.get(language), new.get(language)) for language in {**new, **old}]


def _language(language: str, old: Wording | None, new: Wording | None) -> LanguageDiff:
    before, after = old or Wording("", ""), new or Wording("", "")
    kind = ADDED if old is None else REMOVED if new is None else SAME if old == new else CHANGED
    return LanguageDiff(language, kind, _pair(before.title, after.title), tuple(rows(before.body, after.body)))


def rows(old: str, new: str) -> list[Row]:
    """The paragraphs of both texts in order; put together, each side is its text again."""
    left, right = _PARAGRAPH.findall(old), _PARAGRAPH.findall(new)
    found: list[Row] = []
    for tag, i1, i2, j1, j2 in _opcodes(left, right):
        if tag == "equal":
            found += [_whole(SAME, text, text) for text in left[i1:i2]]
        else:
            found += _replaced(left[i1:i2], right[j1:j2])
    return found


def _replaced(left: Sequence[str], right: Sequence[str]) -> list[Row]:
    """Paragraphs that differ: those alike stand in one row, in order, the rest alone."""
    found: list[Row] = []
    i = j = 0
    for at, other in _alike(left, right):
        found += _alone(left[i:at], right[j:other])
        found.append(_pair(left[at], right[other]))
        i, j = at + 1, other + 1
    return found + _alone(left[i:], right[j:])


def _alone(left: Sequence[str], right: Sequence[str]) -> list[Row]:
    gone = [_whole(REMOVED, text, "") for text in left]
    return gone + [_whole(ADDED, "", text) for text in right]


def _alike(left: Sequence[str], right: Sequence[str]) -> list[tuple[int, int]]:
    """The pairs that are most alike in all, never crossing (the longest common subsequence, weighted)."""
    if len(left) * len(right) > _MOST_PAIRS:
        return [(at, at) for at in range(min(len(left), len(right))) if _likeness(left[at], right[at]) >= _LIKE]
    best = [[0.0] * (len(right) + 1) for _ in range(len(left) + 1)]
    weight = [[_likeness(a, b) for b in right] for a in left]
    for i in reversed(range(len(left))):
        for j in reversed(range(len(right))):
            taken = weight[i][j] + best[i + 1][j + 1] if weight[i][j] >= _LIKE else 0.0
            best[i][j] = max(taken, best[i + 1][j], best[i][j + 1])
    return _walk(best, weight)


def _walk(best: list[list[float]], weight: list[list[float]]) -> list[tuple[int, int]]:
    found, i, j = [], 0, 0
    while i < len(best) - 1 and j < len(best[0]) - 1:
        if best[i][j] == best[i + 1][j]:
            i += 1
        elif best[i][j] == best[i][j + 1]:
            j += 1
        else:
            found.append((i, j))
            i, j = i + 1, j + 1
    return found


def _likeness(old: str, new: str) -> float:
    """The share of words in common, 0 to 1."""
    left, right = Counter(old.split()), Counter(new.split())
    return 2 * (left & right).total() / ((left.total() + right.total()) or 1)


def _pair(old: str, new: str) -> Row:
    if old == new:
        return _whole(SAME, old, new)
    if not old or not new:
        return _whole(ADDED if new else REMOVED, old, new)
    left, right = _TOKEN.findall(old), _TOKEN.findall(new)
    before: list[Piece] = []
    after: list[Piece] = []
    for tag, i1, i2, j1, j2 in _opcodes(left, right):
        _push(before, SAME if tag == "equal" else DELETED, "".join(left[i1:i2]))
        _push(after, SAME if tag == "equal" else INSERTED, "".join(right[j1:j2]))
    return Row(CHANGED, tuple(before), tuple(after))


def _push(pieces: list[Piece], kind: str, text: str) -> None:
    if text and pieces and pieces[-1].kind == kind:
        pieces[-1] = Piece(kind, pieces[-1].text + text)
    elif text:
        pieces.append(Piece(kind, text))


def _whole(kind: str, old: str, new: str) -> Row:
    left, right = (SAME, SAME) if kind == SAME else (DELETED, INSERTED)
    return Row(kind, (Piece(left, old),) if old else (), (Piece(right, new),) if new else ())


def _opcodes(left: Sequence[str], right: Sequence[str]) -> list[tuple[str, int, int, int, int]]:
    """Which stretches are equal and which were replaced, covering both from end to end."""
    found: list[tuple[str, int, int, int, int]] = []
    i = j = 0
    for at, other, size in [*_matches(left, right), (len(left), len(right), 0)]:
        if at > i or other > j:
            found.append(("replace", i, at, j, other))
        if size:
            found.append(("equal", at, at + size, other, other + size))
        i, j = at + size, other + size
    return found


def _matches(left: Sequence[str], right: Sequence[str]) -> list[tuple[int, int, int]]:
    """Equal stretches as (place, place, length): the ends both share, and between them the shortest script of edits."""
    start = _same(left, right)
    end = _same(left[start:][::-1], right[start:][::-1])
    stop, other = len(left) - end, len(right) - end
    inner = [(i + start, j + start, 1) for i, j in _shortest(left[start:stop], right[start:other])]
    found: list[tuple[int, int, int]] = []
    for i, j, size in [(0, 0, start), *inner, (stop, other, end)]:
        if found and found[-1][0] + found[-1][2] == i and found[-1][1] + found[-1][2] == j:
            found[-1] = (*found[-1][:2], found[-1][2] + size)
        elif size:
            found.append((i, j, size))
    return found


def _shortest(left: Sequence[str], right: Sequence[str]) -> list[tuple[int, int]]:
    """The equal pairs of the shortest script; none when it takes more than `_MOST_EDITS` edits.

    Source: E. W. Myers, An O(ND) Difference Algorithm and Its Variations, Algorithmica 1 (1986), the greedy form.
    """
    reach, trail = {1: 0}, []
    for edits in range(min(len(left) + len(right), _MOST_EDITS) + 1):
        trail.append(dict(reach))
        for k in range(-edits, edits + 1, 2):
            down = k == -edits or (k != edits and reach[k - 1] < reach[k + 1])
            i = reach[k + 1] if down else reach[k - 1] + 1
            while i < len(left) and i - k < len(right) and left[i] == right[i - k]:
                i += 1
            reach[k] = i
            if i >= len(left) and i - k >= len(right):
                return _back(trail, len(left), len(right))
    return []


def _back(trail: list[dict[int, int]], i: int, j: int) -> list[tuple[int, int]]:
    """The way back from the ends along the furthest reaching paths: the pairs passed on diagonals, in order."""
    found: list[tuple[int, int]] = []
    for edits in reversed(range(len(trail))):
        reach, k = trail[edits], i - j
        down = k == -edits or (k != edits and reach[k - 1] < reach[k + 1])
        before = k + 1 if down else k - 1
        x = reach[before] if edits else 0
        y = x - before if edits else 0
        while i > x and j > y:
            i, j = i - 1, j - 1
            found.append((i, j))
        i, j = x, y
    return found[::-1]


def _same(left: Sequence[str], right: Sequence[str]) -> int:
    """How many stand at the beginning of both."""
    count = 0
    for a, b in zip(left, right, strict=False):
        if a != b:
            break
        count += 1
    return count
