"""Decisions in the caller's own process by the client library.

    PYTHONPATH=clients/python/src python -m bench.local [--people 100000] [--purposes 10]

Beside a look-up in a plain dict of those asked about: what Python cannot go below. The portal is a stub that makes its
pages up as they are asked for, so that loading measures the library and not the network. Prints JSON.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Iterator
from itertools import islice
from random import Random
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from gdpr_portal_client._sync.local import LocalDecisions
from gdpr_portal_client.models import DecisionChange

from bench.cpu import resident_mib

RUNS = 5
CHECKS = 200_000
PAGE = 200
CODES = ("allowed", "allowed", "consent_missing", "consent_withdrawn", "sharing_off")
GOAL = "rate >= 1000000, memory <= 25 MB for a million people and ten purposes"


class Stub:
    """A portal with so many people who have said something to each purpose, and no news."""

    def __init__(self, people: int, purposes: int) -> None:
        self.people, self.purposes = people, [f"purpose-{number}" for number in range(purposes)]

    def ids(self) -> Iterator[UUID]:
        dice = Random(1)
        return (UUID(int=dice.getrandbits(128)) for _ in range(self.people))

    def snapshot(self, *, cursor: Any = None) -> Any:
        left = cursor or self._items()
        items = list(islice(left, PAGE))
        return SimpleNamespace(items=items, next=left if items else None, cursor="0")

    def changes(self, cursor: str, *, wait: int = 0) -> Any:
        return SimpleNamespace(items=[], next=None, cursor=cursor)

    def _items(self) -> Iterator[DecisionChange]:
        dice = Random(2)
        for who in self.ids():
            for purpose in self.purposes:
                yield DecisionChange(who, purpose, None, None, CODES[dice.randrange(len(CODES))], 1)


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--people", type=int, default=100_000)
    asked.add_argument("--purposes", type=int, default=10)
    given = asked.parse_args()
    portal, dice = Stub(given.people, given.purposes), Random(3)
    known = list(islice(portal.ids(), 0, given.people, max(1, given.people // CHECKS)))
    some = [(dice.choice(known), dice.choice(portal.purposes)) for _ in range(CHECKS)]
    plain = {(who, purpose, None): True for who, purpose in some}
    held = LocalDecisions(portal)  # type: ignore[arg-type]  # what it calls of one
    empty, began = resident_mib(os.getpid()), time.perf_counter()
    held.load()
    loading, memory = time.perf_counter() - began, resident_mib(os.getpid()) - empty
    floor, ours = [], []
    for _ in range(RUNS):
        floor.append(_rate(lambda who, purpose: plain[who, purpose, None], some))
        ours.append(_rate(held.decide, some))
    names = ("look-up in a plain dict", "local decision of the client library")
    told: list[dict[str, Any]] = [
        {"name": name, "rate": statistics.median(rates), "lowest": min(rates), "highest": max(rates)}
        for name, rates in zip(names, (floor, ours), strict=True)
    ]
    share = statistics.median(mine / under for mine, under in zip(ours, floor, strict=True))
    told[1] |= {"floor": names[0], "share": share, "goal": GOAL, "memory_mib": memory}
    told.append({"name": "people loaded from a snapshot", "rate": given.people / loading})
    print(json.dumps(told))


def _rate(ask: Callable[[UUID, str], Any], some: list[tuple[UUID, str]]) -> float:
    began = time.perf_counter()
    for who, purpose in some:
        ask(who, purpose)
    return len(some) / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
