"""Decisions in the caller's own process by the client library.

    PYTHONPATH=clients/python/src python -m bench.local [--people 100000]

Beside a look-up in a plain dict of the same keys: what Python cannot go below. One purpose; the portal is a stub, so
that loading measures the library and not the network. Prints JSON.
"""

import argparse
import json
import statistics
import time
from random import Random
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from gdpr_portal_client._sync.local import LocalDecisions
from gdpr_portal_client.models import DecisionChange

from bench.cpu import resident_mib

RUNS = 5
CHECKS = 200_000


class Stub:
    """A portal that hands out so many people at once, and has no news."""

    def __init__(self, items: list[DecisionChange]) -> None:
        self.items = items

    def snapshot(self, *, cursor: str | None = None) -> Any:
        return SimpleNamespace(items=self.items, next=None, cursor="0")

    def changes(self, cursor: str, *, wait: int = 0) -> Any:
        return SimpleNamespace(items=[], next=None, cursor=cursor)


def main() -> None:
    import os

    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--people", type=int, default=100_000)
    count, dice, empty = asked.parse_args().people, Random(1), resident_mib(os.getpid())
    ids = [UUID(int=dice.getrandbits(128), version=4) for _ in range(count)]
    held = LocalDecisions(Stub([DecisionChange(each, "newsletter", None, "given", "allowed", 1) for each in ids]))  # type: ignore[arg-type]
    began = time.perf_counter()
    held.load()
    loading = time.perf_counter() - began
    memory = resident_mib(os.getpid()) - empty
    plain = {(each, "newsletter", None): True for each in ids}
    some = [ids[dice.randrange(count)] for _ in range(CHECKS)]
    ours, floor = [], []
    for _ in range(RUNS):
        began = time.perf_counter()
        for each in some:
            plain[each, "newsletter", None]
        floor.append(CHECKS / (time.perf_counter() - began))
        began = time.perf_counter()
        for each in some:
            held.decide(each, "newsletter")
        ours.append(CHECKS / (time.perf_counter() - began))
    names = ("look-up in a plain dict", "local decision of the client library")
    told: list[dict[str, Any]] = [
        {"name": name, "rate": statistics.median(rates), "lowest": min(rates), "highest": max(rates)}
        for name, rates in zip(names, (floor, ours), strict=True)
    ]
    share = statistics.median(mine / under for mine, under in zip(ours, floor, strict=True))
    told[1] |= {"floor": names[0], "share": share, "goal": "rate >= 1000000", "memory_mib": memory}
    told.append({"name": "people loaded from a snapshot", "rate": count / loading})
    print(json.dumps(told))


if __name__ == "__main__":
    main()
