"""What every act of a review is made of: the row locked, its state moved once, the step recorded."""

from collections.abc import Iterator
from typing import Any, TypeVar

from django.db.models import QuerySet

from access import roles
from access.models import Account
from audit import actors
from audit.services import record
from consent import review_states
from consent.fitness import Item
from consent.models import Component, DataContract, Notice, Purpose, Recipient, Revision
from gdpr_portal.errors import Invalid, Refused, WrongState

ItemT = TypeVar("ItemT", Component, Purpose, Notice, Recipient, DataContract, Revision)
KINDS: tuple[type[Item], ...] = (Component, Revision, Notice, Purpose, Recipient, DataContract)
"""In the order in which what is due at one moment goes live: first what others need."""


def locked(item: ItemT) -> ItemT:
    """The row as it is now; nobody else moves it until this transaction ends."""
    return type(item).objects.select_for_update(of=("self",)).get(pk=item.pk)


def move(item: Item, action: str, **changes: Any) -> None:
    """The state is moved, once: of two at the same time, one finds nothing left to move."""
    state = review_states.target(item.state, action)
    rows: QuerySet[Any] = type(item)._default_manager.filter(state=item.state)
    moved = rows.filter(pk=item.pk).update(state=state, **changes)
    if not moved:
        raise WrongState("wrong_state", "Somebody else was faster.")
    for name, value in (changes | {"state": state}).items():
        setattr(item, name, value)


def require_irm(account: Account) -> None:
    """Raises `Refused("role_missing")` to whoever does not review."""
    if not account.is_active or not account.has_role(roles.IRM):
        raise Refused("role_missing", "Only IRM reviews.")


def require_fit(found: list[str]) -> None:
    """Raises `Invalid("incomplete")` with every flaw."""
    if found:
        raise Invalid("incomplete", "It lacks: %(flaws)s.", status=422, params={"flaws": "; ".join(found)})


def record_step(event: str, item: Item, actor: Account | str, digest: str, **details: Any) -> None:
    """The step is in the log; the actor is a member of staff, or a part of the service by its name."""
    noun = noun_of(item)
    who = actor if isinstance(actor, str) else actors.staff(actor.pk)
    about: dict[str, Any] = {noun: reference_of(item), "digest": digest, **details}
    if isinstance(item, Notice | Revision):
        about["version"] = item.version
    record(f"{noun}.{event}", actor=who, purpose=purpose_of(item), details=about)


def noun_of(item: Item) -> str:
    """How events of the item begin."""
    return "contract" if isinstance(item, DataContract) else type(item).__name__.lower()


def reference_of(item: Item) -> str:
    """What events call the item by."""
    match item:
        case DataContract():
            return str(item.id)
        case Notice():
            return item.purpose.slug
        case Revision():
            return f"{item.kind}:{item.slug}"
        case _:
            return item.slug


def purpose_of(item: Item) -> str | None:
    """The purpose an event of the item is about, if it is about one."""
    match item:
        case Purpose():
            return item.slug
        case Notice() | DataContract():
            return item.purpose.slug
        case Revision():
            return item.slug if item.kind == Revision.Kind.PURPOSE else None
        case _:
            return None


def every_item(**where: Any) -> Iterator[Item]:
    """Items of every kind of which this holds, with what their name needs."""
    related = {Notice: ("purpose",), DataContract: ("purpose", "application")}
    for kind in KINDS:
        people = ("author", "assigned_to", "approved_for", "scheduled_by")
        found: QuerySet[Any] = kind._default_manager.select_related(*people, *related.get(kind, ()))
        yield from found.filter(**where)
