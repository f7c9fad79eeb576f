"""Random lives through the real services: every way to ask says what the independent model says, then and later.

One transaction an example, rolled back; the clock is frozen and moved by the steps. Drawn by seeds: CI plays the same
lives every time, whatever the text of this file is, and as many of them as it takes to have met all that must be met.
"""

import os
from collections.abc import Callable
from contextlib import nullcontext, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from consent.api.decisions import rendered
from consent.models import Component, DataContract, NoticeText, Objection, Purpose, Recipient
from consent.services import feed, review
from consent.services.batches import Items, decide_alike
from consent.services.consents import expire_due, record_consent
from consent.services.data import read_data, store_data
from consent.services.decisions import decide_many, decide_one
from consent.services.events import NoticeSeen
from consent.services.facts import Question
from consent.services.objections import end_objection, object_to
from consent.services.reading import read_plainly
from consent.services.replica import Kind, Replica
from consent.services.sharing import set_sharing
from consent.services.standing import standing_of
from erasure.services import retentions
from gdpr_portal.errors import DomainError, Gone, WrongState
from gdpr_portal.quick import remembered
from gdpr_portal.quick.bodies import said
from subjects.holdings import holdings
from subjects.selectors import pairwise_of, retained
from subjects.services import lift_restriction, mark_erased, register_subject, restrict, retain
from tests.consent.model import Catalogue, Life, Span, gravest
from tests.consent.replicas import in_one_transaction
from tests.consent.test_review import approved, copy_of
from tests.plugins.exhaustive import its_turn

STEPS = int(os.environ.get("MODEL_STEPS", "250"))
"""`make model` plays 5,000."""
AN_EXAMPLE = 50
MANY = settings(
    max_examples=STEPS // AN_EXAMPLE, stateful_step_count=AN_EXAMPLE, deadline=None, database=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
ON_CONSENT = ("newsletter", "health_programme")
PEOPLE = ("alice", "bob")
TAX = ("family_name", "postal_address")
READ_PLAINLY = (("orders", "email"), ("newsletter", "email"), ("tax_records", "family_name"))
who = st.sampled_from(PEOPLE)
DAY = timedelta(days=1)

Ask = tuple[str, str, str | None, str | None]
QUESTIONS: list[Ask] = [
    *((name, slug, None, None) for name in PEOPLE for slug in ("newsletter", "orders", "fraud_prevention")),
    *((name, slug, None, None) for name in PEOPLE for slug in ("direct_marketing", "statistics", "profiling", "none")),
    *((name, "newsletter", "acme", None) for name in PEOPLE),
    *((name, "health_programme", None, "health_note") for name in PEOPLE),
    *((name, "orders", None, field) for name in PEOPLE for field in ("email", "phone", "vat_number")),
    *((name, "tax_records", None, field) for name in PEOPLE for field in ("family_name", "vat_number")),
]


class Lives(RuleBasedStateMachine):
    """Alice is grown up, Bob turns 16 some time; both are known to shop."""

    world: Any = None
    steps = 0
    late = 0
    looked_back = 0
    plain_reads = 0
    remembered = 0

    def __init__(self) -> None:
        super().__init__()
        self.clock = time_machine.travel(self.world.start, tick=False)
        self.coordinates = self.clock.start()
        self.example = transaction.atomic()
        self.example.__enter__()
        self.now = self.begun = self.world.start
        self.catalogue = self.world.catalogue()
        self.lives = {
            name: Life(self.catalogue, self.begun - DAY, self.world.grown_up if name == "bob" else None)
            for name in PEOPLE
        }
        self.answered: dict[datetime, list[str]] = {}
        self.mark = feed.Mark(feed.order_changes(), 0, feed.microseconds(self.now))
        self.done = 0
        remembered.replica = Replica(seconds=1, most=1000)
        self.known: dict[tuple[Any, str, str | None], str] = {}
        self._snapshot()

    def teardown(self) -> None:
        try:
            self._replay()
        finally:
            transaction.set_rollback(True)
            self.example.__exit__(None, None, None)
            self.clock.stop()

    # --- steps -----------------------------------------------------------------------------------------------------
    def _tick(self, step: timedelta = timedelta(seconds=1)) -> datetime:
        self.now += step
        self.coordinates.move_to(self.now)
        return self.now

    def _refused_if_erased(self, name: str, act: Callable[[], Any]) -> bool:
        """The act was done, or was refused because the person is erased."""
        if self.lives[name].erased_at is None:
            act()
            return True
        with pytest.raises(Gone):
            act()
        return False

    @rule(days=st.sampled_from([1, 1, 40, 300, 370]))
    def time_passes(self, days: int) -> None:
        self._tick(days * DAY)

    @rule(name=who, slug=st.sampled_from(ON_CONSENT))
    def says_yes(self, name: str, slug: str) -> None:
        self._answers(name, slug, "give", 0)

    @rule(name=who, slug=st.sampled_from(ON_CONSENT), action=st.sampled_from(["refuse", "withdraw"]))
    def says_no(self, name: str, slug: str, action: str) -> None:
        self._answers(name, slug, action, 0)

    @rule(
        name=who, slug=st.sampled_from(ON_CONSENT), action=st.sampled_from(["give", "refuse", "withdraw"]),
        late=st.sampled_from([2, 45, 400]),
    )  # fmt: skip
    def an_answer_arrives_late(self, name: str, slug: str, action: str, late: int) -> None:
        self._answers(name, slug, action, late)
        Lives.late += 1

    def _answers(self, name: str, slug: str, action: str, late: int) -> None:
        now, life = self._tick(), self.lives[name]
        at = max(self.begun, now - late * DAY)
        version = self.catalogue.version(slug, at) if action == "give" else None
        notice = NoticeSeen(version, "en", self.world.digest(slug, version)) if version else None
        if self._refused_if_erased(
            name,
            lambda: record_consent(
                subject=self.world.subject(name), purpose=slug, action=action, notice=notice, channel="import",
                explicit=True, actor="subject", at=at if late else None,
            ),
        ):  # fmt: skip
            life.answer(now, slug, action, at, version)

    @rule(name=who, on=st.booleans())
    def shares(self, name: str, on: bool) -> None:
        now, life = self._tick(), self.lives[name]
        code = life.code(now, "newsletter", bound=False)
        try:
            set_sharing(
                subject=self.world.subject(name), recipient="acme", purpose="newsletter", shared=on, channel="web",
                actor="subject",
            )  # fmt: skip
        except DomainError as refused:
            assert refused.code == ("erased" if life.erased_at else code) and (on or life.erased_at)
            return
        assert code == "allowed" or not on
        life.share(now, "newsletter", "acme", on)

    @rule(name=who, slug=st.sampled_from(["fraud_prevention", "direct_marketing", "orders"]))
    def objects(self, name: str, slug: str) -> None:
        now = self._tick()
        if self._refused_if_erased(
            name, lambda: object_to(subject=self.world.subject(name), purpose=slug, actor="subject")
        ):
            self.lives[name].object(now, slug)

    @rule(name=who, slug=st.sampled_from(["fraud_prevention", "direct_marketing"]))
    def an_objection_is_rejected(self, name: str, slug: str) -> None:
        now = self._tick()
        ended = {"subject": self.world.subject(name), "purpose": slug, "actor": "staff:x", "outcome": "overruled"}
        if slug == "direct_marketing":
            with pytest.raises(WrongState):
                end_objection(**ended)
        elif end_objection(**ended):
            self.lives[name].end_objection(now, slug)

    @rule(name=who, ground=st.sampled_from(["accuracy_contested", "legal_claims"]))
    def is_restricted(self, name: str, ground: str) -> None:
        now, life = self._tick(), self.lives[name]
        restrict(subject=self.world.subject(name), ground=ground, request=None, actor="subject")
        if not any(each.holds(now) and each.what == ground for each in life.restrictions):
            life.restrictions.append(Span(now, what=ground))

    @rule(name=who)
    def is_free_again(self, name: str) -> None:
        now = self._tick()
        lift_restriction(subject=self.world.subject(name), actor="staff:x")
        self.lives[name].lift(now)

    @precondition(lambda self: self.done > 15 and len(self.catalogue.wordings["newsletter"]) < 2)
    @rule(is_major=st.booleans())
    def wording_is_published(self, is_major: bool) -> None:
        now = self._tick()
        version = self.world.publish_wording(is_major=is_major)
        self.catalogue.wordings["newsletter"].append((now, version, is_major))

    @precondition(lambda self: self.done > 15 and len(self.catalogue.contracts["orders"]) < 3)
    @rule(fields=st.sampled_from([("email",), ("email", "phone", "given_name")]), days=st.sampled_from([None, 30]))
    def contract_is_replaced(self, fields: tuple[str, ...], days: int | None) -> None:
        now = self._tick()
        ends = now + days * DAY if days else None
        self.world.publish_contract(fields, ends)
        for each in self.catalogue.contracts["orders"]:
            each.until = each.until or now
        self.catalogue.contracts["orders"].append(Span(now, what=(frozenset(fields), ends)))

    @precondition(lambda self: self.done > 30)
    @rule()
    def contract_is_retired(self) -> None:
        now = self._tick()
        if self.world.retire_contract():
            for each in self.catalogue.contracts["orders"]:
                each.until = each.until or now

    @precondition(lambda self: self.done > 20)
    @rule(name=who, days=st.sampled_from([50, 400]), again=st.integers(0, 2))
    def is_erased(self, name: str, days: int, again: int) -> None:
        now, life = self._tick(), self.lives[name]
        if again or life.erased_at is not None:
            return
        subject = self.world.subject(name)
        retain(subject=subject, purpose="tax_records", fields=TAX, article="Art. 17(3)(b)", until=now + days * DAY)
        mark_erased(subject=subject, actor="subject")
        life.erased_at = now
        life.kept.append(Span(now, what=("tax_records", frozenset(TAX), now + days * DAY)))

    @rule(name=who)
    def an_erasure_is_finished(self, name: str) -> None:
        now, life = self._tick(), self.lives[name]
        if life.erased_at is not None:
            subject = self.world.subject(name)
            for holding in holdings():
                if holding.name in {"consents", "restrictions", "retentions"}:
                    holding.erase(subject, retained(subject))
            life.finish_erasure(now)

    @rule()
    def sweeps_run(self) -> None:
        now = self._tick()
        expire_due()
        retentions.end_due()
        for life in self.lives.values():
            for slug in ON_CONSENT if life.erased_at is None else ():
                life.run_out(now, slug)

    @rule(name=who, slug=st.sampled_from(["orders", "tax_records", "newsletter"]))
    def data_is_read(self, name: str, slug: str) -> None:
        now, life = self._tick(), self.lives[name]
        fields = ("email", "given_name", "family_name")
        codes = {field: life.code(now, slug, None, field) for field in fields}
        try:
            with transaction.atomic():
                seen = read_data(
                    application=self.world.shop, subject=self.world.subject(name), purpose=slug, fields=fields
                )
        except DomainError as refused:
            kept = [code for code in codes.values() if code != "erased"]
            assert "allowed" not in codes.values() and refused.code == gravest(kept or codes.values())
            return
        held = {field for field in fields if codes[field] == "allowed" and (slug, field) in self.world.held}
        assert seen.values.keys() == held
        assert seen.withheld == {field: code for field, code in codes.items() if code != "allowed"}

    @precondition(lambda self: self.answered)
    @rule(pick=st.integers(0, 10_000))
    def somebody_looks_back(self, pick: int) -> None:
        """As the model says of the valid time, and as was answered then by what was known then."""
        self._tick()
        then = sorted(self.answered)[pick % len(self.answered)]
        assert self._asked(at=then) == self._expected(then)
        assert self._asked(at=then, known_at=then) == self.answered[then]
        Lives.looked_back += 1
        name = PEOPLE[pick % 2]
        if self.lives[name].erased_at is None:
            for known_at in (None, then):
                lines = standing_of(self.world.subject(name), then, known_at)
                told = {(line.purpose, line.recipient): str(line.state) for line in lines}
                assert told == self.lives[name].states(then, known_at)

    # --- what must always be true ----------------------------------------------------------------------------------
    @invariant()
    def every_decision_is_the_models(self) -> None:
        Lives.steps += 1
        self.done += 1
        found = self._asked()
        assert found == self._expected(self.now)
        self.answered[self.now] = found

    @invariant()
    def a_plain_read_gives_what_the_model_allows(self) -> None:
        """Whoever is allowed is answered at once, but for an objection, or an erasure: those are in doubt."""
        name, (slug, field) = PEOPLE[self.done % 2], READ_PLAINLY[self.done % len(READ_PLAINLY)]
        life = self.lives[name]
        objected = any(each.holds(self.now) and each.what == slug for each in life.objections)
        is_plain = life.code(self.now, slug, None, field) == "allowed" and not objected and life.erased_at is None
        values = read_plainly(application=self.world.shop, pairwise=self.world.ids[name], purpose=slug, fields=(field,))
        assert (values is not None) == is_plain and (not values or (slug, field) in self.world.held)
        Lives.plain_reads += is_plain

    def _asked(self, **when: Any) -> list[str]:
        questions = [
            Question(self.world.ids[name], slug, recipient, (field,) if field else ())
            for name, slug, recipient, field in QUESTIONS
        ]
        found = decide_many(application=self.world.shop, questions=questions, **when)
        if not when:  # the one prepared statement says the same, to the last fact
            assert [decide_one(application=self.world.shop.id, question=each) for each in questions] == found
            self._ask_as_a_batch(questions, found)
            self._ask_what_is_remembered(questions, found)
        return [each.code for each in found]

    def _ask_as_a_batch(self, questions: list[Question], found: list[Any]) -> None:
        """Without fields, which a batch does not take: what is said of each is the same."""
        asked = {each: told for each, told in zip(questions, found, strict=True) if not each.fields}
        alike = decide_alike(application=self.world.shop.id, items=_items(list(asked)))
        placed = {place: each.decision for each in alike for place in each.places}
        assert [rendered(placed[n]) for n in sorted(placed)] == [rendered(told) for told in asked.values()]

    def _ask_what_is_remembered(self, questions: list[Question], found: list[Any]) -> None:
        """The feed read, what a process remembers is what is decided now; in turns one by one and as a batch."""
        shop, texts = self.world.shop, [said(rendered(each)) for each in found]
        remembered.replica.follow()
        kinds = [Kind(shop.id, each.purpose, each.recipient, each.fields) for each in questions]
        Lives.remembered += sum(
            remembered.replica.kept(kind, each.subject.bytes, self.now) is not None
            for kind, each in zip(kinds, questions, strict=True)
        )
        if self.done % 2:
            answers = [
                remembered.answer(shop, each.subject.bytes, kind[1:]) or remembered.ask(shop, each)
                for kind, each in zip(kinds, questions, strict=True)
            ]
            assert answers == texts
        else:
            plain = [(each, text) for each, text in zip(questions, texts, strict=True) if not each.fields]
            items = _items([each for each, _ in plain])
            expected = b",".join(text for _, text in plain)
            assert remembered.answer_batch(shop, items) == b'{"results":[' + expected + b"]}"
        remembered.gathered.take()

    def _expected(self, at: datetime) -> list[str]:
        return [self.lives[name].code(at, slug, recipient, field) for name, slug, recipient, field in QUESTIONS]

    # --- the feed --------------------------------------------------------------------------------------------------
    def _replay(self) -> None:
        """Who replayed every change since the snapshot, or had to take another, knows what is decided now."""
        self._tick()
        expire_due()
        retentions.end_due()
        for life in self.lives.values():
            for slug in ON_CONSENT if life.erased_at is None else ():
                life.run_out(self.now, slug)
        more = True
        try:
            while more:
                items, self.mark, more = feed.changes(application=self.world.shop, after=self.mark, limit=200)
                self._learn(items)
        except Gone as refused:
            assert refused.code == "cursor_expired"
            self.known.clear()
            self._snapshot()
        names = {self.world.ids[name]: name for name in PEOPLE}
        assert {key[0] for key in self.known} == names.keys()
        for (subject, slug, recipient), code in self.known.items():
            assert code == self.lives[names[subject]].code(self.now, slug, recipient), (names[subject], slug, recipient)

    def _snapshot(self) -> None:
        items, following = feed.snapshot(
            application=self.world.shop, after=feed.Mark(0), head=self.mark.place, limit=200
        )
        assert following is None
        self._learn(items)

    def _learn(self, items: list[feed.Item]) -> None:
        self.known |= {(item.subject, item.purpose, item.recipient): item.code for item in items}


def _items(questions: list[Question]) -> Items:
    return Items(
        b"".join(each.subject.bytes for each in questions), [each.purpose for each in questions],
        [each.recipient for each in questions],
    )  # fmt: skip


class World:
    """The demo catalogue with two people, and what the machine needs of it by name."""

    def __init__(self, shop: Any, alice: Any, bob: Any, olga: Any, rita: Any) -> None:
        self.shop, self.olga, self.rita = shop, olga, rita
        self.people = {"alice": alice, "bob": bob}
        self.start = timezone.now().replace(microsecond=0) + DAY
        born = (self.start - timedelta(days=365 * 15)).date()
        self.grown_up = datetime(born.year + 16, born.month, min(born.day, 28), tzinfo=UTC)
        birth_date = born.replace(day=min(born.day, 28))
        register_subject(application=shop, identifiers={"email": bob.email}, country="DE", birth_date=birth_date)
        self.ids = {name: pairwise_of(shop, person.subject) for name, person in self.people.items()}
        self.held = {("orders", "email"), ("orders", "given_name"), ("tax_records", "family_name")}
        for person in self.people.values():
            for slug, field in sorted(self.held):
                value = person.email if field == "email" else "Ada"
                store_data(
                    application=shop, subject=person.subject, purpose=slug, values={field: value}, source="subject"
                )
        self._digests: dict[tuple[str, int], str] = {}

    def subject(self, name: str) -> Any:
        subject = self.people[name].subject
        subject.refresh_from_db()
        return subject

    def catalogue(self) -> Catalogue:
        """Read off the rows as they stand before the first step."""
        long_ago = self.start - DAY
        purposes = {
            row.slug: (row.lawful_basis, row.is_marketing, frozenset(row.fields), row.validity_days)
            for row in Purpose.objects.all()
        }
        contracts = DataContract.objects.filter(application=self.shop, state="live").select_related("purpose")
        return Catalogue(
            purposes=purposes, not_live=frozenset({"profiling"}),
            recipients={row.slug: frozenset(row.purposes) for row in Recipient.objects.all()},
            wordings={slug: [(long_ago, 1, True)] for slug in purposes},
            contracts={row.purpose.slug: [Span(long_ago, what=(frozenset(row.fields), None))] for row in contracts},
        )  # fmt: skip

    def digest(self, slug: str, version: int | None) -> str:
        texts = NoticeText.objects.filter(notice__purpose__slug=slug, notice__version=version, language="en")
        return texts.values_list("digest", flat=True).get()

    def publish_wording(self, *, is_major: bool) -> int:
        notice = copy_of(Purpose.objects.get(slug="newsletter"), self.olga, is_major=is_major)
        return review.publish(item=approved(notice, self.olga, self.rita), actor=self.rita.account).version

    def publish_contract(self, fields: tuple[str, ...], ends: datetime | None) -> None:
        draft = DataContract.objects.create(
            application=self.shop, purpose=Purpose.objects.get(slug="orders"), fields=list(fields), reason="Other.",
            owner="sales", expires_at=ends, author=self.olga.account,
        )  # fmt: skip
        review.publish(item=approved(draft, self.olga, self.rita), actor=self.rita.account)

    def retire_contract(self) -> bool:
        live = DataContract.objects.filter(application=self.shop, purpose__slug="orders", state="live").first()
        if live is not None:
            review.retire(item=live, actor=self.rita.account)
        return live is not None


@pytest.fixture
def world(
    catalogue: None, shop: Any, alice: Any, bob: Any, olga: Any, rita: Any, monkeypatch: pytest.MonkeyPatch
) -> World:
    # Within one transaction nothing is older than it: whether changes are given in the order of transactions is
    # tests/consent/test_feed.py's.
    monkeypatch.setattr(feed, "_ORDER", feed._ORDER.replace("AND xid < pg_snapshot_xmin(pg_current_snapshot())", ""))
    in_one_transaction(monkeypatch)
    monkeypatch.setattr(remembered, "replica", remembered.replica)
    assert Component.objects.exists() and not Objection.objects.exists()
    return World(shop, alice, bob, olga, rita)


@pytest.mark.slow
@its_turn(0)
def test_every_way_to_ask_says_what_the_model_says(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Lives, "world", world)
    for number in range(10):
        run_state_machine_as_test(seed(number)(type("Seeded", (Lives,), {})), settings=MANY)
        if Lives.steps >= STEPS and min(Lives.late, Lives.looked_back) > STEPS // 50:
            break
    else:
        raise AssertionError(f"{Lives.steps} steps, {Lives.late} late, {Lives.looked_back} looked back")
    assert Lives.steps // 10 < Lives.plain_reads < Lives.steps * 9 // 10
    assert Lives.steps < Lives.remembered < Lives.steps * len(QUESTIONS)


@pytest.mark.parametrize("forgets", [False, True])
def test_a_service_that_forgets_is_noticed(world: World, monkeypatch: pytest.MonkeyPatch, forgets: bool) -> None:
    """Teeth: were sharing left on by a consent that was taken back, the machine would find it on the next yes."""
    monkeypatch.setattr(Lives, "world", world)
    if forgets:
        monkeypatch.setattr("consent.services.consents.stop_sharing", lambda **_: [])
    life = Lives()
    try:
        life.says_yes("alice", "newsletter")
        life.shares("alice", True)
        life.says_no("alice", "newsletter", "withdraw")
        life.says_yes("alice", "newsletter")
        with pytest.raises(AssertionError) if forgets else nullcontext():
            life.every_decision_is_the_models()
    finally:
        with suppress(AssertionError) if forgets else nullcontext():
            life.teardown()


@pytest.mark.parametrize("deaf", [False, True])
def test_a_replica_that_does_not_hear_is_noticed(world: World, monkeypatch: pytest.MonkeyPatch, deaf: bool) -> None:
    """Teeth: the feed is read, and what it says about a person changes nothing."""
    monkeypatch.setattr(Lives, "world", world)
    if deaf:
        monkeypatch.setattr(Replica, "_drop_people", lambda *_: None)
    life = Lives()
    try:
        life.says_yes("alice", "newsletter")
        life.every_decision_is_the_models()
        life.says_no("alice", "newsletter", "withdraw")
        with pytest.raises(AssertionError) if deaf else nullcontext():
            life.every_decision_is_the_models()
    finally:
        life.teardown()
