"""Blind indexes: equality look-up on sealed columns without decrypting (threat T3). Pure.

    column key = HKDF(index master vN, "index" column);   index = vN 1 byte | HMAC-SHA-256(column key, value) 32 bytes

The index master is not the master key: whoever may search need not be able to open. A column gets a key of its own, so
equal values in two columns do not show. Rotation: old and new index live side by side (`blind_indexes`) until no row
has the old version. A column whose values can be guessed from their frequency must not be indexed: `plan` refuses it.
"""

import hmac
import math

from vault.kdf import derive

INDEX_BYTES = 33


def blind_index(master: bytes, version: int, column: str, value: str) -> bytes:
    """The 33 bytes under which the row with this value is found; callers normalise the value first."""
    return bytes([version]) + hmac.digest(derive(master, "index", column), value.encode(), "sha256")


def plan(*, distinct: int, rows: int) -> None:
    """Nothing, when the column may be indexed in full; ValueError when frequency would tell the value.

    An exact index shows which rows are equal. That is harmless only where values hardly repeat (identifiers); a column
    of few values repeated often (country, flag, gender) is refused: 2 <= rows per value <= sqrt(rows) is the only
    range where a *truncated* index would hide enough, and we keep none.
    """
    if rows < 2 or distinct < 1:
        raise ValueError("Too few rows to judge this column.")
    if rows / distinct > max(2.0, math.log2(rows) / 4):
        raise ValueError("This column repeats its values: an index would let them be guessed.")
