"""The two state machines of this floor as tables: what an answer to a purpose becomes, and the life of a delivery.

Pure. No state is assigned anywhere else: `answer()` and `move()` are the only ways on, and both raise `WrongState`.

Consent (Art. 4(11), 7). An act leads to a state whatever stood before, because a person may always say yes, no or
no more; only expiry needs something that can expire. `outdated` and `never_asked` are judged when asked, never stored.

Delivery (Art. 19). `queued` -> `sending` (claimed under a lease) -> `sent` (the receiver answered 2xx and now owes its
acknowledgement) -> `acknowledged`, or `refused` / `failed` by the receiver's word. `abandoned`: 30 days without a
2xx. `cancelled`: it would have told something that no longer holds. A receiver may speak up about a delivery that it
got although we never heard so, therefore acknowledgements close from every open state and from the last two as well.
"""

from datetime import datetime
from enum import StrEnum

from gdpr_portal.errors import WrongState


class Consent(StrEnum):
    """How an answer stands (docs: api.md, Consent). Only `given` permits processing."""

    GIVEN = "given"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    PENDING = "pending"
    OUTDATED = "outdated"
    NEVER_ASKED = "never_asked"


_ALWAYS = frozenset(Consent)
ANSWERS: dict[str, tuple[frozenset[Consent], Consent]] = {
    "give": (_ALWAYS, Consent.GIVEN),
    "refuse": (_ALWAYS, Consent.REFUSED),
    "withdraw": (_ALWAYS, Consent.WITHDRAWN),
    "expire": (frozenset({Consent.GIVEN}), Consent.EXPIRED),
}
"""Act -> the states it may follow, and the state it leads to."""


def answer(state: str, action: str, *, of_age: bool = True) -> Consent:
    """The state after `action`. Below the age of consent, giving waits for the parents (Art. 8(1))."""
    if action not in ANSWERS:
        raise WrongState("wrong_state", "There is no such act.")
    before, after = ANSWERS[action]
    if state not in before:
        raise WrongState("wrong_state", f"A consent that is {state} cannot {action}.")
    return Consent.PENDING if after is Consent.GIVEN and not of_age else after


def as_of(
    state: str, *, moment: datetime, expires_at: datetime | None, version: int | None, newest_major: int | None
) -> Consent:
    """How a stored state stands at `moment`: past its validity it is expired, before a newer major notice outdated."""
    if state != Consent.GIVEN:
        return Consent(state)
    if expires_at is not None and expires_at <= moment:
        return Consent.EXPIRED
    if newest_major is not None and version is not None and version < newest_major:
        return Consent.OUTDATED
    return Consent.GIVEN


DELIVERY: dict[str, dict[str, str]] = {
    "queued": {
        "claim": "sending", "cancel": "cancelled", "abandon": "abandoned",
        "done": "acknowledged", "nothing_held": "acknowledged", "refused": "refused", "failed": "failed",
    },
    "sending": {
        "claim": "sending", "accept": "sent", "retry": "queued", "cancel": "cancelled", "abandon": "abandoned",
        "done": "acknowledged", "nothing_held": "acknowledged", "refused": "refused", "failed": "failed",
    },
    "sent": {"done": "acknowledged", "nothing_held": "acknowledged", "refused": "refused", "failed": "failed"},
    "abandoned": {"done": "acknowledged", "nothing_held": "acknowledged", "refused": "refused", "failed": "failed"},
    "cancelled": {"done": "acknowledged", "nothing_held": "acknowledged", "refused": "refused", "failed": "failed"},
    "acknowledged": {},
    "refused": {},
    "failed": {},
}  # fmt: skip
"""Delivery state -> event -> next state. `claim` from `sending` is a claim whose lease ran out."""

OUTCOMES = ("done", "nothing_held", "refused", "failed")
"""What a receiver may answer; the same words are events of the table."""
DELIVERY_OPEN = frozenset({"queued", "sending", "sent"})
DELIVERY_CLOSED = frozenset(DELIVERY) - DELIVERY_OPEN


def move(state: str, event: str) -> str:
    """The delivery's next state. Raises WrongState: `already_closed` once a receiver spoke, else `wrong_state`."""
    after = DELIVERY[state].get(event)
    if after is None:
        code = "already_closed" if not DELIVERY[state] else "wrong_state"
        raise WrongState(code, f"A delivery that is {state} cannot become {event}.")
    return after
