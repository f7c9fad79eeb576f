"""Very many decisions at once: the database gathers and groups, each group is decided once.

One prepared statement. Of what a person said only that is looked at which tells their decision from another's: an end
of consent that has passed is one that passed now, and one further off than any answer is good for is none. So of a
thousand items there are a handful of groups, and `consent.decide` is asked once for each. Every person is found by
index, however many there are (tests/consent/test_query_plans.py); the answers are those of `decide_one`
(tests/frame/test_quick_batch.py, tests/consent/test_decisions_model.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone

from consent.decide import FRESH_SECONDS, Answer, decide
from consent.services.decisions import NOBODY, Decision
from consent.services.facts import LASTING, LIVE_CATALOGUE, OWN, PURPOSE, Person, Question, facts_of, purpose_of
from consent.services.proofs import proofs_since
from gdpr_portal.prepared import Prepared
from vault.services import subject_blocks

ID_BYTES = 16

_END = "CASE WHEN {0}.expires_at <= %(soon)s THEN greatest({0}.expires_at, %(at)s) END"


# LIMIT 1 keeps each look-up one of its own, by index: joined or in EXISTS, a whole table may be hashed for them.
def _text(lasting: str) -> str:
    """The statement; `lasting` is what it says of each person beside."""
    return f"""
WITH catalogue ({", ".join(PURPOSE)}) AS MATERIALIZED ({LIVE_CATALOGUE}),
own AS MATERIALIZED ({OWN}),
seen AS (
    SELECT item.place::int AS place, item.purpose AS asked, item.recipient AS with_whom,
        person.id IS NOT NULL AS known, coalesce(person.erased, false) AS erased, coalesce(kept.yes, false) AS kept,
        coalesce(restricted.yes, false) AS restricted, coalesce(objected.yes, false) AS objected,
        answer.state AS answer, answer.notice_version AS answered_to, {_END.format("answer")} AS answer_ends,
        sharing.state AS sharing, {_END.format("sharing")} AS sharing_ends, {lasting} AS lasting
    FROM unnest(%(people)s::uuid[], %(purposes)s::int[], %(recipients)s::int[])
        WITH ORDINALITY AS item (person, purpose, recipient, place)
    CROSS JOIN LATERAL (
        SELECT (%(slugs)s::text[])[item.purpose] AS slug,
            coalesce((%(names)s::text[])[item.recipient], (SELECT * FROM own)) AS name) said
    LEFT JOIN LATERAL (SELECT s.id, s.erased_at, s.erased_at <= %(at)s OR s.erased_at < %(proofs_since)s AS erased
        FROM subjects_subject s WHERE s.id = item.person AND s.created_at <= %(at)s AND (SELECT true
            FROM subjects_applicationlink l WHERE l.subject_id = s.id AND l.application_id = %(application)s LIMIT 1)
        LIMIT 1) person ON true
    LEFT JOIN LATERAL (SELECT true AS yes FROM subjects_retention k WHERE k.subject_id = person.id AND person.erased
        AND k.purpose = said.slug AND k.since <= %(at)s AND k.until > %(at)s
        AND (k.ended_at IS NULL OR k.ended_at > %(at)s) LIMIT 1) kept ON true
    LEFT JOIN LATERAL (SELECT true AS yes FROM subjects_restriction r WHERE r.subject_id = person.id
        AND r.since <= %(at)s AND (r.lifted_at IS NULL OR r.lifted_at > %(at)s) LIMIT 1) restricted ON true
    LEFT JOIN LATERAL (SELECT true AS yes FROM consent_objection o WHERE o.subject_id = person.id
        AND o.purpose = said.slug AND o.since <= %(at)s AND (o.ended_at IS NULL OR o.ended_at > %(at)s)
        LIMIT 1) objected ON true
    LEFT JOIN LATERAL (SELECT a.state, a.notice_version, a.expires_at FROM consent_standing a
        WHERE a.subject_id = person.id AND person.erased_at IS NULL AND a.purpose = said.slug AND a.recipient = ''
        LIMIT 1) answer ON true
    LEFT JOIN LATERAL (SELECT a.state, a.expires_at FROM consent_standing a
        WHERE said.name <> '' AND said.name = coalesce((SELECT * FROM own), said.name) AND a.subject_id = person.id
            AND person.erased_at IS NULL AND a.purpose = said.slug AND a.recipient = said.name LIMIT 1) sharing ON true
),
alike AS (
    SELECT asked, with_whom, known, erased, kept, restricted, objected, answer, answered_to, answer_ends, sharing,
        sharing_ends, lasting, array_agg(place) AS places
    FROM seen GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13
)
SELECT catalogue.*, alike.* FROM alike LEFT JOIN catalogue ON catalogue.slug = (%(slugs)s::text[])[alike.asked]
"""  # noqa: S608  constants only


BATCH = Prepared(_text("false"), binary=True)
BATCH_TO_KEEP = Prepared(_text(LASTING.replace("{person}", "person")), binary=True)


@dataclass(frozen=True, slots=True)
class Items:
    """What is asked: the application's own ids, 16 bytes each, and for each a purpose and a recipient or None."""

    subjects: bytes
    purposes: Sequence[str]
    recipients: Sequence[str | None]


@dataclass(frozen=True, slots=True)
class Alike:
    """Items that are decided alike; `places` from 1, `purpose` empty when it is none of ours. `is_lasting` as told by
    `decide_to_keep`."""

    decision: Decision
    purpose: str
    places: Sequence[int]
    is_lasting: bool = False


def decide_alike(*, application: UUID, items: Items) -> list[Alike]:
    """The decisions on all items, now; every place stands in exactly one of them."""
    return _decide_alike(BATCH, application, items, timezone.now())


def decide_alike_to_keep(*, application: UUID, items: Items, at: datetime, lasts: timedelta) -> list[Alike]:
    """As `decide_alike`, at this moment, and which of them hold for so long unless a row changes."""
    return _decide_alike(BATCH_TO_KEEP, application, items, at, lasts=at + lasts)


def _decide_alike(statement: Prepared, application: UUID, items: Items, now: datetime, **more: datetime) -> list[Alike]:
    slugs, asked = _numbered(items.purposes)
    names, with_whom = _numbered(items.recipients)
    rows = statement.all(
        people=_ids(subject_blocks(application, items.subjects)), purposes=asked, recipients=with_whom, slugs=slugs,
        names=names, application=application, at=now, soon=now + timedelta(seconds=FRESH_SECONDS),
        proofs_since=proofs_since(), **more,
    )  # fmt: skip
    return [_alike(row, slugs, names, now) for row in rows]


def _alike(row: Sequence[Any], slugs: list[str], names: list[str], now: datetime) -> Alike:
    purpose, rest = row[: len(PURPOSE)], row[len(PURPOSE) :]
    (
        asked, with_whom, known, erased, kept, restricted, objected, answer, answered_to, ends, shares, sharing_ends,
        lasting, places,
    ) = rest  # fmt: skip
    slug, recipient = slugs[asked - 1], names[with_whom - 1] if with_whom else None
    known_purpose = None if purpose[0] is None else purpose_of(purpose)
    with_it, answers = recipient or (known_purpose.own if known_purpose else None), {}
    if answer is not None:
        answers[slug, ""] = Answer(state=answer, notice_version=answered_to, expires_at=ends)
    if shares is not None and with_it is not None:
        answers[slug, with_it] = Answer(state=shares, expires_at=sharing_ends)
    person = Person(
        erased=erased, restricted=restricted, answers=answers, objections=frozenset({slug} if objected else ()),
        retained={slug: frozenset()} if kept else {},
    )  # fmt: skip
    question = Question(NOBODY, slug, recipient)
    verdict = decide(facts_of(question, known_purpose, person if known else None, now))
    is_lasting = lasting and known and not erased and known_purpose is not None and known_purpose.live
    return Alike(Decision(verdict, now, verdict.valid_until), slug if known_purpose else "", places, is_lasting)


def _numbered(values: Sequence[str | None]) -> tuple[list[str], str]:
    """The different values, and an array of their numbers for the database: from 1, 0 for None."""
    numbers: dict[str | None, int] = {
        value: n for n, value in enumerate(dict.fromkeys(v for v in values if v is not None), 1)
    }
    numbers[None] = 0
    return [value for value in numbers if value is not None], _array([str(numbers[value]) for value in values])


def _ids(blocks: bytes) -> str:
    text = blocks.hex()
    return _array([text[at : at + 2 * ID_BYTES] for at in range(0, len(text), 2 * ID_BYTES)])


def _array(values: Sequence[str]) -> str:
    """An array as text, of numbers or ids alone, so that no list of a thousand is taken apart on the way."""
    return f"{{{','.join(values)}}}"
