"""Access: what is handed out of the rows that were found; read a batch of keys at a time, never all at once."""

import base64
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from erasure.connectors import documents
from erasure.connectors.dataset import Address, Field
from erasure.connectors.intents import Wanted
from erasure.connectors.report import Report
from erasure.connectors.sql import among, chunks
from erasure.connectors.walk import Place, Row, Walk, same_all


def read(walk: Walk, wanted: Wanted, report: Report) -> Iterator[tuple[Address, dict[str, Any]]]:
    """The person's rows, in the fields of the wanted categories; other people's are counted, not handed out."""
    for address in sorted(walk.places):
        place = walk.places[address]
        leaves = wanted.leaves(walk.graph.collections[address])
        if leaves:
            report.withhold(address, "third_party", place.others() + _foreign(place, leaves))
            for row in _rows(place, leaves):
                yield address, row


def _foreign(place: Place, leaves: Iterable[Field]) -> int:
    """How many of the person's rows carry somebody else's identity in a wanted field."""
    wanted = {leaf.path for leaf in leaves}
    return sum(row.count for row in place.mine() if row.foreign & wanted)


def _rows(place: Place, leaves: list[Field]) -> Iterator[dict[str, Any]]:
    columns = list(dict.fromkeys(leaf.column for leaf in leaves))
    names = list(dict.fromkeys((*place.locator, *columns)))
    for chunk in chunks(place.mine()):
        where = among(place.table, place.locator, [row.locator for row in chunk])
        statement = sa.select(*(place.table.column(name) for name in names)).where(where)
        for found in place.database.rows(place.table, statement):
            values = dict(zip(names, found, strict=True))
            row = place.rows.get(same_all(values[name] for name in place.locator))
            if row is not None and row.whose == "mine" and (given := _given(row, values, leaves)):
                yield given


def _given(row: Row, values: Mapping[str, Any], leaves: Iterable[Field]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    paths: dict[str, list[str]] = {}
    for leaf in leaves:
        if leaf.nested:
            paths.setdefault(leaf.column, []).append(leaf.path.partition(".")[2])
        elif leaf.path not in row.foreign:
            given[leaf.path] = plain(values[leaf.column])
    for column, members in paths.items():
        given[column] = plain(documents.picked(documents.opened(values[column]), members))
    return given


def plain(value: Any) -> Any:
    """The value as JSON has it: exact numbers as text, moments in ISO 8601, bytes in base64."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if value == value and abs(value) != float("inf") else str(value)
        case Decimal():
            return str(value)
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta():
            return str(value)
        case UUID():
            return str(value)
        case bytes() | bytearray() | memoryview():
            return base64.b64encode(bytes(value)).decode()
        case Mapping():
            return {str(name): plain(each) for name, each in value.items()}
        case list() | tuple() | set() | frozenset():
            return [plain(each) for each in value]
        case _:
            return str(value)
