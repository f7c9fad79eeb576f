"""What a driver says, as one of our codes. Its own words are dropped: they can hold values, hosts and passwords."""

from typing import Any

from sqlalchemy.exc import DBAPIError, NoSuchTableError, SQLAlchemyError

_BY_STATE = {
    "42P01": "table_missing",
    "3F000": "table_missing",
    "42703": "column_missing",
    "42501": "permission_denied",
    "25006": "read_only_connection",
    "57014": "timeout",
    "55P03": "conflict",
    "40001": "conflict",
    "40P01": "conflict",
    "22001": "value_too_long",
}
_BY_NUMBER = {
    1146: "table_missing",
    1049: "table_missing",
    1054: "column_missing",
    1142: "permission_denied",
    1143: "permission_denied",
    1370: "permission_denied",
    1290: "read_only_connection",
    1792: "read_only_connection",
    1205: "conflict",
    1213: "conflict",
    1020: "conflict",
    1406: "value_too_long",
    1969: "timeout",
    3024: "timeout",
    2002: "connection_failed",
    2003: "connection_failed",
    2006: "connection_failed",
    2013: "connection_failed",
    1044: "connection_failed",
    1045: "connection_failed",
}
_BY_WORDS = {
    "no such table": "table_missing",
    "no such column": "column_missing",
    "readonly database": "read_only_connection",
    "locked": "conflict",
    "unable to open": "connection_failed",
    "not authorized": "permission_denied",
}


def code_of(error: SQLAlchemyError, *, otherwise: str = "database_error") -> str:
    """The code for an error of the database."""
    if isinstance(error, NoSuchTableError):
        return "table_missing"
    if not isinstance(error, DBAPIError):
        return otherwise
    return _by_driver(error.orig) or ("connection_failed" if error.connection_invalidated else otherwise)


def _by_driver(original: Any) -> str | None:
    state = getattr(original, "sqlstate", None)
    if state:
        known = {"08": "connection_failed", "28": "connection_failed", "23": "constraint_violated"}
        return _BY_STATE.get(state) or known.get(state[:2])
    number = original.args[0] if getattr(original, "args", ()) else None
    if number in _BY_NUMBER:
        return _BY_NUMBER[number]
    if type(original).__name__ == "IntegrityError":
        return "constraint_violated"
    return next((code for words, code in _BY_WORDS.items() if words in str(original)), None)
