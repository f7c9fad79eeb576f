"""The desk: who may do what, after a fresh second factor; and the person never learns a reviewer's name."""

import re
from typing import Any

import pytest
from django.core import mail
from django.test import Client, override_settings

from access import roles
from access.services.applications import set_endpoint
from audit import actors
from erasure.models import RightsRequest
from erasure.services import requests, steps
from tests.access.conftest import code_for
from tests.conftest import make_staff
from tests.erasure.people import file, in_review, run_all, store

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]


def desk(request: RightsRequest) -> str:
    return f"/admin/erasure/rightsrequest/{request.id}/change/"


def act(client: Client, request: RightsRequest, act: str, **given: Any) -> Any:
    return client.post(desk(request).replace("/change/", "/act/"), {"act": act, **given}, follow=True)


def state(request: RightsRequest) -> str:
    return str(RightsRequest.objects.get(pk=request.pk).state)


def body(response: Any) -> str:
    return str(response.content.decode())


def test_the_queue_is_for_staff_the_next_due_first(alice: Any, bob: Any, rita: Any) -> None:
    first, second = in_review(alice.subject), in_review(bob.subject)
    RightsRequest.objects.filter(pk=second.pk).update(due_at=first.due_at.replace(year=2020))
    assert alice.browser().get("/admin/erasure/rightsrequest/").status_code in {302, 403}
    page = body(rita.browser().get("/admin/erasure/rightsrequest/"))
    assert -1 < page.index(str(second.id)[:8]) < page.index(str(first.id)[:8])
    assert alice.email not in page and "loan-1" not in page


@pytest.mark.parametrize(("role", "may"), [(roles.IRM, True), (roles.PRIVACY_OFFICER, True), (roles.OPERATOR, False)])
def test_only_reviewers_decide(alice: Any, role: str, may: bool) -> None:
    request = in_review(alice.subject)
    browser = make_staff("staff", role).browser()
    assert ("The decision stands" in body(browser.get(desk(request)))) is may
    answered = act(browser, request, "approve")
    assert ("That is not possible." in body(answered)) is not may
    assert (state(request) == "completed") is may


def test_deciding_asks_for_a_fresh_factor_and_keeps_the_choice(alice: Any, rita: Any) -> None:
    request = in_review(alice.subject)
    browser = rita.browser(fresh=False)
    asked = act(browser, request, "refuse", reason="A12ManifestlyUnfounded")
    assert asked.status_code == 403 and 'value="A12ManifestlyUnfounded"' in body(asked)
    assert state(request) == "in_review"
    act(browser, request, "refuse", reason="A12IdentityFailure", otp=code_for(rita.totp_secret))
    assert state(request) == "refused"


def test_a_refusal_tells_reason_complaint_and_court(
    alice: Any, rita: Any, settings: Any, django_capture_on_commit_callbacks: Any
) -> None:
    request = in_review(alice.subject)
    with django_capture_on_commit_callbacks(execute=True):
        act(rita.browser(), request, "refuse", reason="A12IdentityFailure")
    told = str(mail.outbox[-1].body)
    assert settings.CONTROLLER["authority"] in told and settings.CONTROLLER["authority_url"] in told
    assert "go to court" in told and "eason: " in told
    page = body(alice.browser().get(f"/requests/{request.id}"))
    assert "go to court" in page and settings.CONTROLLER["authority"] in page


def test_a_refusal_without_a_reason_from_the_list_is_impossible(alice: Any, rita: Any) -> None:
    request = in_review(alice.subject)
    for given in ({"reason": "because"}, {"reason": ""}, {}):
        assert "class=" in body(act(rita.browser(), request, "refuse", **given))
        assert state(request) == "in_review"


def test_a_deadline_is_extended_once_with_a_reason(alice: Any, rita: Any, audit_log: Any) -> None:
    request = in_review(alice.subject)
    before = request.due_at
    act(rita.browser(), request, "extend", reason="A12Complexity")
    request.refresh_from_db()
    assert request.extended and request.due_at > before
    page = act(rita.browser(), request, "extend", reason="A12Complexity")
    assert "extended once" in body(page)
    assert [event.details["reason"] for event in audit_log("request.extended")] == ["A12Complexity"]


def test_an_extension_needs_a_reason_from_the_list(alice: Any, rita: Any) -> None:
    request = in_review(alice.subject)
    act(rita.browser(), request, "extend", reason="I feel like it")
    request.refresh_from_db()
    assert not request.extended


@override_settings(UNDO_WINDOW_SECONDS=0)
def test_an_operator_closes_by_hand_what_waits_outside(alice: Any, shop: Any, olga: Any) -> None:
    store(shop, alice.subject, "orders", given_name="Alice")
    request = run_all(file(alice.subject, "erasure"))
    step = request.steps.get(kind="manual", target="shop")
    assert "Done by hand" in body(olga.browser().get(desk(request)))
    act(olga.browser(), request, "close_step", step=str(step.id))
    step.refresh_from_db()
    assert step.state == "done"
    assert run_all(request).state == "completed"


def test_a_failed_step_is_tried_again_from_the_desk(alice: Any, olga: Any, monkeypatch: Any) -> None:
    def broken(*args: Any, **options: Any) -> Any:
        raise OSError("disk")

    request = file(alice.subject, "access")
    step = request.steps.get(kind="archive")
    with monkeypatch.context() as patch:
        patch.setattr("erasure.archives.build.build_archives", broken)
        for _try in range(steps.TRIES):
            request.steps.update(next_at=None)
            steps.run(step.id)
    step.refresh_from_db()
    assert (step.state, step.last_error) == ("failed", "OSError")
    assert "archive" in body(olga.browser().get("/admin/erasure/rightsrequest/"))
    act(olga.browser(), request, "retry_step", step=str(step.id))
    assert run_all(request).state == "completed"


def test_a_step_of_another_request_is_not_reached(alice: Any, bob: Any, shop: Any, olga: Any) -> None:
    set_endpoint(application=shop, url="https://shop.example/notices")
    store(shop, alice.subject, "orders", given_name="Alice")
    mine = run_all(file(alice.subject, "access"))
    other = file(bob.subject, "access")
    step = mine.steps.get(kind="notify")
    act(olga.browser(), other, "close_step", step=str(step.id))
    step.refresh_from_db()
    assert step.state == "waiting"


@pytest.mark.parametrize("given", [{"act": "close_step", "step": "nonsense"}, {"act": "nonsense"}, {}])
def test_garbage_at_the_desk_is_answered_in_words(alice: Any, rita: Any, given: dict[str, str]) -> None:
    request = in_review(alice.subject)
    answered = rita.browser().post(desk(request).replace("/change/", "/act/"), given, follow=True)
    assert answered.status_code == 200 and "That is not possible." in body(answered)


def test_a_request_that_is_not_there(rita: Any) -> None:
    missing = RightsRequest(id="00000000-0000-4000-8000-000000000000")
    assert rita.browser().get(desk(missing)).status_code in {302, 404}
    assert act(rita.browser(), missing, "approve").status_code in {200, 404}


def test_reviewers_names_are_never_shown_to_the_person(
    alice: Any, rita: Any, django_capture_on_commit_callbacks: Any
) -> None:
    request = in_review(alice.subject)
    with django_capture_on_commit_callbacks(execute=True):
        act(rita.browser(), request, "refuse", reason="A12IdentityFailure")
    request.refresh_from_db()
    assert request.reviewer_id == rita.account.id
    seen = body(alice.browser().get(f"/requests/{request.id}")) + body(alice.browser().get("/requests"))
    seen += body(alice.browser().get("/activity")) + "".join(str(message.body) for message in mail.outbox)
    from erasure.archives.content import content

    seen += str(content(file(alice.subject, "access"), language="en"))
    assert "refused" in seen.lower()
    assert rita.email not in seen and str(rita.account.id) not in seen and "rita" not in seen.lower()


@override_settings(UNDO_WINDOW_SECONDS=0)
def test_steps_are_called_by_names_and_not_by_codes(alice: Any, shop: Any, rita: Any) -> None:
    store(shop, alice.subject, "orders", given_name="Alice")
    store(shop, alice.subject, "tax_records", vat_number="DE811907980")
    page = body(rita.browser().get(desk(run_all(file(alice.subject, "erasure")))))
    targets = re.findall(r'<td data-label="Target">([^<]*)</td>', page)
    assert {"Shop", "Data key", "Evidence of consent", "Tax records", "Last check"} <= set(targets)
    assert not [each for each in targets if "_" in each or each.islower()]


def test_what_an_application_vouches_for_is_not_called_two_factors(alice: Any, shop: Any, rita: Any) -> None:
    own = in_review(alice.subject)
    vouched = requests.file_request(
        subject=alice.subject, right="human_review", details={"decision": "loan-2"}, verified_by="account",
        actor=actors.application(shop.slug), application=shop,
    )  # fmt: skip
    shown = body(rita.browser().get(desk(vouched)))
    assert f"{shop.name}, which says that the person is signed in there" in shown
    assert "with both factors" not in shown
    assert "Signed in, with both factors" in body(rita.browser().get(desk(own)))
