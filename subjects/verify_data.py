"""Whether every held value is the one the log saw last: an older sealing put back in its own place is told (threat T6).

A cell bound to its person, column and row still opens when an *earlier* sealing of the same cell is put back by
somebody who writes to the database. So each event that seals a value carries its mark (`vault.SubjectKey.mark`), at
the place in `details.marks` where the field has it in `fields`. Marks cannot be made without the person's key, events
cannot be taken away unnoticed (`verify_audit`), and no two sealings share a mark.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db import connection

from subjects import cells
from vault import services as vault
from vault.services import Place, SubjectKey, Tampered

PEOPLE_A_STATEMENT: Final = 500
NOBODY: Final = UUID(int=0)
_PEOPLE = """
SELECT s.id, k.wrapped, k.master_version, k.commitment, k.former, held.ids, held.fields, held.sealed, seen.events
  FROM subjects_subject s JOIN vault_datakey k ON k.owner = s.id
 CROSS JOIN LATERAL (SELECT array_agg(id) AS ids, array_agg(field) AS fields, array_agg(sealed) AS sealed
                       FROM subjects_personalvalue WHERE subject_id = s.id) held
 CROSS JOIN LATERAL (SELECT json_agg(json_build_array(xid::text, fields, details->'marks') ORDER BY ordinal) AS events
                       FROM audit_event WHERE subject = s.pseudonym AND details ? 'marks') seen
 WHERE {} AND held.ids IS NOT NULL ORDER BY s.id LIMIT %s
"""
"""One statement, so that values and events are of one moment. Events of one person are in the order of their ordinals,
because whoever stores holds the person's lock until the commit."""


@dataclass(frozen=True)
class Verified:
    """What was found of some people: cells that are right, cells no event has a mark of, and places put back."""

    held: int
    unmarked: int
    put_back: tuple[Place, ...]


def verify_data(*, people: int = PEOPLE_A_STATEMENT) -> Iterator[Verified]:
    """What was found, by batches of people; nothing is changed or told. Raises Unavailable while the vault is sealed.

    `unmarked` cells were sealed before marks were kept, or their events are past retention: nothing is known of them.
    """
    after = NOBODY
    while rows := _rows(after, people):
        after = rows[-1][0]
        yield _sum([_person(*row) for row in rows])


def verify_people(people: Sequence[UUID]) -> Verified:
    """`verify_data` of these people alone."""
    return _sum([_person(*row) for row in _selected("s.id = ANY(%s)", list(people), len(people))])


def _rows(after: UUID, people: int) -> list[tuple[Any, ...]]:
    return _selected("s.id > %s", after, people)


def _selected(which: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(_PEOPLE.format(which), parameters)
        return cursor.fetchall()


def _sum(found: Sequence[Verified]) -> Verified:
    places = tuple(place for each in found for place in each.put_back)
    return Verified(sum(each.held for each in found), sum(each.unmarked for each in found), places)


def _person(
    owner: UUID, wrapped: bytes, version: int, committed: bytes, former: bytes | None,
    ids: list[UUID], fields: list[str], sealed: list[bytes], events: list[Any] | None,
) -> Verified:  # fmt: skip
    try:
        key = vault.opened(owner, wrapped, version, committed, former)
    except Tampered as error:
        return Verified(len(ids), 0, (error.place,) if error.place else ())
    seen = _marks(events or [])
    unmarked, put_back = 0, []
    for row, field, cell in zip(ids, fields, sealed, strict=True):
        place = cells.value_place(row, field)
        if field not in seen:
            unmarked += 1
        elif not _is_newest(key, place, bytes(cell), seen[field]):
            put_back.append(place)
    return Verified(len(ids), unmarked, tuple(put_back))


def _marks(events: Sequence[Sequence[Any]]) -> dict[str, list[tuple[str, str]]]:
    """Of each field the transactions and marks of its sealings, oldest first."""
    seen: dict[str, list[tuple[str, str]]] = {}
    for xid, fields, marks in events:
        for field, mark in zip(fields, marks, strict=False):  # an event's last fields may have none: they were removed
            seen.setdefault(field, []).append((xid, mark))
    return seen


def _is_newest(key: SubjectKey, place: Place, sealed: bytes, seen: list[tuple[str, str]]) -> bool:
    """The cell has the last mark, and no earlier transaction had it: a second event with it repeats an old one."""
    xid, mark = seen[-1]
    try:
        sealer = key.sealer(place, sealed)  # the key itself, or while it is renewed the one before
    except Tampered:
        return False
    return sealer.mark(place, sealed) == mark and all(earlier == xid for earlier, same in seen if same == mark)
