"""What was made public: an erasure takes it down and tells who shows it or links to it (Art. 17(2), R51)."""

from typing import Any

import pytest
from django.core import mail
from django.test import override_settings

from erasure import plans
from erasure.models import RightsRequest, SourceAnswer
from erasure.services import place_tasks, places, step_acts
from gdpr_portal.errors import Invalid
from tests.consent.test_data import consented
from tests.erasure.people import file, run_all, store
from tests.erasure.test_places import KEEPER, declared, link, opened, petra, receipt, task_of

__all__ = ["petra"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]
KNOWN = ["Archive of the web", "Seeker search"]


def published(rita: Any, petra: Any, **changed: Any) -> None:
    """A place anybody can read, which two are known to show."""
    given = {"slug": "website", "name": "Website", "is_public": True, "shown_by": KNOWN}
    places.approve(place_id=declared(rita, **(given | changed)).id, by=petra.account)


@pytest.fixture
def website(rita: Any, petra: Any) -> None:
    published(rita, petra)


@pytest.fixture
def erased(website: None, alice: Any, shop: Any, olga: Any, django_capture_on_commit_callbacks: Any) -> RightsRequest:
    """An erasure that waits for the publication alone, whose editor has the mail."""
    store(shop, alice.subject, "orders", given_name="Alice")
    with override_settings(UNDO_WINDOW_SECONDS=0), django_capture_on_commit_callbacks(execute=True):
        request = file(alice.subject, "erasure")
    step_acts.close_by_hand(step_id=request.steps.get(target="shop").id, operator=olga.account)
    mail.outbox[:] = [message for message in mail.outbox if message.to == [KEEPER.email]]
    return run_all(request)


def form(request: RightsRequest, **given: Any) -> Any:
    """What the page says when the editor sends this."""
    client, where = opened(link())
    return client.post(where, given)


@override_settings(UNDO_WINDOW_SECONDS=0)
def test_an_erasure_has_a_task_for_each_known_publication(
    website: None, rita: Any, petra: Any, alice: Any, bob: Any, shop: Any
) -> None:
    published(rita, petra, slug="directory", name="Directory", shown_by=[])
    published(rita, petra, slug="paper", is_public=False, shown_by=[])
    published(rita, petra, slug="register", purposes=["tax_records"])
    store(shop, alice.subject, "orders", given_name="Alice")
    request = file(alice.subject, "erasure")
    tasks = dict(request.steps.filter(task__isnull=False).values_list("target", "article"))
    assert tasks == {"place:website": "17(2)", "place:directory": "17(2)", "place:paper": None}
    store(shop, bob.subject, "orders", given_name="Bob")
    assert file(bob.subject, "access").steps.get(target="place:website").article is None, "nothing is to be erased"


def test_the_person_sees_it_before_they_confirm_and_while_it_is_done(website: None, alice: Any, shop: Any) -> None:
    store(shop, alice.subject, "orders", given_name="Alice")
    line = next(line for line in plans.preview(alice.subject).lines if "Website" in line.what)
    assert (line.fate, line.article) == ("goes", "Art. 17(2)")
    assert "made public" in line.why and all(name in line.why for name in KNOWN)
    page = alice.browser().get("/requests/new/erasure").content.decode()
    assert KNOWN[0] in page
    with override_settings(UNDO_WINDOW_SECONDS=0):
        request = file(alice.subject, "erasure")
    assert (
        "Taken down from Website, and others who show it are told"
        in alice.browser().get(f"/requests/{request.id}").content.decode()
    )


def test_the_editor_is_told_what_to_do_and_whom_to_tell(erased: RightsRequest) -> None:
    client, where = opened(link())
    page = client.get(where).content.decode()
    assert "Take down everything that was made public" in page and all(name in page for name in KNOWN)
    assert "more effort than is reasonable" in page


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"outcome": "done"}, "Tell everybody named here, or say why not."),
        ({"outcome": "done", "told": KNOWN[:1]}, "Tell everybody named here, or say why not."),
        ({"outcome": "done", "told": KNOWN[:1], "reason": "kept_by_law"}, "Tell everybody named here, or say why not."),
        ({"outcome": "done", "told": [*KNOWN, "Alice"]}, "Only those who are named here"),
        ({"outcome": "cannot", "told": KNOWN, "reason": "not_found"}, "Only those who are named here"),
        ({"outcome": "cannot", "reason": "unreasonable"}, "Effort is a reason not to tell others"),
    ],
)
def test_nobody_known_is_left_out_without_a_reason(erased: RightsRequest, given: Any, words: str) -> None:
    page = form(erased, **given)
    assert page.status_code == 422 and words in page.content.decode()
    assert SourceAnswer.objects.count() == 0 and run_all(erased).state == "in_progress"


def test_who_was_told_and_why_not_stands_in_the_receipt_and_at_the_desk(erased: RightsRequest, rita: Any) -> None:
    assert erased.state == "in_progress", "complete only when the others were told"
    assert form(erased, outcome="done", told=KNOWN[:1], reason="unreasonable").status_code == 200
    request = run_all(erased)
    assert request.state == "completed"
    body = receipt(request)
    source = next(each for each in body["sources"] if each["source"] == "website")
    assert (source["told"], source["not_told"], source["reason"]) == (KNOWN[:1], KNOWN[1:], "unreasonable")
    step = next(each for each in body["steps"] if each["target"] == "place:website")
    assert (step["article"], step["until"], step["state"]) == ("17(2)", None, "done")
    browser = rita.browser()
    desk = browser.get(f"/admin/erasure/placetask/{task_of(request).id}/change/").content.decode()
    assert KNOWN[0] in desk and f"{KNOWN[1]}: It would take more effort than is reasonable" in desk
    assert "(Art. 17(2))" in browser.get(f"/admin/erasure/rightsrequest/{request.id}/change/").content.decode()


def test_everybody_told_needs_no_reason(erased: RightsRequest) -> None:
    assert form(erased, outcome="done", told=KNOWN, reason="unreasonable").status_code == 200
    row = SourceAnswer.objects.get()
    assert (row.told, row.reason, run_all(erased).state) == (KNOWN, "", "completed")


def test_nothing_of_the_person_made_public_leaves_nobody_to_tell(erased: RightsRequest) -> None:
    assert form(erased, outcome="nothing_held").status_code == 200
    assert run_all(erased).state == "completed"


def test_closed_by_hand_the_receipt_claims_nothing(erased: RightsRequest, olga: Any) -> None:
    step_acts.close_by_hand(step_id=erased.steps.get(target="place:website").id, operator=olga.account)
    source = next(each for each in receipt(run_all(erased))["sources"] if each["source"] == "website")
    assert (source["answer"], source["told"], source["not_told"]) == ("closed", [], KNOWN)


def test_a_consent_withdrawn_before_does_not_hide_what_was_published(rita: Any, petra: Any, alice: Any) -> None:
    published(rita, petra, purposes=["newsletter"])
    consented(alice)
    assert [place.slug for place in places.places_of(alice.subject)] == ["website"]
    consented(alice, action="withdraw")
    assert [place.slug for place in places.places_of(alice.subject)] == ["website"]


@pytest.mark.parametrize(
    "changed",
    [{"is_public": False}, {"shown_by": [f"site {number}" for number in range(21)]}, {"shown_by": ["x" * 121]}],
)
def test_names_that_do_not_fit_are_refused(rita: Any, petra: Any, changed: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        published(rita, petra, **changed)


def test_the_desk_declares_it_with_one_name_a_line(rita: Any) -> None:
    given = {
        "slug": "site", "name": "Site", "description": "", "purposes": ["orders"], "identifiers": ["email"],
        "respondent_name": "Karl", "respondent_email": "karl@paper.example", "language": "de", "days": "7",
        "is_public": "on", "shown_by": "Seeker search\r\n\r\n Archive of the web \r\n",
    }  # fmt: skip
    where = "/admin/erasure/manualplace/"
    page = rita.browser().post(f"{where}add/", given)
    assert page.status_code == 302, page.content
    row = places.ManualPlace.objects.get()
    assert (row.is_public, row.shown_by) == (True, KNOWN)
    assert "Seeker search" in rita.browser().get(f"{where}{row.id}/change/").content.decode()


def test_the_service_itself_refuses_who_is_not_known(erased: RightsRequest) -> None:
    with pytest.raises(Invalid):
        place_tasks.answer(task_id=task_of(erased).id, outcome="done", told=["Nobody"], actor="system:respondent")
