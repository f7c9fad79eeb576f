"""Decisions said from what the process remembers (consent.services.replica), byte for byte as the fresh path says them.

What is not remembered is asked of the database in one statement, as without it, and remembered for the next time; and
so is everything as long as the feed was not read within the bound.
"""

from collections import Counter as Tally
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache

import orjson
from django.conf import settings
from prometheus_client import Counter

from access.models import Application
from consent.api.decisions import rendered
from consent.decide import FRESH_SECONDS
from consent.services.batches import ID_BYTES, Items, decide_alike_to_keep
from consent.services.counting import gathered
from consent.services.decisions import Decision, decide_to_keep
from consent.services.facts import Question
from consent.services.replica import LASTING, Kept, Kind, replica
from gdpr_portal import metrics
from gdpr_portal.quick.bodies import said

Pair = tuple[str, str | None]
"""Purpose, recipient."""
Asked = tuple[str, str | None, tuple[str, ...]]
"""Purpose, recipient, fields."""

FRESH = timedelta(seconds=FRESH_SECONDS)
_TIMES = b'"evaluated_at":'


def is_on() -> bool:
    """Whether the setting allows it."""
    return settings.DECISIONS_FROM == "replica"


def answer(application: Application, who: bytes, asked: Asked) -> bytes | None:
    """The decision, counted, if it is remembered; `who` as `UUID.bytes`."""
    if not replica.is_current():
        return None
    at = datetime.now(UTC)
    kept = replica.kept(Kind(application.id, *asked), who, at)
    if kept is None:
        return None
    _said.append(1)
    gathered.add(application=application.slug, purpose=asked[0], code=kept.code, at=at)
    return kept.said + _times(kept, at)


def ask(application: Application, question: Question) -> bytes:
    """The decision, counted, by the fresh path, and remembered if that may be."""
    _outcomes("asked" if replica.is_current() else "behind").inc()
    mark = replica.mark()
    decision, is_lasting = decide_to_keep(application=application.id, question=question, lasts=LASTING)
    text = said(rendered(decision))
    if is_lasting:
        kind = Kind(application.id, question.purpose, question.recipient, question.fields)
        replica.keep(mark, kind, (question.subject.bytes,), _kept(decision, text))
    purpose = question.purpose if decision.verdict.facts.purpose else ""
    gathered.add(application=application.slug, purpose=purpose, code=decision.code, at=decision.evaluated_at)
    return text


def answer_batch(application: Application, items: Items) -> bytes:
    """The decisions in the order of the items, counted; those not remembered by one statement."""
    at, is_current, number = datetime.now(UTC), replica.is_current(), len(items.purposes)
    pairs = list(zip(items.purposes, items.recipients, strict=True))
    who = [items.subjects[place : place + ID_BYTES] for place in range(0, number * ID_BYTES, ID_BYTES)]
    found: list[Kept | None] = [None] * number
    if is_current:
        found = replica.kept_of(application.id, pairs, who, at)
    texts = {kept: kept.said + _times(kept, at) for kept in set(found) if kept is not None}
    results = [b"" if kept is None else texts[kept] for kept in found]
    missing = [place for place, kept in enumerate(found) if kept is None] if None in found else []
    _said.append(number - len(missing))
    _count(application, items.purposes, found, at)
    if missing:
        _outcomes("asked" if is_current else "behind").inc(len(missing))
        for place, text in _ask_rest(application, missing, pairs, who, at):
            results[place] = text
    return b'{"results":[' + b",".join(results) + b"]}"


def _ask_rest(
    application: Application, missing: list[int], pairs: list[Pair], who: list[bytes], at: datetime
) -> Iterator[tuple[int, bytes]]:
    """What the fresh path says of these places, counted, and remembered where that may be."""
    mark = replica.mark()
    left = Items(b"".join(who[n] for n in missing), [pairs[n][0] for n in missing], [pairs[n][1] for n in missing])
    for alike in decide_alike_to_keep(application=application.id, items=left, at=at, lasts=LASTING):
        text, places = said(rendered(alike.decision)), [missing[place - 1] for place in alike.places]
        yield from ((place, text) for place in places)
        gathered.add(
            application=application.slug, purpose=alike.purpose, code=alike.decision.code, at=at, number=len(places)
        )
        if alike.is_lasting:
            kind = Kind(application.id, *pairs[places[0]])
            replica.keep(mark, kind, [who[place] for place in places], _kept(alike.decision, text))


def _count(application: Application, purposes: Sequence[str], found: list[Kept | None], at: datetime) -> None:
    for (purpose, kept), number in Tally(zip(purposes, found, strict=True)).items():
        if kept is not None:
            gathered.add(application=application.slug, purpose=purpose, code=kept.code, at=at, number=number)


def _kept(decision: Decision, text: bytes) -> Kept:
    """A decision about a live purpose as said, without its times."""
    purpose, at = decision.verdict.facts.purpose, decision.evaluated_at
    ends = purpose.contract_until if purpose else None
    return Kept(text[: text.rindex(_TIMES)], decision.code, ends if ends and ends > at else None)


def _times(kept: Kept, at: datetime) -> bytes:
    """The last two members and the end of the answer; nothing else ends within `FRESH`."""
    until = at + FRESH if kept.until is None else min(at + FRESH, kept.until)
    return orjson.dumps({"evaluated_at": at, "valid_until": until}, option=orjson.OPT_UTC_Z)[1:]


_said: deque[int] = deque()
"""How many were said from memory; the feed's thread counts them, as an `inc` costs a tenth of the answer."""


def count_said() -> None:
    """What was said from memory is in the numbers."""
    number = sum(_said.popleft() for _ in range(len(_said)))
    if number:
        _outcomes("remembered").inc(number)


@cache
def _outcomes(outcome: str) -> Counter:
    return metrics.REPLICA_ANSWERS.labels(outcome)
