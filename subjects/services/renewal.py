"""The blind index of identifiers follows a rotation of the index key (docs/vault.md)."""

from subjects import cells
from subjects.models import Identifier
from vault import services as vault
from vault.renewal import register_index


def register_columns() -> None:
    """`keys rotate index` knows the column; look-ups try every live version meanwhile."""
    register_index(Identifier, "index", _indexed_anew)


def _indexed_anew(row: Identifier) -> bytes:
    value = vault.open_cell(row.subject_id, cells.identifier_place(row.pk), row, "sealed")
    return bytes(row.index) if value is None else vault.blind_index(index_column(row), value.decode())


def index_column(row: Identifier) -> str:
    """The blind index column the row belongs to."""
    if row.application_id is None:
        return f"subjects_identifier.{row.kind}"
    return cells.index_column(row.kind, row.application_id)
