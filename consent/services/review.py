"""Governance: somebody writes, somebody else approves exactly what was shown, and only then can it be used.

Four eyes hold here, in a CHECK of the database, and under races: one conditional UPDATE moves the state.
"""

from datetime import datetime
from typing import Any, TypeVar

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from access import roles
from access.models import Account
from audit import actors
from audit.services import record
from consent import fitness, review_states
from consent.digests import content_digest
from consent.fitness import Item
from consent.models import Component, DataContract, Notice, Purpose, Recipient
from consent.models.governance import ReviewState
from gdpr_portal.errors import Invalid, Refused, WrongState

DRAFTERS = frozenset({roles.IRM, roles.QA, roles.OPERATOR})
ItemT = TypeVar("ItemT", Component, Purpose, Notice, Recipient, DataContract)


def digest_of(item: Item) -> str:
    """What an approval of the item as it stands would be bound to."""
    return content_digest(item.content())


def record_draft(*, item: Item, author: Account) -> None:
    """The draft is in the log with the digest of its content. Call it after the draft and its texts are written."""
    require_drafter(item=item, actor=author)
    _record("drafted", item, author, digest_of(item))


def require_drafter(*, item: Item, actor: Account) -> None:
    """Raises `Refused` unless the actor may write this draft: a drafting role, and nobody but its author.

    One author a draft: whoever changed a word of it would otherwise approve their own wording.
    """
    if not actor.roles & DRAFTERS:
        raise Refused("role_missing", "Only irm, qa and operator draft.")
    if item.author_id != actor.pk:
        raise Refused("not_the_author", "Only the author changes a draft.")
    if item.state != ReviewState.DRAFT:
        raise WrongState("wrong_state", "Only a draft can be changed.")


@transaction.atomic
def submit(*, item: ItemT, actor: Account) -> ItemT:
    """The draft waits for a reviewer. Raises `Invalid("incomplete")` with what it lacks, `WrongState`, `Refused`."""
    row = _locked(item)
    require_drafter(item=row, actor=actor)
    _require_fit(fitness.flaws(row))
    _move(row, "submit", submitted_at=timezone.now(), review_note="")
    _record("submitted", row, actor, digest_of(row))
    return row


def approve(*, item: ItemT, approver: Account, digest: str) -> ItemT:
    """The item is approved, bound to the digest of what the approver was shown (Art. 5(2)).

    Raises `WrongState("changed_since_shown")` when it no longer has that digest, `Refused("four_eyes")` to its author,
    `Refused("role_missing")` without the role irm, `Invalid("incomplete")`. Refusals of people are recorded.
    """
    try:
        with transaction.atomic():
            return _approve(item, approver, digest)
    except Refused as refused:
        with transaction.atomic():
            details = {"reason": refused.code, "route": f"review.{_noun(item)}"}
            record("access.refused", actor=actors.staff(approver.pk), details=details)
        raise


def _approve(item: ItemT, approver: Account, digest: str) -> ItemT:
    row = _locked(item)
    _require_role(approver)
    if row.author_id == approver.pk:
        raise Refused("four_eyes", "Nobody approves what they wrote.")
    review_states.target(row.state, "approve")
    if digest != digest_of(row):
        raise WrongState("changed_since_shown", "It was changed after it was shown to you: look at it again.")
    _require_fit(fitness.flaws(row))
    _move(row, "approve", approver=approver, approved_at=timezone.now(), digest=digest)
    _record("approved", row, approver, digest, desk=roles.IRM)
    return row


@transaction.atomic
def send_back(*, item: ItemT, reviewer: Account, note: str) -> ItemT:
    """The item is a draft again, with a note for its author. Raises `Refused`, `WrongState`, `Invalid` (empty note)."""
    row = _locked(item)
    _require_role(reviewer)
    if not note.strip():
        raise Invalid("note_missing", "Say what is to be changed.", status=422)
    _move(row, "send_back", review_note=note.strip())
    _record("rejected", row, reviewer, digest_of(row), desk=roles.IRM, reason="sent_back")
    return row


@transaction.atomic
def publish(*, item: ItemT, actor: Account) -> ItemT:
    """The approved item is live, and what it replaces is retired at the same moment. Repeating it changes nothing.

    Raises `Invalid("incomplete")` with what is missing (a purpose needs its live notice in every language and approved
    components), `Refused("role_missing")`, `WrongState`.
    """
    row = _locked(item)
    _require_role(actor)
    if row.state == ReviewState.LIVE:
        return row
    review_states.target(row.state, "publish")
    _require_fit(fitness.flaws_of_publishing(row))
    now = timezone.now()
    for replaced in _replaced_by(row):
        _retire(replaced, actor, now, "replaced")
    _move(row, "publish", published_at=now)
    _record("published", row, actor, row.digest)
    return row


@transaction.atomic
def retire(*, item: ItemT, actor: Account) -> ItemT:
    """The item can no longer be used; its wording and history stay. Repeating it changes nothing.

    Raises `WrongState("in_use")` for the live notice of a live purpose and for a component a live purpose needs.
    """
    row = _locked(item)
    _require_role(actor)
    if row.state == ReviewState.RETIRED:
        return row
    if _in_use(row):
        raise WrongState("in_use", "A live purpose needs it.")
    _retire(row, actor, timezone.now(), "retired")
    return row


def _retire(item: Item, actor: Account, now: datetime, reason: str) -> None:
    _move(item, "retire", retired_at=now)
    _record("retired", item, actor, item.digest, reason=reason)


def _replaced_by(item: Item) -> list[Item]:
    """What is live in the item's place; locked."""
    if isinstance(item, Notice):
        return list(Notice.objects.select_for_update().filter(purpose=item.purpose, state=ReviewState.LIVE))
    if isinstance(item, DataContract):
        live = DataContract.objects.select_for_update().filter(state=ReviewState.LIVE, purpose=item.purpose)
        return list(live.filter(application=item.application))
    return []


def _in_use(item: Item) -> bool:
    live = Purpose.objects.filter(state=ReviewState.LIVE)
    if isinstance(item, Notice):
        return item.state == ReviewState.LIVE and live.filter(pk=item.purpose_id).exists()
    return isinstance(item, Component) and live.filter(fields__contains=[item.slug]).exists()


def _locked(item: ItemT) -> ItemT:
    return type(item).objects.select_for_update(of=("self",)).get(pk=item.pk)


def _move(item: Item, action: str, **changes: Any) -> None:
    """The state is moved, once: of two at the same time, one finds nothing left to move."""
    state = review_states.target(item.state, action)
    rows: QuerySet[Any] = type(item)._default_manager.filter(state=item.state)
    moved = rows.filter(pk=item.pk).update(state=state, **changes)
    if not moved:
        raise WrongState("wrong_state", "Somebody else was faster.")
    for name, value in (changes | {"state": state}).items():
        setattr(item, name, value)


def _require_role(account: Account) -> None:
    if not account.is_active or not account.has_role(roles.IRM):
        raise Refused("role_missing", "Only IRM reviews.")


def _require_fit(found: list[str]) -> None:
    if found:
        raise Invalid("incomplete", "It lacks: " + "; ".join(found) + ".", status=422)


def _noun(item: Item) -> str:
    return "contract" if isinstance(item, DataContract) else type(item).__name__.lower()


def _record(event: str, item: Item, actor: Account, digest: str, **details: str) -> None:
    noun = _noun(item)
    about: dict[str, Any] = {noun: _reference(item), "digest": digest, **details}
    if isinstance(item, Notice):
        about["version"] = item.version
    record(f"{noun}.{event}", actor=actors.staff(actor.pk), purpose=_purpose_of(item), details=about)


def _reference(item: Item) -> str:
    match item:
        case DataContract():
            return str(item.id)
        case Notice():
            return item.purpose.slug
        case _:
            return item.slug


def _purpose_of(item: Item) -> str | None:
    match item:
        case Purpose():
            return item.slug
        case Notice() | DataContract():
            return item.purpose.slug
        case _:
            return None
