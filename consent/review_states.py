"""The life of what is reviewed: one table, one `target`. Pure.

draft -> in_review -> approved -> live -> retired, with `scheduled` before live for what goes live at a set moment; a
reviewer sends back to draft with a note. What is approved never becomes a draft again: a change is a new version.
"""

from gdpr_portal.errors import WrongState

REVIEW: dict[tuple[str, str], str] = {
    ("draft", "submit"): "in_review",
    ("in_review", "send_back"): "draft",
    ("in_review", "approve"): "approved",
    ("approved", "publish"): "live",
    ("approved", "schedule"): "scheduled",
    ("approved", "retire"): "retired",
    ("scheduled", "publish"): "live",
    ("scheduled", "schedule"): "scheduled",
    ("scheduled", "unschedule"): "approved",
    ("scheduled", "retire"): "retired",
    ("live", "retire"): "retired",
}


def target(state: str, action: str) -> str:
    """The state the action leads to. Raises `WrongState("wrong_state")` when it is not possible from here."""
    found = REVIEW.get((state, action))
    if found is None:
        raise WrongState("wrong_state", "That is not possible in the state it is in: look at it again.")
    return found


def actions(state: str) -> tuple[str, ...]:
    """What can be done with something in this state."""
    return tuple(action for (source, action) in REVIEW if source == state)
