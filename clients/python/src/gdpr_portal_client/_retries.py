"""When and how long to wait before trying again. Pure.

Only what is safe to repeat is repeated: reads, PUT (which replaces) and POST under an idempotency key.
"""

import random
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

RETRIED = frozenset({408, 429, 502, 503, 504})


@dataclass(frozen=True)
class Retries:
    """At most `tries` in all and `deadline` seconds; waits grow from `first` to `longest` and are drawn by lot."""

    tries: int = 4
    first: float = 0.2
    longest: float = 10.0
    deadline: float = 60.0

    def wait(self, tried: int, elapsed: float, retry_after: float | None = None) -> float | None:
        """Seconds to wait after the given number of tries; None when it is enough."""
        if tried >= self.tries:
            return None
        pause = random.uniform(0, min(self.longest, self.first * 2**tried))  # noqa: S311  not a secret
        pause = max(pause, retry_after or 0.0)
        return pause if elapsed + pause <= self.deadline else None


NO_RETRIES = Retries(tries=1)


def retry_after(header: str | None, now: float) -> float | None:
    """Seconds the service asks to wait (RFC 9110 section 10.2.3); None when it does not, or not readably."""
    if not header:
        return None
    if header.strip().isdigit():
        return float(header)
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - now)
    except ValueError:
        return None
