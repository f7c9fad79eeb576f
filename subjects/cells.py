"""Where the sealed cells of this app are, and how they are found: places, blind index columns, ids of values."""

from uuid import UUID, uuid5

from vault.services import Place

VALUES = "subjects_personalvalue"


def value_id(subject: UUID, field: str) -> UUID:
    """The id of the person's value of this field.

    Derived from the random subject id, so that an upsert knows which row it seals for without reading it first; two
    parallel writes agree. Every row of `PersonalValue` gets its id here.
    """
    return uuid5(subject, field)


def value_place(value: UUID, field: str) -> Place:
    """The cell of a personal value."""
    return Place(VALUES, field, str(value))


def identifier_place(identifier: UUID) -> Place:
    """The cell of an identifier as it was normalised."""
    return Place("subjects_identifier", "sealed", str(identifier))


def birth_date_place(pseudonym: UUID) -> Place:
    """The cell of a person's date of birth, ISO 8601. Its row is the pseudonym: a tampered cell is named in the log."""
    return Place("subjects_subject", "birth_date_sealed", str(pseudonym))


def index_column(kind: str, application: UUID) -> str:
    """The blind index column of an identifier: e-mail and phone are common to all, customer numbers one's own."""
    column = f"subjects_identifier.{kind}"
    return f"{column}:{application}" if kind == "customer_id" else column
