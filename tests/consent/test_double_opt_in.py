"""Where a purpose asks for it a yes counts only once it is confirmed from the person's mailbox (Art. 7(1))."""

import re
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from access.models import OutgoingMail
from access.services import mail_links
from access.services.mail import sweep_mail
from consent.models import Confirmation, ConsentEvent, Purpose
from consent.services import confirmations
from consent.services.decisions import decide_for
from consent.services.standing import state_of
from tests.audit.tools import behind_the_triggers
from tests.consent.people import answer, wording

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue", "confirmed_by_mail")]
LINK = re.compile(r"https?://[^/\s]+(/confirmation/\S+)")


@pytest.fixture
def confirmed_by_mail(catalogue: None) -> None:
    with behind_the_triggers():
        Purpose.objects.filter(slug="newsletter").update(double_opt_in=True)


def link() -> str:
    """The path of the newest link that was mailed."""
    found = LINK.search(str(mail.outbox[-1].body))
    assert found, mail.outbox[-1].body
    return found[1]


@pytest.fixture
def yes(alice: Any, django_capture_on_commit_callbacks: Any) -> ConsentEvent:
    """alice said yes, and the mail went out."""
    with django_capture_on_commit_callbacks(execute=True):
        return answer(alice.subject, "give")


def code(person: Any) -> str:
    return decide_for(application=None, subject=person.subject, purpose="newsletter").code


@pytest.mark.parametrize("path", ["/", "/consent", "/sharing"])
def test_who_waits_for_no_parent_is_told_of_none(alice: Any, yes: ConsentEvent, path: str) -> None:
    page = alice.browser().get(path).content.decode()
    assert "confirmation by mail" in page and "parent" not in page


def test_a_yes_is_pending_until_the_button_behind_the_link_is_pressed(alice: Any, yes: Any, audit_log: Any) -> None:
    assert (yes.state, code(alice)) == ("pending", "consent_pending")
    browser = Client()
    page = browser.get(link())
    assert page.status_code == 200 and "no-store" in page["Cache-Control"]
    assert wording().digest == yes.notice_digest and "newsletter" in page.content.decode().lower()
    assert state_of(alice.subject, "newsletter") == "pending", "the link alone acts"

    assert browser.post(link()).status_code == 200

    event = ConsentEvent.objects.get(action="confirm")
    assert (event.confirms, event.state, event.channel, event.actor) == (yes.event, "given", "mail", "subject")
    assert (event.notice_version, event.notice_digest) == (yes.notice_version, yes.notice_digest)
    assert event.expires_at is not None and yes.expires_at is None
    assert code(alice) == "allowed"
    assert audit_log("consent.confirmed")[-1].details["confirms"] == str(yes.event)
    assert audit_log("consent.given")[-1].details["state"] == "pending"


def test_a_link_is_used_once(alice: Any, yes: Any) -> None:
    browser, path = Client(), link()
    assert browser.post(path).status_code == 200
    assert browser.post(path).status_code == 410
    assert browser.get(path).status_code == 410
    assert ConsentEvent.objects.count() == 2


def test_the_mail_names_nobody_and_speaks_the_persons_language(
    alice: Any, django_capture_on_commit_callbacks: Any
) -> None:
    type(alice.subject).objects.filter(pk=alice.subject.pk).update(language="de-AT")
    alice._subject[0].refresh_from_db()
    with django_capture_on_commit_callbacks(execute=True):
        answer(alice.subject, "give")
    sent = mail.outbox[-1]
    assert sent.extra_headers["Content-Language"] == "de"
    html = sent.alternatives[0][0]
    assert LINK.search(str(html)) and LINK.search(str(sent.body))
    for text in (str(sent.body), str(html), link()):
        assert "alice" not in text and str(alice.subject.pk) not in text


def test_a_wrong_token_is_counted_and_ten_of_them_end_the_link(alice: Any, yes: Any) -> None:
    path = link()
    wrong = path[:-4] + "AAAA"
    for _ in range(mail_links.TRIES - 1):
        assert Client().get(wrong).status_code == 410
    assert Client().get(path).status_code == 200
    Client().get(wrong)
    assert Client().get(path).status_code == 410
    assert Client().post(path).status_code == 410
    assert state_of(alice.subject, "newsletter") == "pending"


def test_a_link_dies_after_seven_days(alice: Any, frozen: Any, django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        answer(alice.subject, "give")
    frozen.shift(confirmations.LIFETIME.total_seconds() - 1)
    assert Client().get(link()).status_code == 200
    frozen.shift(1)
    assert Client().get(link()).status_code == 410
    assert Client().post(link()).status_code == 410


@pytest.mark.parametrize("act", ["refuse", "withdraw"])
def test_a_no_in_between_wins(alice: Any, yes: Any, act: str) -> None:
    answer(alice.subject, act)
    assert Client().post(link()).status_code == 410
    assert state_of(alice.subject, "newsletter") in {"refused", "withdrawn"}


def test_mails_are_three_at_most_five_minutes_apart_and_only_the_newest_link_holds(
    alice: Any, frozen: Any, django_capture_on_commit_callbacks: Any
) -> None:
    first = None
    for waited in (0, 60, 300, 300, 300, 300):
        frozen.shift(waited)
        with django_capture_on_commit_callbacks(execute=True):
            answer(alice.subject, "give")
        first = first or link()
    assert len(mail.outbox) == confirmations.MAILS == 3
    assert ConsentEvent.objects.count() == 1 and Confirmation.objects.get().mails == 3
    assert Client().get(first).status_code == 410
    assert Client().post(link()).status_code == 200


def test_a_mailbox_is_not_filled_by_yes_and_no(alice: Any, django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        for _ in range(2 * confirmations.MAIL.free):
            answer(alice.subject, "give")
            answer(alice.subject, "refuse")
    assert len(mail.outbox) == confirmations.MAIL.free


def test_no_mail_is_lost_when_the_process_dies_after_the_commit(
    alice: Any, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=False):
        answer(alice.subject, "give")
    assert not mail.outbox and OutgoingMail.objects.count() == 1
    assert sweep_mail() == 1
    assert Client().post(link()).status_code == 200
    assert code(alice) == "allowed"


def test_a_confirmed_mailbox_is_not_asked_for_a_newer_wording(alice: Any, yes: Any, frozen: Any) -> None:
    Client().post(link())
    frozen.shift(700 * 86400)
    again = answer(alice.subject, "give")
    assert (again.action, again.state) == ("give", "given")
    assert len(mail.outbox) == 1


def test_the_api_answers_201_and_pending(alice: Any, shop: Any, client_for: Any) -> None:
    seen = wording()
    body = {"purpose": "newsletter", "action": "give", "channel": "web", "notice": vars(seen)}
    path = f"/api/v1/subjects/{alice.id_for(shop)}/consents"
    told = client_for(shop).post(path, body)
    assert (told.status_code, told.body["state"]) == (201, "pending")
    again = client_for(shop).post(path, body)
    assert again.body["event"] == told.body["event"]


def test_without_an_address_nobody_could_confirm(shop: Any) -> None:
    from gdpr_portal.errors import WrongState
    from subjects.services import register_subject

    nobody, _ = register_subject(application=shop, identifiers={"customer_id": "4711"})
    with pytest.raises(WrongState, match="address_missing"):
        answer(nobody, "give")
    assert not ConsentEvent.objects.exists()


def test_the_portal_says_what_is_waited_for(alice: Any, yes: Any) -> None:
    page = alice.browser().get("/consent").content.decode()
    assert "Waiting for your confirmation by mail" in page
    assert (
        "Send the mail again" in page
        and ">Give consent<" not in page.split('id="newsletter"')[1].split("</section>")[0]
    )
