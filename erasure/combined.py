"""What came of several rights asked for together, as one word. Pure."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from erasure.states import OPEN_REQUEST

Combined = Literal["open", "granted", "partly", "refused", "withdrawn"]


@dataclass(frozen=True)
class Answered:
    """How one request of a case stands: its state, and whether something was kept back (Art. 17(3), other people's)."""

    state: str
    partial: bool = False


def combined(answers: Collection[Answered]) -> Combined:
    """The outcome of the whole. What the person withdrew counts for nothing; nobody answered a request that lapsed."""
    if any(each.state in OPEN_REQUEST for each in answers):
        return "open"
    counted = [each for each in answers if each.state != "withdrawn"]
    if not counted:
        return "withdrawn"
    granted = [each for each in counted if each.state == "completed"]
    if not granted:
        return "refused"
    whole = len(granted) == len(counted) and not any(each.partial for each in granted)
    return "granted" if whole else "partly"
