"""The graph of a run: which collection leads to which, in which order they are read and erased. Pure.

A reference is read as a link between a *child*, which carries the value, and a *parent*, whose key it is. Data flows
along it down (from parent to child), up, or both ways; a link without direction is followed away from the identities,
the nearer collection first, so that a shared parent does not lead on to everybody who shares it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import NamedTuple

from erasure.connectors.dataset import Address, Collection, Direction
from gdpr_portal.errors import Flaw, Invalid

Keys = Mapping[Address, frozenset[str]]
"""The primary key of each collection, as the database says or else the dataset."""


@dataclass(frozen=True)
class Link:
    """A child's fields hold a parent's key. `undirected` links flow one way, away from the identities."""

    child: Address
    child_fields: tuple[str, ...]
    parent: Address
    parent_fields: tuple[str, ...]
    down: bool
    up: bool
    undirected: bool = False

    @property
    def to_itself(self) -> bool:
        """Whether rows of one collection refer to each other."""
        return self.child == self.parent


class _Reference(NamedTuple):
    here: Address
    there: Address
    direction: Direction | None
    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Graph:
    """Collections, their links, and the order of reading."""

    collections: Mapping[Address, Collection]
    links: tuple[Link, ...]
    seeds: Mapping[Address, tuple[str, ...]]
    position: Mapping[Address, int]
    people: frozenset[Address]
    """The collections whose rows carry identities."""
    belongings: frozenset[Address] = frozenset()
    """Those whose rows belong, by links flowing down, to rows that carry identities."""
    outside: frozenset[Address] = frozenset()
    _children: Mapping[Address, list[Link]] = field(default_factory=dict)
    _parents: Mapping[Address, list[Link]] = field(default_factory=dict)

    def from_parent(self, address: Address) -> list[Link]:
        """The links in which this collection is the parent."""
        return self._parents.get(address, [])

    def from_child(self, address: Address) -> list[Link]:
        """The links in which this collection is the child."""
        return self._children.get(address, [])

    def reachable(self) -> set[Address]:
        """The collections to which the identities lead."""
        return set(_distances(self.seeds, self.links))


def build(collections: Iterable[Collection], keys: Keys, kinds: Iterable[str]) -> Graph:
    """The graph for identities of these kinds. Invalid("invalid_dataset") when a reference or an order cannot be."""
    known = {each.address: each for each in collections if not each.skip}
    skipped = {each.address for each in collections if each.skip}
    wanted = set(kinds)
    seeds = {address: names for address, each in known.items() if (names := _identities(each, wanted))}
    references, outside = _references(known, skipped)
    links = _oriented(_merged(_link(each, keys) for each in grouped(references, keys)), seeds)
    _check_orders(known)
    children, parents = _indexed(links)
    people = frozenset(address for address, each in known.items() if any(leaf.identity for leaf in each.leaves()))
    return Graph(
        collections=known,
        links=tuple(links),
        seeds=seeds,
        position={address: at for at, address in enumerate(_reading_order(known, links, seeds))},
        people=people,
        belongings=frozenset(_distances(people, [replace(link, up=False) for link in links])) - people,
        outside=frozenset(outside),
        _children=children,
        _parents=parents,
    )


def _identities(collection: Collection, kinds: set[str]) -> tuple[str, ...]:
    return tuple(leaf.path for leaf in collection.leaves() if leaf.identity in kinds)


def _indexed(links: list[Link]) -> tuple[dict[Address, list[Link]], dict[Address, list[Link]]]:
    children, parents = defaultdict(list), defaultdict(list)
    for link in links:
        children[link.child].append(link)
        parents[link.parent].append(link)
    return dict(children), dict(parents)


def _references(
    known: Mapping[Address, Collection], skipped: set[Address]
) -> tuple[list[tuple[Address, str, Address, str, Direction | None]], set[Address]]:
    datasets = {address.dataset for address in known} | {address.dataset for address in skipped}
    found, outside, flaws = [], set(), []
    for collection in known.values():
        for leaf in collection.leaves():
            for reference in leaf.references:
                if reference.to.dataset not in datasets:
                    outside.add(reference.to)
                elif reference.to not in known:
                    if reference.to not in skipped:
                        flaws.append(_unknown(collection.address, leaf.path, f"collection {reference.to}"))
                elif known[reference.to].leaf(reference.field) is None:
                    flaws.append(_unknown(collection.address, leaf.path, f"field {reference.field} in {reference.to}"))
                else:
                    found.append((collection.address, leaf.path, reference.to, reference.field, reference.direction))
    if flaws:
        raise Invalid("invalid_dataset", "The datasets do not fit together.", status=422, errors=flaws)
    return found, outside


def _unknown(address: Address, path: str, what: str) -> Flaw:
    return Flaw(f"{address}/{path}", "unknown_reference", f"There is no {what}.")


# --- links --------------------------------------------------------------------------------------------------------
def _link(each: _Reference, keys: Keys) -> Link:
    here, there = tuple(a for a, _ in each.pairs), tuple(b for _, b in each.pairs)
    here_is_key = set(here) == keys.get(each.here, frozenset())
    there_is_key = set(there) == keys.get(each.there, frozenset())
    undirected = each.direction is None
    if here_is_key and not there_is_key:
        down, up = each.direction != "from", each.direction != "to"
        return Link(each.there, there, each.here, here, down, up, undirected)
    down, up = each.direction != "to", each.direction != "from"
    return Link(each.here, here, each.there, there, down, up, undirected)


def _merged(links: Iterable[Link]) -> list[Link]:
    """A link told from both of its ends, or in both directions, is one."""
    found: dict[tuple[Address, tuple[str, ...], Address, tuple[str, ...]], Link] = {}
    for link in links:
        name = (link.child, link.child_fields, link.parent, link.parent_fields)
        other = found.get(name)
        if other is not None:
            both_say = other.undirected and link.undirected
            told = [each for each in (other, link) if each.undirected == both_say]
            link = replace(
                link,
                down=any(each.down for each in told),
                up=any(each.up for each in told),
                undirected=both_say,
            )
        found[name] = link
    return list(found.values())


def _oriented(links: list[Link], seeds: Mapping[Address, tuple[str, ...]]) -> list[Link]:
    """Links without direction get theirs: from the nearer collection to the farther one; of equally near ones, up."""
    distance = _distances(seeds, links)
    far = len(links) + 1
    oriented = []
    for link in links:
        if link.undirected and not link.to_itself:
            parent, child = distance.get(link.parent, far), distance.get(link.child, far)
            link = replace(link, down=parent < child, up=child <= parent)
        oriented.append(link)
    return oriented


def _distances(seeds: Iterable[Address], links: Iterable[Link]) -> dict[Address, int]:
    onward: dict[Address, set[Address]] = defaultdict(set)
    for link in links:
        if link.down:
            onward[link.parent].add(link.child)
        if link.up:
            onward[link.child].add(link.parent)
    distance = dict.fromkeys(seeds, 0)
    ring = list(distance)
    while ring:
        ring = list(_next(ring, onward, distance))
    return distance


def _next(
    ring: list[Address], onward: Mapping[Address, set[Address]], distance: dict[Address, int]
) -> Iterator[Address]:
    for address in ring:
        for target in sorted(onward.get(address, ())):
            if target not in distance:
                distance[target] = distance[address] + 1
                yield target


# --- orders -------------------------------------------------------------------------------------------------------
def named(addresses: Iterable[Address], known: Iterable[Address]) -> set[Address]:
    """The collections meant by an order, which may name a whole dataset."""
    wanted = set(addresses)
    return {each for each in known if each in wanted or Address(each.dataset, "*") in wanted}


def _check_orders(known: Mapping[Address, Collection]) -> None:
    for member in ("after", "erase_after"):
        before = {address: named(getattr(each, member), known) - {address} for address, each in known.items()}
        stuck = _stuck(before)
        if stuck:
            flaws = [Flaw(f"{address}/{member}", "circular_order", "These wait for each other.") for address in stuck]
            raise Invalid("invalid_dataset", "The order is circular.", status=422, errors=flaws)


def _stuck(before: Mapping[Address, set[Address]]) -> list[Address]:
    left = {address: set(others) for address, others in before.items()}
    while free := [address for address, others in left.items() if not others & left.keys()]:
        for address in free:
            del left[address]
    return sorted(left)


def _reading_order(
    known: Mapping[Address, Collection], links: Iterable[Link], seeds: Iterable[Address]
) -> list[Address]:
    """Parents of a flow before what it leads to, as far as cycles allow; `after` before any flow."""
    edges = [(other, address) for address, each in known.items() for other in named(each.after, known)]
    flows = [(link.parent, link.child) for link in links if link.down]
    flows += [(link.child, link.parent) for link in links if link.up]
    return sorted_by([edges, flows], sorted(known, key=lambda address: (address not in set(seeds), address)))


def sorted_by(constraints: Iterable[Iterable[tuple[Address, Address]]], addresses: Iterable[Address]) -> list[Address]:
    """The addresses so that the first of each pair precedes the second; pairs that close a circle give way."""
    order = list(addresses)
    after: dict[Address, set[Address]] = {address: set() for address in order}
    for group in constraints:
        for first, second in group:
            both_known = first != second and first in after and second in after
            if both_known and not _leads(after, second, first):
                after[first].add(second)
    return _topological(order, after)


def _leads(after: Mapping[Address, set[Address]], start: Address, end: Address) -> bool:
    seen, stack = {start}, [start]
    while stack:
        address = stack.pop()
        if address == end:
            return True
        fresh = after[address] - seen
        seen |= fresh
        stack.extend(fresh)
    return False


def _topological(order: list[Address], after: Mapping[Address, set[Address]]) -> list[Address]:
    waits = dict.fromkeys(order, 0)
    for seconds in after.values():
        for second in seconds:
            waits[second] += 1
    done: list[Address] = []
    while len(done) < len(order):
        free = next(address for address in order if waits[address] == 0)
        waits[free] = -1
        done.append(free)
        for second in after[free]:
            waits[second] -= 1
    return done


def grouped(
    references: Iterable[tuple[Address, str, Address, str, Direction | None]], keys: Keys
) -> Iterator[_Reference]:
    """References that together name a composite key are one; each of the others stands for itself."""

    def ends(each: tuple[Address, str, Address, str, Direction | None]) -> tuple[Address, Address, str]:
        return each[0], each[2], each[4] or ""

    for (here, there, direction), members in groupby(sorted(references, key=ends), key=ends):
        pairs = [(own, other) for _here, own, _there, other, _direction in members]
        way: Direction | None = "from" if direction == "from" else "to" if direction == "to" else None
        together = _composite(pairs, keys.get(here, frozenset()), keys.get(there, frozenset()))
        if together:
            yield _Reference(here, there, way, tuple(together))
        for pair in pairs:
            if pair not in together:
                yield _Reference(here, there, way, (pair,))


def _composite(
    pairs: list[tuple[str, str]], here_key: frozenset[str], there_key: frozenset[str]
) -> list[tuple[str, str]]:
    for side, key in ((1, there_key), (0, here_key)):
        part = [pair for pair in pairs if pair[side] in key]
        distinct = len({own for own, _ in part}) == len(part) == len({other for _, other in part})
        if len(key) > 1 and distinct and {pair[side] for pair in part} == key:
            return part
    return []
