"""Which of the person's rows belong to other people too: they are left as they are, for a reviewer's decision.

A row is shared when a row that is not the person's refers to it (their address is somebody's address too), when it
carries somebody else's identity beside theirs, and when only shared rows led to it. The row that *is* the person (it
carries their identity and nobody else's) is masked whoever refers to it; deleting it would take it from those who do.
Rows of a tree (a comment and its answers) do not share each other by being parent and child.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping

import sqlalchemy as sa

from erasure.connectors.dataset import Address
from erasure.connectors.graph import Link
from erasure.connectors.sql import among, chunks
from erasure.connectors.values import Locator, same_all
from erasure.connectors.walk import Place, Row, Walk, fitting


def mark_shared(walk: Walk, *, masked: Iterable[Address], deleted: Iterable[Address]) -> None:
    """`row.shared` says of every row that an erasure would change whether it belongs to others too."""
    deleting = set(deleted)
    for address in sorted({*masked, *deleting} & walk.places.keys()):
        place = walk.places[address]
        for row in place.mine():
            row.shared = bool(row.foreign)
        for link in walk.graph.from_parent(address):
            if address in deleting or not link.to_itself:
                _by_reference(walk, place, link, whole=address in deleting)
    _onward(walk)


def _by_reference(walk: Walk, place: Place, link: Link, *, whole: bool) -> None:
    rows: dict[Locator, list[Row]] = defaultdict(list)
    keys: dict[Locator, Locator] = {}
    for row in place.mine():
        values = place.values(row, link.parent_fields)
        if None not in values and not row.shared and (whole or not row.identified):
            rows[same_all(values)].append(row)
            keys[same_all(values)] = values
    if not keys:
        return
    own = _own_references(walk, link)
    for key, count in _references(walk, link, keys):
        if count > own[key]:
            for row in rows.get(key, ()):
                row.shared = True


def _own_references(walk: Walk, link: Link) -> Counter[Locator]:
    """How many rows of the person refer to each key."""
    child = walk.places.get(link.child)
    return _counted(child, link, child.mine()) if child is not None else Counter()


def _counted(child: Place, link: Link, rows: Iterable[Row]) -> Counter[Locator]:
    found: Counter[Locator] = Counter()
    for row in rows:
        found[same_all(child.values(row, link.child_fields))] += row.count
    return found


def _references(walk: Walk, link: Link, keys: Mapping[Locator, Locator]) -> Iterator[tuple[Locator, int]]:
    """How many rows there are that refer to each key: known where the walk asked for them all, else counted there."""
    asked = walk.asked(link.child, link.child_fields)
    unasked = [values for key, values in keys.items() if key not in asked]
    child = walk.at(link.child)
    if len(unasked) < len(keys):
        known = _counted(child, link, child.rows.values())
        yield from ((key, known[key]) for key in keys if key in asked)
    columns = [child.table.column(name) for name in link.child_fields]
    for chunk in chunks(fitting(child.table, link.child_fields, unasked)):
        statement = (
            sa.select(*columns, sa.func.count())
            .select_from(child.table.clause)
            .where(among(child.table, link.child_fields, chunk))
            .group_by(*columns)
        )
        for found in child.database.rows(child.table, statement):
            yield same_all(found[:-1]), found[-1]


def _onward(walk: Walk) -> None:
    """Rows that only shared rows led down to are shared as these are."""
    changed = True
    while changed:
        changed = False
        for link in walk.graph.links:
            if link.down and not link.to_itself and link.parent in walk.places and link.child in walk.places:
                changed |= _down(walk.places[link.parent], walk.places[link.child], link)


def _down(parent: Place, child: Place, link: Link) -> bool:
    shared = {same_all(parent.values(row, link.parent_fields)) for row in parent.mine() if row.shared and not row.owned}
    fresh = [
        row
        for row in (child.mine() if shared else ())
        if not row.owned and not row.shared and same_all(child.values(row, link.child_fields)) in shared
    ]
    for row in fresh:
        row.shared = True
    return bool(fresh)
