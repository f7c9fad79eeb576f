"""Values as a database really holds them, where that is not what the type of the column says.

SQLite keeps whatever it was given: a date as `31.01.1990`, as a number of seconds, as an empty text. A TIME of MariaDB
may be longer than a day. PostgreSQL knows `infinity`, years before 1 and after 9999, and months of no fixed length.
None of them is a reason to refuse a person their copy, and none may be handed out as something else: they are told as
they are.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa
from psycopg.adapt import Loader
from psycopg.errors import DataError
from psycopg.types.datetime import DateLoader, TimeLoader, TimestampLoader, TimestamptzLoader, TimetzLoader
from psycopg.types.string import TextLoader
from sqlalchemy.dialects.postgresql import DOMAIN

LOOSE = (sa.Date, sa.DateTime, sa.Time, sa.Boolean, sa.Numeric, sa.JSON)
"""Types whose values SQLAlchemy makes out of what a driver gives."""
ANYTHING = (*LOOSE, sa.Integer, sa.LargeBinary)
"""Types of SQLite that keep what is none of theirs."""
DAY = timedelta(days=1)
EXACT = 2**53
"""Up to here a float holds every whole number."""


class AsHeld(sa.types.TypeDecorator[Any]):
    """A column whose values are taken as they are where its type cannot take them, both ways."""

    impl = sa.types.NullType
    cache_ok = True

    def __init__(self, kind: sa.types.TypeEngine[Any], takes_anything: bool) -> None:
        super().__init__()
        self.kind, self.takes_anything = kind, takes_anything
        self.impl = self.impl_instance = kind  # type: ignore[assignment]

    @property
    def python_type(self) -> type[Any]:
        """That of the type itself."""
        return self.kind.python_type

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Callable[[Any], Any] | None:
        """Reads a value."""
        read = self.impl_instance.result_processor(dialect, coltype)
        return None if read is None else partial(_or_itself, _faithful(self.kind, read))

    def bind_processor(self, dialect: sa.Dialect) -> Callable[[Any], Any] | None:
        """Looks for a value, or writes it."""
        write = self.impl_instance.bind_processor(dialect)
        return None if write is None else partial(_or_itself, write)


def as_held(kind: sa.types.TypeEngine[Any], dialect: str) -> sa.types.TypeEngine[Any]:
    """The type, ready for what it cannot take. PostgreSQL holds what its columns say (`read_all`); a domain of it is
    taken as what lies below: a cast to the domain itself would cut what is looked for."""
    kind = kind.data_type if isinstance(kind, DOMAIN) else kind
    is_sqlite = dialect == "sqlite"
    is_loose = isinstance(kind, ANYTHING if is_sqlite else LOOSE) and dialect != "postgresql"
    return AsHeld(kind, is_sqlite) if is_loose else kind


def takes_anything(column: sa.ColumnClause[Any]) -> bool:
    """Whether a row can hold what is none of the column's type (SQLite)."""
    return isinstance(column.type, AsHeld) and column.type.takes_anything


def declared(column: sa.ColumnClause[Any]) -> Any:
    """The type of a column as it was declared."""
    return column.type.kind if isinstance(column.type, AsHeld) else column.type


def _faithful(kind: sa.types.TypeEngine[Any], read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Reads only what loses nothing by it: neither a `yes` as a truth value, nor a whole number a float cannot hold."""
    if isinstance(kind, sa.Boolean):
        return lambda value: read(value) if value in {0, 1} else value
    if isinstance(kind, sa.Numeric):
        return lambda value: value if isinstance(value, int) and abs(value) > EXACT else read(value)
    return read


def _or_itself(convert: Callable[[Any], Any], value: Any) -> Any:
    if isinstance(value, timedelta) and not timedelta(0) <= value < DAY:
        return duration(value)
    try:
        return convert(value)
    except (TypeError, ValueError, ArithmeticError):
        return value


def duration(value: timedelta) -> str:
    """Hours, minutes and seconds as MariaDB writes them, however many hours."""
    seconds = abs(value)
    minutes, rest = divmod(seconds, timedelta(minutes=1))
    fraction = f".{rest.microseconds:06}" if rest.microseconds else ""
    return f"{'-' if value < timedelta(0) else ''}{minutes // 60:02}:{minutes % 60:02}:{rest.seconds:02}{fraction}"


# --- PostgreSQL -----------------------------------------------------------------------------------------------------
def _or_text(known: type[Loader]) -> type[Loader]:
    class OrText(known):  # type: ignore[misc, valid-type]
        def load(self, data: Any) -> Any:
            try:
                return super().load(data)
            except DataError:
                return bytes(data).decode()

    return OrText


class _Unpadded(TextLoader):
    """The blanks that fill a CHAR(n) up mean nothing: its key is that of the VARCHAR that refers to it."""

    def load(self, data: Any) -> Any:
        return str(super().load(data)).rstrip(" ")


LOADERS = {
    "bpchar": _Unpadded,
    "date": _or_text(DateLoader),
    "time": _or_text(TimeLoader),
    "timetz": _or_text(TimetzLoader),
    "timestamp": _or_text(TimestampLoader),
    "timestamptz": _or_text(TimestamptzLoader),
    "interval": TextLoader,
}


def read_all(connection: Any, _record: object = None) -> None:
    """This connection of psycopg reads every moment PostgreSQL holds: as text what Python has no value for."""
    for name, loader in LOADERS.items():
        connection.adapters.register_loader(name, loader)
