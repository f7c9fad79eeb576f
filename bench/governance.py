"""The desks at scale: matrix, forecast, rebuilt standing, snapshot and time machine over many people and purposes.

    python -m bench.governance --people 100000 --purposes 10

Prints a table in Markdown; docs/figures.md keeps those of a dated run. Every page is asked through Django's own client,
with sessions and templates; the server is PostgreSQL on the same machine.
"""

import argparse
import os
import platform
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from bench.world import HEAD, World, line, timed, world

SLOWEST = 2.0
"""Seconds that a page at the desk may take."""


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--people", type=int, default=100_000)
    asked.add_argument("--purposes", type=int, default=10)
    asked.add_argument("--runs", type=int, default=7)
    given = asked.parse_args()
    with world() as made:
        people, purposes = made.people(given.people), made.purposes(given.purposes)
        events = made.consents(people, purposes)
        reads = made.reads(["shop", "acme"], purposes, ["email", "given_name"])
        print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores, Python {platform.python_version()}")
        print(f"{len(people)} people, {len(purposes)} purposes, {events} answers, {reads} counted reads\n\n{HEAD}")
        for what, seconds, note in measured(made, people, purposes, given.runs):
            print(line(what, seconds, note or ("" if max(seconds) < SLOWEST else "**slower than 2 s**")), flush=True)


def measured(made: World, people: list[Any], purposes: list[str], runs: int) -> Iterator[tuple[str, list[float], str]]:
    """What, seconds of each run, and a note."""
    quentin, rita = made.staff["quentin"].browser(), made.staff["rita"].browser()
    yield "QA: access matrix page", timed(lambda: _ok(quentin.get("/admin/qa/matrix/")), runs), ""
    yield "QA: declared and read page", timed(lambda: _ok(quentin.get("/admin/qa/usage/")), runs), ""
    yield from _forecast(made, rita, runs)
    yield from _api(made, people, purposes, runs)
    yield "QA: time machine page", timed(lambda: _ok(_look_back(quentin, made, people[7])), runs), "audited"
    yield from _rebuild()


def _forecast(made: World, browser: Any, runs: int) -> Iterator[tuple[str, list[float], str]]:
    from consent.models import Purpose
    from consent.services.forecast import forecast
    from tests.consent.test_review import approved, copy_of

    olga, rita = made.staff["olga"], made.staff["rita"]
    notice = approved(copy_of(Purpose.objects.get(slug="newsletter"), olga, is_major=True), olga, rita)
    again = forecast(notice).asked_again
    yield "publish forecast of a major notice", timed(lambda: forecast(notice), runs), f"{again} asked again"
    where = f"/admin/consent/notice/{notice.pk}/change/"
    yield "review page of that notice", timed(lambda: _ok(browser.get(where)), runs), ""


def _api(made: World, people: list[Any], purposes: list[str], runs: int) -> Iterator[tuple[str, list[float], str]]:
    from consent.services import feed
    from consent.services.decisions import decide_many
    from consent.services.facts import Question
    from subjects.models import ApplicationLink
    from vault.services import pairwise_ids

    half = ApplicationLink.objects.order_by("pk").values_list("pk", flat=True)[len(people) // 2]
    for name, place in (("first", 0), ("middle", half)):
        page = feed.Mark(place)
        yield (
            f"snapshot page of 200, {name}",
            timed(lambda page=page: feed.snapshot(application=made.shop, after=page, head=0, limit=200), runs),
            "",
        )
    ids = pairwise_ids(made.shop.pk, made.dice.sample(people, 1000))
    questions = [Question(each, made.dice.choice(purposes)) for each in ids]
    then = datetime.now(UTC) - timedelta(days=100)
    yield "1,000 decisions in a batch, now", timed(lambda: decide_many(application=made.shop, questions=questions)), ""
    yield (
        "1,000 decisions in a batch, 100 days ago",
        timed(lambda: decide_many(application=made.shop, questions=questions, at=then), runs),
        "",
    )


def _rebuild() -> Iterator[tuple[str, list[float], str]]:
    from consent.models import Standing
    from consent.services.standing import compare_standing, rebuild_standing

    rows = Standing.objects.count()
    yield "compare standing with the events", timed(compare_standing, 3), f"{len(compare_standing())} of {rows} differ"
    seconds = timed(rebuild_standing, 1)
    note = f"{len(compare_standing())} of {Standing.objects.count()} differ after; no page"
    yield "rebuild_standing", seconds, note


def _look_back(browser: Any, made: World, person: Any) -> Any:
    from vault.services import pairwise_ids

    [reference] = pairwise_ids(made.shop.pk, [person])
    moment = f"{datetime.now(UTC) - timedelta(days=30):%Y-%m-%d %H:%M}"
    asked = {"application": "shop", "person": str(reference), "purpose": "newsletter", "recipient": "acme"}
    return browser.post("/admin/qa/time-machine/", asked | {"at": moment, "reason": "sample"})


def _ok(answer: Any) -> Any:
    assert answer.status_code == 200, (answer.status_code, answer.get("Location"))
    return answer


if __name__ == "__main__":
    main()
