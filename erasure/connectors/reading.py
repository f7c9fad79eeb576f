"""Access: what is handed out of the rows that were found, as they come from the cursor, never all at once."""

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from erasure.connectors import documents
from erasure.connectors.dataset import Address, Field
from erasure.connectors.intents import Wanted
from erasure.connectors.report import Report
from erasure.connectors.walk import Place, Row, Walk


def read(walk: Walk, wanted: Wanted, report: Report) -> Iterator[tuple[Address, dict[str, Any]]]:
    """The person's rows, in the fields of the wanted categories; other people's are counted, not handed out."""
    for address in sorted(walk.places):
        leaves = wanted.leaves(walk.graph.collections[address])
        for given in _rows(walk, walk.places[address], leaves, report) if leaves else ():
            yield address, given


def _rows(walk: Walk, place: Place, leaves: Sequence[Field], report: Report) -> Iterator[dict[str, Any]]:
    """Of one collection; how many of its rows are withheld, or in part, stands in the report after the last."""
    paths, withheld = {leaf.path for leaf in leaves}, 0
    for row, values in walk.again(place, [leaf.column for leaf in leaves]):
        is_theirs = row.whose == "mine"
        withheld += not is_theirs or bool(row.foreign & paths)
        if is_theirs and (given := _given(row, values, leaves)):
            yield given
    report.withhold(place.address, "third_party", withheld)


def _given(row: Row, values: Mapping[str, Any], leaves: Iterable[Field]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    paths: dict[str, list[str]] = {}
    for leaf in leaves:
        if leaf.nested:
            paths.setdefault(leaf.column, []).append(leaf.path.partition(".")[2])
        elif leaf.path not in row.foreign:
            given[leaf.path] = plain(values[leaf.column])
    for column, members in paths.items():
        held = values[column]
        is_whole = documents.is_unreadable(held)
        given[column] = plain(held if is_whole else documents.picked(documents.opened(held), members))
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
