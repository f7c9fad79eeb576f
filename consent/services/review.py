"""Governance: somebody writes, somebody else approves exactly what was shown, and only then can it be used.

Four eyes hold here, in CHECKs and triggers of the database, and under races: one conditional UPDATE moves the state,
one lock lets nobody approve while somebody is made a deputy (`consent.services.delegations`). What happens to the
approved is in `consent.services.publishing`.
"""

from typing import Any

from django.db import transaction
from django.utils import timezone

from access import roles
from access.models import Account
from audit import actors
from audit.services import record
from consent import fitness, review_states
from consent.digests import content_digest
from consent.fitness import Item
from consent.models.governance import ReviewState
from consent.services import comments, delegations
from consent.services.acknowledgements import require_acknowledged
from consent.services.publishing import publish, publish_due, retire, schedule, unschedule
from consent.services.review_rows import ItemT, locked, move, noun_of, record_step, require_fit, require_irm
from gdpr_portal.errors import Invalid, Refused, WrongState

__all__ = [
    "DRAFTERS", "approve", "assign", "digest_of", "publish", "publish_due", "record_draft", "require_drafter",
    "retire", "schedule", "send_back", "submit", "unschedule",
]  # fmt: skip

DRAFTERS = frozenset({roles.IRM, roles.QA, roles.OPERATOR})


def digest_of(item: Item) -> str:
    """What an approval of the item as it stands would be bound to."""
    return content_digest(item.content())


def record_draft(*, item: Item, author: Account) -> None:
    """The draft is in the log with the digest of its content. Call it after the draft and its texts are written."""
    require_drafter(item=item, actor=author)
    record_step("drafted", item, author, digest_of(item))


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
    row = locked(item)
    require_drafter(item=row, actor=actor)
    require_fit(fitness.flaws(row))
    move(row, "submit", submitted_at=timezone.now(), review_note="")
    record_step("submitted", row, actor, digest_of(row))
    return row


@transaction.atomic
def assign(*, item: ItemT, actor: Account, to: Account | None) -> ItemT:
    """The item under review waits for this reviewer, or for any (None). It bars nobody else from reviewing it.

    Raises `Refused("role_missing")` unless both review, `Refused("four_eyes")` for its author, `WrongState`.
    """
    row = locked(item)
    require_irm(actor)
    if row.state != ReviewState.IN_REVIEW:
        raise WrongState("wrong_state", "Only what is in review waits for a reviewer.")
    if to is not None:
        require_irm(to)
        if to.pk == row.author_id:
            raise Refused("four_eyes", "Nobody reviews what they wrote.")
    row.assigned_to = to
    row.save(update_fields=["assigned_to"])
    record_step("assigned", row, actor, digest_of(row), account=str(to.pk) if to else None)
    return row


def approve(*, item: ItemT, approver: Account, digest: str, acknowledged: str = "") -> ItemT:
    """The item is approved, bound to the digest of what the approver was shown (Art. 5(2)).

    A deputy approves in their own name; for whom is kept when the item waited for whom they stand in for. Raises
    `WrongState("changed_since_shown")` when it no longer has that digest, `Refused("four_eyes")` to its author and to
    who stands in for the author, `Refused("role_missing")` without the role irm, `Invalid("incomplete")`, and
    `Invalid("warnings_unread")` when `acknowledged` is not bound to what the checks warn of. Refusals are recorded.
    """
    try:
        with transaction.atomic():
            return _approve(item, approver, digest, acknowledged)
    except Refused as refused:
        with transaction.atomic():
            details = {"reason": refused.code, "route": f"review.{noun_of(item)}"}
            record("access.refused", actor=actors.staff(approver.pk), details=details)
        raise


def _approve(item: ItemT, approver: Account, digest: str, acknowledged: str) -> ItemT:
    row = locked(item)
    delegations.one_after_the_other()
    now = timezone.now()
    require_irm(approver)
    if row.author_id == approver.pk:
        raise Refused("four_eyes", "Nobody approves what they wrote.")
    if delegations.stands_in(deputy=approver, principal_id=row.author_id, at=now):
        raise Refused("four_eyes", "Nobody approves what was written by the person they stand in for.")
    review_states.target(row.state, "approve")
    if digest != digest_of(row):
        raise WrongState("changed_since_shown", "It was changed after it was shown to you: look at it again.")
    require_fit(fitness.flaws(row))
    warnings = require_acknowledged(item=row, acknowledged=acknowledged)
    acts_for = _acts_for(row, approver)
    move(row, "approve", approver=approver, approved_for=acts_for, approved_at=now, digest=digest)
    told: dict[str, Any] = {"acts_for": str(acts_for.pk)} if acts_for else {}
    told |= {"warnings": warnings} if warnings else {}
    record_step("approved", row, approver, digest, desk=roles.IRM, **told)
    return row


def _acts_for(row: Item, approver: Account) -> Account | None:
    """Whom the item waited for, when the approver stands in for them."""
    waited_for = row.assigned_to
    if waited_for is None:
        return None
    absent = delegations.stands_in(deputy=approver, principal_id=waited_for.pk, at=timezone.now())
    return waited_for if absent else None


@transaction.atomic
def send_back(*, item: ItemT, reviewer: Account, note: str) -> ItemT:
    """The item is a draft again, with a note for its author. Raises `Refused`, `WrongState`, `Invalid` (the note)."""
    row = locked(item)
    require_irm(reviewer)
    if not note.strip():
        raise Invalid("note_missing", "Say what is to be changed.", status=422)
    if len(note) > comments.LONGEST:  # it is looked through for addresses, which takes long for long ones
        longest = {"longest": comments.LONGEST}
        raise Invalid("note_missing", "Write 1 to %(longest)s characters.", status=422, params=longest)
    comments.require_nobody(note)
    move(row, "send_back", review_note=note.strip())
    record_step("rejected", row, reviewer, digest_of(row), desk=roles.IRM, reason="sent_back")
    return row
