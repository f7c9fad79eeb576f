"""Remembered decisions: what the view says once the feed is read, never older than the bound, and nothing past it.

Every kind of change on random lives: tests/consent/test_decisions_model.py. Here: by HTTP, the bound, the race, the
feed between real transactions, what a process changes itself, and memory.
"""

import json
import threading
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import OperationalError, connection, connections, transaction
from django.utils import timezone

from consent.models import DataContract, DecisionChange, DecisionCount, Objection, Purpose, Standing
from consent.services import replica as module
from consent.services.facts import ONE_TO_KEEP
from consent.services.replica import KEPT_SECONDS, Kept, Kind, Replica
from gdpr_portal import metrics
from gdpr_portal.quick import QuickAnswers, following, remembered
from subjects.models import ApplicationLink, Restriction
from subjects.services import mark_erased
from tests.audit.tools import behind_the_triggers
from tests.consent.people import answer, share
from tests.consent.replicas import in_one_transaction
from tests.frame.doors import DECISIONS, Doors, plans

CODES = ("remembered", "asked", "behind")


@pytest.fixture(autouse=True)
def _remembering(monkeypatch, settings):
    """The setting is on, this process remembers nothing, and the connection stays."""
    settings.DECISIONS_FROM = "replica"
    remembered.gathered.take()
    monkeypatch.setattr(connections["default"], "close_if_unusable_or_obsolete", lambda: None)
    yield
    remembered.gathered.take()


@pytest.fixture
def replica(monkeypatch, frozen):
    """What the process remembers, by the frozen clock and within the test's transaction."""
    in_one_transaction(monkeypatch)
    return _replica(monkeypatch)


@pytest.fixture
def doors(catalogue, frozen, shop, alice, client_for):
    return Doors(client_for(shop).token, str(alice.id_for(shop)))


def _replica(monkeypatch, **more: Any) -> Replica:
    made = Replica(**{"seconds": 1.0, "most": 1000} | more)
    for user in (remembered, following):
        monkeypatch.setattr(user, "replica", made)
    return made


def _counted() -> dict[str, float]:
    remembered.count_said()
    return {code: metrics.REPLICA_ANSWERS.labels(code)._value.get() for code in CODES}


def _since(before: dict[str, float]) -> tuple[float, ...]:
    return tuple(now - before[code] for code, now in _counted().items())


# --- equal answers ----------------------------------------------------------------------------------------------------
def test_remembered_or_asked_the_answer_is_the_views(doors, replica, alice, bob, shop, frozen):
    """One life; each state asked twice, one by one and as a batch: the second time nothing is asked of the database."""
    other, batch = str(bob.id_for(shop)), Doors(doors.token, doors.id, path=f"{DECISIONS}/batch")
    purposes = ("newsletter", "orders", "fraud_prevention", "statistics", "profiling", "none")
    single = [doors.question(slug) for slug in purposes] + [
        doors.question(recipient="acme"), doors.question("orders", fields=["email", "vat_number"]),
        doors.question(subject=other), doors.question(subject=str(uuid4())), doors.question(subject=doors.id.upper()),
    ]  # fmt: skip
    many = [each for each in single if "fields" not in each]
    seen: set[str] = set()

    def look() -> None:
        frozen.shift(1)
        replica.follow()
        for _ in range(2):
            seen.update(doors.at_once(each)["code"] for each in single)
            seen.update(each["code"] for each in batch.at_once({"items": many})["results"])
        generic, _ = plans(ONE_TO_KEEP)
        kept, before = [each for each in single if _is_kept(replica, shop, each)], _counted()
        assert len(kept) >= len(single) - 6  # of nobody, no purpose and no live one, and who is erased, nothing is
        for each in kept:
            doors.at_once(each)
        assert _since(before) == (len(kept), 0, 0) and plans(ONE_TO_KEEP) == (generic, 0)

    look()
    answer(alice.subject, "give")
    answer(bob.subject, "refuse")
    look()
    share(alice.subject, True)
    look()
    Objection.objects.create(subject=alice.subject, purpose="fraud_prevention", since=timezone.now())
    answer(alice.subject, "withdraw")
    look()
    Restriction.objects.create(subject=bob.subject, ground="accuracy_contested", since=timezone.now())
    look()
    with behind_the_triggers():
        Purpose.objects.filter(slug="orders").update(state="retired")
    DecisionChange.objects.create(subject=None)  # as the trigger that was left out writes it
    frozen.shift(1)
    replica.follow()
    assert doors.at_once(doors.question("orders"))["code"] == "purpose_not_approved"
    mark_erased(subject=alice.subject, actor="staff:x")
    frozen.shift(1)
    replica.follow()
    seen.update(doors.at_once(each)["code"] for each in single)
    assert seen >= {
        "allowed", "unknown_subject", "unknown_purpose", "purpose_not_approved", "not_in_contract", "consent_missing",
        "consent_refused", "consent_withdrawn", "objected", "restricted", "erased", "sharing_off",
    }  # fmt: skip


def _is_kept(replica: Replica, shop: Any, asked: dict[str, Any]) -> bool:
    kind = Kind(shop.id, asked["purpose"], asked.get("recipient"), tuple(asked.get("fields", ())))
    return replica.kept(kind, bytes.fromhex(asked["subject"].replace("-", "")), timezone.now()) is not None


def test_remembered_decisions_are_counted_as_the_views(doors, replica):
    replica.follow()
    doors.at_once()
    batch = Doors(doors.token, doors.id, path=f"{DECISIONS}/batch")
    DecisionCount.objects.all().delete()
    remembered.gathered.take()
    doors.at_once()
    batch.at_once({"items": [doors.question(), doors.question("orders"), doors.question("none")]})
    by_view = sorted(DecisionCount.objects.values_list("application", "purpose", "code", "minute", "count"))
    DecisionCount.objects.all().delete()
    remembered.gathered.write()
    assert sorted(DecisionCount.objects.values_list("application", "purpose", "code", "minute", "count")) == by_view


# --- never older than the bound ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("guarded", [True, False])
def test_a_feed_that_stopped_leads_to_fresh_answers(doors, replica, alice, frozen, monkeypatch, guarded):
    """Teeth: without the guard the yes that was taken back would be said for as long as nobody reads the feed."""
    if not guarded:
        monkeypatch.setattr(Replica, "is_current", lambda _: True)
    answer(alice.subject, "give")
    replica.follow()
    raw = json.dumps(doors.question()).encode()

    def code() -> str:
        return json.loads(doors.ask(doors.quick, raw)[2])["code"]

    assert code() == "allowed"
    answer(alice.subject, "withdraw")
    frozen.shift(1)  # the bound itself
    assert code() == "allowed", "nothing was remembered"
    frozen.shift(timedelta(milliseconds=1))
    before = _counted()
    assert code() == ("consent_withdrawn" if guarded else "allowed")
    assert not guarded or _since(before) == (0, 0, 1)
    replica.follow()
    assert code() == "consent_withdrawn"


@pytest.mark.parametrize("guarded", [True, False])
@pytest.mark.parametrize("as_batch", [False, True])
def test_a_change_between_reading_and_remembering(doors, replica, alice, monkeypatch, guarded, as_batch):
    """Read, then taken back and the feed read, then remembered: that would be a yes for as long as it is kept."""
    answer(alice.subject, "give")
    replica.follow()
    name = "decide_alike_to_keep" if as_batch else "decide_to_keep"
    real = getattr(remembered, name)

    def slow(**asked: Any) -> Any:
        found = real(**asked)
        answer(alice.subject, "withdraw")
        replica.follow()
        return found

    monkeypatch.setattr(remembered, name, slow)
    if not guarded:  # as if the mark were taken only then
        keep = replica.keep
        monkeypatch.setattr(replica, "keep", lambda _, *more: keep(replica.mark(), *more))
    path = f"{DECISIONS}/batch" if as_batch else DECISIONS
    raw = json.dumps({"items": [doors.question()]} if as_batch else doors.question()).encode()
    first = json.loads(doors.ask(doors.quick, raw, PATH_INFO=path)[2])
    assert (first["results"][0] if as_batch else first)["code"] == "allowed"  # as it was when it was read
    monkeypatch.setattr(remembered, name, real)
    then = json.loads(doors.ask(doors.quick, json.dumps(doors.question()).encode())[2])
    assert then["code"] == ("consent_withdrawn" if guarded else "allowed")


def test_what_the_clock_ends_is_not_kept_or_kept_until_then(doors, replica, alice, frozen):
    answer(alice.subject, "give")
    now = timezone.now()
    minute, day = timedelta(minutes=1), timedelta(days=1)
    for soon in (
        lambda: Standing.objects.filter(subject=alice.subject).update(expires_at=now + 59 * minute),
        lambda: Objection.objects.create(subject=alice.subject, purpose="orders", since=now, ended_at=now + day),
        lambda: Restriction.objects.create(subject=alice.subject, ground="legal_claims", since=now + day),
    ):
        with transaction.atomic():
            soon()
            replica.follow()
            before = _counted()
            doors.at_once()
            doors.at_once()
            assert _since(before) == (0, 2, 0)
            transaction.set_rollback(True)
    with behind_the_triggers():
        DataContract.objects.filter(purpose__slug="orders").update(expires_at=now + timedelta(seconds=61))
    replica.follow()
    before, asked = _counted(), doors.question("orders")
    doors.at_once(asked)
    frozen.shift(30)
    replica.follow()
    said = doors.at_once(asked)
    assert said["valid_until"].startswith((now + timedelta(seconds=61)).strftime("%Y-%m-%dT%H:%M:%S"))
    frozen.shift(31)
    replica.follow()
    assert doors.at_once(asked)["code"] == "not_in_contract"
    assert _since(before)[0] == 1


def test_nothing_is_kept_for_longer_than_said(db, replica, frozen):
    kind, kept = Kind(uuid4(), "newsletter", None), Kept(b"x", "allowed", None)
    replica.follow()
    replica.keep(replica.mark(), kind, [bytes(16)], kept)
    for _ in range(3):
        frozen.shift(KEPT_SECONDS // 4)
        replica.follow()
    assert _is_there(replica)
    frozen.shift(KEPT_SECONDS // 4)
    replica.follow()
    assert not _is_there(replica)
    replica.keep(replica.mark(), kind, [bytes(16)], kept)
    frozen.shift(KEPT_SECONDS // 2 + 1)  # nobody read meanwhile: the rows that tell may be gone
    replica.follow()
    assert not _is_there(replica)


def _is_there(replica: Replica) -> bool:
    return any(people.young or people.old for people in replica._kinds.values())


def test_memory_is_bounded():
    replica = Replica(seconds=1e9, most=100)
    replica._read_at = module.clock()
    kept, application = Kept(b"x", "allowed", None), uuid4()
    for number in range(1000):
        replica.keep(replica.mark(), Kind(application, f"p{number % 7}", None), [number.to_bytes(16)], kept)
    held = sum(len(people.young) + len(people.old) for people in replica._kinds.values())
    assert 50 <= held <= 100
    assert replica.kept(Kind(application, "p5", None), (999).to_bytes(16), timezone.now()) is kept
    for number in range(3000):
        replica.keep(replica.mark(), Kind(application, f"many{number}", None), [bytes(16)], kept)
    assert len(replica._kinds) <= module.MOST_KINDS
    kind = Kind(application, "long", None)
    replica.keep(replica.mark(), kind, [bytes(16)], Kept(b"x" * 2001, "allowed", None))
    assert replica.kept(kind, bytes(16), timezone.now()) is None


# --- what this process changes itself ---------------------------------------------------------------------------------
def test_its_own_acts_count_at_once(doors, replica, alice, frozen):
    """By the API for the application that acts; by whatever else people and staff do for everybody."""
    answer(alice.subject, "give")
    replica.follow()
    assert doors.at_once()["allowed"] and doors.at_once(doors.question("orders"))["allowed"]
    withdrawn = json.dumps({"purpose": "newsletter", "action": "withdraw"}).encode()
    status, _, _ = doors.ask(doors.quick, withdrawn, PATH_INFO=f"/api/v1/subjects/{doors.id}/consents")
    assert status.startswith("201")
    before = _counted()
    assert doors.at_once()["code"] == "consent_withdrawn" and _since(before) == (0, 1, 0)
    replica.follow()
    acted = QuickAnswers(lambda environ, start: [b""])
    for method, path, is_behind in (
        ("GET", "/consent", False), ("POST", "/oauth/token", False), ("POST", "/api/v1/subjects/lookup", False),
        ("POST", "/consent/withdraw", True), ("POST", "/api/v1/requests", True), ("PUT", "/admin/x", True),
    ):  # fmt: skip
        frozen.shift(timedelta(milliseconds=1))
        replica.follow()
        frozen.shift(timedelta(milliseconds=1))
        list(acted({"REQUEST_METHOD": method, "PATH_INFO": path, "wsgi.url_scheme": "http"}, None))
        assert replica.is_current() != is_behind, path
        assert replica._woken.is_set() == is_behind
        replica._woken.clear()


def test_it_is_off_unless_set(doors, replica, settings):
    settings.DECISIONS_FROM = "fresh"
    replica.follow()
    before = _counted()
    assert doors.at_once() == doors.at_once() and _since(before) == (0, 0, 0) and not _is_there(replica)


# --- the feed between transactions ------------------------------------------------------------------------------------
@pytest.fixture
def live(catalogue, shop, alice, bob, monkeypatch):
    """A replica that follows real transactions."""
    return _replica(monkeypatch, seconds=1e9)


def _keep(replica: Replica, shop: Any, *people: Any) -> None:
    for each in people:
        kept = Kept(b"x", "allowed", None)
        replica.keep(replica.mark(), Kind(shop.id, "newsletter", None), [each.id_for(shop).bytes], kept)


def _kept(replica: Replica, shop: Any, *people: Any) -> list[bool]:
    kind, now = Kind(shop.id, "newsletter", None), timezone.now()
    return [replica.kept(kind, each.id_for(shop).bytes, now) is not None for each in people]


@pytest.mark.django_db(transaction=True)
def test_a_change_is_seen_in_whatever_order_transactions_commit(live, shop, alice, bob):
    """One begins first and commits last, over several readings; one is undone; nothing is held up by either."""
    begun, may_end = threading.Event(), threading.Event()

    def slow() -> None:
        with transaction.atomic():
            Objection.objects.create(subject=alice.subject, purpose="orders", since=timezone.now())
            begun.set()
            may_end.wait(120)
        connection.close()

    live.follow()
    thread = threading.Thread(target=slow)
    thread.start()
    begun.wait(120)
    live.follow()
    _keep(live, shop, alice, bob)
    assert _kept(live, shop, alice, bob) == [True, True]
    Objection.objects.create(subject=bob.subject, purpose="orders", since=timezone.now())
    assert live.follow() == 1 and _kept(live, shop, alice, bob) == [True, False]
    assert live.follow() == 0
    may_end.set()
    thread.join()
    assert live.follow() == 1 and _kept(live, shop, alice, bob) == [False, False]
    _keep(live, shop, alice, bob)
    with transaction.atomic():
        answer(alice.subject, "give")
        transaction.set_rollback(True)
    assert live.follow() == 0 and _kept(live, shop, alice, bob) == [True, True]
    with connection.cursor() as cursor:  # a thing of the catalogue that arrives live, a link that goes
        cursor.execute("SELECT tgname FROM pg_trigger WHERE tgname LIKE '%_noticed'")
        assert len(cursor.fetchall()) >= 16
    ApplicationLink.objects.filter(subject=bob.subject, application=shop).delete()
    assert live.follow() == 1 and _kept(live, shop, alice, bob) == [True, False]
    DecisionChange.objects.create(subject=None)
    assert live.follow() == 1 and _kept(live, shop, alice) == [False]


@pytest.mark.django_db(transaction=True)
def test_what_cannot_be_followed_is_dropped(live, shop, alice, bob, monkeypatch):
    """No database, another server, too many changes; and what was being asked meanwhile is not kept either."""
    live.follow()
    for broken in (_fail, _elsewhere, _too_many):
        _keep(live, shop, alice)
        assert _kept(live, shop, alice) == [True]
        mark = live.mark()
        with monkeypatch.context() as patch:
            broken(patch)
            DecisionChange.objects.create(subject=bob.subject.id)
            if broken is _fail:
                with pytest.raises(OperationalError):
                    live.follow()
            else:
                live.follow()
        assert _kept(live, shop, alice) == [False], broken
        live.keep(mark, Kind(shop.id, "newsletter", None), [alice.id_for(shop).bytes], Kept(b"x", "allowed", None))
        assert _kept(live, shop, alice) == [False], broken
        live.follow()


def _fail(patch: Any) -> None:
    def gone(**_: Any) -> None:
        raise OperationalError

    patch.setattr(module, "_CHANGES", type("Gone", (), {"all": staticmethod(gone)}))


def _elsewhere(patch: Any) -> None:
    real = module._CHANGES

    def all_(**seen: Any) -> list[Any]:
        return [(snapshot, "another", *more) for snapshot, _, *more in real.all(**seen)]

    patch.setattr(module, "_CHANGES", type("Elsewhere", (), {"all": staticmethod(all_)}))


def _too_many(patch: Any) -> None:
    patch.setattr(module, "MOST_CHANGES", 0)
