"""Which rights a request may exercise, given the lawful bases of what is held. Pure.

Lawful basis decides (Art. 15 to 22): portability under consent and contract only (Art. 20(1)); objection under public
task and legitimate interests, and to marketing always (Art. 21(1), (2)); erasure not under legal obligation and public
task (Art. 17(3)(b)); withdrawal under consent only (Art. 7(3)); access, rectification, restriction and human review
always.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from consent.rights import rights_offered
from gdpr_portal.errors import WrongState

OF_EVERYBODY = frozenset({"access", "rectification", "restriction", "human_review"})
RETAINED_UNDER = {"legal_obligation": "17(3)(b)", "public_task": "17(3)(b)"}
"""The bases under which erasure is not owed, and the exception that says so."""
PUBLISHED = "17(2)"
"""The article of a step that erases what was made public, and tells who shows it, links to it or has copied it."""


@dataclass(frozen=True)
class Held:
    """A purpose a person's data is held for."""

    purpose: str
    lawful_basis: str
    is_marketing: bool


def require_available(right: str, *, named: Held | None, held: Callable[[], Collection[Held]]) -> None:
    """The right is given for the purpose named, or for some of what is held; else `right_not_available` (409).

    What is held is asked for only if it matters.
    """
    if right in OF_EVERYBODY:
        return
    concerned = [named] if named is not None else list(held())
    if not concerned or any(right in rights_offered(each.lawful_basis, each.is_marketing) for each in concerned):
        return
    raise WrongState("right_not_available", "The ground on which the data is held does not give this right.")
