"""Showing people their own data: opened for one page, and the log knows that they looked (Art. 15)."""

from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from access.models import Account
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
    rows = Identifier.objects.filter(subject=subject).order_by("kind")
    return [(row.kind, value) for row, value in opened_identifiers(subject.pk, rows)]


def opened_identifiers(owner: UUID, rows: QuerySet[Identifier]) -> list[tuple[Identifier, str]]:
    """The person's identifiers among these rows, each with its value; none after an erasure."""

    def opening(key: vault.SubjectKey, held: list[Identifier]) -> list[tuple[Identifier, str]]:
        return [(row, key.open(cells.identifier_place(row.pk), bytes(row.sealed)).decode()) for row in held]

    held = list(rows)
    return vault.open_cells(owner, held, lambda: list(rows.all()), opening) if held else []


def revealed_to_staff(*, subject: Subject, by: Account, reason: str, case: UUID) -> list[tuple[str, str]]:
    """What the person is recognised by, for a member of staff who has to name them to somebody; the log has who looked.

    `reason` is a code and `case` the row it is for. Empty after an erasure.
    """
    with transaction.atomic():
        found = revealed_identifiers(subject=subject)
        kinds = sorted({kind for kind, _value in found})
        audit.record(
            "data.revealed", actor=actors.staff(by.pk), subject=subject.pseudonym, fields=kinds,
            details={"reason": reason, "case": str(case), "count": len(found)},
        )  # fmt: skip
    return found
