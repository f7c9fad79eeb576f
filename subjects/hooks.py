"""What the floors above hand down: `consent` registers, in its `AppConfig.ready()`, what only the catalogue knows.

A hook nobody registered refuses (imports) or falls back to the slug (titles); nothing is let through by default.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from access.models import Application
from gdpr_portal.errors import Refused
from subjects.models import Subject


@dataclass(frozen=True)
class Questioned:
    """What a person asked about an access to their data, and how far the answer is; without a label, not asked."""

    url: str
    label: str = ""
    tone: str = ""
    answer: str = ""


@dataclass(frozen=True)
class Until:
    """Until when one value is kept for one purpose, in words; law and article where these keep it from an erasure."""

    words: str
    law: str = ""
    article: str = ""


CheckValues = Callable[[Application, str, Mapping[str, Any]], Mapping[str, str]]
CheckConsents = Callable[[Application, Sequence[Any], frozenset[str]], Sequence[Mapping[str, Any]]]
ImportConsents = Callable[[Application, Sequence[tuple[Subject, Sequence[Mapping[str, Any]]]]], None]
StoreData = Callable[..., Sequence[str]]
WithoutGround = Callable[[Application, Sequence[tuple[Subject, str]]], frozenset[UUID]]
ConsentsStand = Callable[[Application, Sequence[tuple[Subject, Sequence[Mapping[str, Any]]]]], frozenset[UUID]]
Describe = Callable[[str, str], str]
DescribeAll = Callable[[Iterable[str], str], Mapping[str, str]]
DescribeEnds = Callable[[Subject], Mapping[tuple[str, str], Until]]
IsToldOf = Callable[[Application, Subject], bool]
DescribeQuestions = Callable[[Subject, Sequence[UUID]], Mapping[UUID, Questioned]]


def _refuse_values(application: Application, purpose: str, values: Mapping[str, Any]) -> Mapping[str, str]:
    raise Refused("purpose_not_approved")


def _refuse_consents(
    application: Application, consents: Sequence[Any], purposes: frozenset[str]
) -> Sequence[Mapping[str, Any]]:
    if consents:
        raise Refused("purpose_not_approved")
    return ()


def _no_consents(application: Application, people: Sequence[tuple[Subject, Sequence[Mapping[str, Any]]]]) -> None:
    """Nothing to write: `check_consents` let nothing through."""


def _store_nothing(**asked: Any) -> Sequence[str]:
    raise Refused("purpose_not_approved")


def _nobody_has_one(application: Application, asked: Sequence[tuple[Subject, str]]) -> frozenset[UUID]:
    return frozenset(subject.pk for subject, _ in asked)


def _none_stands(
    application: Application, people: Sequence[tuple[Subject, Sequence[Mapping[str, Any]]]]
) -> frozenset[UUID]:
    return frozenset()


def _is_ours(application: Application, subject: Subject) -> bool:
    return not application.is_third_party


def _no_questions(subject: Subject, events: Sequence[UUID]) -> Mapping[UUID, Questioned]:
    return {}


def _no_ends(subject: Subject) -> Mapping[tuple[str, str], Until]:
    return {}


def _slug_in_words(slug: str, language: str) -> str:
    return slug.replace("_", " ").replace("-", " ").capitalize()


def _slugs_in_words(slugs: Iterable[str], language: str) -> Mapping[str, str]:
    return {slug: _slug_in_words(slug, language) for slug in slugs}


check_values: CheckValues = _refuse_values
"""(application, purpose, values) -> the values as stored; raises DomainError when contract or type refuses."""

check_consents: CheckConsents = _refuse_consents
"""(application, consents of the line, purposes it brings data for) -> the consents, checked.

Raises DomainError for a consent that cannot be recorded, and for data of a consent-based purpose without one."""

import_consents: ImportConsents = _no_consents
"""(application, [(subject, checked consents)]) writes the consents of a batch in its transaction, idempotently."""

store_data: StoreData = _store_nothing
"""`PUT data` of one known person: decided, written and recorded. Raises what the API answers with."""

without_ground: WithoutGround = _nobody_has_one
"""(application, [(subject, purpose)]) -> those people whom some purpose named has no lawful ground for now."""

consents_stand: ConsentsStand = _none_stands
"""(application, [(subject, checked consents)]) -> those people whose consents all stand already."""

is_told_of: IsToldOf = _is_ours
"""(application, subject) -> whether what binds the person is told to it; a third party only once they share with it."""

describe_questions: DescribeQuestions = _no_questions
"""(subject, events of the log) -> for each event that can be questioned, where, and what has come of it."""

describe_ends: DescribeEnds = _no_ends
"""(subject) -> until when each (field, purpose) held is kept; without an entry nothing ends it."""

birth_date_known: list[Callable[[Subject], None]] = []
"""(subject), locked, whose date of birth has just become known: what rested on not knowing it is looked at again."""

describe_purpose: Describe = _slug_in_words
"""(slug, language) -> the purpose's title in plain words."""

describe_fields: DescribeAll = _slugs_in_words
"""(slugs, language) -> the fields' titles in plain words, by slug."""


def describe_field(slug: str, language: str) -> str:
    """The title of one field in plain words."""
    return describe_fields([slug], language)[slug]


def register_import(
    *,
    values: CheckValues,
    consents: CheckConsents,
    write: ImportConsents,
    store: StoreData,
    refused: WithoutGround,
    stand: ConsentsStand,
) -> None:
    """Imported lines are judged by these, and their consents and the data of known people written."""
    global check_values, check_consents, import_consents, store_data, without_ground, consents_stand
    check_values, check_consents, import_consents = values, consents, write
    store_data, without_ground, consents_stand = store, refused, stand


def register_titles(*, purpose: Describe, fields: DescribeAll) -> None:
    """Pages name purposes and fields as these two say."""
    global describe_purpose, describe_fields
    describe_purpose, describe_fields = purpose, fields


def register_told_of(told: IsToldOf) -> None:
    """Applications are told what binds a person as this one says."""
    global is_told_of
    is_told_of = told


def register_questions(describe: DescribeQuestions) -> None:
    """The page of accesses offers questions, and shows what came of them, as this one says."""
    global describe_questions
    describe_questions = describe


def register_ends(describe: DescribeEnds) -> None:
    """The page of what is held says until when as this one does."""
    global describe_ends
    describe_ends = describe
