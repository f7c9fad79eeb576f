"""A sweep carries many requests on in one transaction; what is wrong with one of them is nobody else's (I4, I8)."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit import actors
from audit.models import AuditEvent
from consent.services.data import store_data
from erasure import plans
from erasure.holdings.requests import RequestsHolding
from erasure.models import ErasurePause, LegalHold, Receipt, RightsRequest, Step
from erasure.services import claims, perform, start, steps
from erasure.services.holds import place_hold
from erasure.services.requests import file_request
from subjects.models import Identifier, PersonalValue, Subject
from subjects.services import register_subject
from tests.conftest import NOW
from vault.models import DataKey

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue", "no_undo_window")]


@pytest.fixture
def no_undo_window(settings: Any) -> None:
    settings.UNDO_WINDOW_SECONDS = settings.ERASURES_PER_HOUR = 0


@pytest.fixture
def people(shop: Any) -> list[Subject]:
    """Four people the shop knows, without an account, with values under a contract."""
    return [made(shop, number) for number in range(4)]


def made(shop: Any, number: int) -> Subject:
    subject, _new = register_subject(application=shop, identifiers={"email": f"p{number}@people.example"})
    store(shop, subject, "orders", given_name=f"P{number}", family_name="Many")
    return subject


def store(shop: Any, subject: Subject, purpose: str, **values: str) -> None:
    store_data(application=shop, subject=subject, purpose=purpose, values=values, source="subject")


def erasures(people: Sequence[Subject]) -> list[RightsRequest]:
    """An erasure of each, begun; the shop confirmed by hand, so that only our own steps are left."""
    known = {"right": "erasure", "verified_by": "account", "actor": actors.SUBJECT}
    made = [file_request(subject=subject, details={"ground": "no_longer_needed"}, **known) for subject in people]
    Step.objects.filter(kind=Step.Kind.MANUAL).update(state="done")
    return made


def ids(requests: Sequence[RightsRequest]) -> list[UUID]:
    return [request.id for request in requests]


def state(request: RightsRequest) -> str:
    return RightsRequest.objects.values_list("state", flat=True).get(pk=request.id)


def held(subject: Subject) -> tuple[bool, bool]:
    """Whether values, and the key to them, are here."""
    return (
        PersonalValue.objects.filter(subject=subject).exists(),
        DataKey.objects.filter(owner=subject.pk).exists(),
    )


def untouched(request: RightsRequest) -> bool:
    """Whether no step of ours is done, nothing is gone, and the log says nothing of the kind."""
    events = AuditEvent.objects.filter(subject=request.subject.pseudonym)
    said = events.filter(action__in=["data.erased", "key.destroyed", "step.done", "request.completed"])
    ours = request.steps.exclude(kind=Step.Kind.MANUAL)
    return held(request.subject) == (True, True) and not said.exists() and not ours.filter(state="done").exists()


def is_complete(request: RightsRequest) -> bool:
    """Whether everything is gone, and each step stands in the log once."""
    log = AuditEvent.objects.filter(subject=request.subject.pseudonym)
    once = all(
        log.filter(action="step.done", details__kind=step.kind, details__target=step.target).count() == 1
        for step in request.steps.exclude(kind=Step.Kind.MANUAL)
    )
    ends = [log.filter(action=action).count() for action in ("key.destroyed", "request.completed", "receipt.issued")]
    gone = held(request.subject) == (False, False) and not Identifier.objects.filter(subject=request.subject).exists()
    receipt = Receipt.objects.filter(request=request).count() == 1
    return once and gone and receipt and ends == [1, 1, 1] and state(request) == "completed"


def after_claiming(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """`act` happens between the claim of many steps and their settling, once."""
    acts = [act]

    def claimed(wanted: Sequence[Step]) -> list[claims.Claim]:
        taken = claims.claim_together(wanted)
        while taken and acts:
            acts.pop()()
        return taken

    monkeypatch.setattr(steps, "claim_together", claimed)


def test_many_are_carried_on_by_as_many_statements_as_one(people: list[Subject]) -> None:
    requests = erasures(people)
    assert all(held(subject) == (True, True) for subject in people)
    with CaptureQueriesContext(connection) as one:
        steps._carried(ids(requests[:1]))
    with CaptureQueriesContext(connection) as three:
        steps._carried(ids(requests[1:]))
    assert len(three) == len(one)
    steps.push_all(ids(requests))
    assert all(is_complete(request) for request in requests)


def test_no_application_waits_for_all_requests_of_another(people: list[Subject], shop: Any, acme: Any) -> None:
    filed = erasures(people)
    for number, request in enumerate(filed):  # those of shop are due first, one after the other; the last is acme's
        request.application, request.due_at = shop if number < 3 else acme, NOW + timedelta(days=number)
        request.save(update_fields=["application", "due_at"])
    steps.sweep(limit=2)
    assert [state(request) for request in filed] == ["completed", "in_progress", "in_progress", "completed"]


def test_each_ones_own_rows_are_counted(people: list[Subject], shop: Any) -> None:
    store(shop, people[0], "orders", postal_address="Ahornweg 3, 10115 Berlin")
    requests = erasures(people)
    steps.push_all(ids(requests))
    counts = [
        AuditEvent.objects.get(
            action="data.erased", subject=request.subject.pseudonym, details__reason="values"
        ).details["count"]
        for request in requests
    ]
    assert counts == [6, 4, 4, 4]


@pytest.mark.parametrize("kind", ["holding", "key", "verify"])
def test_one_that_fails_takes_no_other_with_it(
    people: list[Subject], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = erasures(people)
    real = perform._KINDS[kind]

    def broken(alike: Sequence[Step], kept: Any) -> Any:
        if requests[1].id in {step.request_id for step in alike}:
            raise RuntimeError
        return real(alike, kept)

    with monkeypatch.context() as patch:
        patch.setitem(perform._KINDS, kind, broken)
        steps._carried(ids(requests))
    assert untouched(requests[1])
    tries = set(requests[1].steps.exclude(kind=Step.Kind.MANUAL).values_list("state", "attempts"))
    assert tries == {("queued", 1)}
    steps.push_all(ids(requests))
    assert all(is_complete(each) for each in requests), "each step of the one was taken by itself"


def test_one_that_cannot_be_completed_holds_up_no_other(people: list[Subject], monkeypatch: pytest.MonkeyPatch) -> None:
    from erasure.services import finish

    requests = erasures(people)
    real = finish._end

    def broken(request: RightsRequest, *given: Any, actor: str) -> Any:
        if request.id == requests[2].id:
            raise RuntimeError
        return real(request, *given, actor=actor)

    with monkeypatch.context() as patch:
        patch.setattr(finish, "_end", broken)
        steps.sweep()
    assert [state(each) for each in requests] == ["completed", "completed", "in_progress", "completed"]
    assert not Receipt.objects.filter(request=requests[2]).exists()
    steps.sweep()
    assert all(is_complete(each) for each in requests)


def test_a_hold_between_claim_and_settling_keeps_that_persons(
    people: list[Subject], rita: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = erasures(people)
    reason = LegalHold.Reason.values[0]
    after_claiming(monkeypatch, lambda: place_hold(subject=people[3], reason=reason, by=rita.account))
    steps.push_all(ids(requests))
    assert [is_complete(each) for each in requests] == [True, True, True, False]
    assert untouched(requests[3])
    steps.push(requests[3].id)
    assert untouched(requests[3])


def test_what_is_left_in_any_place_keeps_it_from_being_complete(
    people: list[Subject], monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = erasures(people[:2])
    with monkeypatch.context() as patch:
        patch.setattr(RequestsHolding, "erase_all", lambda *_given: Counter())
        for _sweep in range(4):
            steps.sweep()
    assert [state(each) for each in requests] == ["in_progress", "in_progress"]
    looks = Step.objects.filter(kind=Step.Kind.VERIFY)
    assert list(looks.values_list("state", "last_error")) == [("queued", "WrongState")] * 2
    assert not AuditEvent.objects.filter(action="request.completed").exists()


def claimed_anew(request: RightsRequest) -> None:
    """Another worker has one of the steps, after the lease of the first."""
    step = request.steps.filter(kind=Step.Kind.KEY)
    step.update(fence=2)


def test_a_lost_lease_on_one_step_leaves_that_request_and_no_other(
    people: list[Subject], monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = erasures(people)
    after_claiming(monkeypatch, lambda: claimed_anew(requests[0]))
    steps.push_all(ids(requests))
    assert untouched(requests[0])
    assert all(is_complete(each) for each in requests[1:])


def test_without_the_fence_the_lost_lease_would_settle(people: list[Subject], monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above sees what it says: with nobody looking at the fence, the request is carried out."""
    requests = erasures(people)
    after_claiming(monkeypatch, lambda: claimed_anew(requests[0]))
    monkeypatch.setattr(steps, "_is_ours", lambda _claim, step: step is not None)
    steps.push_all(ids(requests))
    assert not untouched(requests[0])


def test_without_the_look_at_holds_the_held_would_go(
    people: list[Subject], rita: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = erasures(people)
    reason = LegalHold.Reason.values[0]
    after_claiming(monkeypatch, lambda: place_hold(subject=people[3], reason=reason, by=rita.account))
    monkeypatch.setattr(steps, "held_people", lambda _people: set())
    steps.push_all(ids(requests))
    assert not untouched(requests[3])


def test_of_each_what_a_law_keeps_stays(people: list[Subject], shop: Any) -> None:
    store(shop, people[0], "tax_records", vat_number="DE123456789")
    store(shop, people[2], "tax_records", vat_number="DE987654321", postal_address="Birkenallee 8, 50667 Koeln")
    steps.push_all(ids(erasures(people)))
    left = [sorted(PersonalValue.objects.filter(subject=each).values_list("field", flat=True)) for each in people]
    assert left == [["vat_number"], [], ["postal_address", "vat_number"], []]
    assert [held(each) for each in people] == [(True, True), (False, False), (True, True), (False, False)]


# --- beginning --------------------------------------------------------------------------------------------------------
@pytest.fixture
def due(people: list[Subject], frozen: Any, settings: Any) -> list[RightsRequest]:
    """An erasure of each whose undo window has just ended: a sweep begins them."""
    settings.UNDO_WINDOW_SECONDS = 60
    made = erasures(people)
    assert not Step.objects.exists()
    frozen.shift(61)
    return made


def begun(requests: Sequence[RightsRequest]) -> list[bool]:
    return [Step.objects.filter(request=request).exists() for request in requests]


def test_many_begin_in_one_transaction_and_few_statements_each(due: list[RightsRequest]) -> None:
    with CaptureQueriesContext(connection) as one:
        start.begin_all_due(ids(due[:1]))
    with CaptureQueriesContext(connection) as three:
        start.begin_all_due(ids(due[1:]))
    assert begun(due) == [True] * 4 and not Identifier.objects.filter(subject__in=[row.subject for row in due]).exists()
    assert AuditEvent.objects.filter(action="subject.erased").count() == 4
    each = (len(three) - len(one)) / 2
    assert each < len(one) / 2, f"{len(one)} for one, {each} for each further one"
    with CaptureQueriesContext(connection) as again:
        start.begin_all_due(ids(due))
    assert len(again) == 1, "what has begun is not even locked"


def test_one_that_cannot_begin_holds_up_no_other(due: list[RightsRequest], monkeypatch: pytest.MonkeyPatch) -> None:
    real = plans.plan

    def broken(request: RightsRequest, *around: Any) -> list[Step]:
        if request.id == due[1].id:
            raise RuntimeError
        return real(request, *around)

    monkeypatch.setattr(plans, "plan", broken)
    start.begin_all_due(ids(due))
    assert begun(due) == [True, False, True, True]
    assert Identifier.objects.filter(subject=due[1].subject).exists()


def test_holds_and_the_guard_are_kept_among_many(due: list[RightsRequest], settings: Any, rita: Any) -> None:
    settings.ERASURES_PER_HOUR = 2
    place_hold(subject=due[0].subject, reason="court_order", by=rita.account)
    start.begin_all_due(ids(due))
    assert begun(due) == [False, True, True, False]
    assert ErasurePause.objects.get(lifted_at=None).begun == 2


def test_two_requests_of_one_person_begin_one_after_the_other(due: list[RightsRequest]) -> None:
    """What the erasure takes away the plan of the second finds gone."""
    copy = RightsRequest.objects.create(
        subject=due[0].subject, right="access", state="in_progress", verified_by="account",
        received_at=due[0].received_at, due_at=due[0].due_at, starts_at=due[0].starts_at,
    )  # fmt: skip
    start.begin_all_due([due[0].id, copy.id])
    assert begun([due[0], copy]) == [True, True]
    steps.push_all([copy.id])
    copy.refresh_from_db()
    assert copy.outcome == "nothing_held"
