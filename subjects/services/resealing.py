"""What lies under a person's data key follows its renewal (vault.datakeys)."""

from collections.abc import Iterator, Sequence
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from audit import actors
from audit import services as audit
from subjects import cells
from subjects.models import Identifier, PersonalValue, Subject
from subjects.services.people import lock_subjects
from subjects.verify_data import verify_people
from vault import datakeys
from vault import services as vault
from vault.datakeys import Pass


def register_sealed() -> None:
    """`keys rotate data` knows the columns, who is one person, and what the log calls them."""
    datakeys.register_people(datakeys.People(owners_of, pseudonyms))
    datakeys.register_cell(
        Subject, "birth_date_sealed", owner="pk", place=lambda row: cells.birth_date_place(row.pseudonym)
    )
    datakeys.register_cell(Identifier, "sealed", owner="subject_id", place=lambda row: cells.identifier_place(row.pk))
    datakeys.register_step(PersonalValue, "sealed", reseal_values)


def owners_of(person: UUID) -> list[UUID]:
    """Whose keys are this person's, by the audit pseudonym: the person's own, and the account's where there is one."""
    found = Subject.objects.filter(pseudonym=person).values_list("pk", "account_id").first()
    return [owner for owner in found or () if owner is not None]


def pseudonyms(owners: Sequence[UUID]) -> dict[UUID, UUID]:
    """What the log calls the people whose keys or accounts these are; others are left out."""
    named: dict[UUID, UUID] = {}
    rows = Subject.objects.filter(Q(pk__in=owners) | Q(account__in=owners))
    for person, account, pseudonym in rows.values_list("pk", "account_id", "pseudonym"):
        named[person] = pseudonym
        if account is not None:
            named[account] = pseudonym
    return named


def reseal_values(people: Sequence[UUID]) -> Iterator[Pass]:
    """The values of these people lie under their present keys, and the log has the mark of each new sealing.

    One that is not the last the log saw (threat T6) stays as it is: sealed anew it would pass for right.
    """
    with transaction.atomic():
        subjects = lock_subjects(people)
        rows = PersonalValue.objects.select_for_update().filter(subject__in=subjects).order_by("pk")
        put_back = verify_people(list(subjects)).put_back
        keys = vault.subject_keys(subjects)
        wrong = {place.row for place in put_back}
        changed = [row for row in rows if str(row.pk) not in wrong and _reseal(row, keys.get(row.subject_id))]
        PersonalValue.objects.bulk_update(changed, ["sealed"])
        audit.record_many([_resealed(subjects[owner], keys[owner], mine) for owner, mine in _by_owner(changed)])
    yield Pass(len(changed), 0, put_back)


def _reseal(row: PersonalValue, key: vault.SubjectKey | None) -> bool:
    fresh = key.reseal(cells.value_place(row.pk, row.field), bytes(row.sealed)) if key is not None else None
    if fresh is not None:
        row.sealed = fresh
    return fresh is not None


def _by_owner(rows: Sequence[PersonalValue]) -> list[tuple[UUID, list[PersonalValue]]]:
    found: dict[UUID, list[PersonalValue]] = {}
    for row in rows:
        found.setdefault(row.subject_id, []).append(row)
    return list(found.items())


def _resealed(subject: Subject, key: vault.SubjectKey, rows: list[PersonalValue]) -> audit.Entry:
    marks = [key.mark(cells.value_place(row.pk, row.field), bytes(row.sealed)) for row in rows]
    return audit.Entry(
        action="key.resealed", actor=actors.system("worker"), subject=subject.pseudonym,
        fields=[row.field for row in rows], details={"kind": "data_key", "marks": marks},
    )  # fmt: skip
