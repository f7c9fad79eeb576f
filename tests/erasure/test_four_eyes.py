"""What one person may not do alone: refuse as excessive, lift a hold, go on after far too many erasures."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import IntegrityError, transaction
from django.test import override_settings
from django.utils import timezone

from access import roles
from access.services.applications import set_endpoint
from consent.models import Delivery
from consent.services.decisions import decide_for
from erasure.models import ErasurePause, LegalHold, RightsRequest, SecondOpinion
from erasure.services import guard, holds, lifts, opinions, requests, retentions, start, steps
from gdpr_portal.errors import Invalid, Refused, WrongState
from subjects.models import PersonalValue, Restriction, Subject
from subjects.services.people import register_subject
from tests.conftest import make_person, make_staff
from tests.erasure.people import file, in_review, run_all, store

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]
EXCESSIVE = "A12ManifestlyExcessive"


@pytest.fixture
def paul(db: None) -> Any:
    return make_staff("paul", roles.PRIVACY_OFFICER)


def propose(request: RightsRequest, by: Any, **more: Any) -> SecondOpinion:
    given = {"kind": "refusal", "reason_code": EXCESSIVE} | more
    return opinions.propose(request_id=request.id, reviewer=by.account, **given)


def test_nobody_refuses_as_excessive_alone(alice: Any, rita: Any) -> None:
    request = in_review(alice.subject)
    with pytest.raises(Refused, match="four_eyes"):
        requests.refuse_request(request_id=request.id, reviewer=rita.account, reason_code=EXCESSIVE)
    opinion = propose(request, rita)
    with pytest.raises(Refused, match="four_eyes"):
        opinions.decide(opinion_id=opinion.id, reviewer=rita.account, agreed=True)
    request.refresh_from_db()
    assert request.state == "in_review"


def test_a_second_person_refuses_and_the_person_is_told(
    alice: Any, rita: Any, paul: Any, audit_log: Any, django_capture_on_commit_callbacks: Any
) -> None:
    request = in_review(alice.subject)
    opinion = propose(request, rita)
    with django_capture_on_commit_callbacks(execute=True):
        opinions.decide(opinion_id=opinion.id, reviewer=paul.account, agreed=True)
    request.refresh_from_db()
    assert (request.state, request.reason_code) == ("refused", EXCESSIVE)
    assert "go to court" in str(mail.outbox[-1].body)
    assert [len(audit_log(f"opinion.{what}")) for what in ("proposed", "decided")] == [1, 1]
    with pytest.raises(WrongState):
        opinions.decide(opinion_id=opinion.id, reviewer=paul.account, agreed=True)


def test_disagreeing_leaves_the_request_where_it_is(alice: Any, rita: Any, paul: Any) -> None:
    request = in_review(alice.subject)
    opinions.decide(opinion_id=propose(request, rita).id, reviewer=paul.account, agreed=False)
    request.refresh_from_db()
    assert request.state == "in_review"
    assert propose(request, paul).agreed is None


def test_a_fee_is_told_and_the_request_stays_open(
    alice: Any, rita: Any, paul: Any, django_capture_on_commit_callbacks: Any
) -> None:
    request = in_review(alice.subject)
    with pytest.raises(Invalid):
        propose(request, rita, kind="fee")
    opinion = propose(request, rita, kind="fee", fee_cents=1250)
    with django_capture_on_commit_callbacks(execute=True):
        opinions.decide(opinion_id=opinion.id, reviewer=paul.account, agreed=True)
    told, page = str(mail.outbox[-1].body), alice.browser().get(f"/requests/{request.id}").content.decode()
    for where in (told, page):
        assert "12.50 EUR" in where and "again and again" in where, "the fee, and why"
    request.refresh_from_db()
    assert request.state == "in_review"


@pytest.mark.parametrize(
    ("typed", "cents"),
    [("12.50", 1250), ("12,50", 1250), (" 12 ", 1200), ("0,5", 50), ("1000", 100_000), ("", None), ("0", None),
     ("12.505", None), ("1.000,50", None), ("-3", None), ("\u0661\u0662", None), ("1001", None)],
)  # fmt: skip
def test_a_fee_is_typed_in_euros(alice: Any, rita: Any, typed: str, cents: int | None) -> None:
    request, browser = in_review(alice.subject), rita.browser()
    given = {"act": "propose_fee", "reason": EXCESSIVE, "euros": typed}
    browser.post(f"/admin/erasure/rightsrequest/{request.id}/act/", given)
    assert list(SecondOpinion.objects.values_list("fee_cents", flat=True)) == ([] if cents is None else [cents])
    if typed == "12,50":
        page = f"/admin/erasure/rightsrequest/{request.id}/change/"
        assert "12.50 EUR" in browser.get(page).content.decode()


def test_the_database_refuses_it_too(alice: Any, rita: Any, paul: Any) -> None:
    request = in_review(alice.subject)
    with pytest.raises(IntegrityError), transaction.atomic():
        RightsRequest.objects.filter(pk=request.pk).update(state="refused", reason_code=EXCESSIVE)
    opinion = propose(request, rita)
    own = {"decided_by": rita.account, "decided_at": timezone.now(), "agreed": True}
    with pytest.raises(IntegrityError), transaction.atomic():
        SecondOpinion.objects.filter(pk=opinion.pk).update(**own)
    with pytest.raises(IntegrityError), transaction.atomic():
        SecondOpinion.objects.filter(pk=opinion.pk).update(**own | {"proposed_by": paul.account})


def test_four_eyes_at_the_desk(alice: Any, rita: Any, paul: Any) -> None:
    request = in_review(alice.subject)
    act = f"/admin/erasure/rightsrequest/{request.id}/act/"
    rita.browser().post(act, {"act": "propose_refusal", "reason": EXCESSIVE})
    given = {"act": "second", "opinion": str(SecondOpinion.objects.get().id)}
    assert "Whoever proposes cannot decide as well." in rita.browser().post(act, given, follow=True).content.decode()
    paul.browser().post(act, given)
    request.refresh_from_db()
    assert request.state == "refused"


@override_settings(UNDO_WINDOW_SECONDS=0)
def test_under_a_hold_nothing_is_destroyed_until_two_people_lift_it(
    alice: Any, shop: Any, rita: Any, paul: Any, audit_log: Any
) -> None:
    store(shop, alice.subject, "orders", given_name="Alice")
    holds.place_hold(subject=alice.subject, reason="legal_claims", by=rita.account)
    request = run_all(file(alice.subject, "erasure"))
    assert request.state == "in_progress" and not request.steps.exists()
    assert PersonalValue.objects.filter(subject=alice.subject).exists()
    with pytest.raises(WrongState):
        holds.lift_hold(subject=alice.subject, by=paul.account)
    holds.propose_lift(subject=alice.subject, by=rita.account)
    with pytest.raises(Refused, match="four_eyes"):
        holds.lift_hold(subject=alice.subject, by=rita.account)
    holds.lift_hold(subject=alice.subject, by=paul.account)
    run_all(request)
    assert not PersonalValue.objects.filter(subject=alice.subject).exists()
    assert [len(audit_log(f"hold.{what}")) for what in ("placed", "lift_proposed", "lifted")] == [1, 1, 1]


@override_settings(UNDO_WINDOW_SECONDS=3600)
@pytest.mark.parametrize("hold_first", [True, False])
def test_who_is_not_erased_for_a_hold_is_told_why(
    alice: Any, rita: Any, hold_first: bool, django_capture_on_commit_callbacks: Any
) -> None:
    def place() -> None:
        holds.place_hold(subject=alice.subject, reason="court_order", by=rita.account)

    with django_capture_on_commit_callbacks(execute=True):
        if hold_first:
            place()
        request = file(alice.subject, "erasure")
        if not hold_first:
            place()
    told = [str(message.body) for message in mail.outbox if message.to == [alice.email]]
    told = [body for body in told if "Nothing is erased before" not in body]  # the announcement of who came first
    assert len(told) == 1 and "Art. 17(3)(e)" in told[0] and "complain" in told[0]
    page = alice.browser().get(f"/requests/{request.id}").content.decode()
    assert "Art. 17(3)(e)" in page
    assert "Art. 17(3)(e)" not in alice.browser().get(f"/requests/{in_review(alice.subject).id}").content.decode()


@override_settings(UNDO_WINDOW_SECONDS=0)
def test_a_hold_stops_an_erasure_that_has_begun(alice: Any, shop: Any, rita: Any, paul: Any) -> None:
    store(shop, alice.subject, "orders", given_name="Alice")
    request = file(alice.subject, "erasure")
    assert request.steps.exists()
    holds.place_hold(subject=alice.subject, reason="court_order", by=rita.account)
    run_all(request)
    assert PersonalValue.objects.filter(subject=alice.subject).exists()
    assert not request.steps.exclude(attempts=0).exists()
    holds.propose_lift(subject=alice.subject, by=paul.account)
    holds.lift_hold(subject=alice.subject, by=rita.account)
    run_all(request)
    assert not PersonalValue.objects.filter(subject=alice.subject).exists()


def test_a_hold_placed_between_claim_and_work_still_holds(alice: Any, shop: Any, rita: Any) -> None:
    with override_settings(UNDO_WINDOW_SECONDS=0):
        request = file(alice.subject, "erasure")
    held = steps.claim(request.steps.filter(kind="holding")[0].id)
    assert held is not None
    holds.place_hold(subject=alice.subject, reason="authority", by=rita.account)
    with pytest.raises(WrongState, match="legal_hold"):
        steps._do(held)


@override_settings(UNDO_WINDOW_SECONDS=0)
def test_a_hold_keeps_what_a_law_kept_beyond_its_date(alice: Any, shop: Any, rita: Any) -> None:
    from subjects.models import Retention

    store(shop, alice.subject, "orders", given_name="Alice")
    store(shop, alice.subject, "tax_records", family_name="Ahlberg")
    run_all(file(alice.subject, "erasure"))
    Retention.objects.update(until=timezone.now())
    holds.place_hold(subject=alice.subject, reason="legal_claims", by=rita.account)
    assert retentions.end_due() == 0 and PersonalValue.objects.exists()


def test_the_database_wants_two_for_a_hold(alice: Any, rita: Any) -> None:
    hold = holds.place_hold(subject=alice.subject, reason="legal_claims", by=rita.account)
    with pytest.raises(IntegrityError), transaction.atomic():
        LegalHold.objects.filter(pk=hold.pk).update(lifted_by=rita.account, lifted_at=timezone.now())
    with pytest.raises(IntegrityError), transaction.atomic():
        both = {"lift_proposed_by": rita.account, "lifted_by": rita.account}
        LegalHold.objects.filter(pk=hold.pk).update(lifted_at=timezone.now(), **both)


@override_settings(UNDO_WINDOW_SECONDS=0, ERASURES_PER_HOUR=2)
def test_far_too_many_erasures_pause_until_two_people_agree(
    shop: Any, rita: Any, paul: Any, audit_log: Any, django_capture_on_commit_callbacks: Any
) -> None:
    people = [make_person(f"person{number}", shop) for number in range(4)]
    with django_capture_on_commit_callbacks(execute=True):
        filed = [file(person.subject, "erasure") for person in people]
    begun = [request for request in filed if request.steps.exists()]
    assert len(begun) == 2 and all(request.state == "in_progress" for request in filed)
    assert ErasurePause.objects.get().begun == 2
    assert [m.to for m in mail.outbox if m.subject == "Erasures are paused"].count([rita.email]) == 1
    Subject.objects.exclude(erased_at=None).update(erased_at=timezone.now() - timedelta(hours=2))
    start.begin_due(filed[-1].id)
    assert not filed[-1].steps.exists()  # there would be room by now, but somebody has to look first
    guard.agree(by=rita.account)
    with pytest.raises(Refused, match="four_eyes"):
        guard.agree(by=rita.account)
    steps.sweep()
    assert not filed[-1].steps.exists()
    guard.agree(by=paul.account)
    for request in filed:
        run_all(request)
    assert all(request.steps.exists() for request in filed)
    assert [len(audit_log(f"erasures.{what}")) for what in ("paused", "agreed", "resumed")] == [1, 1, 1]


@override_settings(UNDO_WINDOW_SECONDS=0, ERASURES_PER_HOUR=1)
def test_other_rights_go_on_while_erasures_are_paused(alice: Any, bob: Any) -> None:
    file(alice.subject, "erasure")
    waiting, access = file(bob.subject, "erasure"), file(bob.subject, "access")
    assert not waiting.steps.exists()
    assert run_all(access).state == "completed"


def test_a_restriction_is_lifted_only_after_notice(
    alice: Any, shop: Any, rita: Any, django_capture_on_commit_callbacks: Any
) -> None:
    store(shop, alice.subject, "orders", given_name="Alice")
    set_endpoint(application=shop, url="https://shop.example/notices")
    file(alice.subject, "restriction", ground="accuracy_contested")
    restriction = Restriction.objects.get()
    with pytest.raises(WrongState, match="not_announced"):
        lifts.lift(subject=alice.subject, restriction_id=restriction.id, by=rita.account)
    with django_capture_on_commit_callbacks(execute=True):
        lifts.announce(subject=alice.subject, restriction_id=restriction.id, by=rita.account)
        lifts.announce(subject=alice.subject, restriction_id=restriction.id, by=rita.account)
    told = [message for message in mail.outbox if message.subject == "A restriction of your data will end"]
    assert [message.to for message in told] == [[alice.email]]
    assert decide_for(application=shop, subject=alice.subject, purpose="orders").code == "restricted"
    lifts.lift(subject=alice.subject, restriction_id=restriction.id, by=rita.account)
    assert decide_for(application=shop, subject=alice.subject, purpose="orders").code == "allowed"
    assert Delivery.objects.filter(type="restriction.lifted", application=shop).count() == 1


def test_nobody_counts_as_told_whom_nothing_reaches(shop: Any, rita: Any) -> None:
    subject, _new = register_subject(application=shop, identifiers={"customer_id": "c-77"})
    request = file(subject, "restriction", ground="legal_claims")
    restriction = Restriction.objects.get()
    with pytest.raises(WrongState, match="no_address"):
        lifts.announce(subject=subject, restriction_id=restriction.id, by=rita.account)
    with pytest.raises(WrongState, match="not_announced"):
        lifts.lift(subject=subject, restriction_id=restriction.id, by=rita.account)
    act = f"/admin/erasure/rightsrequest/{request.id}/"
    assert "write by post first" in rita.browser().get(f"{act}change/").content.decode()
    given = {"act": "announce_lift", "restriction": str(restriction.id), "by_post": "yes"}
    rita.browser().post(f"{act}act/", given)
    lifts.lift(subject=subject, restriction_id=restriction.id, by=rita.account)


def test_recipients_hear_of_the_end_of_the_last_restriction_alone(alice: Any, shop: Any, rita: Any) -> None:
    store(shop, alice.subject, "orders", given_name="Alice")
    set_endpoint(application=shop, url="https://shop.example/notices")
    for ground in ("accuracy_contested", "legal_claims"):
        file(alice.subject, "restriction", ground=ground)
    ended = Delivery.objects.filter(type="restriction.lifted")
    for number, row in enumerate(Restriction.objects.order_by("since")):
        lifts.announce(subject=alice.subject, restriction_id=row.id, by=rita.account)
        lifts.lift(subject=alice.subject, restriction_id=row.id, by=rita.account)
        assert ended.count() == number


def test_the_desk_says_who_has_to_decide_and_offers_it_to_nobody_else(alice: Any, rita: Any, paul: Any) -> None:
    request = in_review(alice.subject)
    address = f"/admin/erasure/rightsrequest/{request.id}/change/"
    opinion = propose(request, rita, kind="fee", fee_cents=1250)
    holds.place_hold(subject=alice.subject, reason="legal_claims", by=rita.account)
    holds.propose_lift(subject=alice.subject, by=rita.account)
    own, others = (who.browser().get(address).content.decode() for who in (rita, paul))
    assert own.count("another reviewer has to decide") == 2 and f"Proposed by {rita.account}." in others
    for act in ('value="second"', 'value="lift_hold"'):
        assert act not in own and act in others
    assert "a second reviewer" in paul.browser().get("/admin/erasure/rightsrequest/").content.decode()
    opinions.decide(opinion_id=opinion.id, reviewer=paul.account, agreed=True)
    page = paul.browser().get(address).content.decode()
    assert f"A fee of 12.50 EUR is asked, proposed by {rita.account}, agreed to by {paul.account}" in page
