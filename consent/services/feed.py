"""What an application needs to decide locally: a snapshot of all decisions it may ask for, and every change since.

Rows of the feed are written by triggers, in the transaction of the change. They get their `position` afterwards,
under a
lock, in the order (xid, id) and only below the oldest transaction still open: no row can come to stand before one
that was
read (gap-free). An item tells the decision as it is when read, so that replaying late or twice ends in the present.
A change of the catalogue changes everybody: from before it one does not go on but takes a new snapshot
(`cursor_expired`). A data contract that runs out changes everybody too, and no row: a mark knows when it was last read.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Max, Min
from django.utils import timezone

from access.models import Application
from consent.decide import Facts, decide
from consent.models import DecisionChange
from consent.selectors import live_contracts, live_recipients
from consent.services.facts import Question, gather
from gdpr_portal.errors import Gone
from subjects.models import ApplicationLink
from vault.services import pairwise_ids

KEPT_DAYS = 7
A_LOT = 1000
"""Changes looked at in one go when old ones are taken away, the oldest first."""
_LOCK = 0x67647072666565  # "gdprfee": one number for this lock in the whole database

_ORDER = """
WITH pending AS (
    SELECT id, row_number() OVER (ORDER BY xid, id) AS place FROM consent_decisionchange
    WHERE position IS NULL AND xid < pg_snapshot_xmin(pg_current_snapshot())
), head AS (SELECT coalesce(max(position), 0) AS position FROM consent_decisionchange)
UPDATE consent_decisionchange change SET position = head.position + pending.place
FROM pending, head WHERE change.id = pending.id
"""


@dataclass(frozen=True, slots=True)
class Item:
    """The decision about one person, purpose and perhaps recipient. `state` is what the person last said, if asked."""

    subject: UUID
    purpose: str
    recipient: str | None
    state: str | None
    code: str
    seq: int


class Mark(NamedTuple):
    """How far somebody has read: up to a place, and so many decisions of what comes there.

    `read_at` (microseconds since 1970) is when: everything given before held then still. 0 is not known.
    """

    place: int
    given: int = 0
    read_at: int = 0


def order_changes() -> int:
    """Every change that no open transaction can precede has its position; returns the last one given out."""
    with transaction.atomic(), connection.cursor() as cursor:
        if DecisionChange.objects.filter(position=None).exists():
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
            cursor.execute(_ORDER)
        return DecisionChange.objects.aggregate(last=Max("position"))["last"] or 0


def snapshot(*, application: Application, after: Mark, head: int, limit: int) -> tuple[list[Item], Mark | None]:
    """The next `limit` decisions, person by person, and where the next page starts; None after the last.

    `head` is the position taken before the first page was read: changes go on from there. The mark names the link of
    the person reached, and how many decisions about them were given.
    """
    pairs = _pairs(application)
    if not pairs:
        return [], None
    enough = (after.given + limit) // len(pairs) + 1
    links = ApplicationLink.objects.filter(application=application, pk__gte=after.place).order_by("pk")
    found = list(links.values_list("pk", "subject_id")[:enough])
    given = after.given if found and found[0][0] == after.place else 0
    asked = [(Question(subject, *pair), head) for _, subject in found for pair in pairs]
    wanted = asked[given : given + limit]
    reached = given + len(wanted)
    following = found[reached // len(pairs)][0] if reached < len(asked) else None
    mark = None if following is None else Mark(following, reached % len(pairs))
    return _decided(application, wanted), mark


def changes(*, application: Application, after: Mark, limit: int) -> tuple[list[Item], Mark, bool]:
    """The next `limit` decisions that changed since a mark, the mark reached, and whether there are more.

    A mark is the position up to which everything was given, and how many decisions of the change after it. Raises
    `Gone("cursor_expired")` when the feed goes back less far, or the catalogue changed since.
    """
    last, now = order_changes(), timezone.now()
    _require_reachable(after.place, last)
    _require_contracts_hold(application, after.read_at, now)
    found = DecisionChange.objects.filter(position__gt=after.place, position__lte=last).order_by("position")
    rows = list(found.values_list("subject", "purpose", "position")[: limit + 1])
    known = _known(application, {subject for subject, _, _ in rows if subject})
    pairs = _pairs(application) if known else []
    asked: list[tuple[Question, int]] = []
    reached, skip = after, after.given
    for subject, purpose, position in rows[:limit]:
        room, questions = limit - len(asked), []
        if subject in known and subject:
            questions = [Question(subject, *pair) for pair in pairs if purpose in (None, pair[0])][skip:]
        asked += [(question, position or 0) for question in questions[:room]]
        if len(questions) > room:
            return _decided(application, asked), Mark(reached.place, skip + room, microseconds(now)), True
        reached, skip = Mark(position or 0), 0
    return _decided(application, asked), reached._replace(read_at=microseconds(now)), len(rows) > limit


def microseconds(moment: datetime) -> int:
    """Since 1970, for a cursor."""
    return round(moment.timestamp() * 1_000_000)


def prune_changes() -> int:
    """Changes older than `KEPT_DAYS` are gone but for the last, which tells where the feed is; returns the rows."""
    last, before, gone = order_changes(), timezone.now() - timedelta(days=KEPT_DAYS), 0
    oldest = DecisionChange.objects.filter(position__lt=last).order_by("position").values_list("pk", "at")
    while lot := list(oldest[:A_LOT]):
        old = [pk for pk, at in lot if at < before]
        gone += DecisionChange.objects.filter(pk__in=old).delete()[0]
        if len(old) < A_LOT:
            break
    return gone


def _require_reachable(after: int, last: int) -> None:
    first = DecisionChange.objects.aggregate(first=Min("position"))["first"]
    pruned = first is not None and after < first - 1
    catalogue = DecisionChange.objects.filter(subject=None, position__gt=after, position__lte=last).exists()
    if after > last or pruned or catalogue:
        raise _expired()


def _require_contracts_hold(application: Application, read_at: int, now: datetime) -> None:
    """A contract that ran out since it was last read changed the decisions about everybody."""
    since = datetime.fromtimestamp(read_at / 1_000_000, UTC)
    if read_at and live_contracts(application).filter(expires_at__gt=since, expires_at__lte=now).exists():
        raise _expired()


def _expired() -> Gone:
    return Gone("cursor_expired", "Take a new snapshot: the changes from this cursor on are not all there.")


def _known(application: Application, subjects: set[UUID]) -> set[UUID]:
    """Those of the people whom the application knows of."""
    links = ApplicationLink.objects.filter(application=application, subject__in=subjects)
    return set(links.values_list("subject_id", flat=True))


def _pairs(application: Application) -> list[tuple[str, str | None]]:
    """What may be decided for the application: each purpose of its contracts, alone and with each recipient."""
    purposes = sorted(live_contracts(application).values_list("purpose__slug", flat=True))
    recipients: dict[str, list[str | None]] = {slug: [None] for slug in purposes}
    for slug, served in live_recipients().values_list("slug", "purposes"):
        for purpose in served:
            recipients.get(purpose, []).append(slug)
    return [(slug, recipient) for slug in purposes for recipient in recipients[slug]]


def _decided(application: Application, asked: list[tuple[Question, int]]) -> list[Item]:
    if not asked:
        return []
    questions = [question for question, _ in asked]
    facts = gather(questions, application=application.pk, linked=application.pk, at=timezone.now(), past=False)
    ids = pairwise_ids(application.pk, [question.subject for question in questions])
    return [
        Item(id_, question.purpose, question.recipient, _state(each), decide(each).code, seq)
        for (question, seq), id_, each in zip(asked, ids, facts, strict=True)
    ]


def _state(facts: Facts) -> str | None:
    """What the person last said to the sharing or the purpose; None where nobody is asked."""
    if facts.recipient is not None:
        return facts.sharing.state if facts.sharing else "never_asked"
    if facts.purpose is None or facts.purpose.basis != "consent":
        return None
    return facts.answer.state if facts.answer else "never_asked"
