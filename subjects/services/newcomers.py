"""Many new people in one transaction, by a number of statements that does not depend on how many they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4

from django.db import transaction
from django.utils import timezone

from access.models import Application
from audit import actors
from audit import services as audit
from gdpr_portal.copying import copy_in
from subjects import cells, hooks
from subjects.import_lines import Line
from subjects.models import ApplicationLink, Identifier, PersonalValue, Subject, ValuePurpose
from subjects.services.given import Profile
from subjects.services.people import new_identifiers, sealed_birth_date
from vault import services as vault

SOURCE: Final = PersonalValue.Source.SUBJECT
"""Whom imported values come from: the person, through the application (Art. 13)."""


@dataclass(frozen=True, slots=True)
class Run:
    """One import: whose people come in, and the id that its events in the audit log carry as `batch`."""

    application: Application
    batch: UUID

    @property
    def about(self) -> dict[str, Any]:
        return {"application": self.application.slug, "batch": str(self.batch)}


@dataclass(frozen=True, slots=True)
class Ready:
    """A line judged good as far as the line alone tells: normalised, in the contract, consents with their evidence."""

    line: Line
    identifiers: dict[str, str]
    profile: Profile
    values: dict[str, Mapping[str, str]]
    consents: Sequence[Mapping[str, Any]]

    @property
    def merged(self) -> dict[str, str]:
        """The values by field, each once; the line does not contradict itself."""
        return {field: value for values in self.values.values() for field, value in values.items()}


class WithoutGroundError(Exception):
    """Of these lines, by number, some data would have no lawful ground (a child's pending consent): none came in."""

    def __init__(self, numbers: frozenset[int]) -> None:
        super().__init__(f"{len(numbers)} lines")
        self.numbers = numbers


def write_newcomers(run: Run, people: Sequence[Ready]) -> None:
    """Nobody of them was known; all of them are, with everything their lines bring, or none is.

    Raises IntegrityError when somebody else registered one of them meanwhile, WithoutGroundError, and what recording
    a consent raises.
    """
    if not people:
        return
    with transaction.atomic():
        subjects = [_subject(ready) for ready in people]
        keys = vault.create_data_keys([subject.pk for subject in subjects])
        pairs = list(zip(subjects, people, strict=True))
        _write_people(run, pairs, keys)
        _write_consents(run, pairs)
        marks = _write_values(run, pairs, keys)
        audit.record_many([entry for subject, ready in pairs for entry in _entries(run, subject, ready, marks)])


def _subject(ready: Ready) -> Subject:
    profile = ready.profile
    return Subject(id=uuid4(), language=profile.language or "", country=profile.country or "")


_Pairs = Sequence[tuple[Subject, Ready]]
_Keys = Mapping[UUID, vault.SubjectKey]
_Marks = dict[tuple[UUID, str], str]
"""Of each person's field the mark of its sealing, for the event (threat T6)."""


def _write_people(run: Run, pairs: _Pairs, keys: _Keys) -> None:
    now = timezone.now()
    application = run.application.pk
    copy_in(Subject, _PEOPLE, (_person(subject, ready, keys[subject.pk], now) for subject, ready in pairs))
    identifiers = [
        row
        for subject, ready in pairs
        for row in new_identifiers(run.application, subject.pk, ready.identifiers, keys[subject.pk])
    ]
    # In one order for everybody: two imports of the same people wait for each other and do not deadlock.
    identifiers.sort(key=lambda row: bytes(row.index))
    cells_of = (
        (row.pk, row.subject_id, row.kind, row.application_id, row.index, row.sealed, now) for row in identifiers
    )
    copy_in(Identifier, _IDENTIFIERS, cells_of)
    copy_in(ApplicationLink, _LINKS, ((subject.pk, application, now) for subject, _ in pairs))


def _person(subject: Subject, ready: Ready, key: vault.SubjectKey, now: datetime) -> tuple[Any, ...]:
    if ready.profile.birth_date:
        subject.birth_date_sealed = sealed_birth_date(key, subject, ready.profile.birth_date)
    return (
        subject.pk, subject.pseudonym, subject.language, subject.country, subject.birth_date_sealed, now
    )  # fmt: skip


def _write_consents(run: Run, pairs: _Pairs) -> None:
    """The consents stand, and every purpose they were to permit is permitted."""
    consenting = [(subject, ready) for subject, ready in pairs if ready.consents]
    if not consenting:
        return
    hooks.import_consents(run.application, [(subject, ready.consents) for subject, ready in consenting])
    asked = [(subject, purpose) for subject, ready in consenting for purpose in ready.values]
    refused = hooks.without_ground(run.application, asked)
    if refused:
        raise WithoutGroundError(frozenset(ready.line.number for subject, ready in consenting if subject.pk in refused))


def _write_values(run: Run, pairs: _Pairs, keys: _Keys) -> _Marks:
    """The values are held, each for its purposes; gives the mark of each sealing."""
    now = timezone.now()
    application = run.application.pk
    held = [
        (keys[subject.pk], field, cells.value_id(subject.pk, field), value.encode())
        for subject, ready in pairs
        for field, value in ready.merged.items()
    ]
    sealed = vault.seal_cells(cells.VALUES, [(key, field, str(row), value) for key, field, row, value in held])
    rows = [(row, key, field, cell) for (key, field, row, _), cell in zip(held, sealed, strict=True)]
    copy_in(
        PersonalValue,
        _VALUES,
        ((row, key.owner, field, cell, SOURCE.value, "", now, now) for row, key, field, cell in rows),
    )
    copy_in(
        ValuePurpose,
        _PURPOSES,
        (
            (cells.value_id(subject.pk, field), purpose, application, now)
            for subject, ready in pairs
            for purpose, values in ready.values.items()
            for field in values
        ),
    )
    return {(key.owner, field): key.mark(cells.value_place(row, field), cell) for row, key, field, cell in rows}


_PEOPLE: Final = ("id", "pseudonym", "language", "country", "birth_date_sealed", "created_at")
_IDENTIFIERS: Final = ("id", "subject_id", "kind", "application_id", "index", "sealed", "created_at")
_LINKS: Final = ("subject_id", "application_id", "created_at")
_VALUES: Final = ("id", "subject_id", "field", "sealed", "source", "source_name", "created_at", "updated_at")
_PURPOSES: Final = ("value_id", "purpose", "application_id", "since")


def _entries(run: Run, subject: Subject, ready: Ready, marks: _Marks) -> list[audit.Entry]:
    actor = actors.application(run.application.slug)
    imported = audit.Entry(
        action="subject.imported", actor=actor, subject=subject.pseudonym,
        details=run.about | {"kinds": sorted(ready.identifiers)},
    )  # fmt: skip
    stored = [
        audit.Entry(
            action="data.stored", actor=actor, subject=subject.pseudonym, purpose=purpose, fields=sorted(values),
            details=run.about | {"source": SOURCE.value, "count": len(values)}
            | {"marks": [marks[subject.pk, field] for field in sorted(values)]},
        )
        for purpose, values in ready.values.items()
    ]  # fmt: skip
    return [imported, *stored]
