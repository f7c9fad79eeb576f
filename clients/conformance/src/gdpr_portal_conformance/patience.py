"""How long the kit waits for an application, and with which clock."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Patience:
    """Seconds: `within` for the application to act on a notice, `acknowledge` for its word on an erasure, `quiet` in
    which nothing may happen after a notice it must not act on, `pause` between two looks."""

    within: float = 10.0
    acknowledge: float = 60.0
    quiet: float = 1.0
    pause: float = 0.2
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def until(self, is_so: Callable[[], bool], within: float | None = None) -> bool:
        """Whether it became so in time; looked at once more at the very end."""
        end = self.clock() + (self.within if within is None else within)
        while self.clock() < end:
            if is_so():
                return True
            self.sleep(self.pause)
        return is_so()

    def settle(self) -> None:
        """Whatever the application still had to do about the last notice is done."""
        end = self.clock() + self.quiet
        while self.clock() < end:
            self.sleep(self.pause)
