"""A breaker for each thing outside that we call: after failures in a row it is left alone, then asked by one.

    if wait := breakers.wait_seconds("webhook", "acme.example"):   # open: the row waits so long, and was not tried
        ...
    breakers.told("webhook", "acme.example", answered=outcome.answered)

The one rule: FAILURES in a row open it. It is then closed for PAUSE_SECONDS, doubling with every probe that fails up to
LONGEST_PAUSE_SECONDS, each a fifth more or less, so that many processes do not come back at the same moment. After that
one caller is let through (half-open); its answer closes the breaker, its failure opens it again. A caller that dies
with the probe in hand loses it after PROBE_SECONDS.

Each process has breakers of its own (docs/decisions/0043): threads share them, processes learn by themselves. An answer
of any kind, a refusal too, is an answer: only silence, a broken line and overload are failures. Ground floor.
"""

import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from gdpr_portal import metrics

FAILURES = 5
PAUSE_SECONDS = 10.0
LONGEST_PAUSE_SECONDS = 60.0
JITTER = 0.2
PROBE_SECONDS = 60.0
"""Longer than any call to the outside may take, but a run through somebody's database: that is probed twice then."""
OPEN = "breaker_open"
"""The code that rows, logs and reports give for what waits because of an open breaker."""
KINDS = ("mail", "webhook", "connector", "keys")

log = logging.getLogger(__name__)
_dice = random.SystemRandom()


@dataclass
class Breaker:
    """What one process knows of one dependency; `open_until` is of the monotonic clock, 0 while it is closed."""

    failures: int = 0
    pauses: int = 0
    open_until: float = 0.0
    is_probed: bool = False

    @property
    def is_open(self) -> bool:
        return self.open_until > 0


_breakers: dict[tuple[str, str], Breaker] = {}
_lock = threading.Lock()
watchers: list[Callable[[str, str, float], None]] = []
"""Told of every change: kind, name, and for how many seconds it is closed to callers now; 0 when it is well again."""


def wait_seconds(kind: str, name: str = "") -> float:
    """0 when the dependency may be called now, else the seconds until it may. Whoever gets 0 says how it went."""
    with _lock:
        breaker = _breakers.get((kind, name))
        if breaker is None or not breaker.is_open:
            return 0.0
        now = time.monotonic()
        if breaker.open_until > now:
            return breaker.open_until - now
        breaker.open_until, breaker.is_probed = now + PROBE_SECONDS, True
        return 0.0


def left_seconds(kind: str, name: str = "") -> float:
    """How long the dependency is still closed to callers; 0 when one may try. No probe is taken by asking."""
    with _lock:
        breaker = _breakers.get((kind, name))
        return max(0.0, breaker.open_until - time.monotonic()) if breaker is not None else 0.0


def is_well(kind: str, name: str = "") -> bool:
    """Whether the last call was answered, as far as this process knows: no probe is taken by asking."""
    with _lock:
        return (kind, name) not in _breakers


def told(kind: str, name: str = "", *, answered: bool) -> None:
    """The call is counted: an answer closes the breaker, a failure is one more in a row."""
    with _lock:
        change = _answered(kind, name) if answered else _failed(kind, name)
        _show()
    if change is None:
        return
    word = "breaker opened" if change else "breaker closed"
    log.warning(word, extra={"dependency": f"{kind}:{name}", "seconds": round(change)})
    for each in watchers:
        each(kind, name, change)


def forget() -> None:
    """Every breaker is closed."""
    with _lock:
        _breakers.clear()
        _show()


def _answered(kind: str, name: str) -> float | None:
    """What is well needs no place in memory."""
    breaker = _breakers.pop((kind, name), None)
    return 0.0 if breaker is not None and breaker.is_open else None


def _failed(kind: str, name: str) -> float | None:
    breaker = _breakers.setdefault((kind, name), Breaker())
    breaker.failures += 1
    if breaker.failures < FAILURES or (breaker.is_open and not breaker.is_probed):
        return None  # not often enough yet, or a call that began before it opened
    pause = min(PAUSE_SECONDS * 2.0**breaker.pauses, LONGEST_PAUSE_SECONDS) * _dice.uniform(1 - JITTER, 1 + JITTER)
    breaker.pauses = min(breaker.pauses + 1, 16)
    breaker.open_until, breaker.is_probed = time.monotonic() + pause, False
    metrics.BREAKER_OPENED.labels(kind).inc()
    return pause


def _show() -> None:
    """The gauge of this process says how many of each kind are open."""
    count = Counter(kind for (kind, _name), breaker in _breakers.items() if breaker.is_open)
    for kind in KINDS:
        metrics.BREAKERS_OPEN.labels(kind).set(count[kind])
