"""Showing people their own data: opened for one page, and the log knows that they looked (Art. 15)."""

from django.db import transaction

from audit import actors
from audit import services as audit
from subjects import cells
from subjects.models import Identifier, PersonalValue, Subject
from subjects.services.values import read_values
from vault import services as vault


def revealed_values(*, subject: Subject) -> dict[str, str]:
    """Every value held about the person, by field."""
    fields = sorted(PersonalValue.objects.filter(subject=subject).values_list("field", flat=True))
    with transaction.atomic():
        values = read_values(subject=subject, fields=fields)
        audit.record("data.revealed", actor=actors.SUBJECT, subject=subject.pseudonym, fields=fields)
    return values


def revealed_identifiers(*, subject: Subject) -> list[tuple[str, str]]:
    """What the person is recognised by: kind and value, by kind."""
    rows = list(Identifier.objects.filter(subject=subject).order_by("kind"))
    if not rows:
        return []
    key = vault.subject_key(subject.pk)
    return [(row.kind, key.open(cells.identifier_place(row.pk), bytes(row.sealed)).decode()) for row in rows]
