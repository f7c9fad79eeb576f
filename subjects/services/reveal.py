"""Showing people their own data, and staff what a case needs: opened once, and the log knows who looked (Art. 15, 32).

Staff see no value unless they ask for it, with a reason, and not of many people: a look that opens identifiers, files
or rows counts, and the one past `STAFF_REVEALS_AN_HOUR` is refused and told to the log (threat T12). The words a person
wrote to the desk are the desk's work; they are recorded and do not count.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from access.models import Account
from audit import actors
from audit import services as audit
from audit.models import AuditEvent
from gdpr_portal.errors import Refused
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
    return _kinds_and_values(subject, Identifier.objects.filter(subject=subject))


def _kinds_and_values(subject: Subject, identifiers: QuerySet[Identifier]) -> list[tuple[str, str]]:
    rows = identifiers.order_by("kind")
    return [(row.kind, value) for row, value in opened_identifiers(subject.pk, rows)]


def opened_identifiers(
    owner: UUID, rows: QuerySet[Identifier], held: Sequence[Identifier] | None = None
) -> list[tuple[Identifier, str]]:
    """The person's identifiers among these rows, each with its value; none after an erasure. `held`: as just read."""

    def opening(key: vault.SubjectKey, held: Sequence[Identifier]) -> list[tuple[Identifier, str]]:
        return [(row, key.open(cells.identifier_place(row.pk), bytes(row.sealed)).decode()) for row in held]

    found = list(rows) if held is None else held
    return vault.open_cells(owner, found, lambda: list(rows.all()), opening) if found else []


def revealed_to_staff(*, subject: Subject, by: Account, reason: str, case: UUID) -> list[tuple[str, str]]:
    """What the person is recognised by, for a member of staff who has to name them to somebody; the log has who looked.

    `reason` is a code and `case` the row it is for. Nothing that nobody vouches for: it may name somebody else. Empty
    after an erasure. Raises as `staff_reveal`.
    """
    with staff_reveal(by):
        found = _kinds_and_values(subject, Identifier.objects.filter(subject=subject, is_vouched=True))
        kinds = sorted({kind for kind, _value in found})
        audit.record(
            "data.revealed", actor=actors.staff(by.pk), subject=subject.pseudonym, fields=kinds,
            details={"reason": reason, "case": str(case), "count": len(found)},
        )  # fmt: skip
    return found


class RevealQuotaError(Refused):
    """This member of staff has looked too often within an hour."""

    def __init__(self) -> None:
        super().__init__("reveal_quota", "Too many looks within an hour.")


@contextmanager
def staff_reveal(by: Account) -> Iterator[None]:
    """The transaction of one look by a member of staff; the caller records `data.revealed` in it, with its reason.

    Raises RevealQuotaError for the look past `STAFF_REVEALS_AN_HOUR`; the log has `access.refused` then.
    """
    try:
        with transaction.atomic():
            Account.objects.select_for_update().get(pk=by.pk)  # two looks at once are counted one after the other
            if _looks(by) >= settings.STAFF_REVEALS_AN_HOUR:
                raise RevealQuotaError
            yield
    except RevealQuotaError as refused:
        with transaction.atomic():
            audit.record("access.refused", actor=actors.staff(by.pk), details={"reason": refused.code})
        raise


COUNTED = ("data.revealed", "consent.proof_read")
"""Events of looks; of a scan it is the floor above that looks."""
WORDS_OF_A_CASE = ("conversation", "mandate", "question", "comments")
"""Reasons of looks at what a person wrote to the desk, or the desk about their case."""


def _looks(by: Account) -> int:
    since = timezone.now() - timedelta(hours=1)
    looks = AuditEvent.objects.filter(action__in=COUNTED, actor=actors.staff(by.pk), at__gte=since)
    return looks.exclude(details__reason__in=WORDS_OF_A_CASE).count()
