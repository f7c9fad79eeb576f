"""The last step of an erasure: the person's data key is no more, or only opens what a law keeps."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from django.db import transaction

from audit import actors
from audit import services as audit
from subjects import cells, selectors
from subjects.models import PersonalValue, Subject
from subjects.services.people import lock_subjects
from vault import services as vault


def shred_key(*, subject: Subject, kept: Mapping[str, frozenset[str]]) -> bool:
    """`shred_keys` of one person; False if it was so before."""
    return bool(shred_keys(people=[subject.pk], kept=kept))


def shred_keys(*, people: Sequence[UUID], kept: Mapping[str, frozenset[str]]) -> list[UUID]:
    """Nothing sealed for these people opens any more but what is kept of each (Art. 17(1), 17(3)(b)).

    With nothing kept a data key is destroyed; else it is replaced and what stays is sealed anew, so that no backup
    of the old key opens anything. The shred ledger is written before the commit. Returns whose key it was not so of.
    Idempotent: a repeated call with something kept replaces the key once more and keeps the same values.
    """
    with transaction.atomic(savepoint=False):
        rows = lock_subjects(people)
        fields = selectors.kept_fields(kept)
        staying = _staying(people, fields)
        going = PersonalValue.objects.filter(subject__in=people).exclude(field__in=fields)
        going.delete()
        marks = {owner: _reseal(owner, values) for owner, values in staying.items()}
        shred = [*staying, *vault.destroy_data_keys(owner for owner in people if owner not in staying)]
        audit.record_many([_destroyed(rows[owner], marks.get(owner, {})) for owner in shred])
    return shred


def _staying(people: Sequence[UUID], fields: frozenset[str]) -> dict[UUID, list[PersonalValue]]:
    found: dict[UUID, list[PersonalValue]] = {}
    if fields:
        rows = PersonalValue.objects.select_for_update().filter(subject__in=people, field__in=fields)
        for value in rows.order_by("pk"):
            found.setdefault(value.subject_id, []).append(value)
    return found


def _destroyed(subject: Subject, marks: Mapping[str, str]) -> audit.Entry:
    return audit.Entry(
        action="key.destroyed", actor=actors.system("worker"), subject=subject.pseudonym, fields=list(marks),
        details={"kind": "data_key", "marks": list(marks.values())},
    )  # fmt: skip


def _reseal(owner: UUID, values: list[PersonalValue]) -> dict[str, str]:
    """The values lie under a new key; gives the mark of each new sealing, by field."""
    old, new = vault.replace_data_key(owner)
    marks = {}
    for value in values:
        place = cells.value_place(value.pk, value.field)
        value.sealed = new.seal(place, old.open(place, bytes(value.sealed)))
        marks[value.field] = new.mark(place, value.sealed)
    PersonalValue.objects.bulk_update(values, ["sealed"])
    return marks
