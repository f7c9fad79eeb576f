"""The two state machines of this floor as tables: what an answer to a purpose becomes, and the life of a delivery.

Pure. No state is assigned anywhere else: `answer()` and `move()` are the only ways on, and both raise `WrongState`.

Consent (Art. 4(11), 7). An act leads to a state whatever stood before, because a person may always say yes, no or
no more; only expiry needs something that can expire, and a confirmation (the person's own by mail, or a parent's) a
yes that waits for it. `outdated` and `never_asked` are judged when asked, never stored.

Delivery (Art. 19). `queued` -> `sending` (claimed under a lease) -> `sent` (the receiver answered 2xx and now owes its
acknowledgement) -> `acknowledged`, or `refused` / `failed` by the receiver's word. `abandoned`: 30 days without a
2xx. `cancelled`: it would have told something that no longer holds. `again`: somebody at the desk has it told once
more. A receiver may speak up about a delivery that it
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
    "confirm": (frozenset({Consent.PENDING}), Consent.GIVEN),
    "authorise": (frozenset({Consent.PENDING}), Consent.GIVEN),
}
"""Act -> the states it may follow, and the state it leads to."""


def answer(state: str, action: str, *, of_age: bool = True, confirmed: bool = True) -> Consent:
    """The state after `action`. A yes waits below the age of consent for a parent (Art. 8(1)), and where it is not
    `confirmed` yet for the word by mail that its purpose asks for."""
    if action not in ANSWERS:
        raise WrongState("wrong_state", "There is no such act.")
    before, after = ANSWERS[action]
    if state not in before:
        raise WrongState("wrong_state", f"A consent that is {state} cannot {action}.")
    return Consent.PENDING if after is Consent.GIVEN and not (of_age and confirmed) else after


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
    "sent": {
        "again": "queued",
        "done": "acknowledged", "nothing_held": "acknowledged", "refused": "refused", "failed": "failed",
    },
    "abandoned": {
        "again": "queued",
        "done": "acknowledged", "nothing_held": "acknowledged", "refused": "refused", "failed": "failed",
    },
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


ASK: dict[str, dict[str, str]] = {
    "asked": {"accept": "accepted", "decline": "declined", "lapse": "lapsed"},
    "accepted": {}, "declined": {}, "lapsed": {},
}  # fmt: skip
"""A third party's question -> event -> next state. Silence is a no: it lapses (Art. 4(11))."""

HAND: dict[str, dict[str, str]] = {
    "waiting": {"tell": "told", "cancel": "cancelled"},
    "told": {"confirm": "confirmed"},
    "confirmed": {}, "cancelled": {},
}  # fmt: skip
"""A notice an operator gives by hand -> event -> next state."""


def move_in(table: dict[str, dict[str, str]], state: str, event: str) -> str:
    """The next state of an ask or of a notice by hand. Raises WrongState(`wrong_state`)."""
    after = table[state].get(event)
    if after is None:
        raise WrongState("wrong_state", "That is not possible in the state it is in: look at it again.")
    return after
