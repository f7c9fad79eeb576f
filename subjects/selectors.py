"""Questions about people, each asked for an application or for the service itself. None of them writes."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Q, QuerySet
from django.utils import timezone

from access.models import Account, Application
from gdpr_portal.errors import Gone, Invalid, Missing
from gdpr_portal.prepared import Loaded, Prepared
from subjects import cells, normalise
from subjects.models import ApplicationLink, Identifier, PersonalValue, Restriction, Retention, Subject, ValuePurpose
from vault import services as vault

KNOWN: Final = """WHERE id = %(id)s AND EXISTS (SELECT FROM subjects_applicationlink link
    WHERE link.subject_id = subjects_subject.id AND link.application_id = %(application)s)"""
"""The person of an id, if the application knows them."""
_KNOWN = Loaded(Subject, KNOWN)
_KINDS = Prepared("""
SELECT DISTINCT kind FROM subjects_identifier
WHERE subject_id = %(subject)s AND (application_id IS NULL OR application_id = %(application)s) ORDER BY kind
""")


@dataclass(frozen=True)
class HeldValue:
    """One field held about a person, without its value."""

    id: UUID
    field: str
    purposes: tuple[str, ...]
    source: str
    source_name: str
    since: datetime
    updated_at: datetime


def subject_for(*, application: Application, pairwise: UUID) -> Subject:
    """The person this application knows by this id; Missing for any other id. Erased people are returned."""
    subject = _KNOWN.first(id=vault.subject_of(application.pk, pairwise), application=application.pk)
    if subject is None:
        raise Missing()
    return subject


def ensure_not_erased(subject: Subject) -> Subject:
    """The same person; Gone once erased (Art. 17)."""
    if subject.erased_at is not None:
        raise Gone("erased", "This person has been erased.")
    return subject


def find_subject(*, application: Application, kind: str, value: str) -> Subject:
    """The person with this identifier, if the application knows them; Missing otherwise, the same for both.

    Raises Invalid (422) for what cannot be an identifier of this kind.
    """
    try:
        normalised = normalise.identifier(kind, value)
    except (KeyError, ValueError):
        raise Invalid("invalid_value", "This cannot be an identifier of this kind.", status=422) from None
    indexes = vault.blind_indexes(cells.index_column(kind, application.pk), normalised)
    subject = Subject.objects.filter(
        identifiers__index__in=indexes, links__application=application, erased_at=None
    ).first()
    if subject is None:
        raise Missing()
    return subject


def subject_by_email(email: str) -> Subject | None:
    """The person with this address, for the person's own doors; None for nobody, or for what is no address.

    None too where nobody vouches that the address is theirs: who reads the mailbox would be taken for the person.
    """
    try:
        normalised = normalise.identifier(Identifier.Kind.EMAIL, email)
    except ValueError:
        return None
    column = f"subjects_identifier.{Identifier.Kind.EMAIL}"
    return Subject.objects.filter(
        identifiers__index__in=vault.blind_indexes(column, normalised), identifiers__is_vouched=True, erased_at=None
    ).first()


def subject_known_by(identifiers: Mapping[str, str]) -> Subject | None:
    """The one person known by all of these identifiers, for the person's own doors; None for nobody, or several. What
    nobody vouches for counts for nothing.

    A customer number may be that of any application, and belong to another person in each.
    """
    found = [_known_by(kind, value) for kind, value in identifiers.items()]
    ids = set.intersection(*found) if found else set()
    return Subject.objects.get(pk=ids.pop()) if len(ids) == 1 else None


def _known_by(kind: str, value: str) -> set[UUID]:
    """The ids of everybody who has this identifier and is not erased."""
    try:
        normalised = normalise.identifier(kind, value)
    except ValueError:
        return set()
    columns = {f"subjects_identifier.{kind}"}
    if kind == Identifier.Kind.CUSTOMER_ID:
        columns = {cells.index_column(kind, owner) for owner in Application.objects.values_list("pk", flat=True)}
    indexes = [index for column in columns for index in vault.blind_indexes(column, normalised)]
    rows = Identifier.objects.filter(kind=kind, index__in=indexes, is_vouched=True, subject__erased_at=None)
    return set(rows.values_list("subject_id", flat=True))


def pairwise_of(application: Application, subject: Subject) -> UUID:
    """The id this application knows the person by; another for every application."""
    return vault.pairwise_id(application.pk, subject.pk)


def subject_of_account(account: Account) -> Subject | None:
    """The data subject who signs in with this account."""
    return Subject.objects.filter(account=account).first()


def with_purposes() -> QuerySet[PersonalValue]:
    """Values with the purposes they are linked to, for `held_value`; by field name."""
    linked = ArrayAgg("purposes__purpose", filter=Q(purposes__purpose__isnull=False), default=[])
    return PersonalValue.objects.annotate(linked=linked).order_by("field")


def held_value(row: Any) -> HeldValue:
    """What a row of `with_purposes` says."""
    return HeldValue(
        id=row.pk, field=row.field, purposes=tuple(sorted(row.linked)), source=row.source,
        source_name=row.source_name, since=row.created_at, updated_at=row.updated_at,
    )  # fmt: skip


def values_held(subject: Subject) -> list[HeldValue]:
    """What is held about the person, by field name; nothing is decrypted. One statement."""
    return [held_value(row) for row in with_purposes().filter(subject=subject)]


def purposes_of(subject: Subject, fields: Collection[str]) -> set[str]:
    """For what any of these fields is held."""
    links = ValuePurpose.objects.filter(value__subject=subject, value__field__in=fields)
    return set(links.values_list("purpose", flat=True))


def identifiers_of(application: Application, subject: Subject) -> list[str]:
    """The kinds of identifier held of the person that concern this application, sorted."""
    return [kind for (kind,) in _KINDS.all(subject=subject.pk, application=application.pk)]


def known_since(application: Application, subject: Subject) -> datetime:
    """When this application came to know the person: another moment for every application, as its id is another.

    The person's own where an erasure of this moment took the link.
    """
    links = ApplicationLink.objects.filter(subject=subject, application=application)
    return links.values_list("created_at", flat=True).first() or subject.created_at


def reference_for(application: Application, subject: Subject) -> str | None:
    """The customer number this application gave the person, opened; None when it gave none or the key is gone."""
    row = _visible_identifiers(application, subject).filter(kind=Identifier.Kind.CUSTOMER_ID).first()
    return _opened_identifier(row)


def email_of(subject: Subject) -> str | None:
    """The person's e-mail address, opened, to write to them; None when there is none, or none that is surely theirs."""
    row = Identifier.objects.filter(subject=subject, kind=Identifier.Kind.EMAIL, is_vouched=True).first()
    return _opened_identifier(row)


def emails_of(people: Iterable[UUID]) -> dict[UUID, str]:
    """`email_of` of those of these people who have one, by two statements; their rows are locked, so no key changes."""
    rows = Identifier.objects.filter(subject__in=list(people), kind=Identifier.Kind.EMAIL, is_vouched=True).order_by(
        "-pk"
    )
    found = {row.subject_id: row for row in rows}
    keys = vault.subject_keys(found)
    return {
        owner: key.open(cells.identifier_place(found[owner].pk), bytes(found[owner].sealed)).decode()
        for owner, key in keys.items()
    }


def birth_date_of(subject: Subject) -> str | None:
    """The date of birth, ISO 8601, opened; None when none is held."""
    day = vault.open_cell(subject.pk, cells.birth_date_place(subject.pseudonym), subject, "birth_date_sealed")
    return None if day is None else day.decode()


def restrictions_of(subject: Subject, at: datetime | None = None) -> QuerySet[Restriction]:
    """The restrictions (Art. 18) in force at that moment, by default now; `since` inclusive, `lifted_at` exclusive."""
    moment = at or timezone.now()
    return Restriction.objects.filter(
        Q(lifted_at=None) | Q(lifted_at__gt=moment), subject=subject, since__lte=moment
    ).order_by("since")


def is_restricted(subject: Subject, at: datetime | None = None) -> bool:
    """Whether the person's data may only be stored, not used otherwise (Art. 18(2))."""
    return restrictions_of(subject, at).exists()


def retained(subject: Subject, at: datetime | None = None) -> dict[str, frozenset[str]]:
    """What is kept by law after an erasure, {purpose: fields}: the `kept` of every Holding."""
    return retained_of([subject.pk], at)[subject.pk]


def retained_of(people: Sequence[UUID], at: datetime | None = None) -> dict[UUID, dict[str, frozenset[str]]]:
    """The same of each of these people."""
    moment = at or timezone.now()
    open_then = Q(ended_at=None) | Q(ended_at__gt=moment)
    rows = Retention.objects.filter(open_then, subject__in=people, since__lte=moment, until__gt=moment)
    kept: dict[UUID, dict[str, frozenset[str]]] = {person: {} for person in people}
    for row in rows:
        kept[row.subject_id][row.purpose] = frozenset(row.fields)
    return kept


def is_believed(application: Application, subject: Subject) -> bool:
    """Whether the application's word counts for who this person is: no third party's, and that of nobody who found them
    by a telephone number alone (decision 0067)."""
    links = ApplicationLink.objects.filter(application=application, subject=subject, by_phone_alone=True)
    return not application.is_third_party and not links.exists()


def knows(application: Application, subject: Subject) -> bool:
    """Whether the application registered the person or was given their data."""
    return ApplicationLink.objects.filter(application=application, subject=subject).exists()


def kept_fields(kept: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """Every field that stays for some purpose."""
    return frozenset().union(*kept.values()) if kept else frozenset()


def _opened_identifier(row: Identifier | None) -> str | None:
    if row is None:
        return None
    value = vault.open_cell(row.subject_id, cells.identifier_place(row.pk), row, "sealed")
    return None if value is None else value.decode()


def _visible_identifiers(application: Application, subject: Subject) -> QuerySet[Identifier]:
    return Identifier.objects.filter(Q(application=None) | Q(application=application), subject=subject)
