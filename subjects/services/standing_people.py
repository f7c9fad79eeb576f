"""Which lines of an import say nothing new: so that repeating a file is quick. Nothing is written here."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from access.models import Application
from subjects import hooks
from subjects.models import PersonalValue, Restriction, Subject, ValuePurpose
from subjects.services.given import Profile
from subjects.services.newcomers import Ready
from subjects.services.values import opened, read_values
from vault import services as vault

Named = tuple[Ready, UUID]


@dataclass(frozen=True, slots=True)
class _Held:
    """What is held about the people of a batch: themselves, their values, the purposes linked to each field."""

    people: dict[UUID, Subject]
    values: dict[UUID, dict[str, str]]
    purposes: set[tuple[UUID, str, str]]


def unchanged(application: Application, named: Sequence[Named]) -> frozenset[int]:
    """The numbers of those lines whose person is known to the application with all they say. Constant statements.

    Every identifier of a line is the person's already. Whoever is erased or restricted is not among them: the
    ordinary services decide about them.
    """
    if not named:
        return frozenset()
    held = _held(application, [owner for _, owner in named])
    silent = [(ready, owner) for ready, owner in named if _says_nothing_new(held, ready, owner)]
    asked = [(held.people[owner], ready.consents) for ready, owner in silent if ready.consents]
    answered = hooks.consents_stand(application, asked) if asked else frozenset()
    return frozenset(ready.line.number for ready, owner in silent if not ready.consents or owner in answered)


def _says_nothing_new(held: _Held, ready: Ready, owner: UUID) -> bool:
    person = held.people.get(owner)
    if person is None or _fills(person, ready.profile):
        return False
    values = held.values.get(owner, {})
    return all(
        values.get(field) == value and (owner, purpose, field) in held.purposes
        for purpose, fields in ready.values.items()
        for field, value in fields.items()
    )


def _fills(person: Subject, profile: Profile) -> bool:
    words = (profile.language and not person.language) or (profile.country and not person.country)
    return bool(words or (profile.birth_date and person.birth_date_sealed is None))


def _held(application: Application, owners: Sequence[UUID]) -> _Held:
    now = timezone.now()
    bound = Restriction.objects.filter(Q(lifted_at=None) | Q(lifted_at__gt=now), since__lte=now)
    people = Subject.objects.filter(pk__in=owners, links__application=application, erased_at=None)
    links = ValuePurpose.objects.filter(value__subject__in=owners)
    return _Held(
        people={person.pk: person for person in people.exclude(pk__in=bound.values("subject_id"))},
        values=_values(owners),
        purposes=set(links.values_list("value__subject_id", "purpose", "value__field")),
    )


def _values(owners: Iterable[UUID]) -> dict[UUID, dict[str, str]]:
    rows: dict[UUID, list[Any]] = {}
    found = PersonalValue.objects.filter(subject__in=owners).values_list("subject_id", "id", "field", "sealed")
    for owner, *row in found:
        rows.setdefault(owner, []).append(row)
    keys = vault.subject_keys(rows)
    return {owner: _opened(keys[owner], sealed) for owner, sealed in rows.items() if owner in keys}


def _opened(key: vault.SubjectKey, sealed: list[Any]) -> dict[str, str]:
    try:
        return opened(key, sealed)
    except vault.Tampered:  # or an erasure came between the two statements: this one is looked at by itself
        return read_values(subject=Subject(pk=key.owner), fields=[field for _, field, _ in sealed])
