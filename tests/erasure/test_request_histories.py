"""Random histories of rights requests through the real services: never lost, never doubled, never a false "complete".

Each history is a person, three requests at most and some twenty acts drawn by lot: filing, codes, withdrawals,
extensions, questions, decisions, holds, answers from outside, data gone already, steps that fail, workers that die and
come back, time. After every act the rows say what the independent model (tests/erasure/model.py) says; at the end all
faults are over, everybody answers, and every request that nobody ended is complete, once.

`HISTORIES=1000` (`make histories`) runs the full number (figure G12); without it a short one, the same every time.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
import time_machine
from django.conf import settings as django_settings
from django.db import connection, transaction
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from access.services.applications import set_endpoint
from audit.models import AuditEvent
from consent.models import Delivery
from consent.services.deliveries import acknowledge
from erasure.models import Receipt, RightsRequest, Step
from erasure.services import claims, conversation, finish, holds, perform, requests, start, step_acts, steps
from gdpr_portal.errors import DomainError
from subjects.models import Subject
from tests.conftest import NOW, make_staff
from tests.erasure.model import ENDED, Life, NotPossibleError
from tests.erasure.people import file, store
from tests.plugins.exhaustive import its_turn

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]

HISTORIES = int(os.environ.get("HISTORIES", "0"))
SHORT = 16
SEED = 4
"""Of the short one, which so stays the same when this file changes; all that has to be seen is seen in it."""
TOOTH = 2
"""Of the search for a lie, found after a few histories; a changed rule may need more, so it may go on for long."""
ACTS = 24
MANY = settings(
    max_examples=HISTORIES or SHORT, stateful_step_count=ACTS, deadline=None, database=None,
    suppress_health_check=list(HealthCheck), print_blob=True,
    phases=(Phase.generate, Phase.shrink) if HISTORIES else (Phase.generate,),
)  # fmt: skip
TEETH = settings(MANY, max_examples=400, phases=(Phase.generate,))
WINDOW = timedelta(hours=24)
CODE = 271828
MOST = 3
which = st.integers(0, MOST - 1)
KINDS = ("holding", "key", "verify", "account", "archive")
PLACES = {
    "values": "SELECT count(*) FROM subjects_personalvalue WHERE subject_id = %s",
    "identifiers": "SELECT count(*) FROM subjects_identifier WHERE subject_id = %s",
    "key": "SELECT count(*) FROM vault_datakey WHERE owner = %s",
    "standing": "SELECT count(*) FROM consent_standing WHERE subject_id = %s",
    "login": "SELECT count(*) FROM subjects_subject WHERE id = %s AND account_id IS NOT NULL",
}
"""Where the person can be found, asked without the service's own code."""


class BrokenError(Exception):
    """A step that fails."""


class Histories(RuleBasedStateMachine):
    """One person, up to three requests."""

    world: Any = None
    seen: Counter[str] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.clock = time_machine.travel(NOW, tick=False)
        self.coordinates = self.clock.start()
        self.example = transaction.atomic()
        self.example.__enter__()
        self.now = NOW
        self.lives: dict[Any, Life] = {}
        self.held = self.erased = self.over = False
        self.dead: list[claims.Claim] = []

    @initialize(endpoint=st.booleans(), right=st.sampled_from(["access", "erasure"]), verified=st.booleans())
    def it_begins(self, endpoint: bool, right: str, verified: bool) -> None:
        """Shop is told by a notice, or by hand; something is asked for."""
        if endpoint:
            set_endpoint(application=self.world.shop, url="https://shop.example/notices")
        self.files(right, verified, 0)

    def teardown(self) -> None:
        try:
            if self.lives:
                self._everything_heals()
        finally:
            transaction.set_rollback(True)
            self.example.__exit__(None, None, None)
            self.clock.stop()
            django_settings.SHRED_LEDGER_FILE.unlink(missing_ok=True)

    # --- helpers -----------------------------------------------------------------------------------------------------
    @property
    def subject(self) -> Subject:
        return Subject.objects.get(pk=self.world.subject)

    def _tick(self, step: timedelta = timedelta(seconds=1)) -> datetime:
        self.now += step
        self.coordinates.move_to(self.now)
        return self.now

    def _one(self, number: int) -> tuple[RightsRequest, Life] | None:
        if not self.lives:
            return None
        key = list(self.lives)[number % len(self.lives)]
        return RightsRequest.objects.get(pk=key), self.lives[key]

    def _both(self, act: Callable[[], Any], foreseen: Callable[[], None], *, words: bool = False) -> None:
        """The service does what the model does, or refuses what the model refuses; `words` need a person not erased."""
        try:
            with transaction.atomic():
                act()
        except DomainError:
            if words and self.erased:
                return
            with pytest.raises(NotPossibleError):
                foreseen()
            self.seen["refused"] += 1
        else:
            foreseen()

    def _found(self, place: str) -> int:
        with connection.cursor() as cursor:
            cursor.execute(PLACES[place], [self.world.subject])
            return int(cursor.fetchone()[0])

    # --- acts of the person ------------------------------------------------------------------------------------------
    @rule(
        right=st.sampled_from(["access", "access", "erasure", "human_review"]), verified=st.booleans(),
        days=st.sampled_from([0, 0, 3, 20]),
    )  # fmt: skip
    def files(self, right: str, verified: bool, days: int) -> None:
        now = self._tick()
        known = [life for life in self.lives.values() if life.right == right == "erasure" and life.is_open]
        if len(self.lives) >= MOST and not known:
            return
        received = now - timedelta(days=days)
        details = {"decision": "loan-1"} if right == "human_review" else {}
        try:
            with transaction.atomic():
                made = file(self.subject, right, "account" if verified else "none", received, **details)
        except DomainError as error:
            assert self.erased and error.code == "erased"
            return
        assert not self.erased
        window = WINDOW if right == "erasure" else timedelta(0)
        life = known[0] if known else Life(right, received, window)
        assert (made.pk in self.lives) == bool(known)
        self.lives[made.pk] = life
        life.filed(now, verified=verified)
        self.seen[f"filed {right}"] += 1

    @rule(number=which, right=st.sampled_from([True, True, False]))
    def gives_a_code(self, number: int, right: bool) -> None:
        now = self._tick()
        if found := self._one(number):
            request, life = found
            code = f"{CODE:06d}" if right else "000000"
            try:  # a wrong try counts, so it must not be rolled back
                requests.verify_request(request_id=request.pk, code=code)
            except DomainError:
                with pytest.raises(NotPossibleError):
                    life.code_given(now, right=right)
            else:
                life.code_given(now, right=right)

    @rule(number=which)
    def withdraws(self, number: int) -> None:
        self._tick()
        if found := self._one(number):
            request, life = found
            self._both(lambda: requests.withdraw_request(request=request, actor="subject"), life.withdrawn)

    @rule(number=which)
    def answers(self, number: int) -> None:
        now = self._tick()
        if found := self._one(number):
            request, life = found
            self._both(
                lambda: conversation.write_to_desk(request=request, text="Yes."), lambda: life.answers(now), words=True
            )

    # --- acts of the desk --------------------------------------------------------------------------------------------
    @rule(number=which)
    def desk_asks(self, number: int) -> None:
        now = self._tick()
        if found := self._one(number):
            request, life = found
            ask = {"request_id": request.pk, "author": self.world.rita, "kind": "identity", "text": "Who?"}
            self._both(lambda: conversation.ask_person(**ask), lambda: life.asks(now), words=True)

    @rule(number=which)
    def desk_extends(self, number: int) -> None:
        now = self._tick()
        if found := self._one(number):
            request, life = found
            extend = {"request_id": request.pk, "reviewer": self.world.rita, "reason_code": "A12Complexity"}
            self._both(lambda: requests.extend_request(**extend), lambda: life.extends(now))

    @rule(number=which, approved=st.booleans())
    def desk_decides(self, number: int, approved: bool) -> None:
        self._tick()
        if found := self._one(number):
            request, life = found
            about: dict[str, Any] = {"request_id": request.pk, "reviewer": self.world.rita}
            refusal = {"reason_code": "A12IdentityFailure"}
            act: Any = requests.approve_request if approved else requests.refuse_request
            more = {} if approved else refusal
            self._both(lambda: act(**about, **more), lambda: life.decided(approved=approved))

    @rule()
    def a_hold_is_placed_or_lifted(self) -> None:
        self._tick()
        if self.held:
            holds.propose_lift(subject=self.subject, by=self.world.rita)
            holds.lift_hold(subject=self.subject, by=self.world.paul)
        else:
            holds.place_hold(subject=self.subject, reason="court_order", by=self.world.rita)
        self.held = not self.held
        self.seen["hold"] += 1

    # --- acts of others, faults, time --------------------------------------------------------------------------------
    @rule(outcome=st.sampled_from(["done", "nothing_held", "refused", "failed"]), times=st.sampled_from([1, 2]))
    def a_receiver_answers(self, outcome: str, times: int) -> None:
        self._tick()
        delivery = Delivery.objects.filter(outcome="").order_by("created_at").first()
        if delivery is None:
            return
        for _time in range(times):
            acknowledge(
                application=delivery.application, delivery_id=delivery.pk, outcome=outcome, evidence={}, data={}
            )
        life = self.lives.get(delivery.request)
        if life is not None and life.outside.get(delivery.application.slug) == "":
            life.outside[delivery.application.slug] = outcome
        self.seen[f"answered {outcome}"] += 1

    @rule()
    def an_operator_closes_one_by_hand(self) -> None:
        self._tick()
        step = Step.objects.filter(kind__in=["manual", "notify"], state__in=["waiting", "failed"]).first()
        if step is not None:
            step_acts.close_by_hand(step_id=step.pk, operator=self.world.rita)
            self.lives[step.request_id].outside[step.target] = "by_hand"

    @rule()
    def some_of_it_is_gone_already(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM consent_standing WHERE subject_id = %s", [self.world.subject])
            cursor.execute(
                "DELETE FROM subjects_valuepurpose USING subjects_personalvalue v "
                "WHERE value_id = v.id AND v.subject_id = %s AND v.field = 'given_name'",
                [self.world.subject],
            )

    @rule(kind=st.sampled_from(KINDS))
    def a_step_fails(self, kind: str) -> None:
        self._tick()
        with _failing(kind):
            self._sweep()
        self.seen[f"failing {kind}"] += 1

    @rule(together=st.booleans())
    def a_worker_dies_with_what_it_took(self, together: bool) -> None:
        self._tick()
        for request_id in self.lives:
            left = claims.unfinished(request_id)
            taken = claims.claim_together(claims.fresh(left)) if together else []
            taken = taken or [each for pk in claims.runnable(left)[:1] if (each := claims.claim(pk))]
            self.dead += taken
            self.seen["died"] += len(taken)

    @rule()
    def a_dead_worker_comes_back(self) -> None:
        self._tick()
        for held in self.dead:
            before = Step.objects.get(pk=held.step_id)
            stale = before.fence != held.fence or before.state != "in_progress"
            try:
                with transaction.atomic():
                    steps._do(held)
            except DomainError:
                continue
            after = Step.objects.get(pk=held.step_id)
            assert not stale or (after.state, after.settled_at) == (before.state, before.settled_at)
        self.dead.clear()

    @rule(number=which)
    def an_operator_tries_again(self, number: int) -> None:
        self._tick()
        self._retry_failed()

    @rule(step=st.sampled_from([timedelta(minutes=3), timedelta(hours=25), timedelta(days=8), timedelta(days=32)]))
    def time_passes(self, step: timedelta) -> None:
        self._tick(step)

    @rule()
    def workers_come_by(self) -> None:
        for _round in range(3):
            self._tick(timedelta(minutes=3))
            self._sweep()

    def _sweep(self) -> None:
        steps.sweep()
        requests.expire_unverified()
        for life in self.lives.values():
            began = life.begun
            life.worker_came(self.now, held=self.held)
            if life.begun and not began:
                self.erased = True
        self._told()

    def _retry_failed(self) -> None:
        for step in Step.objects.filter(state="failed", kind__in=step_acts.OURS):
            step_acts.retry(step_id=step.pk, operator=self.world.rita)

    def _told(self) -> None:
        """Who has to be told is whoever has a contract for what is held: here shop alone."""
        for step in Step.objects.filter(kind__in=["manual", "notify"]):
            self.lives[step.request_id].outside.setdefault(step.target, "")
        if not self.over and RightsRequest.objects.filter(right="erasure", state="completed").exists():
            self.over = True
            for life in self.lives.values():
                life.erasure_ended()

    # --- what must be true after every act ---------------------------------------------------------------------------
    @invariant()
    def nothing_is_lost_and_deadlines_are_kept(self) -> None:
        self._told()
        rows = {row.pk: row for row in RightsRequest.objects.all()}
        assert rows.keys() == self.lives.keys()
        for key, life in self.lives.items():
            row = rows[key]
            assert row.due_at == life.due, (row.due_at, life)
            if row.state == "completed" and life.state == "in_progress":
                self._is_truly_complete(row, life)
                life.state = "completed"
            assert row.state == life.state, (row.state, life)
            assert row.steps.exists() == (life.begun and life.right != "human_review") or not life.begun

    def _is_truly_complete(self, row: RightsRequest, life: Life) -> None:
        assert life.may_complete(), life
        self.seen[f"completed {life.right}"] += 1
        if life.right == "erasure":
            left = {place: self._found(place) for place in PLACES}
            assert not any(left.values()), left
        if life.right == "access":
            assert row.outcome == "nothing_held" or (row.archive is not None and row.archive.complete)

    @invariant()
    def nothing_is_destroyed_before_its_time(self) -> None:
        if not any(life.begun and life.right == "erasure" for life in self.lives.values()):
            assert self._found("key") and self._found("identifiers") and self._found("values")

    @invariant()
    def nothing_is_done_twice(self) -> None:
        counts: Counter[tuple[str, ...]] = Counter()
        acts = AuditEvent.objects.filter(action__regex=r"^(request\.|step\.done|receipt\.|data\.erased)")
        for event in acts.exclude(action="request.repeated"):  # as often as somebody asks for the same again
            told = event.details
            names = ("request", "kind", "target", "reason", "hold")
            counts[(event.action, *(str(told.get(name, "")) for name in names))] += 1
        twice = {what for what, count in counts.items() if count > 1} - {("request.in_review",)}
        assert not twice, twice
        assert Receipt.objects.count() == RightsRequest.objects.filter(state="completed").count()
        told = Delivery.objects.exclude(request=None).values_list("request", "application", "type")
        assert len(set(told)) == len(told)

    # --- the end -----------------------------------------------------------------------------------------------------
    def _everything_heals(self) -> None:
        """No more faults: what nobody ended is completed."""
        if self.held:
            self.a_hold_is_placed_or_lifted()
        self._tick(WINDOW + timedelta(hours=1))
        for _round in range(8):
            self._retry_failed()
            self.workers_come_by()
            while Step.objects.filter(kind__in=["manual", "notify"], state__in=["waiting", "failed"]).exists():
                self.an_operator_closes_one_by_hand()
        for number, life in enumerate(list(self.lives.values())):
            if life.state == "in_review":
                self.desk_decides(number, True)
        self.nothing_is_lost_and_deadlines_are_kept()
        self.nothing_is_done_twice()
        open_still = [life for life in self.lives.values() if life.state not in ENDED | {"verifying"}]
        stuck = Step.objects.exclude(state__in=["done", "retained"])
        assert not open_still, list(stuck.values_list("request__right", "kind", "target", "state", "last_error"))
        self.seen["histories"] += 1


def _failing(kind: str) -> Any:
    def broken(*_given: Any, **_named: Any) -> Any:
        raise BrokenError

    if kind == "archive":
        return mock.patch("erasure.archives.build.build_archives", broken)
    return mock.patch.dict(perform._KINDS, {kind: broken})


@pytest.fixture
def machine(
    alice: Any, shop: Any, rita: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[type[Histories]]:
    """The machine over alice, of whom something is held by contract and by consent."""
    settings.UNDO_WINDOW_SECONDS = int(WINDOW.total_seconds())
    settings.ERASURES_PER_HOUR = 0
    store(shop, alice.subject, "orders", given_name="Alice", family_name="Ahlberg")
    monkeypatch.setattr("erasure.services.requests.secrets.randbelow", lambda _most: CODE)
    world = SimpleNamespace(
        subject=alice.subject.pk, shop=shop, rita=rita.account, paul=make_staff("paul", "IRM").account
    )
    monkeypatch.setattr(Histories, "world", world)
    monkeypatch.setattr(Histories, "seen", Counter())
    yield Histories


def _drawn_by(number: int, machine: type[Histories]) -> Any:
    """The machine with its lots drawn by a seed, whatever the text of this file is."""
    return seed(number)(type("Seeded", (machine,), {}))


@its_turn(2)
def test_every_request_ends_as_it_should(machine: type[Histories]) -> None:
    drawn = machine if HISTORIES else _drawn_by(SEED, machine)
    run_state_machine_as_test(drawn, settings=MANY)
    print(f"\n{machine.seen['histories']} histories: {dict(sorted(machine.seen.items()))}")
    assert machine.seen["histories"] >= (HISTORIES or SHORT)
    for what in ("completed erasure", "completed access", "hold", "died", "refused"):
        assert machine.seen[what], f"{what} was never seen"


@pytest.mark.parametrize("right", ["access", "human_review"])
def test_what_is_verified_only_after_the_erasure_is_answered(machine: type[Histories], right: str) -> None:
    """The thousand found it: the erasure took the other request's code, and nobody could verify it any more."""
    history: Any = machine()
    history.it_begins(True, "erasure", False)
    history.files(right, False, 0)
    history.gives_a_code(0, True)
    history.an_operator_closes_one_by_hand()
    history.time_passes(timedelta(hours=25))
    history.workers_come_by()
    history.gives_a_code(1, True)
    assert history.erased and [life.state for life in history.lives.values()][1] != "verifying"
    history.teardown()
    assert machine.seen["histories"] == 1


def test_a_message_between_two_steps_of_an_erasure_does_not_keep_it_open(machine: type[Histories]) -> None:
    """The thousand found it: a message came after the messages were erased and before the key was destroyed."""
    history: Any = machine()
    history.it_begins(True, "erasure", True)
    history.time_passes(timedelta(hours=25))
    history.a_step_fails("key")
    assert history.erased
    history.answers(0)
    history.teardown()
    assert machine.seen["histories"] == 1


TRUTHS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "waiting counts as finished": lambda patch: patch.setattr(
        finish, "FINISHED", frozenset({"done", "retained", "waiting", "failed"})
    ),
    "begun can be withdrawn": lambda patch: patch.setattr(start, "is_in_undo_window", lambda _request: True),
}


@pytest.mark.exhaustive
@pytest.mark.parametrize("lie", TRUTHS)
def test_a_broken_service_is_noticed(machine: type[Histories], monkeypatch: pytest.MonkeyPatch, lie: str) -> None:
    TRUTHS[lie](monkeypatch)
    with pytest.raises((AssertionError, NotPossibleError)):
        run_state_machine_as_test(_drawn_by(TOOTH, machine), settings=TEETH)
