"""The last step of an erasure: the person's data key is no more, or only opens what a law keeps."""

from collections.abc import Mapping

from django.db import transaction

from audit import actors
from audit import services as audit
from subjects import cells, selectors
from subjects.models import PersonalValue, Subject
from subjects.services.people import lock_subject
from subjects.services.values import drop_values
from vault import services as vault


def shred_key(*, subject: Subject, kept: Mapping[str, frozenset[str]]) -> bool:
    """Nothing sealed for the person opens any more but the kept values (Art. 17(1), 17(3)(b)); False if it was so.

    With nothing kept the data key is destroyed; else it is replaced and what stays is sealed anew, so that no backup
    of the old key opens anything. The shred ledger is written before the commit. Idempotent: a repeated call with
    something kept replaces the key once more and keeps the same values.
    """
    with transaction.atomic(savepoint=False):
        row = lock_subject(subject.pk)
        fields = selectors.kept_fields(kept)
        staying = list(PersonalValue.objects.select_for_update().filter(subject=row, field__in=fields))
        going = PersonalValue.objects.filter(subject=row).exclude(field__in=fields)
        if lost := list(going.values_list("field", flat=True)):
            drop_values(subject=row, fields=lost)
        marks = _reseal(row, staying) if staying else {}
        if not staying and not vault.destroy_data_key(row.pk):
            return False
        audit.record(
            "key.destroyed", actor=actors.system("worker"), subject=row.pseudonym, fields=list(marks),
            details={"kind": "data_key", "marks": list(marks.values())},
        )  # fmt: skip
    return True


def _reseal(subject: Subject, values: list[PersonalValue]) -> dict[str, str]:
    """The values lie under a new key; gives the mark of each new sealing, by field."""
    old, new = vault.replace_data_key(subject.pk)
    marks = {}
    for value in values:
        place = cells.value_place(value.pk, value.field)
        value.sealed = new.seal(place, old.open(place, bytes(value.sealed)))
        marks[value.field] = new.mark(place, value.sealed)
    PersonalValue.objects.bulk_update(values, ["sealed"])
    return marks
