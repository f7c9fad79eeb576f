"""Several rights in one case: each with its own state and outcome; a copy before the erasure that would destroy it."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import override_settings

from access.models import Account
from erasure.combined import Answered, combined
from erasure.models import Archive, JointCase, RightsRequest, Step
from erasure.selectors import joint_cases_of_account
from erasure.services import archives, joint, mandates, on_behalf, requests, step_acts, steps
from erasure.services.joint_order import copies_waited_for, in_order
from erasure.services.mandate_words import Representative
from erasure.words import joint_in_words
from gdpr_portal.errors import DomainError
from subjects.models import PersonalValue
from subjects.services import register_subject
from tests.conftest import make_staff
from tests.consent.people import answer
from tests.erasure.people import file, run_all, store

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]


def ask(subject: Any, *rights: str, **more: Any) -> JointCase:
    wishes: Any = [(right, {}) for right in rights] + more.pop("wishes", [])
    filed = joint.file_together(
        subject=subject, wishes=wishes, verified_by="account", actor="subject", by_person=True, **more
    )
    assert filed[0].joint is not None
    return filed[0].joint


def one(right: str) -> RightsRequest:
    return RightsRequest.objects.get(right=right)


@pytest.fixture
def without_window() -> Any:
    with override_settings(UNDO_WINDOW_SECONDS=0):
        yield


@pytest.fixture
def both(alice: Any, shop: Any, without_window: None) -> JointCase:
    """A copy and an erasure, asked for together by somebody of whom something is held."""
    store(shop, alice.subject, "orders", given_name="Alice")
    return ask(alice.subject, "erasure", "access")


def held(alice: Any) -> bool:
    return PersonalValue.objects.filter(subject=alice.subject).exists()


def erased(alice: Any) -> bool:
    """Whether the erasure goes through, once the shop was told by hand."""
    run_all(one("erasure"))
    waiting = Step.objects.filter(kind="manual", state="waiting")
    if waiting:
        oscar = Account.objects.get(pk=make_staff("oscar", "operator").account.pk)
    for step in waiting:
        step_acts.close_by_hand(step_id=step.id, operator=oscar)
    return run_all(one("erasure")).state == "completed" and not held(alice)


# --- filing ---------------------------------------------------------------------------------------------------------
def test_each_right_is_a_request_of_its_own_in_the_order_it_is_done(alice: Any, audit_log: Any) -> None:
    answer(alice.subject, "give")
    more: Any = [("objection", {"purpose": "direct_marketing"}), ("withdraw_consent", {"purpose": "newsletter"})]
    case = ask(alice.subject, "erasure", "access", "access", wishes=more)
    filed = list(case.requests.order_by("created_at"))
    assert [row.right for row in filed] == ["access", "objection", "withdraw_consent", "erasure"]
    assert [row.state for row in filed] == ["in_progress", "completed", "completed", "in_progress"]
    assert all(row.due_at == filed[0].due_at for row in filed)
    assert audit_log("case.filed")[0].details["count"] == 4


def test_all_of_them_or_none(alice: Any, shop: Any) -> None:
    store(shop, alice.subject, "tax_records", vat_number="DE811907980")
    with pytest.raises(DomainError, match="right_not_available"):
        ask(alice.subject, "access", "portability")
    assert not RightsRequest.objects.exists() and not JointCase.objects.exists()


def test_one_wish_is_no_case(alice: Any) -> None:
    filed = joint.file_together(
        subject=alice.subject, wishes=[("access", {})], verified_by="account", actor="subject", by_person=True
    )
    assert filed[0].joint is None and not JointCase.objects.exists()


def test_an_erasure_that_is_open_already_joins_and_waits(alice: Any, shop: Any, frozen: Any) -> None:
    store(shop, alice.subject, "orders", given_name="Alice")
    first = file(alice.subject, "erasure")
    ask(alice.subject, "access", "erasure")
    frozen.shift(timedelta(hours=25))
    run_all(first)
    assert one("erasure").pk == first.pk and held(alice), "it waits for the copy now"


# --- the copy before the erasure --------------------------------------------------------------------------------------
def test_the_erasure_waits_until_the_copy_was_collected(alice: Any, both: JointCase) -> None:
    run_all(one("access"))
    assert one("access").state == "completed" and one("erasure").state == "in_progress"
    assert held(alice) and not one("erasure").steps.exists(), "the copy is ready, and not hers yet"
    _archive, data = archives.collect(request=one("access"), actor="subject")
    assert b"".join(data)[:2] == b"PK"
    assert erased(alice)


def test_teeth_without_the_order_the_copy_is_destroyed_uncollected(
    alice: Any, both: JointCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("erasure.services.start.copies_waited_for", lambda _request: [])
    monkeypatch.setattr("erasure.services.steps.waiting_erasures", lambda: RightsRequest.objects.none())
    run_all(one("erasure"))
    with pytest.raises(DomainError, match=r"expired|not_ready"):  # by whichever of the two was taken first
        archives.collect(request=one("access"), actor="subject")


def test_a_copy_nobody_collects_keeps_nobody_for_ever(alice: Any, both: JointCase, frozen: Any) -> None:
    run_all(one("access"))
    frozen.shift(timedelta(hours=71))
    assert run_all(one("erasure")).state == "in_progress" and held(alice)
    frozen.shift(timedelta(hours=2))
    assert erased(alice)


def test_a_copy_of_nothing_keeps_nobody(alice: Any, without_window: None) -> None:
    case = ask(alice.subject, "portability", "erasure")
    run_all(one("erasure"))
    assert one("portability").outcome == "nothing_held" and one("erasure").state == "completed"
    assert joint_in_words(case).label == "All granted"


def test_a_failed_copy_does_not_let_the_erasure_go_ahead(
    alice: Any, olga: Any, both: JointCase, frozen: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr("erasure.archives.build.build_archives", _down)
        for _round in range(steps.TRIES + 1):
            run_all(one("access"))
            frozen.shift(timedelta(minutes=5))
    step = Step.objects.get(kind="archive")
    assert step.state == "failed" and one("access").state == "in_progress"
    frozen.shift(timedelta(days=20))
    assert run_all(one("erasure")).state == "in_progress" and held(alice)
    step_acts.retry(step_id=step.id, operator=olga.account)
    run_all(one("access"))
    assert one("access").state == "completed" and held(alice)
    archives.collect(request=one("access"), actor="subject")
    assert erased(alice)


def _down(*_args: Any, **_more: Any) -> None:
    raise OSError("disk")


def test_a_worker_that_died_with_the_copy_holds_the_erasure_until_another_made_it(
    alice: Any, both: JointCase, frozen: Any
) -> None:
    step = Step.objects.get(kind="archive")
    assert steps.claim(step.id) is not None, "and the worker dies here"
    run_all(one("erasure"))
    assert held(alice) and not Archive.objects.exists()
    frozen.shift(timedelta(minutes=30))
    run_all(one("access"))
    assert Archive.objects.get().complete and held(alice)


def test_waiting_erasures_take_no_place_in_the_queue(alice: Any, both: JointCase, bob: Any) -> None:
    run_all(one("access"))
    assert steps.sweep() == 0, "nothing is due but what waits"
    other = file(bob.subject, "erasure")
    assert steps.sweep(limit=1) == 1
    run_all(other)
    assert RightsRequest.objects.get(pk=other.pk).state == "completed"


def test_a_refused_copy_waits_for_somebody_to_decide(alice: Any, rita: Any, shop: Any, without_window: None) -> None:
    store(shop, alice.subject, "orders", given_name="Alice")
    with override_settings(REVIEW_EVERY_REQUEST=True):
        ask(alice.subject, "access", "erasure")
    requests.approve_request(request_id=one("erasure").id, reviewer=rita.account)
    desk = f"/admin/erasure/rightsrequest/{one('erasure').id}/change/"
    assert "The copy was refused" not in rita.browser().get(desk).content.decode(), "not yet"
    with pytest.raises(DomainError, match="wrong_state"):
        joint.go_ahead_after_refusal(request_id=one("erasure").id, reviewer=rita.account)
    requests.refuse_request(request_id=one("access").id, reviewer=rita.account, reason_code="A12IdentityFailure")
    run_all(one("erasure"))
    assert held(alice) and one("erasure").state == "in_progress"
    assert "The copy was refused" in rita.browser().get(desk).content.decode()
    case = joint.go_ahead_after_refusal(request_id=one("erasure").id, reviewer=rita.account)
    assert case.copy_waived_by == rita.account
    assert erased(alice)
    assert joint_in_words(case).label == "Granted in part"


def test_only_the_person_gives_up_a_copy_that_is_to_be_handed_out(
    alice: Any, rita: Any, both: JointCase, audit_log: Any
) -> None:
    run_all(one("access"))
    with pytest.raises(DomainError, match="wrong_state"):
        joint.go_ahead_after_refusal(request_id=one("erasure").id, reviewer=rita.account)
    assert not audit_log("case.copy_waived")
    joint.go_ahead_without_copy(request=one("erasure"))
    assert audit_log("case.copy_waived")[0].actor == "subject"
    assert erased(alice)
    with pytest.raises(DomainError, match="wrong_state"):
        joint.go_ahead_without_copy(request=one("erasure"))


def test_giving_up_a_copy_that_fails_withdraws_it(alice: Any, both: JointCase) -> None:
    assert one("access").steps.exists(), "too late to withdraw it by itself"
    joint.go_ahead_without_copy(request=one("erasure"))
    assert one("access").state == "withdrawn"
    assert erased(alice)


def test_a_withdrawn_copy_is_waited_for_no_more_and_a_withdrawn_erasure_does_nothing(
    alice: Any, shop: Any, without_window: None
) -> None:
    store(shop, alice.subject, "orders", given_name="Alice")
    with override_settings(REVIEW_EVERY_REQUEST=True):
        case = ask(alice.subject, "access", "erasure")
    requests.withdraw_request(request=one("erasure"), actor="subject")
    run_all(one("access"))
    assert held(alice)
    requests.withdraw_request(request=one("access"), actor="subject")
    assert joint_in_words(case).label == "Withdrawn"


def test_in_somebodys_name_the_order_is_the_same(alice: Any, shop: Any, rita: Any, frozen: Any) -> None:
    store(shop, alice.subject, "orders", given_name="Alice")
    shown = on_behalf.Shown(kind="guardianship", who=Representative("Lena", "lena@lawyers.example"), document=b"%PDF-")
    wishes: Any = [("erasure", {}), ("access", {})]
    filed = on_behalf.record_on_behalf(subject=alice.subject, wishes=wishes, shown=shown)
    assert [row.right for row in filed] == ["access", "erasure"] and filed[0].joint_id and filed[0].mandate
    mandates.accept(mandate_id=filed[0].mandate.id, reviewer=rita.account, answers_to_representative=False)
    second = make_staff("petra", "irm").account
    requests.approve_request(request_id=one("erasure").id, reviewer=second)
    frozen.shift(timedelta(hours=73))
    run_all(one("access"))
    assert one("access").state == "completed" and one("erasure").state == "in_progress" and held(alice)


# --- the outcome in words -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (["completed", "completed"], "granted"),
        (["completed", "withdrawn"], "granted"),
        (["completed", "refused"], "partly"),
        (["completed", "expired_unverified"], "partly"),
        (["refused", "refused"], "refused"),
        (["refused", "withdrawn"], "refused"),
        (["withdrawn", "withdrawn"], "withdrawn"),
        (["completed", "in_progress"], "open"),
        (["refused", "verifying"], "open"),
        ([], "withdrawn"),
    ],
)
def test_one_outcome_for_the_whole(answers: list[str], expected: str) -> None:
    assert combined([Answered(state) for state in answers]) == expected


def test_what_a_law_keeps_makes_it_a_part() -> None:
    assert combined([Answered("completed"), Answered("completed", partial=True)]) == "partly"


def test_copies_first_and_an_erasure_last() -> None:
    wishes: Any = [
        ("erasure", {}),
        ("objection", {"purpose": "a"}),
        ("portability", {}),
        ("objection", {"purpose": "b"}),
    ]
    assert [right for right, _details in in_order([*wishes, wishes[0]])] == [
        "portability", "objection", "objection", "erasure",
    ]  # fmt: skip


# --- the pages ------------------------------------------------------------------------------------------------------
def test_the_guided_form_shows_the_order_and_the_plan_before_it_sends(alice: Any, shop: Any, bob: Any) -> None:
    store(shop, alice.subject, "orders", given_name="Alice")
    browser, where = alice.browser(), "/requests/together"
    page = browser.get(where).content.decode()
    assert "checked" not in page and "Erase my data" in page
    assert "Choose at least one." in browser.post(where, {}).content.decode()
    given = {"rights": ["erasure", "access"], "objections": ["direct_marketing"]}
    page = browser.post(where, given).content.decode()
    assert page.index("Get a copy") < page.index("Object to a use") < page.index("<li>Erase my data")
    assert "waits until you have collected" in page and "What goes, what stays" in page
    assert not RightsRequest.objects.exists(), "nothing is sent yet"
    assert alice.browser(fresh=False).post(where, given | {"confirm": "yes"}).status_code == 403
    assert not RightsRequest.objects.exists()
    filed = browser.post(where, given | {"confirm": "yes"})
    case = JointCase.objects.get()
    assert filed["Location"] == f"/requests/cases/{case.id}"
    page = browser.get(filed["Location"]).content.decode()
    assert "1 of 3 answered" in page and "Not everything is answered yet." in page
    assert "Asked for together" in browser.get("/requests").content.decode()
    assert bob.browser().get(filed["Location"]).status_code == 404


def test_one_wish_leads_to_its_own_page_and_what_cannot_be_is_told(alice: Any, shop: Any) -> None:
    browser, where = alice.browser(), "/requests/together"
    filed = browser.post(where, {"rights": ["access"], "confirm": "yes"})
    assert filed["Location"] == f"/requests/{one('access').id}"
    store(shop, alice.subject, "tax_records", vat_number="DE811907980")
    refused = browser.post(where, {"rights": ["portability"], "confirm": "yes"})
    assert refused.status_code == 422 and 'role="alert"' in refused.content.decode()


def test_the_page_of_the_erasure_says_that_it_waits_and_lets_go(alice: Any, both: JointCase) -> None:
    browser, where = alice.browser(), f"/requests/{one('erasure').id}"
    page = browser.get(where).content.decode()
    assert "Waits for your copy" in page and "Being put together" in page
    run_all(one("access"))
    assert "Ready to be collected, until" in browser.get(where).content.decode()
    assert "Waits until you have collected your copy." in browser.get(f"/requests/cases/{both.id}").content.decode()
    assert alice.browser(fresh=False).post(f"{where}/without-copy").status_code == 403
    assert JointCase.objects.get().copy_waived_at is None
    browser.post(f"{where}/without-copy")
    assert JointCase.objects.get().copy_waived_at is not None


def test_the_desk_sees_what_belongs_together_and_takes_all_of_it(
    alice: Any, rita: Any, quentin: Any, both: Any
) -> None:
    irene = make_staff("irene", "irm")
    where = f"/admin/erasure/rightsrequest/{one('erasure').id}/"
    page = rita.browser().get(f"{where}change/").content.decode()
    assert f"/admin/erasure/rightsrequest/{one('access').id}/change/" in page and "I look after all of them" in page
    quentin.browser().post(f"{where}act/", {"act": "assign_together"})
    assert not hasattr(one("access"), "case")
    irene.browser().post(f"{where}act/", {"act": "assign_together"})
    assert {row.case.assignee for row in RightsRequest.objects.all()} == {irene.account}  # type: ignore[attr-defined]


def test_the_desk_records_a_letter_of_the_person(alice: Any, rita: Any, audit_log: Any) -> None:
    where = "/admin/erasure/rightsrequest/record/"
    letter = {"email": alice.email, "rights": ["access", "erasure"]}
    assert "This field is required." in rita.browser().post(where, letter).content.decode()
    assert rita.browser().post(where, letter | {"who": "person"}).status_code == 302
    assert one("access").verified_by == "document" and one("access").joint_id == one("erasure").joint_id
    assert audit_log("request.received")[0].actor == f"staff:{rita.account.id}"
    page = rita.browser().post(where, letter | {"who": "representative"}).content.decode()
    assert page.count("This field is required.") == 4


# --- a copy asked for earlier, by itself ----------------------------------------------------------------------------
@pytest.fixture
def earlier(alice: Any, shop: Any, without_window: None) -> RightsRequest:
    """A copy that was asked for some time ago and waits to be collected."""
    store(shop, alice.subject, "orders", given_name="Alice")
    return run_all(file(alice.subject, "access"))


def after_copies(alice: Any) -> RightsRequest:
    return joint.file_after_copies(subject=alice.subject, details={})


def test_an_erasure_waits_for_a_copy_asked_for_before_it_when_the_person_says_so(
    alice: Any, earlier: RightsRequest, audit_log: Any
) -> None:
    filed = after_copies(alice)
    assert filed.joint is not None and set(filed.joint.requests.all()) == {earlier, filed}
    assert audit_log("case.filed")[0].details["count"] == 2
    assert not erased(alice), "the copy is not collected"
    b"".join(archives.collect(request=earlier, actor="subject")[1])
    assert erased(alice)


def test_without_saying_so_it_goes_ahead_and_takes_the_copy(alice: Any, earlier: RightsRequest) -> None:
    file(alice.subject, "erasure")
    assert erased(alice) and not Archive.objects.filter(request=earlier).exclude(chunks=None).exists()


def test_an_erasure_that_is_open_already_waits_from_now_on(alice: Any, earlier: RightsRequest) -> None:
    with override_settings(UNDO_WINDOW_SECONDS=3600):
        first = file(alice.subject, "erasure")
        again = after_copies(alice)
    assert again == first and again.joint is not None and again.joint.requests.count() == 2


def test_what_was_waived_is_waited_for_again(alice: Any, both: JointCase) -> None:
    with override_settings(UNDO_WINDOW_SECONDS=3600):
        run_all(one("access"))
        joint.go_ahead_without_copy(request=one("erasure"))
        assert not copies_waited_for(one("erasure"))
        after_copies(alice)
    assert copies_waited_for(one("erasure")) == [one("access")]
    assert not joint_cases_of_account(alice.account).filter(pk=both.pk).exists(), "nothing is left of the first"


def test_without_a_copy_to_collect_there_is_no_case(alice: Any, shop: Any) -> None:
    store(shop, alice.subject, "orders", given_name="Alice")
    assert after_copies(alice).joint is None and not JointCase.objects.exists()


def test_the_page_offers_it_only_with_a_copy_to_collect(alice: Any, bob: Any, earlier: RightsRequest) -> None:
    page = alice.browser().get("/requests/new/erasure").content.decode()
    assert "Wait until I have collected my copy" in page and "have not collected it" in page and "checked" not in page
    assert "collected my copy" not in bob.browser().get("/requests/new/erasure").content.decode()
    filed = alice.browser().post("/requests/new/erasure", {"after_copies": "on"})
    assert filed.status_code == 302 and copies_waited_for(one("erasure")) == [earlier]
    shown = alice.browser().get(filed["Location"]).content.decode()
    assert "Waits for your copy" in shown


# --- what the person is told beforehand -----------------------------------------------------------------------------
def planned() -> list[str]:
    return [str(each.body) for each in mail.outbox if each.subject == "Your data will be erased"]


def test_who_asked_for_an_erasure_is_told_from_when_and_how_to_take_it_back(
    alice: Any, shop: Any, after_commit: Any
) -> None:
    store(shop, alice.subject, "orders", given_name="Alice")
    with after_commit():
        request = file(alice.subject, "erasure")
    (told,) = planned()
    assert f"/requests/{request.id}" in told and "Nothing is erased before" in told and "not collected" not in told
    assert "Alice" not in told


def test_and_that_a_copy_is_lost_with_it(alice: Any, shop: Any, earlier: RightsRequest, after_commit: Any) -> None:
    with override_settings(UNDO_WINDOW_SECONDS=3600), after_commit():
        file(alice.subject, "erasure")
    (told,) = planned()
    assert "You asked for a copy and have not collected it. The erasure destroys it too." in told


def test_or_that_it_waits_for_the_copy(alice: Any, shop: Any, earlier: RightsRequest, after_commit: Any) -> None:
    with after_commit():
        after_copies(alice)
    (told,) = planned()
    assert "Nothing is erased before you have collected your copy" in told and "destroys it too" not in told


def test_who_has_no_sign_in_is_not_sent_to_a_page_behind_it(shop: Any, after_commit: Any) -> None:
    person, _new = register_subject(application=shop, identifiers={"email": "paula@people.example"})
    store(shop, person, "orders", given_name="Paula")
    with after_commit():
        file(person, "erasure")
    (told,) = planned()
    assert "/requests/" not in told and "write to us and quote the reference" in told


def test_an_erasure_that_begins_at_once_is_not_announced(
    alice: Any, shop: Any, without_window: None, after_commit: Any
) -> None:
    store(shop, alice.subject, "orders", given_name="Alice")
    with after_commit():
        file(alice.subject, "erasure")
    assert not planned()
