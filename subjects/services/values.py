"""Personal values: held once for each person and field, linked to the purposes that need them.

Nothing is decided or recorded here: `consent.services.data` decides whether it may be and writes to the log. Callers
hold the person's lock (`lock_subject`) in a transaction when they store or drop.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from uuid import UUID

from django.db import connection
from django.utils import timezone

from access.models import Application
from subjects import cells
from subjects.models import PersonalValue, Subject, ValuePurpose
from vault import services as vault

_UNLINK = """
DELETE FROM subjects_valuepurpose link USING subjects_personalvalue held
WHERE link.value_id = held.id AND held.subject_id = %s AND link.purpose = %s AND held.field = ANY(%s)
"""
_DROP_UNLINKED = """
DELETE FROM subjects_personalvalue held WHERE held.subject_id = %s AND held.field = ANY(%s)
AND NOT EXISTS (SELECT FROM subjects_valuepurpose link WHERE link.value_id = held.id)
"""
_DROP_LINKS = """
DELETE FROM subjects_valuepurpose link USING subjects_personalvalue held
WHERE link.value_id = held.id AND held.subject_id = %s AND held.field = ANY(%s)
"""


def store_values(
    *,
    subject: Subject,
    purpose: str,
    values: Mapping[str, str | None],
    source: str,
    source_name: str = "",
    application: Application | None,
) -> dict[str, str]:
    """The named fields hold these values for the purpose, others are as before; returns the fields stored, in order,
    each with the mark of its sealing (`vault.SubjectKey.mark`), which the caller's event carries as `marks` (T6).

    None takes the field from this purpose, and the value with the last purpose that needed it. Values are validated
    by the caller. Five statements at most, however many fields.
    """
    stored = {field: value for field, value in values.items() if value is not None}
    marks: dict[str, str] = {}
    if stored:
        key = vault.subject_key(subject.pk)
        rows = [_row(key, subject, field, value, source, source_name) for field, value in stored.items()]
        _upsert(rows, purpose, application)
        marks = {row.field: key.mark(cells.value_place(row.pk, row.field), bytes(row.sealed)) for row in rows}
    removed = [field for field, value in values.items() if value is None]
    if removed:
        drop_purpose(subject=subject, purpose=purpose, fields=removed)
    return marks


def _row(
    key: vault.SubjectKey, subject: Subject, field: str, value: str, source: str, source_name: str
) -> PersonalValue:
    row = PersonalValue(
        id=cells.value_id(subject.pk, field), subject=subject, field=field, source=source, source_name=source_name
    )
    row.sealed = key.seal(cells.value_place(row.pk, field), value.encode())
    row.updated_at = timezone.now()
    return row


def _upsert(rows: list[PersonalValue], purpose: str, application: Application | None) -> None:
    PersonalValue.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["subject", "field"],
        update_fields=["sealed", "source", "source_name", "updated_at"],
    )
    links = [ValuePurpose(value=row, purpose=purpose, application=application) for row in rows]
    ValuePurpose.objects.bulk_create(links, ignore_conflicts=True)


def read_values(*, subject: Subject, fields: Sequence[str], purpose: str | None = None) -> dict[str, str]:
    """The person's values of these fields, opened; fields not held (for the purpose) are left out. Two statements.

    Raises Gone("erased") without a key, and `vault.services.Tampered` for a cell that was changed or moved.
    """
    linked = {} if purpose is None else {"purposes__purpose": purpose}
    found = PersonalValue.objects.filter(subject=subject, field__in=fields, **linked)
    rows = found.values_list("id", "field", "sealed")
    return open_values(subject.pk, list(rows), lambda: list(rows.all()))


Cells = Sequence[tuple[UUID, str, bytes | memoryview]]


def open_values(owner: UUID, held: Cells, again: Callable[[], Cells]) -> dict[str, str]:
    """The person's values in these (id, field, sealed) rows; `again` reads them anew. Raises as `read_values`."""
    return vault.open_cells(owner, held, again, opened) if held else {}


def opened(key: vault.SubjectKey, rows: Iterable[tuple[UUID, str, bytes | memoryview]]) -> dict[str, str]:
    """The values of these (id, field, sealed) rows, by field."""
    return {field: key.open(cells.value_place(row, field), bytes(sealed)).decode() for row, field, sealed in rows}


def drop_purpose(*, subject: Subject, purpose: str, fields: Sequence[str] | None = None) -> int:
    """The purpose has these fields no more (None: any); values no other purpose needs are gone. Returns the unlinked.

    Idempotent.
    """
    names = list(fields) if fields is not None else _fields_of(subject, purpose)
    with connection.cursor() as cursor:
        cursor.execute(_UNLINK, [subject.pk, purpose, names])
        unlinked = cursor.rowcount
        cursor.execute(_DROP_UNLINKED, [subject.pk, names])
    return unlinked


def drop_values(*, subject: Subject, fields: Sequence[str]) -> int:
    """These values and all their links are gone; returns how many values were. Idempotent."""
    with connection.cursor() as cursor:
        cursor.execute(_DROP_LINKS, [subject.pk, list(fields)])
        cursor.execute(_DROP_UNLINKED, [subject.pk, list(fields)])
        return cursor.rowcount


def _fields_of(subject: Subject, purpose: str) -> list[str]:
    linked = ValuePurpose.objects.filter(value__subject=subject, purpose=purpose)
    return list(linked.values_list("value__field", flat=True))
