"""axe-core finds nothing where a word is missing, a question waits or a link is dead: the portal between the clicks."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone
from playwright.sync_api import Page

from access.services.mail import sweep_mail
from consent.models import Purpose, Standing
from consent.services.authorisations import name_parent
from erasure.forms import PublicForm
from erasure.models import Destination, IdentityEvidence, Mandate, RightsRequest, Transfer
from erasure.services import identity, questions
from subjects.models import Subject
from subjects.services import register_subject
from tests.audit.tools import behind_the_triggers
from tests.browser import states, visitors
from tests.browser.chromium import DESKTOP, HEIGHT, PHONE, ZOOMED
from tests.browser.conftest import Visit
from tests.browser.test_accessibility import NO_SIDEWAYS, found, wrong_here
from tests.conftest import Person, make_staff
from tests.consent.people import answer, share
from tests.erasure.people import file, run_all, store
from tests.plugins.exhaustive import in_turn

Axe = Callable[[Page], list[str]]
LINK = re.compile(r"https?://[^/\s]+(/(?:confirmation|request/answer|request/objection)/\S+)")
PARENT = "mother@family.example"
WINDOWS = pytest.mark.parametrize(("width", "dark"), in_turn((DESKTOP, False), (ZOOMED, True), of=2))


def link(address: str) -> str:
    """The path of the newest link that was mailed to the address."""
    body = str(next(each for each in reversed(mail.outbox) if address in each.to).body)
    matched = LINK.search(body)
    assert matched, body
    return matched[1]


def update(model: Any, **changes: Any) -> None:
    """The rows are so, whatever the triggers say."""
    with behind_the_triggers():
        model.objects.update(**changes)


@pytest.fixture
def cast(catalogue: None, alice: Person, bob: Person, rita: Person, olga: Person) -> states.Cast:
    """Who acts; QA and the deputy have no part in this."""
    accounts = {"rita": rita.account, "quentin": rita.account, "olga": olga.account, "deputy": rita.account}
    return states.Cast(**accounts, alice=alice.subject, bob=bob.subject)


# --- consent ----------------------------------------------------------------------------------------------------------
@WINDOWS
def test_a_yes_that_waits_for_the_mailbox(
    visit: Visit, axe: Axe, catalogue: None, alice: Person, width: int, dark: bool
) -> None:
    with behind_the_triggers():
        Purpose.objects.filter(slug="newsletter").update(double_opt_in=True)
    answer(alice.subject, "give")
    assert found(visit(alice, width=width, dark=dark), axe, ["/consent"]) == []
    page = visit(width=width, dark=dark)
    assert found(page, axe, [link(alice.email)]) == []
    visitors.press(page, "Yes, I confirm my consent")
    assert wrong_here(page, axe) == []
    assert found(page, axe, [link(alice.email)]) == [], "the link is dead by now"


@WINDOWS
def test_a_childs_yes_that_waits_for_a_parent(
    visit: Visit, axe: Axe, catalogue: None, shop: Any, alice: Person, width: int, dark: bool
) -> None:
    today = timezone.now().date()
    born = date(today.year - 12, today.month, min(today.day, 28))
    register_subject(application=shop, identifiers={"email": alice.email}, country="DE", birth_date=born)
    child = Subject.objects.get(pk=alice.subject.pk)
    event = answer(child, "give")
    own = visit(alice, width=width, dark=dark)
    assert found(own, axe, ["/consent"]) == []
    name_parent(subject=child, event=event.event, email=PARENT, actor="subject")
    assert found(own, axe, ["/consent"]) == []

    page = visit(width=width, dark=dark)
    assert found(page, axe, [link(PARENT)]) == []
    say_so(page, "2000-01-01")
    assert page.get_by_role("alert").count() >= 1 and wrong_here(page, axe) == []
    say_so(page, str(born))
    assert wrong_here(page, axe) == []
    page.goto(link(PARENT))
    visitors.press(page, "Take my agreement back")
    assert wrong_here(page, axe) == []


def say_so(page: Page, born: str) -> None:
    """The parent's form, filled in and sent."""
    page.locator("[name=name]").fill("Mara Muster")
    page.locator("[name=birth_date]").fill(born)
    visitors.press(page, "I hold parental responsibility and I agree")


def test_a_consent_that_ends_soon_and_all_at_once(visit: Visit, axe: Axe, catalogue: None, alice: Person) -> None:
    answer(alice.subject, "give")
    update(Standing, expires_at=timezone.now() + timedelta(days=10))
    page = visit(alice, width=PHONE)
    assert found(page, axe, ["/consent"]) == []
    by_the_menu(page)
    assert visitors.button(page, "Renew consent").count() == 1
    visitors.press(page, "Reject all")
    assert wrong_here(page, axe) == []


def by_the_menu(page: Page) -> None:
    """On a phone the pages stand behind one line that names where one is and opens by keyboard alone."""
    menu, link = page.locator("summary", has_text="Menu"), page.get_by_role("link", name="Who saw my data")
    assert "Consent" in menu.inner_text() and not link.is_visible()
    menu.focus()
    page.keyboard.press("Enter")
    assert link.is_visible() and page.evaluate(NO_SIDEWAYS)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent.trim()") == "Overview"
    page.set_viewport_size({"width": DESKTOP, "height": HEIGHT})
    assert link.is_visible() and not menu.is_visible()
    page.reload()
    assert link.is_visible(), "open where there is room, without having been opened"
    page.set_viewport_size({"width": PHONE, "height": HEIGHT})


# --- sharing ----------------------------------------------------------------------------------------------------------
@WINDOWS
def test_progress_and_questions_of_sharing(
    visit: Visit, axe: Axe, cast: states.Cast, alice: Person, width: int, dark: bool
) -> None:
    page = visit(alice, width=width, dark=dark)
    assert states.asked(cast)
    assert found(page, axe, ["/", "/sharing"]) == []
    visitors.press(page, "Decline")
    assert wrong_here(page, axe) == []
    states.sharing(cast)
    assert found(page, axe, ["/sharing"]) == []
    assert page.get_by_text("Our staff will tell the recipient").count() == 1
    share(alice.subject, True)
    assert found(page, axe, ["/sharing"]) == []


# --- accesses ---------------------------------------------------------------------------------------------------------
@WINDOWS
def test_an_access_is_questioned_and_answered(
    visit: Visit, axe: Axe, cast: states.Cast, alice: Person, width: int, dark: bool
) -> None:
    asked = states.question(cast)
    page = visit(alice, width=width, dark=dark)
    where = f"/activity/{asked.event}/question"
    assert found(page, axe, ["/activity", where]) == []
    answered = "It was the monthly letter. " + states.LONG
    questions.explain(question_id=asked.pk, by=cast.rita, text=answered, outcome="lawful")
    assert found(page, axe, ["/activity", where]) == []


def test_a_question_without_words(visit: Visit, axe: Axe, cast: states.Cast, alice: Person) -> None:
    states.read_of(cast)
    page = visit(alice, width=PHONE)
    page.goto("/activity")
    with page.expect_navigation(wait_until="load"):
        page.get_by_role("link", name="Question this access").first.click()
    assert wrong_here(page, axe) == []
    page.locator("form").evaluate_all("forms => forms.forEach(form => form.noValidate = true)")
    visitors.press(page, "Send the question")
    assert page.get_by_role("alert").count() == 1 and wrong_here(page, axe) == []


# --- in somebody's name -------------------------------------------------------------------------------------------
def mandate_form(page: Page, email: str) -> None:
    """The form of a representative, filled in and sent."""
    page.locator("[name=email]").fill(email)
    page.get_by_label("Get a copy of my data").check()
    page.get_by_label("Power of attorney").check()
    page.locator("[name=name]").fill("Lena Laubvogel")
    page.locator("[name=own_email]").fill("lena@lawyers.example")
    page.locator("[name=document]").set_input_files(
        {"name": "mandate.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7 mandate"}
    )
    visitors.press(page, "Send the request")
    sweep_mail()  # so that nobody can tell by the time whether there was one


@WINDOWS
def test_somebody_asks_in_anothers_name_and_is_stopped(
    visit: Visit, axe: Axe, catalogue: None, alice: Person, width: int, dark: bool
) -> None:
    page = visit(width=width, dark=dark)
    assert found(page, axe, ["/request", "/request/for-somebody"]) == []
    page.locator("form").evaluate_all("forms => forms.forEach(form => form.noValidate = true)")
    visitors.press(page, "Send the request")
    assert page.get_by_role("alert").count() >= 5 and wrong_here(page, axe) == []
    mandate_form(page, alice.email)
    assert wrong_here(page, axe) == []
    row = RightsRequest.objects.get()
    signed_in = visit(alice, width=width, dark=dark)
    assert found(signed_in, axe, ["/requests", f"/requests/{row.id}"]) == []
    assert visitors.button(signed_in, "I do not want this: stop it").count() == 1
    address = link(alice.email)
    assert found(page, axe, [address]) == []
    visitors.press(page, "I do not want this: stop it")
    assert wrong_here(page, axe) == []
    assert Mandate.objects.get().state == "objected"
    assert found(signed_in, axe, [f"/requests/{row.id}", "/request/collect/" + address.split("/", 3)[3]]) == []


# --- a request without an account -------------------------------------------------------------------------------------
MORE = ("purpose", "ground", "field", "value", "decision")


@pytest.mark.parametrize(
    ("right", "asked"),
    [
        ("access", set()),
        ("objection", {"purpose"}),
        ("withdraw_consent", {"purpose"}),
        ("restriction", {"ground"}),
        ("rectification", {"field", "value"}),
        ("human_review", {"decision"}),
    ],
)
@pytest.mark.parametrize("path", ["/request", "/request/for-somebody"])
def test_the_form_asks_for_what_the_chosen_right_needs(
    visit: Visit, axe: Axe, catalogue: None, path: str, right: str, asked: set[str]
) -> None:
    assert set(PublicForm.NEEDS.get(right, ())) == asked
    page = visit(script=False)
    page.goto(path)
    assert [name for name in MORE if page.locator(f"[name={name}]").is_visible()] == [], "nothing before a choice"
    page.locator(f"[name=right][value={right}]").check()
    assert {name for name in MORE if page.locator(f"[name={name}]").is_visible()} == asked


def test_what_is_missing_is_asked_for_where_it_can_be_seen(visit: Visit, axe: Axe, catalogue: None) -> None:
    page = visit(width=PHONE)
    page.goto("/request")
    page.locator("[name=email]").fill("ada@people.example")
    page.locator("[name=right][value=restriction]").check()
    visitors.press(page, "Send the request")
    assert page.locator("[name=ground]").is_visible() and page.locator("[name=ground][aria-invalid=true]").count() == 1
    assert wrong_here(page, axe) == []


# --- several rights at once -----------------------------------------------------------------------------------------
@WINDOWS
def test_several_rights_are_asked_for_at_once(
    visit: Visit, axe: Axe, catalogue: None, shop: Any, alice: Person, width: int, dark: bool
) -> None:
    store(shop, alice.subject, "orders", given_name="Alice")
    page = visit(alice, width=width, dark=dark)
    assert found(page, axe, ["/requests/together"]) == []
    visitors.press(page, "Next")
    assert page.get_by_role("alert").count() == 1 and wrong_here(page, axe) == []
    page.get_by_label("Get a copy of my data").check()
    page.get_by_label("Erase my data").check()
    page.locator("[name=objections]").first.check()
    visitors.press(page, "Next")
    assert wrong_here(page, axe) == [] and not RightsRequest.objects.exists()
    visitors.press(page, "Send all of it")
    assert wrong_here(page, axe) == []
    erasure, copy = (RightsRequest.objects.get(right=right) for right in ("erasure", "access"))
    assert found(page, axe, ["/requests", f"/requests/{erasure.id}", f"/requests/{copy.id}"]) == []
    run_all(copy)
    assert found(page, axe, [f"/requests/{erasure.id}", f"/requests/cases/{copy.joint_id}"]) == []
    assert page.get_by_text("Waits until you have collected your copy.").count() == 1


# --- to another controller --------------------------------------------------------------------------------------------
@WINDOWS
def test_a_copy_on_its_way_to_another_controller(
    visit: Visit, axe: Axe, cast: states.Cast, alice: Person, width: int, dark: bool
) -> None:
    cast.deputy = make_staff("ruth", "irm").account
    transfer = states.sent_on(cast)
    Destination.objects.filter(slug="paper").update(approved_by=cast.deputy, approved_at=timezone.now())
    shown, where = f"/requests/{transfer.request_id}", f"/requests/{transfer.request_id}/transfer"
    page = visit(alice, width=width, dark=dark)
    assert found(page, axe, [shown, where]) == [], "waiting"
    update(Transfer, size_bytes=10, offset=4)
    assert found(page, axe, [shown]) == [] and "Sending, 40 %" in page.content()
    update(Transfer, state="received", acknowledgement="signed", ended_at=timezone.now())
    assert found(page, axe, [shown]) == [], "received"
    update(Transfer, state="failed", last_error="http_503")
    assert found(page, axe, [shown, where]) == [], "failed, and a choice again"
    page.locator("form").evaluate_all("forms => forms.forEach(form => form.noValidate = true)")
    visitors.press(page, "Send it there")
    assert page.get_by_role("alert").count() == 1 and wrong_here(page, axe) == []


# --- who asks ---------------------------------------------------------------------------------------------------------
@WINDOWS
def test_a_doubt_about_who_asks_is_answered_through_the_link(
    visit: Visit, axe: Axe, catalogue: None, alice: Person, rita: Person, width: int, dark: bool
) -> None:
    request = file(alice.subject, "human_review", decision="loan-1")
    RightsRequest.objects.update(verified_by="none")
    identity.ask_evidence(request_id=request.id, author=rita.account, text="Who are you?", doubt="unusual")
    assert found(visit(alice, width=width, dark=dark), axe, [f"/requests/{request.id}"]) == []
    page = visit(width=width, dark=dark)
    address = link(alice.email)
    assert found(page, axe, [address]) == []
    assert page.get_by_label("A file that shows who you are").is_visible()
    assert page.get_by_label("Your answer").input_value() == "", "nothing is typed for the person"
    page.get_by_label("A file that shows who you are").set_input_files(
        {"name": "me.pdf", "mimeType": "application/pdf", "buffer": b"GIF89a"}
    )
    visitors.press(page, "Send")
    assert wrong_here(page, axe) == [], "the file is refused in words"
    page.get_by_label("A file that shows who you are").set_input_files(
        {"name": "me.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7 me"}
    )
    visitors.press(page, "Send")
    assert wrong_here(page, axe) == []
    assert IdentityEvidence.objects.count() == 1
    assert found(page, axe, [address]) == [], "the link is dead by now"
