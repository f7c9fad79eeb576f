"""What an application needs to decide locally: a snapshot of all decisions it may ask for, and every change since.

Rows of the feed are written by triggers, in the transaction of the change. They get their `position` afterwards,
under a
lock, in the order (xid, id) and only below the oldest transaction still open: no row can come to stand before one
that was
read (gap-free). An item tells the decision as it is when read, so that replaying late or twice ends in the present.
A change of the catalogue changes everybody: from before it one does not go on but takes a new snapshot
(`cursor_expired`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
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


def order_changes() -> int:
    """Every change that no open transaction can precede has its position; returns the last one given out."""
    with transaction.atomic(), connection.cursor() as cursor:
        if DecisionChange.objects.filter(position=None).exists():
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
            cursor.execute(_ORDER)
        return DecisionChange.objects.aggregate(last=Max("position"))["last"] or 0


def snapshot(*, application: Application, after: int, head: int, limit: int) -> tuple[list[Item], int | None]:
    """The decisions about the next people after link `after`, `limit` people at most, and where the next page starts.

    `head` is the position taken before the first page was read: changes go on from there.
    """
    links = ApplicationLink.objects.filter(application=application, pk__gt=after).order_by("pk")
    found = list(links.values_list("pk", "subject_id")[: limit + 1])
    people = [(subject, None, head) for _, subject in found[:limit]]
    return _items(application, people), found[limit - 1][0] if len(found) > limit else None


def changes(*, application: Application, after: int, limit: int) -> tuple[list[Item], int, bool]:
    """The decisions that changed after a position, the position reached, and whether there are more.

    Raises `Gone("cursor_expired")` when the feed goes back less far, or the catalogue changed since.
    """
    last = order_changes()
    _require_reachable(after, last)
    found = DecisionChange.objects.filter(position__gt=after, position__lte=last).order_by("position")
    rows = list(found.values_list("subject", "purpose", "position")[: limit + 1])
    page = [(subject, purpose, position or 0) for subject, purpose, position in rows[:limit]]
    known = _known(application, {subject for subject, _, _ in page if subject})
    people = [(subject, purpose, position) for subject, purpose, position in page if subject in known and subject]
    reached = page[-1][2] if page else after
    return _items(application, people), reached, len(rows) > limit


def prune_changes() -> int:
    """Changes older than `KEPT_DAYS` are gone but for the last, which tells where the feed is; returns the rows."""
    last = order_changes()
    old = DecisionChange.objects.filter(at__lt=timezone.now() - timedelta(days=KEPT_DAYS), position__lt=last)
    return old.delete()[0]


def _require_reachable(after: int, last: int) -> None:
    first = DecisionChange.objects.aggregate(first=Min("position"))["first"]
    pruned = first is not None and after < first - 1
    catalogue = DecisionChange.objects.filter(subject=None, position__gt=after, position__lte=last).exists()
    if after > last or pruned or catalogue:
        raise Gone("cursor_expired", "Take a new snapshot: the changes from this cursor on are not all there.")


def _known(application: Application, subjects: set[UUID]) -> set[UUID]:
    """Those of the people whom the application knows of."""
    links = ApplicationLink.objects.filter(application=application, subject__in=subjects)
    return set(links.values_list("subject_id", flat=True))


def _items(application: Application, people: Iterable[tuple[UUID, str | None, int]]) -> list[Item]:
    """The decisions about these (person, purpose or all, position) in order. A constant number of statements."""
    purposes = sorted(live_contracts(application).values_list("purpose__slug", flat=True))
    recipients: dict[str, list[str | None]] = {slug: [None] for slug in purposes}
    for slug, served in live_recipients().values_list("slug", "purposes"):
        for purpose in served:
            recipients.get(purpose, []).append(slug)
    asked = [
        (Question(subject, slug, recipient), seq)
        for subject, purpose, seq in people
        for slug in purposes
        if purpose in (None, slug)
        for recipient in recipients[slug]
    ]
    return _decided(application, asked)


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
