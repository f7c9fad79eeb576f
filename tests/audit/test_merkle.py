"""The tree is RFC 6962's: vectors of the Certificate Transparency code base, and a naive recursive reading."""

import hashlib
import random

import pytest

from audit import merkle

# certificate-transparency: cpp/merkletree/merkle_tree_test.cc, go/merkletree (the "reference" inputs and roots)
INPUTS = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
INCLUSION = {  # (index, size) -> path
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
CONSISTENCY = {
    (1, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
LEAVES = [merkle.leaf_hash(data) for data in INPUTS]


# --- the naive reading of RFC 6962 section 2.1, word for word -------------------------------------------------------


def split(n: int) -> int:
    k = 1
    while 2 * k < n:
        k *= 2
    return k


def naive_root(data: list[bytes]) -> bytes:
    if not data:
        return hashlib.sha256().digest()
    if len(data) == 1:
        return hashlib.sha256(b"\x00" + data[0]).digest()
    k = split(len(data))
    return hashlib.sha256(b"\x01" + naive_root(data[:k]) + naive_root(data[k:])).digest()


def naive_path(m: int, data: list[bytes]) -> list[bytes]:
    if len(data) == 1:
        return []
    k = split(len(data))
    if m < k:
        return [*naive_path(m, data[:k]), naive_root(data[k:])]
    return [*naive_path(m - k, data[k:]), naive_root(data[:k])]


def naive_consistency(m: int, data: list[bytes], known: bool = True) -> list[bytes]:
    n = len(data)
    if m == n:
        return [] if known else [naive_root(data)]
    k = split(n)
    if m <= k:
        return [*naive_consistency(m, data[:k], known), naive_root(data[k:])]
    return [*naive_consistency(m - k, data[k:], False), naive_root(data[:k])]


def data(size: int) -> list[bytes]:
    return [bytes([n & 255, n >> 8]) for n in range(size)]


def hashed(size: int) -> list[bytes]:
    return [merkle.leaf_hash(item) for item in data(size)]


def inclusion(index: int, leaves: list[bytes]) -> list[bytes]:
    return merkle.hashes_of(merkle.inclusion_spans(index, len(leaves)), merkle.subtree_lookup(leaves))


def consistency(first: int, leaves: list[bytes]) -> list[bytes]:
    return merkle.hashes_of(merkle.consistency_spans(first, len(leaves)), merkle.subtree_lookup(leaves))


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    assert merkle.root([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize("size", range(1, 9))
def test_published_roots(size: int) -> None:
    assert merkle.root(LEAVES[:size]).hex() == ROOTS[size - 1]


@pytest.mark.parametrize(("place", "path"), INCLUSION.items())
def test_published_inclusion_proofs(place: tuple[int, int], path: list[str]) -> None:
    index, size = place
    assert [value.hex() for value in inclusion(index, LEAVES[:size])] == path
    assert merkle.inclusion_holds(
        leaf=LEAVES[index], index=index, size=size, proof=[bytes.fromhex(value) for value in path],
        root=bytes.fromhex(ROOTS[size - 1]),
    )  # fmt: skip


@pytest.mark.parametrize(("sizes", "path"), CONSISTENCY.items())
def test_published_consistency_proofs(sizes: tuple[int, int], path: list[str]) -> None:
    first, second = sizes
    assert [value.hex() for value in consistency(first, LEAVES[:second])] == path


@pytest.mark.parametrize("size", range(1, 41))
def test_every_proof_is_the_naive_one_and_holds(size: int) -> None:
    leaves, items = hashed(size), data(size)
    root = merkle.root(leaves)
    assert root == naive_root(items)
    for index in range(size):
        path = inclusion(index, leaves)
        assert path == naive_path(index, items)
        assert merkle.inclusion_holds(leaf=leaves[index], index=index, size=size, proof=path, root=root)
    for first in range(1, size + 1):
        path = consistency(first, leaves)
        assert path == naive_consistency(first, items)
        assert merkle.consistency_holds(
            first=first, second=size, first_root=naive_root(items[:first]), second_root=root, proof=path
        )


@pytest.mark.parametrize("size", [0, 1, 2, 7, 8, 100, 1023])
def test_a_compact_range_goes_on_where_it_was_left(size: int) -> None:
    leaves = hashed(size + 50)
    stored = merkle.subtree_lookup(leaves[:size])
    tree = merkle.CompactRange(size, [stored[peak] for peak in merkle.complete_subtrees(0, size)])
    for leaf in leaves[size:]:
        tree.append(leaf)
    assert (tree.size, tree.root()) == (size + 50, naive_root(data(size + 50)))


def test_a_compact_range_with_the_wrong_number_of_peaks_is_refused() -> None:
    with pytest.raises(ValueError, match="peaks"):
        merkle.CompactRange(5, [bytes(32)])


@pytest.mark.parametrize(("index", "size"), [(-1, 4), (4, 4), (0, 0)])
def test_no_inclusion_proof_outside_the_tree(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="not in a tree"):
        merkle.inclusion_spans(index, size)
    assert not merkle.inclusion_holds(leaf=bytes(32), index=index, size=size, proof=[], root=bytes(32))


@pytest.mark.parametrize(("first", "second"), [(0, 4), (5, 4), (-1, 1)])
def test_no_consistency_proof_for_sizes_that_cannot_be(first: int, second: int) -> None:
    with pytest.raises(ValueError, match="consistency"):
        merkle.consistency_spans(first, second)
    assert not merkle.consistency_holds(
        first=first, second=second, first_root=bytes(32), second_root=bytes(32), proof=[]
    )


def test_the_same_size_is_consistent_only_with_the_same_root_and_no_hashes() -> None:
    root, other = merkle.root(hashed(3)), merkle.root(hashed(4))
    same = {"first": 3, "second": 3, "first_root": root}
    assert merkle.consistency_holds(**same, second_root=root, proof=[])
    assert not merkle.consistency_holds(**same, second_root=other, proof=[])
    assert not merkle.consistency_holds(**same, second_root=root, proof=[root])


def mutated(path: list[bytes], chance: random.Random) -> list[bytes]:
    """The path with one thing wrong: a bit, a hash too many or too few, two swapped, one cut short."""
    path = list(path)
    at = chance.randrange(len(path))
    kind = chance.choice(["bit", "drop", "add", "swap", "cut"])
    if kind == "bit":
        path[at] = (int.from_bytes(path[at]) ^ 1 << chance.randrange(256)).to_bytes(32)
    elif kind == "drop":
        del path[at]
    elif kind == "add":
        path.insert(at, chance.randbytes(32))
    elif kind == "cut":
        path[at] = path[at][:-1]
    else:
        other = chance.randrange(len(path))
        path[at], path[other] = path[other], path[at]
    return path


def test_2000_mutated_proofs_are_refused() -> None:
    """And each stands beside the unmutated one that holds, so that it is the mutation that is refused."""
    chance = random.Random(6962)
    refused = 0
    while refused < 2000:
        size = chance.randrange(2, 80)
        leaves, index, first = hashed(size), chance.randrange(size), chance.randrange(1, size)
        included = {"leaf": leaves[index], "index": index, "size": size, "root": merkle.root(leaves)}
        grown = {
            "first": first, "second": size, "first_root": merkle.root(leaves[:first]),
            "second_root": merkle.root(leaves),
        }  # fmt: skip
        path, link = inclusion(index, leaves), consistency(first, leaves)
        assert merkle.inclusion_holds(**included, proof=path)
        assert merkle.consistency_holds(**grown, proof=link)
        for _ in range(5):
            if (bad := mutated(path, chance)) != path:
                assert not merkle.inclusion_holds(**included, proof=bad)
                refused += 1
            if (bad := mutated(link, chance)) != link:
                assert not merkle.consistency_holds(**grown, proof=bad)
                refused += 1
        for other in {chance.randrange(size), chance.randrange(size)} - {index}:
            assert not merkle.inclusion_holds(**{**included, "index": other}, proof=path)
            refused += 1
        assert not merkle.consistency_holds(**{**grown, "first_root": chance.randbytes(32)}, proof=link)
        assert not merkle.consistency_holds(**{**grown, "second_root": chance.randbytes(32)}, proof=link)
