"""Withdrawing against sending (threat T49, I6), in every order: a schedule drawn by lot decides who runs next.

Two threads, each on a connection of its own, run the real services: a worker claims, calls and settles a notice that
starts sharing, a person switches sharing off. Both stop at every point that matters (before and after the lock, after
the look, before and after each commit, at both ends of the call, at each turn of waiting), and a dice with a seed says
which of the two goes on: what a schedule found can be played again. A lock somebody else holds is tried again at the
next turn. After each round the rows are put back by hand, which is not under test.

`INTERLEAVINGS=10000` in the environment plays the long form, as `make interleavings` does; `INTERLEAVINGS_FROM` is the
first seed, so that several machines can share them.
"""

import json
import os
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from access.services.applications import set_endpoint
from consent import webhook
from consent.models import Delivery, Standing
from consent.services import sending, sharing
from subjects.models import Subject
from tests.consent.people import answer, share
from tests.plugins.exhaustive import its_turn

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("catalogue"), pytest.mark.slow]

ROUNDS = int(os.environ.get("INTERLEAVINGS", "80"))
FIRST = int(os.environ.get("INTERLEAVINGS_FROM", "0"))
LONGEST_WAIT_SECONDS = 120


class Schedule:
    """One of two threads runs at a time; at each of its points the dice says who goes on."""

    def __init__(self, seed: int) -> None:
        self.dice, self.turns = random.Random(seed), [threading.Semaphore(0), threading.Semaphore(0)]
        self.alive, self.here, self.trace = [True, True], threading.local(), []

    def point(self, name: str) -> None:
        """Here the other one may go on first. Outside of the play it is nothing."""
        me = getattr(self.here, "number", None)
        if me is None:
            return
        self.trace.append((me, name))
        self._pass_on(me)
        if not self.turns[me].acquire(timeout=LONGEST_WAIT_SECONDS):
            raise TimeoutError(f"nobody let {me} go on at {name}")

    def _pass_on(self, me: int) -> None:
        candidates = [number for number in (0, 1) if self.alive[number]]
        self.turns[self.dice.choice(candidates) if candidates else me].release()

    def play(self, *acts: Callable[[], None]) -> None:
        errors: list[BaseException] = []

        def run(number: int, act: Callable[[], None]) -> None:
            self.here.number = number
            try:
                self.turns[number].acquire(timeout=LONGEST_WAIT_SECONDS)
                act()
            except BaseException as error:
                errors.append(error)
            finally:
                self.alive[number] = False
                self._pass_on(number)

        threads = [_Lane.get(number).start(run, number, act) for number, act in enumerate(acts)]
        self._pass_on(0)
        for done in threads:
            assert done.wait(LONGEST_WAIT_SECONDS)
        if errors:
            raise errors[0]


class _Lane:
    """A thread that keeps its connection from round to round."""

    lanes: ClassVar[dict[int, "_Lane"]] = {}

    def __init__(self) -> None:
        self.work: Any = None
        self.ready, self.done = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self._loop, daemon=True)
        self.thread.start()

    @classmethod
    def get(cls, number: int) -> "_Lane":
        return cls.lanes.setdefault(number, cls())

    @classmethod
    def close_all(cls) -> None:
        for lane in cls.lanes.values():
            lane.start(None)
            lane.thread.join(10)
        cls.lanes.clear()

    def start(self, work: Any, *args: Any) -> threading.Event:
        self.done.clear()
        self.work = (work, args)
        self.ready.set()
        return self.done

    def _loop(self) -> None:
        while True:
            self.ready.wait()
            self.ready.clear()
            work, args = self.work
            if work is None:
                connection.close()
                return
            work(*args)
            self.done.set()


class World:
    """What the outside and the person see: a start on the wire while the person knows that sharing is off is wrong."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, person: Subject, locks: bool = True, waits: bool = True
    ) -> None:
        self.person, self.is_off, self.on_the_wire = person, False, 0
        self.seen: Counter[str] = Counter()
        self.schedule = Schedule(0)
        monkeypatch.setattr(sending.webhook, "post", self.post)
        monkeypatch.setattr(sending.time, "sleep", lambda seconds: self.point("waits"))
        for module in (sending, sharing):
            monkeypatch.setattr(module, "lock_subject", self.lock if locks else self.look)
        self._around(monkeypatch, sending, "_may_leave")
        self._around(monkeypatch, sending, "_take")
        self._around(monkeypatch, sending, "settle")
        self._around(monkeypatch, sharing, "in_flight")
        self._around(monkeypatch, sharing, "write_event")
        if not waits:
            monkeypatch.setattr(sharing, "in_flight", lambda **where: [])

    def _around(self, monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> None:
        original = getattr(module, name)

        def stopped(*args: Any, **more: Any) -> Any:
            self.point(f"before {name}")
            value = original(*args, **more)
            self.point(f"after {name}")
            return value

        monkeypatch.setattr(module, name, stopped)

    def point(self, name: str) -> None:
        self.schedule.point(name)

    def lock(self, subject_id: Any) -> Subject:
        """The real lock, never slept on: while the other one holds it, it is the other one's turn sometimes."""
        self.point("before the lock")
        while True:
            try:
                with transaction.atomic():
                    found = Subject.objects.select_for_update(nowait=True).get(pk=subject_id)
            except OperationalError:
                self.seen["blocked"] += 1
                self.point("blocked")
            else:
                self.point("locked")
                return found

    def look(self, subject_id: Any) -> Subject:
        """No lock at all: the teeth."""
        self.point("not locked")
        return Subject.objects.get(pk=subject_id)

    def post(self, url: str, body: bytes, headers: Any, allow: bool = False, **more: Any) -> webhook.Outcome:
        if json.loads(body)["type"] == "sharing.started":
            self.on_the_wire += 1
            self.seen["starts"] += 1
            self.seen["violations"] += self.is_off
            self.point("on the wire")
            self.seen["violations"] += self.is_off
            self.on_the_wire -= 1
        return webhook.Outcome(status=200)

    # --- the two sides ------------------------------------------------------------------------------------------
    def work(self, delivery_id: Any) -> None:
        sending.send_one(delivery_id)

    def switch_off(self) -> None:
        self.point("begins")
        share(self.person, False)
        self.seen["violations"] += self.on_the_wire
        self.is_off = True
        self.point("answered")

    def round(self, seed: int) -> None:
        start = Delivery.objects.get(type="sharing.started")
        self.is_off, self.schedule = False, Schedule(seed)
        self.schedule.play(lambda: self.work(start.pk), self.switch_off)
        self.seen["rounds"] += 1
        outcome = Delivery.objects.get(pk=start.pk).state
        self.seen[outcome] += 1
        assert outcome in {"sent", "cancelled"}
        assert Standing.objects.get(recipient="acme").state == "withdrawn"
        assert Delivery.objects.filter(type="sharing.stopped").count() == 1
        self.schedule = Schedule(seed)
        _put_back(start)


def _put_back(start: Delivery) -> None:
    """Sharing is on and its notice waits, as before the round."""
    Delivery.objects.exclude(pk=start.pk).delete()
    Standing.objects.filter(recipient="acme").update(state="given")
    Delivery.objects.filter(pk=start.pk).update(
        state="queued",
        next_at=timezone.now(),
        lease_until=None,
        sent_at=None,
        closed_at=None,
        last_error="",
        attempts=0,
    )


@pytest.fixture
def person(alice: Any, acme: Any) -> Iterator[Subject]:
    """Alice shares with acme, which is about to be told."""
    set_endpoint(application=acme, url="https://acme.example/hook")
    answer(alice.subject, "give")
    share(alice.subject, True)
    yield alice.subject
    _Lane.close_all()


def played(world: World, rounds: int, first: int) -> Counter[str]:
    for seed in range(first, first + rounds):
        world.round(seed)
    return world.seen


@its_turn(2)
def test_in_no_order_does_a_start_leave_after_the_answer(person: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = played(World(monkeypatch, person), ROUNDS, FIRST)
    assert seen["rounds"] == ROUNDS
    assert seen["violations"] == 0
    # the schedules were not all alike: each outcome, waiting for a lock and a call under way were all met
    assert min(seen["sent"], seen["cancelled"], seen["blocked"]) > ROUNDS // 20, seen


@pytest.mark.parametrize("missing", [{"locks": False}, {"waits": False}])
def test_teeth_without_lock_or_wait_some_order_is_wrong(
    person: Subject, monkeypatch: pytest.MonkeyPatch, missing: dict[str, bool]
) -> None:
    world = World(monkeypatch, person, **missing)
    for seed in range(200):
        world.round(seed)
        if world.seen["violations"]:
            return
    raise AssertionError(f"200 orders and none of them wrong: {world.seen}")


def test_a_schedule_can_be_played_again(person: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    world, traces = World(monkeypatch, person), []
    for _ in range(2):
        start = Delivery.objects.get(type="sharing.started")
        world.is_off, world.schedule = False, Schedule(4711)
        world.schedule.play(lambda pk=start.pk: world.work(pk), world.switch_off)  # type: ignore[misc]
        traces.append(world.schedule.trace)
        _put_back(start)
    assert traces[0] == traces[1] and len(traces[0]) > 10
