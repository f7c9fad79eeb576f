"""Two checkpoints that two people kept: one log, or two? What is printed can be checked without this service.

Of the same size, they agree or contradict each other by themselves: two signatures over two roots are the proof. Of
different sizes, this log's consistency proof links them; where it cannot, each is held against the log, to tell which
of the two it does not lead to.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field

from audit import merkle, note, selectors, signing
from gdpr_portal.errors import DomainError


@dataclass(frozen=True)
class Comparison:
    """Whether they can belong to one log, the verdict in a sentence, and the proof of it, line by line."""

    agree: bool
    verdict: str
    lines: list[str] = field(default_factory=list)


def compare(a: str, b: str, *, vkeys: Sequence[str]) -> Comparison:
    """What two held checkpoints say about each other and about this log."""
    try:
        heads = [(note.open_checkpoint(text, vkeys, verify=signing.verify()), text) for text in (a, b)]
    except note.BadNote as error:
        return Comparison(False, f"FORGED: one of the two is no checkpoint of this log: {error}")
    (older, older_text), (newer, newer_text) = sorted(heads, key=lambda pair: pair[0].size)
    if older.size == newer.size:
        return _same_size(older, newer, [older_text, newer_text])
    return _linked(older, newer, [older_text, newer_text])


def _same_size(a: note.TreeHead, b: note.TreeHead, texts: list[str]) -> Comparison:
    if a.root == b.root:
        return Comparison(True, f"no contradiction: both are the checkpoint of {a.size} entries")
    verdict = f"CONTRADICTION: split view: two roots for the same {a.size} entries, both signed by the log"
    return Comparison(False, verdict, texts)


def _linked(older: note.TreeHead, newer: note.TreeHead, texts: list[str]) -> Comparison:
    hashes = _proof(older.size, newer.size)
    if hashes is not None and (older.size == 0 or _holds(older, newer, hashes)):
        lines = [f"consistency {base64.b64encode(value).decode()}" for value in hashes]
        return Comparison(True, f"no contradiction: {newer.size} entries begin with those {older.size}", lines)
    said = [f"{head.size} entries: {_against_log(head)}" for head in (older, newer)]
    verdict = "CONTRADICTION: this log cannot lead from the one to the other: split view, rollback or rewritten"
    return Comparison(False, verdict, [*texts, *said])


def _holds(older: note.TreeHead, newer: note.TreeHead, hashes: list[bytes]) -> bool:
    return merkle.consistency_holds(
        first=older.size, second=newer.size, first_root=older.root, second_root=newer.root, proof=hashes
    )


def _proof(first: int, second: int) -> list[bytes] | None:
    try:
        return selectors.consistency(first, second)
    except DomainError:
        return None


def _against_log(head: note.TreeHead) -> str:
    root = selectors.root_at(head.size)
    if root is None:
        return "this log has fewer entries now: it was rolled back or cut"
    return "is what this log had" if root == head.root else "is not what this log had: it shows another root there"
