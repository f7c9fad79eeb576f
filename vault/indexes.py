"""Blind indexes: equality look-up on sealed columns without decrypting (threat T3). Pure.

    column key = HKDF(index master vN, "index" column);   index = vN 1 byte | HMAC-SHA-256(column key, value) 32 bytes

The index master is not the master key: whoever may search need not be able to open. A column gets a key of its own, so
equal values in two columns do not show. Rotation: old and new index live side by side (`blind_indexes`) until no row
has the old version. A column whose values can be guessed from their frequency must not be indexed: `plan` refuses it.
"""

import hmac
from typing import Final

from vault.kdf import derive

INDEX_BYTES: Final = 33
FEW_VALUES: Final = frozenset({
    "active", "age", "birth_date", "birth_year", "birthday", "blood_type", "city", "country", "date_of_birth",
    "family_status", "gender", "language", "marital_status", "nationality", "place_of_birth", "postal_code", "postcode",
    "region", "religion", "salutation", "sex", "state", "status", "title", "year_of_birth", "zip",
})  # fmt: skip
"""Names of columns whose values are few, or known to be distributed unevenly: nothing of this kind gets an index."""
MOST_ROWS_PER_VALUE: Final = 2


def blind_index(master: bytes, version: int, column: str, value: str) -> bytes:
    """The 33 bytes under which the row with this value is found; callers normalise the value first.

    ValueError for a column of few values: its index would tell them (threat T3).
    """
    if has_few_values(column):
        raise ValueError("This column has few values: it is not to be indexed.")
    return bytes([version]) + hmac.digest(derive(master, "index", column), value.encode(), "sha256")


def has_few_values(column: str) -> bool:
    """Whether the column's name ("table.column", with or without a suffix `_index`) says that its values are few."""
    name = column.rpartition(".")[2].removesuffix("_index").removesuffix("_sealed")
    return name in FEW_VALUES or name.startswith(("is_", "has_"))


def plan(*, distinct: int, rows: int) -> None:
    """Nothing, when the column may be indexed; ValueError when frequency would tell its values (threat T3).

    An index shows which rows are equal. That is harmless only where values hardly repeat (identifiers): a column whose
    values stand in more than `MOST_ROWS_PER_VALUE` rows on average (country, flag, gender) is refused.
    """
    if distinct < 1 or rows < distinct:
        raise ValueError("A column has at least one value, and no more values than rows.")
    if rows > MOST_ROWS_PER_VALUE * distinct:
        raise ValueError("This column repeats its values: an index would let them be guessed.")
