"""An erasure from filing to its receipt: everything goes, everybody is told, and only then it is complete."""

from collections import Counter
from typing import Any

import pytest
from django.test import override_settings
from django.utils import timezone

from access.models import Account
from access.services.applications import set_endpoint
from audit import actors
from audit.models import AuditEvent
from consent.models import Delivery
from consent.services.data import store_data
from consent.services.deliveries import acknowledge
from erasure.models import Message, Receipt, RightsRequest, Step
from erasure.plans import preview
from erasure.services import comments, conversation, lifts, perform, requests, retentions, step_acts, steps
from gdpr_portal.errors import Gone, Invalid, Missing, WrongState
from subjects.holdings import Holding
from subjects.models import Identifier, PersonalValue, Restriction, Retention
from subjects.services import read_values
from tests.erasure.people import run_all
from vault.models import DataKey
from vault.services import Tampered

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]


def file(subject: Any, right: str, **details: Any) -> RightsRequest:
    return requests.file_request(
        subject=subject, right=right, details=details, verified_by="account", actor=actors.SUBJECT, by_person=True
    )


def store(shop: Any, subject: Any, purpose: str, **values: str) -> None:
    store_data(application=shop, subject=subject, purpose=purpose, values=values, source="subject")


def states(request: RightsRequest) -> dict[str, str]:
    return {step.target: step.state for step in request.steps.all()}


@override_settings(UNDO_WINDOW_SECONDS=0)
def test_nothing_is_left_and_the_key_is_gone(alice: Any, shop: Any) -> None:
    store(shop, alice.subject, "orders", given_name="Alice", family_name="Ahlberg")
    assert PersonalValue.objects.filter(subject=alice.subject).count() == 2
    assert DataKey.objects.filter(owner=alice.subject.id).exists()
    set_endpoint(application=shop, url="https://shop.example/notices")
    request = run_all(file(alice.subject, "erasure"))
    assert request.state == "in_progress"
    assert states(request)["shop"] == "waiting"
    assert not PersonalValue.objects.filter(subject=alice.subject).exists()
    assert not Identifier.objects.filter(subject=alice.subject).exists()
    assert not DataKey.objects.filter(owner=alice.subject.id).exists()
    assert not Account.objects.filter(pk=alice.account.id).exists()
    assert not DataKey.objects.filter(owner=alice.account.id).exists()


@override_settings(UNDO_WINDOW_SECONDS=0)
def test_complete_only_after_everybody_answered(alice: Any, shop: Any) -> None:
    store(shop, alice.subject, "orders", given_name="Alice")
    set_endpoint(application=shop, url="https://shop.example/notices")
    request = run_all(file(alice.subject, "erasure"))
    assert request.state == "in_progress"
    delivery = Delivery.objects.get(request=request.id)
    acknowledge(application=shop, delivery_id=delivery.id, outcome="done", evidence={}, data={})
    request = run_all(request)
    assert request.state == "completed"
    assert request.receipt.jws.count(".") == 2
    actions = set(AuditEvent.objects.filter(subject=alice.subject.pseudonym).values_list("action", flat=True))
    assert {"request.received", "request.completed", "data.erased", "step.done", "receipt.issued"} <= actions


@override_settings(UNDO_WINDOW_SECONDS=0)
def test_a_recipient_that_refuses_keeps_it_open(alice: Any, shop: Any) -> None:
    store(shop, alice.subject, "orders", given_name="Alice")
    set_endpoint(application=shop, url="https://shop.example/notices")
    request = run_all(file(alice.subject, "erasure"))
    delivery = Delivery.objects.get(request=request.id)
    acknowledge(application=shop, delivery_id=delivery.id, outcome="refused", evidence={}, data={})
    assert run_all(request).state == "in_progress"
    assert states(request)["shop"] == "failed"


@override_settings(UNDO_WINDOW_SECONDS=0)
def test_without_an_endpoint_an_operator_tells_the_application(alice: Any, shop: Any, olga: Any) -> None:
    store(shop, alice.subject, "orders", given_name="Alice")
    request = run_all(file(alice.subject, "erasure"))
    manual = request.steps.get(kind=Step.Kind.MANUAL)
    assert (manual.target, manual.state) == ("shop", "waiting")
    step_acts.close_by_hand(step_id=manual.id, operator=olga.account)
    assert run_all(request).state == "completed"


@override_settings(UNDO_WINDOW_SECONDS=0)
def test_an_application_that_registered_the_person_is_told_though_nothing_lies_here(alice: Any, shop: Any) -> None:
    set_endpoint(application=shop, url="https://shop.example/notices")
    assert not PersonalValue.objects.filter(subject=alice.subject).exists()
    assert [each.slug for each in preview(alice.subject).told] == ["shop"]
    request = run_all(file(alice.subject, "erasure"))
    assert (request.state, states(request)["shop"]) == ("in_progress", "waiting")
    notice = Delivery.objects.get(subject=alice.subject, application=shop, type="erasure.requested")
    acknowledge(application=shop, delivery_id=notice.id, outcome="done", evidence={}, data={})
    assert run_all(request).state == "completed"


@override_settings(UNDO_WINDOW_SECONDS=0)
def test_without_an_endpoint_nobody_is_asked_about_a_person_of_whom_nothing_lies_here(alice: Any, shop: Any) -> None:
    assert alice.subject.links.filter(application=shop).exists()
    request = run_all(file(alice.subject, "erasure"))
    assert "shop" not in states(request)
    assert request.state == "completed"


@override_settings(UNDO_WINDOW_SECONDS=0)
def test_what_a_law_keeps_stays_readable_and_nothing_else(alice: Any, shop: Any) -> None:
    store(shop, alice.subject, "orders", given_name="Alice", family_name="Ahlberg")
    store(shop, alice.subject, "tax_records", family_name="Ahlberg", vat_number="DE123456789")
    request = run_all(file(alice.subject, "erasure"))
    kept = request.steps.get(kind=Step.Kind.RETENTION)
    assert (kept.state, kept.article) == ("retained", "17(3)(b)")
    assert kept.until is not None
    fields = set(PersonalValue.objects.filter(subject=alice.subject).values_list("field", flat=True))
    assert fields == {"family_name", "vat_number"}
    assert not Identifier.objects.filter(subject=alice.subject).exists()
    assert DataKey.objects.filter(owner=alice.subject.id).exists()


@override_settings(UNDO_WINDOW_SECONDS=3600)
def test_nothing_is_destroyed_in_the_undo_window(alice: Any, shop: Any) -> None:
    store(shop, alice.subject, "orders", given_name="Alice")
    request = run_all(file(alice.subject, "erasure"))
    assert request.state == "in_progress"
    assert PersonalValue.objects.filter(subject=alice.subject).exists()
    withdrawn = requests.withdraw_request(request=request, actor=actors.SUBJECT)
    assert withdrawn.state == "withdrawn"


@override_settings(UNDO_WINDOW_SECONDS=3600)
def test_in_the_undo_window_nobody_but_the_person_reads(
    alice: Any, shop: Any, rita: Any, client_for: Any, frozen: Any
) -> None:
    store(shop, alice.subject, "orders", given_name="Alice")
    store(shop, alice.subject, "tax_records", vat_number="DE811907980")
    api, who = client_for(shop), alice.id_for(shop)

    def said(purpose: str = "orders") -> tuple[int, str]:
        read = api.get(f"/api/v1/subjects/{who}/data?purpose={purpose}")
        decided = api.post("/api/v1/decisions", {"subject": str(who), "purpose": purpose}, format="json")
        return read.status_code, decided.json()["code"]

    assert said() == (200, "allowed")
    first = file(alice.subject, "erasure")
    assert said() == (403, "restricted")
    assert read_values(subject=alice.subject, fields=["given_name"]) == {"given_name": "Alice"}
    held = Restriction.objects.get(lifted_at=None)
    with pytest.raises(Missing):  # it ends with its request, and nobody at the desk ends it before
        lifts.announce(subject=alice.subject, restriction_id=held.pk, by=rita.account)
    with pytest.raises(Invalid):  # and nobody claims it
        file(alice.subject, "restriction", ground=held.ground)
    requests.withdraw_request(request=first, actor=actors.SUBJECT)
    assert said() == (200, "allowed")
    second = file(alice.subject, "erasure")
    frozen.shift(3601)
    api = client_for(shop)
    run_all(second)
    assert said() == (410, "erased")
    assert said("tax_records")[1] == "allowed", "what a law keeps answers for just that"
    assert not Restriction.objects.filter(lifted_at=None).exists()


@override_settings(UNDO_WINDOW_SECONDS=0)
def test_a_begun_erasure_cannot_be_withdrawn(alice: Any) -> None:
    request = file(alice.subject, "erasure")
    with pytest.raises(WrongState):
        requests.withdraw_request(request=request, actor=actors.SUBJECT)


@override_settings(UNDO_WINDOW_SECONDS=3600)
def test_a_second_erasure_is_the_first(alice: Any) -> None:
    assert file(alice.subject, "erasure").id == file(alice.subject, "erasure").id


@override_settings(UNDO_WINDOW_SECONDS=3600)
def test_a_verified_erasure_sets_an_unverified_one_going(alice: Any) -> None:
    waiting = requests.file_request(
        subject=alice.subject, right="erasure", details={}, verified_by="none", actor=actors.SUBJECT
    )
    assert waiting.state == "verifying"
    assert file(alice.subject, "erasure").id == waiting.id
    waiting.refresh_from_db()
    assert waiting.state == "in_progress"


@override_settings(UNDO_WINDOW_SECONDS=0)
def test_an_erased_person_files_nothing(alice: Any) -> None:
    file(alice.subject, "erasure")
    with pytest.raises(Gone):
        file(alice.subject, "access")


def test_a_worker_that_lost_its_lease_cannot_settle(alice: Any) -> None:
    request = file(alice.subject, "access")
    step = request.steps.get(kind=Step.Kind.ARCHIVE)
    first = steps.claim(step.id)
    assert first is not None
    Step.objects.filter(pk=step.id).update(lease_until=None)
    second = steps.claim(step.id)
    assert second is not None and second.fence == first.fence + 1
    steps._do(first)
    step.refresh_from_db()
    assert step.state == "in_progress"
    steps._do(second)
    step.refresh_from_db()
    assert step.state == "done"


def test_a_step_is_not_claimed_twice(alice: Any) -> None:
    step = file(alice.subject, "access").steps.get(kind=Step.Kind.ARCHIVE)
    assert steps.claim(step.id) is not None
    assert steps.claim(step.id) is None


@pytest.mark.parametrize(
    ("error", "reason"),
    [(RuntimeError(), "RuntimeError"), (Tampered(), "This information cannot be read at the moment.")],
    ids=["fails", "changed"],
)
def test_a_step_that_fails_five_times_waits_for_somebody(
    alice: Any, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    """So does one that meets a value changed outside: it is changed at the next try as well."""
    from erasure.services import perform

    def broken(step: Step) -> None:
        raise error

    monkeypatch.setattr(perform, "perform", broken)
    request = file(alice.subject, "access")
    step = request.steps.get(kind=Step.Kind.ARCHIVE)
    for _try in range(5):
        Step.objects.filter(pk=step.id).update(next_at=None)
        steps.run(step.id)
    step.refresh_from_db()
    assert (step.state, step.last_error) == ("failed", reason)
    request.refresh_from_db()
    assert request.state == "in_progress"


def test_a_value_that_was_changed_is_told_by_the_worker_that_was_to_open_it(alice: Any, shop: Any) -> None:
    store(shop, alice.subject, "orders", given_name="Alice")
    value = PersonalValue.objects.get(subject=alice.subject)
    PersonalValue.objects.filter(pk=value.pk).update(sealed=bytes(value.sealed)[:-1] + b"!")
    request = run_all(file(alice.subject, "access"))
    assert states(request) == {"archive": "queued"}
    (told, *_more) = AuditEvent.objects.filter(action="crypto.tamper")
    assert told.details == {"table": "subjects_personalvalue", "column": "given_name", "row": str(value.pk)}


@override_settings(UNDO_WINDOW_SECONDS=0)
def test_what_was_kept_goes_on_its_date(alice: Any, shop: Any) -> None:
    store(shop, alice.subject, "orders", given_name="Alice")
    store(shop, alice.subject, "tax_records", vat_number="DE123456789")
    run_all(file(alice.subject, "erasure"))
    assert retentions.end_due() == 0
    assert PersonalValue.objects.filter(subject=alice.subject).exists()
    Retention.objects.update(until=timezone.now())
    assert retentions.end_due() == 1
    assert not PersonalValue.objects.filter(subject=alice.subject).exists()
    assert not DataKey.objects.filter(owner=alice.subject.id).exists()


@pytest.mark.parametrize("right", ["access", "rectification"])
@override_settings(UNDO_WINDOW_SECONDS=0)
def test_what_is_under_way_when_the_person_is_erased_ends_with_nothing(alice: Any, shop: Any, right: str) -> None:
    """Its step would fail for ever without the key, or leave a copy that the erasure has passed already."""
    store(shop, alice.subject, "orders", given_name="Alice", family_name="Ahlberg")
    details = {"purpose": "orders", "values": {"given_name": "Alicia"}} if right == "rectification" else {}
    earlier = file(alice.subject, right, **details)
    erasure = file(alice.subject, "erasure")
    for step in Step.objects.filter(kind=Step.Kind.HOLDING, request=erasure):
        steps.run(step.id)
    run_all(earlier)
    for step in Step.objects.filter(kind=Step.Kind.MANUAL):
        Step.objects.filter(pk=step.pk).update(state="done")
    assert (run_all(erasure).state, run_all(earlier).state) == ("completed", "completed")
    if right == "access":
        assert (earlier.outcome, earlier.archive) == ("nothing_held", None)


@override_settings(UNDO_WINDOW_SECONDS=0)
def test_what_waited_for_a_reviewer_ends_with_the_erasure(alice: Any, bob: Any, shop: Any, audit_log: Any) -> None:
    """Nobody could decide about it any more: what it says is gone with the key, and so is whom it is about."""
    for person in (alice, bob):
        store(shop, person.subject, "fraud_prevention", email=person.email)
    objection = file(alice.subject, "objection", purpose="fraud_prevention")
    review = file(alice.subject, "human_review", decision="d-1")
    anothers = file(bob.subject, "objection", purpose="fraud_prevention")
    assert {one.state for one in (objection, review, anothers)} == {"in_review"}
    erasure = file(alice.subject, "erasure")
    Step.objects.filter(kind=Step.Kind.MANUAL).update(state="done")
    assert run_all(erasure).state == "completed"
    for one in (objection, review, anothers):
        one.refresh_from_db()
    assert {(one.state, one.outcome) for one in (objection, review)} == {("completed", "nothing_held")}
    assert anothers.state == "in_review"
    assert len(audit_log("request.completed")) == 3 and Receipt.objects.filter(request=objection).exists()


@override_settings(UNDO_WINDOW_SECONDS=0)
def test_quick_steps_are_taken_together_and_alone_after_a_failure(
    alice: Any, shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from erasure.services import claims, perform

    request = file(alice.subject, "erasure")
    left = claims.unfinished(request.id)
    assert [step.kind for step in claims.fresh(left)][-3:] == ["account", "key", "verify"]
    with monkeypatch.context() as patch:
        patch.setitem(perform._KINDS, "key", lambda *_given: 1 / 0)
        steps.advance(request.id)
    tried = request.steps.exclude(kind=Step.Kind.MANUAL)
    assert set(tried.values_list("state", "attempts")) == {("queued", 1)}
    assert DataKey.objects.filter(owner=alice.subject.id).exists()
    assert claims.fresh(claims.unfinished(request.id)) == []
    run_all(request)
    assert set(tried.values_list("state", flat=True)) == {"done"}
    assert not DataKey.objects.filter(owner=alice.subject.id).exists()


@override_settings(UNDO_WINDOW_SECONDS=0)
def test_steps_behind_one_that_another_worker_has_are_left_alone(alice: Any) -> None:
    from erasure.services import claims

    request = file(alice.subject, "erasure")
    seen = claims.fresh(claims.unfinished(request.id))
    taken = steps.claim(seen[0].id)
    assert taken is not None
    held = claims.claim_together(seen)
    first = {step.id for step in seen if step.position == seen[0].position} - {taken.step_id}
    assert {each.step_id for each in held} == first


# --- what is written while an erasure is at work ---------------------------------------------------------------------
@pytest.fixture
def waiting(alice: Any, shop: Any) -> RightsRequest:
    """An erasure that kept something by law and waits for the shop: all of ours is done."""
    store(shop, alice.subject, "orders", given_name="Alice")
    store(shop, alice.subject, "tax_records", vat_number="DE811907980")
    set_endpoint(application=shop, url="https://shop.example/notices")
    with override_settings(UNDO_WINDOW_SECONDS=0):
        request = run_all(file(alice.subject, "erasure"))
    assert states(request)["verification"] == "done" and states(request)["shop"] == "waiting"
    return request


def answered(request: RightsRequest, shop: Any) -> RightsRequest:
    delivery = Delivery.objects.get(request=request.id)
    acknowledge(application=shop, delivery_id=delivery.id, outcome="done", evidence={}, data={})
    return run_all(request)


def test_nothing_is_written_any_more_to_somebody_who_goes(waiting: RightsRequest, rita: Any, shop: Any) -> None:
    with pytest.raises(Gone):
        conversation.write_to_desk(request=waiting, text="One more thing")
    with pytest.raises(Gone):
        conversation.write_to_person(request_id=waiting.id, author=rita.account, text="One more thing")
    with pytest.raises(Gone):
        comments.comment_on(request_id=waiting.id, author=rita.account, text="Called the shop")
    assert answered(waiting, shop).state == "completed"


def late(request: RightsRequest) -> None:
    """Something that was still at work writes after its place was done."""
    Message.objects.create(request=request, by_person=True, at=timezone.now(), sealed=b"late")


@override_settings(UNDO_WINDOW_SECONDS=0)
def test_what_comes_before_the_first_look_goes_with_it(
    alice: Any, shop: Any, audit_log: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(shop, alice.subject, "orders", given_name="Alice")
    set_endpoint(application=shop, url="https://shop.example/notices")
    request = file(alice.subject, "erasure")
    key = perform._KINDS["key"]

    def slow(steps: Any, kept: Any) -> Any:
        late(request)
        return key(steps, kept)

    monkeypatch.setitem(perform._KINDS, "key", slow)
    assert states(run_all(request))["verification"] == "done"
    assert not Message.objects.filter(request=request).exclude(sealed=None).exists()
    told = [event.details for event in audit_log("data.erased") if event.details["reason"] == "cases"]
    assert [each["count"] for each in told] == [told[0]["count"], 1]


def test_what_comes_late_goes_with_the_last_look(waiting: RightsRequest, shop: Any, audit_log: Any) -> None:
    before = len(audit_log("data.erased"))
    late(waiting)
    assert answered(waiting, shop).state == "completed"
    assert not Message.objects.filter(request=waiting).exclude(sealed=None).exists()
    told = [event.details for event in audit_log("data.erased")][before:]
    assert told == [{"request": str(waiting.id), "reason": "cases", "count": 1}]


def test_what_does_not_go_is_never_called_complete(
    waiting: RightsRequest, shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    late(waiting)
    monkeypatch.setattr(Holding, "erase_all", lambda _self, _people, _kept: Counter())
    request = answered(waiting, shop)
    assert request.state == "in_progress" and not hasattr(request, "receipt")
