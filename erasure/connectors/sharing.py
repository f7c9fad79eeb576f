"""Which of the person's rows belong to other people too: they are left as they are, for a reviewer's decision.

A row is shared when a row that is not the person's refers to it (their address is somebody's address too), when it
carries somebody else's identity beside theirs, and when only shared rows led to it. The row that *is* the person (it
carries their identity and nobody else's) is masked whoever refers to it; deleting it would take it from those who do.
Rows of a tree (a comment and its answers) do not share each other by being parent and child.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable

import sqlalchemy as sa

from erasure.connectors.dataset import Address
from erasure.connectors.graph import Link
from erasure.connectors.sql import Locator, among, chunks
from erasure.connectors.walk import Place, Row, Walk, fitting, same_all


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
    for key, count in _references(walk, link, list(keys.values())):
        if count > own[key]:
            for row in rows.get(key, ()):
                row.shared = True


def _own_references(walk: Walk, link: Link) -> Counter[Locator]:
    """How many rows of the person refer to each key."""
    found: Counter[Locator] = Counter()
    child = walk.places.get(link.child)
    for row in child.mine() if child is not None else ():
        found[same_all(child.values(row, link.child_fields))] += row.count  # type: ignore[union-attr]
    return found


def _references(walk: Walk, link: Link, keys: list[Locator]) -> Iterable[tuple[Locator, int]]:
    """How many rows there are that refer to each key, counted by the database."""
    child = walk.at(link.child)
    columns = [child.table.column(name) for name in link.child_fields]
    for chunk in chunks(fitting(child.table, link.child_fields, keys)):
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
