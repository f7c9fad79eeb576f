"""Whether a stranger learns by the clock who is known here (threat T11, figure G28; ASVS 6.3.8).

    python -m bench.enumeration --times 200

Each door is knocked at with an address that is known and with one that is not, in turn, through Django's own client and
with the real hash of passwords; tries are forgotten between, so that none waits. Told are the medians in milliseconds
and by how much they differ; asked for is at most 5 %. How much two halves of the *same* kind differ stands beside it:
no difference below that says anything. Exit 1 when a difference is larger than both.
"""

import argparse
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import uuid4

from bench.world import World, world

MOST = 0.05
"""Share of the median by which the two may differ."""
HEAD = "| door | known, ms | not known, ms | apart | two halves of the known apart | answers | kept |"


class Door(NamedTuple):
    """What one asks, with an address (or an id) that is known here or that is not."""

    name: str
    ask: Callable[[str], Any]
    known: str
    unknown: Callable[[], str]


def doors(made: World) -> Iterator[Door]:
    from django.test import Client

    from access.oauth import save_token
    from access.tokens import new_token
    from tests.conftest import BearerClient, make_application, make_person

    alice = make_person("alice", made.shop)

    def somebody() -> str:
        return f"{uuid4().hex[:5]}@example.org"  # as long as the known one, so that pages are

    def page(path: str, **more: str) -> Callable[[str], Any]:
        return lambda email: Client().post(path, {"email": email, **more})

    yield Door("sign-in, wrong password", page("/login", password="not the password"), alice.email, somebody)
    yield Door("password reset", page("/password-reset"), alice.email, somebody)
    yield Door("sign-up", page("/signup"), alice.email, somebody)
    yield Door("lost factor", page("/lost-factor"), alice.email, somebody)
    yield Door("public form, copy", page("/request", right="access"), alice.email, somebody)
    yield Door("public form, erasure", page("/request", right="erasure"), alice.email, somebody)
    yield Door("public form, for somebody else", _for_somebody, alice.email, somebody)
    other = make_application("other", ["subjects:read"], requests_per_minute=6_000_000)
    client, token = BearerClient(), new_token()
    save_token(application=other, token=token, scopes=other.scopes)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    where = "/api/v1/subjects"
    yield Door(
        "API: somebody whom another application knows, by id",
        lambda person: client.get(f"{where}/{person}"), str(alice.id_for(made.shop)), lambda: str(uuid4()),
    )  # fmt: skip
    yield Door(
        "API: somebody whom another application knows, by address",
        lambda email: client.post(f"{where}/lookup", {"email": email}, format="json"), alice.email, somebody,
    )  # fmt: skip


def _for_somebody(email: str) -> Any:
    from django.core.files.uploadedfile import SimpleUploadedFile
    from django.test import Client

    from tests.erasure.test_mandates import form

    document = SimpleUploadedFile("mandate.pdf", b"%PDF-1.7\n" + b"x" * 100_000 + b"\n%%EOF\n", "application/pdf")
    return Client().post("/request/for-somebody", form(email) | {"document": document})


def measured(door: Door, times: int) -> tuple[list[float], list[float], set[int]]:
    """Milliseconds of each knock at the known and at the unknown, in turn, and the statuses that were answered."""
    from access.models import Attempt

    taken: tuple[list[float], list[float]] = ([], [])
    answers = set()
    for turn in range(times + 5):
        for kind, who in enumerate((door.known, door.unknown())):
            Attempt.objects.all().delete()
            began = time.perf_counter()
            answers.add(door.ask(who).status_code)
            if turn >= 5:  # the first ones load templates and plans
                taken[kind].append(1000 * (time.perf_counter() - began))
    return *taken, answers


def apart(one: list[float], other: list[float]) -> float:
    """By which share of the lesser the medians differ."""
    medians = statistics.median(one), statistics.median(other)
    return abs(medians[0] - medians[1]) / min(medians)


def main() -> int:
    asked = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    asked.add_argument("--times", type=int, default=200)
    given = asked.parse_args()
    worst = 0.0
    with world() as made:
        print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores, Python {platform.python_version()}")
        print(f"{HEAD}\n| --- | ---: | ---: | ---: | ---: | --- | --- |")
        for door in doors(made):
            known, unknown, answers = measured(door, given.times)
            share, noise = apart(known, unknown), apart(known[::2], known[1::2])
            worst = max(worst, share if share > noise else 0)
            medians = f"{statistics.median(known):.1f} | {statistics.median(unknown):.1f}"
            said = ", ".join(map(str, sorted(answers)))
            kept = "yes" if share <= MOST else "**no**"
            print(f"| {door.name} | {medians} | {share:.1%} | {noise:.1%} | {said} | {kept} |", flush=True)
    return int(worst > MOST)


if __name__ == "__main__":
    sys.exit(main())
