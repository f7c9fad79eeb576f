"""What one member of staff alone, with a session and a fresh factor, destroys or hands out: nothing (0070)."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core import mail
from django.db import IntegrityError, connection, transaction
from django.test import Client, override_settings
from django.urls import reverse

from access import roles
from audit import actors
from erasure.models import Archive, Breach, Destination, Mandate, RetentionProposal, RightsRequest, Transfer
from erasure.services import casework, four_eyes, identity, mandates, pushing, requests, transfers
from erasure.services.on_behalf import Shown, record_letter, record_on_behalf
from erasure.services.periods import decide_proposal
from gdpr_portal.errors import Missing, Refused, WrongState
from subjects.models import PersonalValue, Subject
from tests.conftest import make_staff
from tests.consent.people import answer
from tests.erasure.people import file, run_all, store, sweep_all
from tests.erasure.receiver import Other, destination, due_again
from tests.erasure.test_mandates import LAWYER, PAPER, migrate
from tests.erasure.test_mandates import form as public_form

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]
RECORD = "/admin/erasure/rightsrequest/record/"
TWO = "A second person has to approve."


@pytest.fixture(autouse=True)
def _at_once() -> Iterator[None]:
    """Nothing is put off: what could be destroyed would be."""
    with override_settings(UNDO_WINDOW_SECONDS=0, MANDATE_OBJECTION_HOURS=0):
        yield


@pytest.fixture
def paul(db: None) -> Any:
    return make_staff("paul", roles.PRIVACY_OFFICER)


@pytest.fixture
def held(alice: Any, shop: Any) -> Subject:
    """Alice, of whom a value is held."""
    store(shop, alice.subject, "orders", given_name="Alice")
    subject: Subject = alice.subject
    return subject


def act(who: Any, request: RightsRequest, name: str, **given: Any) -> str:
    where = f"/admin/erasure/rightsrequest/{request.id}/act/"
    return str(who.browser().post(where, {"act": name, **given}, follow=True).content.decode())


def letter(who: Any, email: str, *rights: str, **more: Any) -> RightsRequest:
    given = {"email": email, "rights": list(rights), "who": "person", **more}
    answered = who.browser().post(RECORD, given)
    assert answered.status_code == 302, answered.content.decode()
    return RightsRequest.objects.latest("created_at")


def is_whole(subject: Subject) -> bool:
    """Whether what was held of them is there after all that a worker would do."""
    sweep_all()
    subject.refresh_from_db()
    return subject.erased_at is None and PersonalValue.objects.filter(subject=subject, field="given_name").exists()


# --- erasures ---------------------------------------------------------------------------------------------------------
def test_a_letter_destroys_nothing_before_a_second_person_agreed(
    held: Subject, alice: Any, rita: Any, paul: Any, audit_log: Any
) -> None:
    request = letter(rita, alice.email, "erasure")
    assert is_whole(held) and (request.state, request.vouched_by) == ("in_review", rita.account)
    assert TWO in act(rita, request, "approve") and is_whole(held)
    act(paul, request, "approve")
    assert not is_whole(held)
    assert audit_log("request.in_progress")[-1].actor == actors.staff(paul.account.id)


def test_a_request_made_an_erasure_at_the_desk_waits_for_a_second_person(held: Subject, rita: Any, paul: Any) -> None:
    request = file(held, "human_review", decision="loan-1")
    act(rita, request, "retype", right="erasure")
    assert TWO in act(rita, request, "approve") and is_whole(held)
    act(paul, request, "approve")
    assert not is_whole(held)


def test_leave_given_for_another_right_is_none_for_an_erasure(held: Subject, rita: Any, paul: Any) -> None:
    """Approved as a restriction by one, made an erasure by the other: the first never saw an erasure."""
    with override_settings(UNDO_WINDOW_SECONDS=3600):
        request = file(held, "erasure")
        casework.retype(request_id=request.id, reviewer=rita.account, right="access", details={})
        RightsRequest.objects.filter(pk=request.pk).update(reviewer=paul.account)
        casework.retype(request_id=request.id, reviewer=rita.account, right="erasure", details={})
    request.refresh_from_db()
    assert request.reviewer is None and is_whole(held)
    with pytest.raises(Refused, match="four_eyes"):
        requests.approve_request(request_id=request.id, reviewer=rita.account)


@override_settings(UNDO_WINDOW_SECONDS=3600)
def test_what_waits_to_be_undone_is_no_erasure_under_way_once_it_was_retyped(
    held: Subject, rita: Any, audit_log: Any
) -> None:
    request = file(held, "erasure")
    casework.retype(request_id=request.id, reviewer=rita.account, right="access", details={})
    requests.approve_request(request_id=request.id, reviewer=rita.account)
    assert [each.action for each in audit_log("request.in_review")] == ["request.in_review"]


def test_who_was_identified_by_one_is_erased_with_a_second(held: Subject, rita: Any, paul: Any) -> None:
    """The thief of a session asks as a stranger by the public form, and settles their own identity at the desk."""
    request = file(held, "erasure", verified_by="none")
    identity.ask_evidence(request_id=request.id, author=rita.account, text="Who are you?", doubt="details_differ")
    act(rita, request, "settle_identity", method="call_back", outcome="confirmed")
    request.refresh_from_db()
    assert request.state == "in_review"
    assert TWO in act(rita, request, "approve") and is_whole(held)
    act(paul, request, "approve")
    assert not is_whole(held)


def test_an_answer_nobody_settled_identifies_nobody_for_an_erasure(shop: Any, rita: Any) -> None:
    from subjects.services.people import register_subject

    subject, _new = register_subject(application=shop, identifiers={"customer_id": "c-no-mail"}, language="en")
    request = file(subject, "erasure", verified_by="none")
    identity.ask_evidence(request_id=request.id, author=rita.account, text="Who are you?", doubt="no_address")
    identity.hand_in(request=request, data=PAPER)
    with pytest.raises(WrongState, match="not_identified"):
        requests.approve_request(request_id=request.id, reviewer=rita.account)
    identity.settle(request_id=request.id, reviewer=rita.account, method="document", outcome="confirmed")
    with pytest.raises(Refused, match="four_eyes"):
        requests.approve_request(request_id=request.id, reviewer=rita.account)


def test_a_mandate_of_the_public_form_that_one_accepted_erases_nobody(
    held: Subject, alice: Any, rita: Any, paul: Any, after_commit: Any
) -> None:
    with after_commit():
        Client().post("/request/for-somebody", public_form(alice.email) | {"right": "erasure"})
    request = RightsRequest.objects.get()
    mandates.accept(
        mandate_id=Mandate.objects.get().id, reviewer=rita.account, answers_to_representative=False
    )  # fmt: skip
    assert is_whole(held)
    with pytest.raises(Refused, match="four_eyes"):
        requests.approve_request(request_id=request.id, reviewer=rita.account)
    act(paul, request, "approve")
    assert not is_whole(held)


def test_a_mandate_recorded_by_one_and_accepted_by_another_needs_no_third(held: Subject, rita: Any, paul: Any) -> None:
    shown = Shown(kind="power_of_attorney", who=LAWYER, document=PAPER)
    [request] = record_on_behalf(subject=held, wishes=[("erasure", {})], shown=shown, reviewer=rita.account)
    assert request.mandate is not None
    mandates.accept(mandate_id=request.mandate.id, reviewer=paul.account, answers_to_representative=False)
    assert not is_whole(held)


def test_a_letter_on_top_of_what_a_stranger_typed_is_still_the_word_of_one(held: Subject, rita: Any) -> None:
    request = file(held, "erasure", verified_by="none")
    assert request.state == "verifying"
    record_letter(subject=held, wishes=[("erasure", {})], reviewer=rita.account)
    request.refresh_from_db()
    assert (request.state, request.vouched_by) == ("in_review", rita.account) and is_whole(held)


def test_a_letter_of_somebody_who_asked_themselves_needs_nobody_else(held: Subject, rita: Any) -> None:
    with override_settings(UNDO_WINDOW_SECONDS=3600):
        request = file(held, "erasure")
        record_letter(subject=held, wishes=[("erasure", {})], reviewer=rita.account)
    request.refresh_from_db()
    assert (request.state, request.vouched_by) == ("in_progress", None)


def test_the_person_signed_in_says_so_themselves_and_it_goes_on(held: Subject, alice: Any, rita: Any) -> None:
    request = letter(rita, alice.email, "erasure")
    assert file(held, "erasure", verified_by="none") == request and is_whole(held), "no word without a factor"
    filed = alice.browser().post("/requests/new/erasure", {})
    assert filed.status_code == 302 and str(request.id) in filed["Location"]
    request.refresh_from_db()
    assert not is_whole(held) and request.vouched_by is None


def test_where_every_request_is_reviewed_the_persons_word_needs_one(held: Subject, alice: Any, rita: Any) -> None:
    with override_settings(REVIEW_EVERY_REQUEST=True):
        request = letter(rita, alice.email, "erasure")
        file(held, "erasure")
    request.refresh_from_db()
    assert request.state == "in_review"
    requests.approve_request(request_id=request.id, reviewer=rita.account)
    assert not is_whole(held)


def test_it_may_be_taken_back_or_refused_by_anybody(held: Subject, rita: Any) -> None:
    [request] = record_letter(subject=held, wishes=[("erasure", {})], reviewer=rita.account)
    requests.refuse_request(request_id=request.id, reviewer=rita.account, reason_code="A12IdentityFailure")
    [again] = record_letter(subject=held, wishes=[("erasure", {})], reviewer=rita.account)
    assert requests.withdraw_request(request=again, actor=actors.SUBJECT).state == "withdrawn"


def test_the_database_keeps_it_too(held: Subject, rita: Any, paul: Any) -> None:
    [request] = record_letter(subject=held, wishes=[("erasure", {})], reviewer=rita.account)
    row = RightsRequest.objects.filter(pk=request.pk)
    for alone in ({}, {"reviewer": rita.account}):
        with pytest.raises(IntegrityError, match="request_four_eyes"), transaction.atomic():
            row.update(state="in_progress", **alone)
    row.update(state="in_progress", reviewer=paul.account)


def test_teeth_without_the_rule_a_letter_would_do(held: Subject, rita: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(four_eyes, "waits", lambda _request: False)
    with pytest.raises(IntegrityError, match="request_four_eyes"), transaction.atomic():
        record_letter(subject=held, wishes=[("erasure", {})], reviewer=rita.account)


def test_what_waits_for_a_second_ends_with_the_person(alice: Any, rita: Any) -> None:
    """A mandate's erasure that waits does not hold up the one the person asked for."""
    shown = Shown(kind="power_of_attorney", who=LAWYER, document=PAPER)
    [asked] = record_on_behalf(subject=alice.subject, wishes=[("erasure", {})], shown=shown)
    assert asked.mandate is not None
    mandates.accept(mandate_id=asked.mandate.id, reviewer=rita.account, answers_to_representative=False)
    assert run_all(file(alice.subject, "erasure")).state == "completed"
    asked.refresh_from_db()
    assert (asked.state, asked.outcome) == ("completed", "nothing_held")


# --- corrections: the value before is gone ----------------------------------------------------------------------------
def test_a_correction_by_letter_waits_for_a_second_person(
    held: Subject, alice: Any, rita: Any, paul: Any, audit_log: Any
) -> None:
    request = letter(rita, alice.email, field="given_name", value="Mallory")
    assert request.right == "rectification"
    sweep_all()
    assert not audit_log("data.rectified") and not held.restrictions.exists()
    assert TWO in act(rita, request, "approve")
    act(paul, request, "approve")
    sweep_all()
    assert audit_log("data.rectified")


def test_other_rights_by_letter_go_on_at_once(held: Subject, alice: Any, rita: Any) -> None:
    for right, details in (("access", {}), ("restriction", {"ground": "legal_claims"})):
        [request] = record_letter(subject=held, wishes=[(right, details)], reviewer=rita.account)
        assert request.state != "in_review" and request.vouched_by == rita.account


# --- copies -----------------------------------------------------------------------------------------------------------
def test_a_copy_asked_for_by_letter_goes_to_the_person_alone(
    held: Subject, alice: Any, rita: Any, after_commit: Any
) -> None:
    """What one member of staff gets of it: nothing, on no page and in no mail."""
    with after_commit():
        request = letter(rita, alice.email, "access")
        run_all(request)
    assert Archive.objects.get().complete
    assert {address for each in mail.outbox for address in each.to} == {alice.email}
    browser = rita.browser()
    for path in ("archive", "archive/download", "transfer"):
        assert browser.get(f"/requests/{request.id}/{path}").status_code in {302, 403, 404, 405}
    pack = browser.get(f"/admin/erasure/rightsrequest/{request.id}/evidence/")
    assert b"Alice" not in b"".join(pack) if pack.streaming else b"Alice" not in pack.content
    assert TWO not in act(rita, request, "send_on", destination="nonsense")


@pytest.fixture
def rival(other: Other, rita: Any, paul: Any) -> Destination:
    return destination(other.url, by=rita, approved_by=paul)


@pytest.fixture
def ported(held: Subject) -> RightsRequest:
    """A copy in a form that can be sent on, put together."""
    return run_all(file(held, "portability"))


def test_one_alone_sends_no_copy_to_another_controller(
    ported: RightsRequest, rival: Destination, rita: Any, paul: Any, audit_log: Any
) -> None:
    act(rita, ported, "send_on", destination=str(rival.id))
    transfer = Transfer.objects.get()
    due_again()
    assert not pushing.push(transfer.id) and (transfer.state, transfer.asked_by) == ("proposed", rita.account)
    assert TWO in act(rita, ported, "agree_sending")
    act(paul, ported, "agree_sending")
    due_again()
    assert pushing.push(transfer.id)
    transfer.refresh_from_db()
    assert (transfer.state, transfer.agreed_by) == ("received", paul.account)
    assert [len(audit_log(f"transfer.{what}")) for what in ("proposed", "asked", "received")] == [1, 1, 1]


def test_a_sending_that_waits_is_taken_back_by_either_and_holds_nothing_up(
    ported: RightsRequest, rival: Destination, rita: Any, paul: Any, alice: Any
) -> None:
    assert ported.state == "completed"
    transfers.propose_transfer(request=ported, destination_id=rival.id, by=rita.account)
    with pytest.raises(WrongState):
        transfers.propose_transfer(request=ported, destination_id=rival.id, by=paul.account)
    act(paul, ported, "stop_sending")
    assert Transfer.objects.get().state == "stopped"
    with pytest.raises(WrongState):
        transfers.agree_transfer(request=ported, by=paul.account)


def test_what_the_person_has_sent_themselves_goes_before_what_the_desk_proposed(
    ported: RightsRequest, rival: Destination, rita: Any, paul: Any
) -> None:
    transfers.propose_transfer(request=ported, destination_id=rival.id, by=rita.account)
    transfers.ask_transfer(request=ported, destination_id=rival.id, actor=actors.SUBJECT)
    assert sorted(Transfer.objects.values_list("state", flat=True)) == ["stopped", "waiting"]


def test_a_proposed_sending_is_agreed_to_only_while_it_could_be_asked_for(
    ported: RightsRequest, rival: Destination, rita: Any, paul: Any
) -> None:
    transfers.propose_transfer(request=ported, destination_id=rival.id, by=rita.account)
    Destination.objects.update(retired_at=rival.approved_at)
    with pytest.raises(Missing):
        transfers.agree_transfer(request=ported, by=paul.account)


def test_the_database_sends_nothing_on_the_word_of_one(ported: RightsRequest, rival: Destination, rita: Any) -> None:
    transfers.propose_transfer(request=ported, destination_id=rival.id, by=rita.account)
    for alone in ({}, {"agreed_by": rita.account}):
        with pytest.raises(IntegrityError, match="transfer_four_eyes"), transaction.atomic():
            Transfer.objects.update(state="waiting", **alone)


def test_what_one_began_to_send_before_the_upgrade_waits_for_another(
    ported: RightsRequest, rival: Destination, rita: Any, paul: Any, alice: Any
) -> None:
    own = transfers.ask_transfer(request=ported, destination_id=rival.id, actor=actors.SUBJECT)
    with connection.cursor() as cursor:
        drop = "SET CONSTRAINTS ALL IMMEDIATE; ALTER TABLE erasure_{} DROP CONSTRAINT {}_four_eyes"
        for table, name in (("transfer", "transfer"), ("rightsrequest", "request"), ("withheldrows", "withheld")):
            cursor.execute(drop.format(table, name))
        cursor.execute("DROP INDEX one_proposed_transfer")
    Transfer.objects.filter(pk=own.pk).update(asked_by=rita.account, state="sending")
    migrate("erasure", "0017_what_one_says_alone")
    own.refresh_from_db()
    assert (own.state, own.fence) == ("proposed", 1)
    with pytest.raises(Refused, match="four_eyes"):
        transfers.agree_transfer(request=ported, by=rita.account)
    transfers.agree_transfer(request=ported, by=paul.account)


# --- values that nothing needs ----------------------------------------------------------------------------------------
@pytest.fixture
def newsletter(alice: Any, shop: Any) -> Subject:
    """Alice, of whom an address is held for the newsletter alone, that she agreed to."""
    subject: Subject = alice.subject
    answer(subject, "give")
    store(shop, subject, "newsletter", email="a@example.org")
    return subject


def test_who_wrote_the_withdrawal_down_does_not_let_the_values_go(
    newsletter: Subject, alice: Any, rita: Any, paul: Any
) -> None:
    record_letter(subject=newsletter, wishes=[("withdraw_consent", {"purpose": "newsletter"})], reviewer=rita.account)
    proposal = RetentionProposal.objects.get()
    with pytest.raises(Refused, match="four_eyes"):
        decide_proposal(proposal_id=proposal.id, reviewer=rita.account, erase=True)
    assert PersonalValue.objects.filter(subject=newsletter, field="email").exists()
    decide_proposal(proposal_id=proposal.id, reviewer=paul.account, erase=True)
    assert not PersonalValue.objects.filter(subject=newsletter, field="email").exists()


def test_the_list_asks_once_more_before_values_go(newsletter: Subject, rita: Any) -> None:
    answer(newsletter, "withdraw")
    proposal, where = RetentionProposal.objects.get(), reverse("admin:erasure_retentionproposal_changelist")
    given = {"action": "let_go", "_selected_action": [str(proposal.id)]}
    page = rita.browser().post(where, given).content.decode()
    assert "Nothing is done yet." in page and PersonalValue.objects.filter(field="email").exists()
    rita.browser().post(where, given | {"confirmed": "yes"})
    assert not PersonalValue.objects.filter(subject=newsletter, field="email").exists()


# --- what destroys nothing and is asked once more, or left to fewer ---------------------------------------------------
@pytest.mark.parametrize("act_name", ["people_protected", "people_averted", "people_effort"])
def test_that_people_are_not_told_is_asked_once_more(rita: Any, act_name: str) -> None:
    from tests.erasure.test_breaches import breach

    row = breach(rita, risk="high")
    where = reverse("admin:erasure_breach_changelist")
    given = {"action": act_name, "_selected_action": [str(row.pk)]}
    page = rita.browser().post(where, given).content.decode()
    assert "Nothing is done yet." in page and not Breach.objects.get().people_not_told
    rita.browser().post(where, given | {"confirmed": "yes"})
    assert Breach.objects.get().people_not_told


def test_a_step_is_closed_by_who_deals_with_requests(held: Subject, quentin: Any, olga: Any) -> None:
    request = run_all(file(held, "erasure"))
    step = request.steps.get(kind="manual", target="shop")
    page = quentin.browser().get(f"/admin/erasure/rightsrequest/{request.id}/change/").content.decode()
    assert "Done by hand" not in page
    act(quentin, request, "close_step", step=str(step.id))
    step.refresh_from_db()
    assert step.state == "waiting"
    act(olga, request, "close_step", step=str(step.id))
    step.refresh_from_db()
    assert step.state == "done"


# --- what to do next --------------------------------------------------------------------------------------------------
def test_the_desk_says_who_has_to_decide(held: Subject, alice: Any, rita: Any, paul: Any) -> None:
    request = letter(rita, alice.email, "erasure")
    where = f"/admin/erasure/rightsrequest/{request.id}/change/"
    own, others = (who.browser().get(where).content.decode() for who in (rita, paul))
    assert "another reviewer has to decide" in own and 'value="approve"' not in own
    assert 'value="approve"' in others and f"{rita.account} vouches for it" in others
    listed = paul.browser().get("/admin/erasure/rightsrequest/").content.decode()
    assert "a second reviewer" in listed
    start, mine = (who.browser().get("/admin/").content.decode() for who in (paul, rita))
    words = "request waits for a second reviewer"
    assert words in start and words not in mine
