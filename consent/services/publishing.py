"""What was approved goes live, at once or at a set moment, and leaves again; a revision takes its thing's place.

One transaction each: what is replaced, what goes with it and the new are live or not live together.
"""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from access.models import Account
from audit import actors
from consent import fitness, review_states, revised
from consent.digests import content_digest
from consent.fitness import Item
from consent.models import Component, DataContract, Notice, Purpose, Recipient, Revision
from consent.models.governance import ReviewState
from consent.services.review_rows import KINDS, ItemT, locked, move, record_step, require_fit, require_irm
from gdpr_portal.errors import Invalid, WrongState

FARTHEST = timedelta(days=366)
CLOCK = actors.system("scheduler")


@transaction.atomic
def publish(*, item: ItemT, actor: Account) -> ItemT:
    """The approved item is live, and what it replaces is retired at the same moment. Repeating it changes nothing.

    A revision's values are those of what it is of from then on; what it changes materially goes live with the major
    notice that asks everybody again (Art. 5(1)(b)). Raises `Invalid("incomplete")` with what is missing,
    `Refused("role_missing")`, `WrongState`.
    """
    row = locked(item)
    require_irm(actor)
    _publish(row, actor)
    return row


@transaction.atomic
def schedule(*, item: ItemT, actor: Account, at: datetime) -> ItemT:
    """The approved item goes live by itself from `at` on, within a year; a set moment can be set anew.

    Raises `Invalid("invalid_value")` (422) for a moment that is over or too far, `Refused("role_missing")`,
    `WrongState`, `Invalid("incomplete")`.
    """
    row = locked(item)
    require_irm(actor)
    now = timezone.now()
    if not now < at <= now + FARTHEST:
        raise Invalid("invalid_value", "The moment has to lie ahead, within a year.", status=422)
    review_states.target(row.state, "schedule")
    require_fit(fitness.flaws(row))
    move(row, "schedule", publish_at=at, scheduled_by=actor)
    record_step("scheduled", row, actor, row.digest, due=at.isoformat(timespec="seconds"))
    return row


@transaction.atomic
def unschedule(*, item: ItemT, actor: Account) -> ItemT:
    """The item is approved and waits for somebody to publish it. Repeating it changes nothing."""
    row = locked(item)
    require_irm(actor)
    if row.state != ReviewState.APPROVED:
        _unschedule(row, actor, "recalled", "")
    return row


def publish_due(limit: int = 50) -> int:
    """What was to be live by now is; returns how many. Each by itself: one that does not fit holds up no other.

    Safe to run twice, at once or after dying anywhere: a row is taken under a lock, and live it is not due. What has
    come not to fit since it was approved waits for a person again, with a note of what it lacks.
    """
    due: list[Any] = []
    for kind in KINDS:
        rows: Any = kind._default_manager.filter(state=ReviewState.SCHEDULED, publish_at__lte=timezone.now())
        due += rows.order_by("publish_at", "pk")[:limit]
    return sum(_publish_due(item) for item in due[:limit])


@transaction.atomic
def retire(*, item: ItemT, actor: Account) -> ItemT:
    """The item can no longer be used; its wording and history stay. Repeating it changes nothing.

    Raises `WrongState("in_use")` for the live notice of a live purpose, for a component a live purpose needs, and for
    a live revision: what it is of is retired, or revised again.
    """
    row = locked(item)
    require_irm(actor)
    if row.state == ReviewState.RETIRED:
        return row
    if _in_use(row):
        raise WrongState("in_use", "Something live needs it.")
    now = timezone.now()
    _retire(row, actor, now, "retired")
    if isinstance(row, Component | Purpose | Recipient):
        for revision in _live_revisions(revised.kind_of(row), row.slug):
            _retire(revision, actor, now, "retired")
    return row


def _publish_due(item: Any) -> bool:
    with transaction.atomic():
        rows = type(item).objects.select_for_update(of=("self",), skip_locked=True)
        row = rows.filter(pk=item.pk, state=ReviewState.SCHEDULED, publish_at__lte=timezone.now()).first()
        if row is None:
            return False
        try:
            with transaction.atomic():
                _publish(row, CLOCK)
        except Invalid as unfit:
            row.refresh_from_db()
            _unschedule(row, CLOCK, "not_fit", unfit.message)
            return False
        return True


def _publish(row: Item, actor: Account | str) -> None:
    if row.state == ReviewState.LIVE:
        return
    review_states.target(row.state, "publish")
    asked_again = _purposes_asked_again(row)
    require_fit(fitness.flaws_of_publishing(row))
    now = timezone.now()
    for purpose in asked_again:
        notice = revised.notice_to_go_with(row, purpose) if isinstance(row, Revision) else None
        if notice is not None:
            _go_live(locked(notice), actor, now)
    _go_live(row, actor, now)
    if isinstance(row, Revision):
        _take_its_place(row)


def _purposes_asked_again(row: Item) -> list[Purpose]:
    """Locked, in the order of their slugs, so that two revisions never wait for each other."""
    if not isinstance(row, Revision):
        return []
    slugs = [purpose.slug for purpose in revised.purposes_asked_again(row)]
    return list(Purpose.objects.select_for_update().filter(slug__in=slugs).order_by("slug"))


def _go_live(row: Item, actor: Account | str, now: datetime) -> None:
    for replaced in _replaced_by(row):
        _retire(replaced, actor, now, "replaced")
    move(row, "publish", published_at=now)
    record_step("published", row, actor, row.digest)


def _take_its_place(revision: Revision) -> None:
    """What the revision is of has its values, and the digest of what it says now."""
    thing = revised.thing_of(revision)
    if thing is None:
        raise WrongState("wrong_state", "What it is of is not live.")
    held: Any = thing
    becomes = revised.with_values(locked(held), revision.values)
    becomes.digest = content_digest(becomes.content())
    becomes.save(update_fields=[*revision.values, "digest"])


def _unschedule(row: Item, actor: Account | str, reason: str, note: str) -> None:
    move(row, "unschedule", publish_at=None, scheduled_by=None, review_note=note)
    record_step("unscheduled", row, actor, row.digest, reason=reason)


def _retire(item: Item, actor: Account | str, now: datetime, reason: str) -> None:
    move(item, "retire", retired_at=now)
    record_step("retired", item, actor, item.digest, reason=reason)


def _replaced_by(item: Item) -> list[Item]:
    """What is live in the item's place; locked."""
    match item:
        case Notice():
            return list(Notice.objects.select_for_update().filter(purpose=item.purpose, state=ReviewState.LIVE))
        case DataContract():
            live = DataContract.objects.select_for_update().filter(state=ReviewState.LIVE, purpose=item.purpose)
            return list(live.filter(application=item.application))
        case Revision():
            return _live_revisions(item.kind, item.slug)
        case _:
            return []


def _live_revisions(kind: str, slug: str) -> list[Item]:
    return list(Revision.objects.select_for_update().filter(kind=kind, slug=slug, state=ReviewState.LIVE))


def _in_use(item: Item) -> bool:
    live = Purpose.objects.filter(state=ReviewState.LIVE)
    match item:
        case Notice():
            return item.state == ReviewState.LIVE and live.filter(pk=item.purpose_id).exists()
        case Component():
            return live.filter(fields__contains=[item.slug]).exists()
        case Revision():
            return item.state == ReviewState.LIVE
        case Recipient() | Purpose() | DataContract():
            return False
