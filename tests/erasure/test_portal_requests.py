"""The person's own pages: see, ask for each right, follow, withdraw, collect once, keep the receipt."""

import io
import json
import zipfile
from typing import Any

import pytest
from django.core import mail
from django.template.defaultfilters import date as template_date
from django.test import override_settings
from django.utils import timezone

from erasure.models import RightsRequest
from gdpr_portal.formats.zones import controllers_zone
from subjects.models import Subject
from tests.access.conftest import code_for
from tests.consent.people import answer
from tests.erasure.people import file, run_all, store

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]


def asked(right: str) -> RightsRequest:
    return RightsRequest.objects.get(right=right)


def body(response: Any) -> str:
    return str(response.content.decode())


def test_the_overview_offers_every_right_and_lists_what_is_under_way(alice: Any) -> None:
    page = body(alice.browser().get("/requests"))
    assert "No requests yet" in page
    assert all(f"/requests/new/{right}" in page for right in RightsRequest.Right.values)
    file(alice.subject, "restriction", ground="accuracy_contested")
    page = body(alice.browser().get("/requests"))
    assert "No requests yet" not in page and page.count("Stop my data from being used for now") == 2
    assert "Completed" in page


@pytest.mark.parametrize("undo_seconds", [3600, 0])
def test_messages_are_offered_until_the_erasure_begins(alice: Any, settings: Any, undo_seconds: int) -> None:
    settings.UNDO_WINDOW_SECONDS = undo_seconds
    request = file(alice.subject, "erasure")
    page = body(alice.browser().get(f"/requests/{request.pk}"))
    assert ("Write to us about this request" in page) == bool(undo_seconds), "what begun erasures refuse is not offered"


@pytest.mark.parametrize(
    ("right", "given"),
    [
        ("access", {}),
        ("portability", {}),
        ("restriction", {"ground": "legal_claims"}),
        ("objection", {"purpose": "direct_marketing"}),
        ("withdraw_consent", {"purpose": "newsletter"}),
        ("human_review", {"decision": "loan-4711"}),
        ("rectification", {"purpose": "orders", "field": "given_name", "value": "Alice"}),
        ("erasure", {}),
    ],
)
def test_each_right_can_be_asked_for(alice: Any, shop: Any, right: str, given: dict[str, str]) -> None:
    answer(alice.subject, "give")
    store(shop, alice.subject, "orders", given_name="Alise")
    browser = alice.browser()
    query = {name: given[name] for name in ("purpose", "field") if name in given}
    page = browser.get(f"/requests/new/{right}", query)
    assert page.status_code == 200
    filed = browser.post(f"/requests/new/{right}", given)
    assert filed.status_code == 302 and filed["Location"] == f"/requests/{asked(right).id}"
    shown = browser.get(filed["Location"])
    assert shown.status_code == 200 and str(asked(right).id) in body(shown)
    assert "We have received your request." in body(shown)


def test_a_right_nobody_has_leads_back(alice: Any) -> None:
    assert alice.browser().get("/requests/new/nonsense")["Location"] == "/requests"


def test_nothing_is_chosen_beforehand_and_nothing_is_asked_that_is_not_needed(alice: Any) -> None:
    page = body(alice.browser().get("/requests/new/objection"))
    assert 'type="radio"' in page and "checked" not in page
    for right in RightsRequest.Right.values:
        assert 'type="file"' not in body(alice.browser().get(f"/requests/new/{right}"))


def test_a_form_with_something_missing_is_shown_again(alice: Any) -> None:
    answered = alice.browser().post("/requests/new/restriction", {})
    assert answered.status_code == 200 and "This field is required." in body(answered)
    assert not RightsRequest.objects.exists()


@pytest.mark.parametrize(
    ("right", "given", "not_given"),
    [("withdraw_consent", "newsletter", "orders"), ("objection", "fraud_prevention", "orders")],
)
def test_a_right_is_offered_for_the_uses_whose_basis_gives_it(
    alice: Any, shop: Any, right: str, given: str, not_given: str
) -> None:
    store(shop, alice.subject, "orders", given_name="Alice")
    page = body(alice.browser().get(f"/requests/new/{right}"))
    assert f'value="{given}"' in page and f'value="{not_given}"' not in page
    alice.browser().post(f"/requests/new/{right}", {"purpose": not_given})
    assert not RightsRequest.objects.exists()


def test_the_page_and_the_list_say_which_use_a_request_is_about(alice: Any) -> None:
    request = file(alice.subject, "objection", purpose="fraud_prevention")
    for address in (f"/requests/{request.id}", "/requests"):
        assert "Fraud prevention" in body(alice.browser().get(address))


def test_staff_of_whom_nothing_is_held_read_so_instead_of_being_led_in_a_circle(rita: Any) -> None:
    for address in ("/requests/new/access", "/requests/together"):
        assert "Nothing about you is held here" in body(rita.browser().get(address))


def test_a_reference_that_cannot_be_is_refused_in_words(alice: Any) -> None:
    page = body(alice.browser().post("/requests/new/human_review", {"decision": "loan 7/4711"}))
    assert "letters, digits and . _ : - alone" in page


def test_an_erasure_shows_its_plan_before_anything_is_asked(alice: Any, shop: Any) -> None:
    store(shop, alice.subject, "orders", given_name="Alice")
    store(shop, alice.subject, "tax_records", family_name="Ahlberg")
    page = body(alice.browser().get("/requests/new/erasure"))
    assert "Nothing is erased before you confirm" in page
    assert "Who is told to erase it too" in page and "Shop" in page
    assert "Art. 17(3)" in page and "Stays, by law" in page and "Will be erased" in page
    assert not RightsRequest.objects.exists()


@pytest.mark.parametrize("right", ["erasure", "access", "portability"])
def test_a_stale_session_is_asked_for_a_code_and_the_form_is_kept(alice: Any, right: str) -> None:
    browser = alice.browser(fresh=False)
    assert 'name="otp"' in body(browser.get(f"/requests/new/{right}"))
    kept = browser.post(f"/requests/new/{right}", {"remark": "kept-by-the-page"})
    assert kept.status_code == 403
    assert 'value="kept-by-the-page"' in body(kept) and not RightsRequest.objects.exists()
    wrong = browser.post(f"/requests/new/{right}", {"otp": "000000"})
    assert wrong.status_code == 403 and not RightsRequest.objects.exists()
    done = browser.post(f"/requests/new/{right}", {"otp": code_for(alice.totp_secret)})
    assert done.status_code == 302 and asked(right).by_person


def test_an_erasure_can_be_withdrawn_while_nothing_is_destroyed(alice: Any, shop: Any) -> None:
    store(shop, alice.subject, "orders", given_name="Alice")
    request = file(alice.subject, "erasure")
    browser = alice.browser()
    before = body(browser.get(f"/requests/{request.id}"))
    assert "Withdraw this request" in before and "Nothing is erased before" in before
    page = body(browser.post(f"/requests/{request.id}/withdraw", follow=True))
    assert "Your request is withdrawn." in page and "Withdrawn by you" in page
    assert "Withdraw this request" not in page and "Nothing is erased before" not in page


@override_settings(UNDO_WINDOW_SECONDS=0)
def test_what_is_being_carried_out_is_not_withdrawn_and_the_page_says_so(alice: Any, shop: Any) -> None:
    store(shop, alice.subject, "orders", given_name="Alice")
    request = file(alice.subject, "erasure")
    page = body(alice.browser().post(f"/requests/{request.id}/withdraw", follow=True))
    assert "cannot be withdrawn any more" in page
    request.refresh_from_db()
    assert request.state == "in_progress"


def test_the_archive_is_collected_once_after_a_fresh_factor(alice: Any, shop: Any) -> None:
    store(shop, alice.subject, "orders", given_name="Alice-Marker")
    request = run_all(file(alice.subject, "access"))
    address = f"/requests/{request.id}/archive"
    stale = alice.browser(fresh=False)
    assert stale.post(address).status_code == 403
    browser = alice.browser()
    assert browser.get(address)["Location"] == f"/requests/{request.id}"
    for page in (f"/requests/{request.id}", "/"):
        assert "Your copy is ready" in body(browser.get(page))
    answered = browser.post(address, follow=True)
    data = b"".join(answered.streaming_content)
    assert answered.status_code == 200 and answered["Content-Type"] == "application/zip"
    assert answered["Cache-Control"] == "no-store" and int(answered["Content-Length"]) == len(data)
    assert answered["Content-Disposition"] == 'attachment; filename="archive.zip"'
    assert answered["X-Content-Type-Options"] == "nosniff"
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert "Alice-Marker" in archive.read("data.json").decode()
        assert json.loads(archive.read("manifest.json"))["files"]
    again = browser.post(address)
    assert again.status_code == 410 and "Alice-Marker" not in body(again)
    for page in (f"/requests/{request.id}", "/"):
        assert "Your copy is ready" not in body(browser.get(page))


def test_the_mail_says_that_a_copy_waits_where_and_until_when(
    alice: Any, shop: Any, django_capture_on_commit_callbacks: Any
) -> None:
    """It is kept for days alone: who is told "completed" and no more finds it deleted."""
    store(shop, alice.subject, "orders", given_name="Alise")
    with django_capture_on_commit_callbacks(execute=True):
        request = run_all(file(alice.subject, "access"))
    assert request.archive is not None
    until = template_date(timezone.localtime(request.archive.expires_at, controllers_zone()), "DATE_FORMAT")
    for part in (mail.outbox[-1].body, mail.outbox[-1].alternatives[0][0]):  # type: ignore[attr-defined]
        assert "Sign in and open the request to collect it." in part
        assert f"You can collect it once. It is kept until {until}" in part


def test_the_mail_speaks_of_no_copy_where_there_is_none(alice: Any, django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        run_all(file(alice.subject, "restriction", ground="accuracy_contested"))
    assert "completed" in str(mail.outbox[-1].body) and "collect it" not in str(mail.outbox[-1].body)


def test_an_archive_that_is_not_built_says_so(alice: Any) -> None:
    request = file(alice.subject, "access")
    answered = alice.browser().post(f"/requests/{request.id}/archive", follow=True)
    assert answered.redirect_chain and "still being built" in body(answered)


@pytest.mark.parametrize("page", ["", "/receipt"])
def test_another_persons_request_is_not_there(alice: Any, bob: Any, page: str) -> None:
    request = run_all(file(alice.subject, "access"))
    assert alice.browser().get(f"/requests/{request.id}{page}").status_code == 200
    assert bob.browser().get(f"/requests/{request.id}{page}").status_code == 404


@pytest.mark.parametrize("act", ["archive", "withdraw"])
def test_nobody_acts_on_another_persons_request(alice: Any, bob: Any, act: str) -> None:
    request = run_all(file(alice.subject, "access"))
    assert bob.browser().post(f"/requests/{request.id}/{act}").status_code == 404
    assert alice.browser().post(f"/requests/{request.id}/archive").status_code == 303


def test_the_receipt_is_signed_and_names_nobody(alice: Any, shop: Any) -> None:
    from vault.signing import verify_jws

    store(shop, alice.subject, "orders", given_name="Alice-Marker")
    request = run_all(file(alice.subject, "access"))
    browser = alice.browser()
    assert "Signed receipt" in body(browser.get(f"/requests/{request.id}"))
    answered = browser.get(f"/requests/{request.id}/receipt")
    payload = verify_jws(body(answered), typ="rights-receipt+jwt").decode()
    assert answered["Content-Disposition"] == 'attachment; filename="receipt.jws"'
    assert json.loads(payload)["request"] == str(request.id)
    assert not any(word in payload for word in ("Alice", alice.email, str(alice.subject.id)))


def test_a_request_without_receipt_leads_back(alice: Any) -> None:
    request = file(alice.subject, "access")
    assert alice.browser().get(f"/requests/{request.id}/receipt")["Location"] == f"/requests/{request.id}"


def test_a_mail_of_the_worker_names_the_right_in_the_persons_language(
    alice: Any, shop: Any, django_capture_on_commit_callbacks: Any
) -> None:
    Subject.objects.filter(pk=alice.subject.pk).update(language="de")
    store(shop, alice.subject, "orders", given_name="Alice")
    with django_capture_on_commit_callbacks(execute=True):
        run_all(file(Subject.objects.get(pk=alice.subject.pk), "access"))
    told = [str(each.body) for each in mail.outbox if alice.email in each.to]
    assert any("Auskunft" in body for body in told) and not any(": Access" in body for body in told)
