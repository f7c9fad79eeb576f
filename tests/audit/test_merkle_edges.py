"""Proofs of another shape than the tree's are refused even where their hashes fit (found by `make mutants`)."""

import pytest

from audit import merkle
from audit.merkle import consistency_holds, inclusion_holds, node_hash

A, B, C, D, X = (bytes([number]) * 32 for number in range(5))
AB, CD = node_hash(A, B), node_hash(C, D)
LONG = bytes(33)


def test_the_proofs_these_are_bent_from_hold() -> None:
    assert inclusion_holds(leaf=A, index=0, size=1, proof=[], root=A)
    assert inclusion_holds(leaf=A, index=0, size=2, proof=[B], root=AB)
    assert consistency_holds(first=1, second=2, first_root=A, second_root=AB, proof=[B])
    assert consistency_holds(first=1, second=3, first_root=A, second_root=node_hash(AB, C), proof=[B, C])
    assert consistency_holds(
        first=3, second=4, first_root=node_hash(AB, C), second_root=node_hash(AB, CD), proof=[C, D, AB]
    )


@pytest.mark.parametrize("index", [-1, 1])
def test_no_leaf_stands_outside_the_tree(index: int) -> None:
    assert not inclusion_holds(leaf=A, index=index, size=1, proof=[], root=A)


def test_a_path_of_another_length_than_the_trees_is_refused() -> None:
    assert not inclusion_holds(leaf=A, index=0, size=1, proof=[X], root=node_hash(X, A))
    assert not inclusion_holds(leaf=A, index=0, size=2, proof=[], root=A)
    assert not inclusion_holds(leaf=A, index=0, size=2, proof=[B, X], root=node_hash(X, AB))


def test_a_hash_of_another_length_is_refused() -> None:
    assert not inclusion_holds(leaf=A, index=0, size=2, proof=[LONG], root=node_hash(A, LONG))
    assert not consistency_holds(first=1, second=2, first_root=A, second_root=node_hash(A, LONG), proof=[LONG])


def test_a_link_of_another_length_than_the_trees_is_refused() -> None:
    assert not consistency_holds(first=1, second=3, first_root=A, second_root=AB, proof=[B])
    three, four = node_hash(X, node_hash(AB, C)), node_hash(X, node_hash(AB, CD))
    assert not consistency_holds(first=3, second=4, first_root=three, second_root=four, proof=[C, D, AB, X])


def test_nothing_is_consistent_with_more_than_itself() -> None:
    assert not consistency_holds(first=2, second=1, first_root=AB, second_root=A, proof=[A])
    assert not consistency_holds(first=0, second=2, first_root=merkle.EMPTY_ROOT, second_root=AB, proof=[AB])


@pytest.mark.parametrize(("start", "end", "found"), [
    (0, 4, [(2, 0)]), (1, 4, [(0, 1), (1, 1)]), (2, 4, [(1, 1)]), (3, 8, [(0, 3), (2, 1)]), (6, 16, [(1, 3), (3, 1)]),
    (4, 4, []), (1, 2, [(0, 1)]), (2, 7, [(1, 1), (1, 2), (0, 6)]),
])  # fmt: skip
def test_the_complete_subtrees_of_a_span(start: int, end: int, found: list[tuple[int, int]]) -> None:
    assert merkle.complete_subtrees(start, end) == found
