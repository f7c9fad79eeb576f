"""What became of a governed thing, out of the log: who, when, the digest of exactly what was approved (Art. 5(2))."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from access.models import Account
from audit.models import AuditEvent
from consent.fitness import Item
from consent.models import Component, Notice, Purpose, Recipient, ReviewComment, Revision
from consent.services.review_rows import noun_of, reference_of

MOST = 300
STEPS = {
    "drafted": _("written"),
    "submitted": _("handed in for review"),
    "assigned": _("given to a reviewer"),
    "commented": _("commented on"),
    "approved": _("approved"),
    "scheduled": _("set to go live"),
    "unscheduled": _("taken back from its set moment"),
    "published": _("live"),
    "retired": _("retired"),
    "rejected": _("sent back"),
}


@dataclass(frozen=True, kw_only=True)
class Line:
    """One step. `who` is None for a part of the service; `words` are those of a comment."""

    at: datetime
    step: str
    who: Account | None
    acts_for: Account | None = None
    digest: str = ""
    version: int | None = None
    due: datetime | None = None
    of_revision: bool = False
    words: str = ""


def history_of(item: Item) -> list[Line]:
    """Every step of the item's life and of its revisions, the newest first, at most `MOST`."""
    events = list(AuditEvent.objects.filter(_about(item)).order_by("-xid", "-ordinal")[:MOST])
    people = Account.objects.in_bulk(_people(events))
    said = {str(each.pk): each.text for each in ReviewComment.objects.filter(pk__in=_comments(events))}
    return [_line(event, people, said, noun_of(item)) for event in events]


def comments_of(item: Item) -> list[ReviewComment]:
    """What was said about the item, the oldest first."""
    said = ReviewComment.objects.filter(kind=noun_of(item), item=str(item.pk))
    return list(said.select_related("author").order_by("at", "pk"))


def _about(item: Item) -> Q:
    noun = noun_of(item)
    about: dict[str, Any] = {noun: reference_of(item)}
    if isinstance(item, Notice | Revision):
        about["version"] = item.version
    wanted = Q(action__in=[f"{noun}.{step}" for step in STEPS], details__contains=about)
    if isinstance(item, Component | Purpose | Recipient):
        revisions = {"revision": f"{noun}:{item.slug}"}
        wanted |= Q(action__in=[f"revision.{step}" for step in STEPS], details__contains=revisions)
    return wanted


def _line(event: AuditEvent, people: dict[UUID, Account], said: dict[str, str], noun: str) -> Line:
    kind, _dot, step = event.action.partition(".")
    details = event.details
    return Line(
        at=event.at, step=str(STEPS[step]), who=_one(people, _account(event.actor)),
        acts_for=_one(people, details.get("acts_for") or details.get("account")), digest=details.get("digest", ""),
        version=details.get("version"), due=_moment(details.get("due", "")), of_revision=kind == "revision" != noun,
        words=said.get(details.get("comment", ""), ""),
    )  # fmt: skip


def _moment(written: str) -> datetime | None:
    return datetime.fromisoformat(written) if written else None


def _people(events: list[AuditEvent]) -> set[UUID]:
    named = [name for event in events for name in (_account(event.actor), *_in_details(event))]
    return {UUID(name) for name in named if name}


def _in_details(event: AuditEvent) -> tuple[str | None, ...]:
    return event.details.get("acts_for"), event.details.get("account")


def _account(actor: str) -> str | None:
    kind, _colon, reference = actor.partition(":")
    return reference if kind == "staff" else None


def _one(people: dict[UUID, Account], name: str | None) -> Account | None:
    return people.get(UUID(name)) if name else None


def _comments(events: list[AuditEvent]) -> list[str]:
    return [event.details["comment"] for event in events if event.details.get("comment")]
