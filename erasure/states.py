"""The states of requests, steps, mandates, transfers, callbacks: a table each and one `move`; nothing else sets one."""

from typing import Protocol

from gdpr_portal.errors import WrongState

REQUEST: dict[str, frozenset[str]] = {
    "received": frozenset({"verifying", "in_review", "in_progress", "refused", "withdrawn"}),
    "verifying": frozenset({"in_review", "in_progress", "refused", "withdrawn", "expired_unverified"}),
    "in_review": frozenset({"in_progress", "refused", "withdrawn", "completed"}),
    "in_progress": frozenset({"in_review", "completed", "withdrawn"}),
    "completed": frozenset(),
    "refused": frozenset(),
    "withdrawn": frozenset(),
    "expired_unverified": frozenset(),
}

STEP: dict[str, frozenset[str]] = {
    "queued": frozenset({"in_progress"}),
    "in_progress": frozenset({"queued", "waiting", "done", "failed"}),
    "waiting": frozenset({"queued", "done", "failed"}),
    "failed": frozenset({"queued", "done"}),
    "done": frozenset(),
    "retained": frozenset(),
}

MANDATE: dict[str, frozenset[str]] = {
    "waiting": frozenset({"accepted", "refused", "objected", "ended"}),
    "accepted": frozenset({"objected"}),
    "objected": frozenset({"accepted", "refused", "ended"}),
    "refused": frozenset(),
    "ended": frozenset(),
}

TRANSFER: dict[str, frozenset[str]] = {
    "proposed": frozenset({"waiting", "stopped"}),
    "waiting": frozenset({"sending", "failed", "stopped"}),
    "sending": frozenset({"waiting", "received", "failed", "stopped"}),
    "received": frozenset(),
    "failed": frozenset(),
    "stopped": frozenset(),
}

CALLBACK: dict[str, frozenset[str]] = {
    "queued": frozenset({"sending"}),
    "sending": frozenset({"queued", "sent", "abandoned"}),
    "sent": frozenset(),
    "abandoned": frozenset(),
}

CALL: dict[str, frozenset[str]] = {
    "queued": frozenset({"sending", "closed"}),
    "sending": frozenset({"queued", "closed"}),
    "closed": frozenset(),
}

TRIES = 5
"""After so many a step that errs is failed, and one whose place does not answer is shown to an operator."""
REMOVED = "place_removed"
"""The reason of a step whose place is registered no more: it was not asked."""
LIVE_TRANSFER = ("waiting", "sending")
"""A transfer that is only proposed holds nothing up, and keeps nothing."""
UNFINISHED_STEP = tuple(state for state, after in STEP.items() if after)
OPEN_REQUEST = tuple(state for state, after in REQUEST.items() if after)


class Stateful(Protocol):
    """A row with a state."""

    state: str


def move(row: Stateful, to: str, table: dict[str, frozenset[str]]) -> None:
    """The row is in state `to`, unsaved; `WrongState` when the table does not lead there."""
    if to not in table[row.state]:
        raise WrongState("wrong_state", "That is not possible in the state it is in: look at it again.")
    row.state = to
