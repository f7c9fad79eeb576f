"""Values and keys of rows in one form for all databases. Pure: who only remembers keys needs no driver."""

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

Locator = tuple[Any, ...]
"""The key of a row: the values of its columns, in order."""


def same(value: Any) -> Any:
    """One form for a value that two databases may hold as different types."""
    if isinstance(value, Decimal):
        return str(int(value)) if value == value.to_integral_value() else str(value.normalize())
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    return None if value is None else str(value)


def same_all(values: Iterable[Any]) -> Locator:
    """`same` of a key of several columns."""
    return tuple(same(value) for value in values)
