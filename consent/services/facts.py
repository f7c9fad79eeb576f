"""What `consent.decide` needs to know, gathered for any number of people and purposes in two statements.

Now or at a past moment: then from the intervals (events, objections, restrictions, publications, links, what a law
kept) instead of what stands. A past moment is one of valid time: an event counts from when it was given (`at`), however
late it arrived. With `known_at` only what was written here by then counts (record time, `recorded_at`); everything but
consent events is written when it begins, so that for those the two times are one (docs/decisions/0010).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.db import connection

from consent.decide import Answer, Facts, PurposeFacts
from consent.services.proofs import proofs_since
from gdpr_portal.prepared import Prepared

_NOW = "{0}.state = 'live'"
_SAID_THEN = """coalesce((SELECT ARRAY(SELECT jsonb_array_elements_text(v.before -> '{column}')) FROM consent_revision v
    WHERE v.kind = '{kind}' AND v.slug = {alias}.slug AND v.published_at > %(at)s
    ORDER BY v.published_at LIMIT 1), {alias}.{column})"""
"""What the first revision after a moment found: what was said at that moment (`consent.revised.as_of`)."""
_SAYING = {"p": ("purpose", "fields"), "r": ("recipient", "purposes")}
_THEN = "{0}.published_at <= %(at)s AND ({0}.retired_at IS NULL OR {0}.retired_at > %(at)s)"

OWN = """SELECT coalesce(r.slug, '') FROM access_application a
    LEFT JOIN consent_recipient r ON r.application_id = a.id WHERE a.id = %(application)s AND a.is_third_party"""
"""The recipient that an application of a third party is; empty when it is none, NULL for every other application."""
_CATALOGUE = """
SELECT p.slug, ({live_p}) AS live, p.lawful_basis, p.is_marketing, {said_p}, n.version, m.version,
    (SELECT coalesce(array_agg(r.slug), '{{}}') FROM consent_recipient r WHERE p.slug = ANY({said_r}) AND {live_r}),
    c.fields, c.expires_at, ({own})
FROM consent_purpose p
LEFT JOIN LATERAL (SELECT n.version FROM consent_notice n WHERE n.purpose_id = p.id AND {live_n}
    ORDER BY n.version DESC LIMIT 1) n ON true
LEFT JOIN LATERAL (SELECT max(n.version) AS version FROM consent_notice n
    WHERE n.purpose_id = p.id AND n.is_major AND n.published_at <= %(at)s) m ON true
LEFT JOIN LATERAL (SELECT c.fields, c.expires_at FROM consent_datacontract c
    WHERE c.purpose_id = p.id AND c.application_id = %(application)s AND {live_c} LIMIT 1) c ON true
WHERE p.slug = ANY(%(slugs)s) AND p.created_at <= %(at)s
"""

LIVE_CATALOGUE = _CATALOGUE.format(
    own=OWN,
    **{f"live_{alias}": _NOW.format(alias) for alias in "prnc"},
    **{f"said_{alias}": f"{alias}.{column}" for alias, (_, column) in _SAYING.items()},
)
_PAST_CATALOGUE = _CATALOGUE.format(
    own=OWN,
    **{f"live_{alias}": _THEN.format(alias) for alias in "prnc"},
    **{
        f"said_{alias}": _SAID_THEN.format(alias=alias, kind=kind, column=column)
        for alias, (kind, column) in _SAYING.items()
    },
)

_STANDING = """
SELECT jsonb_agg(jsonb_build_array(a.purpose, a.recipient, a.state, a.notice_version, a.expires_at))
FROM consent_standing a WHERE a.subject_id = s.id AND a.purpose = ANY(%(slugs)s) AND s.erased_at IS NULL
"""
_HISTORY = """
SELECT jsonb_agg(jsonb_build_array(a.purpose, a.recipient, a.state, a.notice_version, a.expires_at)) FROM (
    SELECT DISTINCT ON (e.purpose, e.recipient) e.purpose, e.recipient, e.state, e.notice_version, e.expires_at
    FROM consent_consentevent e WHERE e.subject_id = s.id AND e.purpose = ANY(%(slugs)s) AND e.at <= %(at)s
        AND (s.erased_at IS NULL OR s.erased_at > %(at)s)
        AND (%(known_at)s::timestamptz IS NULL OR e.recorded_at <= %(known_at)s)
    ORDER BY e.purpose, e.recipient, e.at DESC, e.seq DESC) a
"""
_PEOPLE = """
SELECT s.id, s.erased_at <= %(at)s OR s.erased_at < %(proofs_since)s,
    ({answers}),
    coalesce((SELECT true FROM subjects_restriction r WHERE r.subject_id = s.id AND r.since <= %(at)s
        AND (r.lifted_at IS NULL OR r.lifted_at > %(at)s) LIMIT 1), false),
    ARRAY(SELECT o.purpose::text FROM consent_objection o WHERE o.subject_id = s.id AND o.since <= %(at)s
        AND (o.ended_at IS NULL OR o.ended_at > %(at)s)),
    (SELECT jsonb_object_agg(k.purpose, to_jsonb(k.fields)) FROM subjects_retention k
        WHERE k.subject_id = s.id AND k.since <= %(at)s AND k.until > %(at)s
            AND (k.ended_at IS NULL OR k.ended_at > %(at)s)){more}
FROM subjects_subject s
WHERE s.id = ANY(%(ids)s) AND s.created_at <= %(at)s
    AND (%(linked)s::uuid IS NULL OR (SELECT true FROM subjects_applicationlink l WHERE l.subject_id = s.id
        AND l.application_id = %(linked)s::uuid AND (NOT %(past)s OR l.created_at <= %(at)s) LIMIT 1))
"""
PURPOSE = (
    "slug", "live", "basis", "is_marketing", "fields", "notice_version", "major_version", "recipients", "contract",
    "contract_until", "own",
)  # fmt: skip
_PERSON = ("id", "erased", "answers", "restricted", "objections", "retained")
FACTS = len(PURPOSE) + len(_PERSON)
# LIMIT 1 keeps each look-up one of its own, by index, as in consent.services.batches.
LASTING = """(
    {person}.erased_at IS NULL
    AND coalesce((SELECT false FROM consent_standing a WHERE a.subject_id = {person}.id AND a.expires_at > %(at)s
        AND a.expires_at <= %(lasts)s LIMIT 1), true)
    AND coalesce((SELECT false FROM subjects_restriction r WHERE r.subject_id = {person}.id
        AND (r.since > %(at)s OR r.lifted_at > %(at)s) LIMIT 1), true)
    AND coalesce((SELECT false FROM consent_objection o WHERE o.subject_id = {person}.id
        AND (o.since > %(at)s OR o.ended_at > %(at)s) LIMIT 1), true))"""
"""Whether nothing that binds the person begins or ends by the clock alone until %(lasts)s; only rows can change it."""


def _of_one(**more: str) -> str:
    person = (*_PERSON, *more)
    people = _PEOPLE.format(answers=_STANDING, more="".join(f", {each}" for each in more.values()))
    both = (
        f"SELECT catalogue.*, people.* FROM (SELECT) AS one LEFT JOIN ({LIVE_CATALOGUE})"  # noqa: S608
        f" AS catalogue ({', '.join(PURPOSE)}) ON true LEFT JOIN ({people}) AS people ({', '.join(person)}) ON true"
    )
    return both.replace("ANY(%(slugs)s)", "%(slug)s").replace("ANY(%(ids)s)", "%(id)s")


FACTS_OF_ONE = _of_one()
"""Both statements as one, for one person and one purpose now; the `FACTS` columns of what is not there are NULL."""
ONE_DECISION = Prepared(FACTS_OF_ONE)
ONE_TO_KEEP = Prepared(_of_one(lasting=LASTING.format(person="s")))
"""The same, and whether it is `LASTING`."""


@dataclass(frozen=True, slots=True)
class Question:
    """May this person's data be processed for the purpose (and shared with the recipient, and these fields)?"""

    subject: UUID
    purpose: str
    recipient: str | None = None
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Person:
    """What binds one person at the moment asked about."""

    erased: bool = False
    restricted: bool = False
    answers: dict[tuple[str, str], Answer] = field(default_factory=dict)
    objections: frozenset[str] = frozenset()
    retained: dict[str, frozenset[str]] = field(default_factory=dict)


def gather(
    questions: Sequence[Question],
    *,
    application: UUID | None,
    linked: UUID | None,
    at: datetime,
    past: bool,
    known_at: datetime | None = None,
) -> list[Facts]:
    """The facts of every question, in order. Two statements, whatever their number.

    `application` bounds by its contracts (None: by the purposes themselves); with `linked`, people whom that
    application did not know of are unknown. `known_at` asks of the past what was known of it then.
    """
    slugs = sorted({question.purpose for question in questions})
    purposes = _purposes(slugs, application=application, at=at, past=past)
    ids = list({question.subject for question in questions})
    people = _people(ids, slugs, linked=linked, at=at, past=past, known_at=known_at)
    return [facts_of(each, purposes.get(each.purpose), people.get(each.subject), at) for each in questions]


def gather_one(question: Question, *, application: UUID, at: datetime) -> Facts:
    """The facts of one question of an application as they stand now: as `gather`, by one prepared statement."""
    row = ONE_DECISION.one(**asked_of_one(question, application=application, at=at))
    assert row is not None  # outer joins of one row
    return facts_of_one(question, row, at)


def gather_to_keep(question: Question, *, application: UUID, at: datetime, lasts: datetime) -> tuple[Facts, bool]:
    """As `gather_one`, and whether only a change of rows can make them others until `lasts`: of a person who is known
    and not erased, and a purpose that is live."""
    row = ONE_TO_KEEP.one(**asked_of_one(question, application=application, at=at), lasts=lasts)
    assert row is not None  # outer joins of one row
    facts = facts_of_one(question, row, at)
    return facts, bool(row[FACTS]) and facts.purpose is not None and facts.purpose.live


def asked_of_one(question: Question, *, application: UUID, at: datetime) -> dict[str, Any]:
    """The parameters of `FACTS_OF_ONE`."""
    return {
        "slug": question.purpose, "application": application, "linked": application, "id": question.subject, "at": at,
        "past": False, "proofs_since": proofs_since(),
    }  # fmt: skip


def facts_of_one(question: Question, row: Sequence[Any], at: datetime) -> Facts:
    """What the `FACTS` columns of a row say."""
    purpose, person = row[: len(PURPOSE)], row[len(PURPOSE) : FACTS]
    return facts_of(
        question,
        None if purpose[0] is None else purpose_of(purpose),
        None if person[0] is None else _person(person),
        at,
    )


def purpose_facts(slug: str, *, application: UUID | None, at: datetime) -> PurposeFacts | None:
    """The purpose as it stands now for the application (None: for the service itself); None when nobody defined it."""
    return _purposes([slug], application=application, at=at, past=False).get(slug)


def facts_of(question: Question, purpose: PurposeFacts | None, person: Person | None, at: datetime) -> Facts:
    """What a decision rests on; without a person, somebody who is not known.

    A third party that names nobody asks for itself, and what is shared with others it is not told.
    """
    person, known = person or Person(), person is not None
    recipient, is_told = purpose.whom(question.recipient) if purpose else (question.recipient or None, False)
    return Facts(
        at=at,
        known=known,
        erased=person.erased,
        retained=person.retained.get(question.purpose),
        purpose=purpose,
        restricted=person.restricted,
        objected=question.purpose in person.objections,
        answer=person.answers.get((question.purpose, "")),
        recipient=recipient,
        sharing=person.answers.get((question.purpose, recipient)) if recipient and is_told else None,
        fields=question.fields,
    )


def _purposes(slugs: list[str], *, application: UUID | None, at: datetime, past: bool) -> dict[str, PurposeFacts]:
    rows = _rows(_PAST_CATALOGUE if past else LIVE_CATALOGUE, {"slugs": slugs, "application": application, "at": at})
    return {row[0]: purpose_of(row, bound=application is not None) for row in rows}


def purpose_of(row: Sequence[Any], *, bound: bool = True) -> PurposeFacts:
    """What the `PURPOSE` columns of a row say; `bound` by the contracts of an application."""
    _, live, basis, is_marketing, fields, version, major, recipients, contract, until, own = row
    return PurposeFacts(
        live=bool(live),
        basis=basis,
        is_marketing=is_marketing,
        fields=frozenset(fields),
        notice_version=version,
        major_version=major,
        recipients=frozenset(recipients),
        contract_bound=bound,
        contract=None if contract is None else frozenset(contract),
        contract_until=until,
        own=own,
    )


def _people(
    ids: list[UUID], slugs: list[str], *, linked: UUID | None, at: datetime, past: bool, known_at: datetime | None
) -> dict[UUID, Person]:
    statement = _PEOPLE.format(answers=_HISTORY if past else _STANDING, more="")
    asked = {"ids": ids, "slugs": slugs, "linked": linked, "at": at, "past": past}
    rows = _rows(statement, asked | {"known_at": known_at, "proofs_since": proofs_since()})
    return {row[0]: _person(row) for row in rows}


def _person(row: Sequence[Any]) -> Person:
    _, erased, answers, restricted, objections, retained = row
    return Person(
        erased=bool(erased),
        restricted=restricted,
        answers={(purpose, recipient): _answer(*rest) for purpose, recipient, *rest in _json(answers) or []},
        objections=frozenset(objections),
        retained={purpose: frozenset(fields) for purpose, fields in (_json(retained) or {}).items()},
    )


def _answer(state: str, notice_version: int | None, expires_at: str | None) -> Answer:
    return Answer(
        state=state,
        notice_version=notice_version,
        expires_at=None if expires_at is None else datetime.fromisoformat(expires_at),
    )


def _json(value: Any) -> Any:
    """jsonb as Python values: Django's cursor hands it over as text."""
    return orjson.loads(value) if isinstance(value, str) else value


def _rows(statement: str, parameters: dict[str, Any]) -> Iterable[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()
