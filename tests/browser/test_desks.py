"""axe-core finds nothing on the desks of rita, quentin and olga, empty and full; the desks work by keyboard alone."""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page

from access import roles
from audit.models import Verification
from erasure.models import RightsRequest
from gdpr_portal.templatetags.desks import DESKS
from tests.browser import states, visitors
from tests.browser.chromium import DESKTOP, PHONE
from tests.browser.conftest import Visit
from tests.browser.test_accessibility import found, too_wide, wrong_here
from tests.conftest import Person, make_staff
from tests.plugins.exhaustive import exhaustive, in_turn, its_turn

Axe = Callable[[Page], list[str]]
ROLES = {"rita": roles.IRM, "quentin": roles.QA, "olga": roles.OPERATOR}
LINK = re.compile(r'href="(/admin/[^"#]*)"')
MUCH = 40
"""Presses of a key after which somebody has given up."""


def fronts(role: str) -> list[str]:
    """Every page the navigation of the desks offers to this role."""
    places = [place for desk in DESKS for place in desk.places if role in place.allowed]
    return ["/admin/", *(place.url() for place in places)]


def opened(browser: Client, paths: Iterable[str]) -> list[str]:
    """Those of the paths this person may open."""
    return [path for path in paths if browser.get(path).status_code == 200]


@pytest.fixture
def staff(rita: Person, quentin: Person, olga: Person) -> dict[str, Person]:
    """The three who work at the desks."""
    return {"rita": rita, "quentin": quentin, "olga": olga}


@pytest.fixture
def players(catalogue: None, staff: dict[str, Person], alice: Person, bob: Person) -> states.Cast:
    """Who can make what stands at the desks, for tests that need a part of it: making all takes seconds."""
    deputy = make_staff("irene", roles.IRM).account
    accounts = {name: person.account for name, person in staff.items()}
    return states.Cast(**accounts, deputy=deputy, alice=alice.subject, bob=bob.subject)


@pytest.fixture
def played(players: states.Cast) -> states.Cast:
    """Everything that can stand at the desks."""
    states.everything(players)
    return players


@pytest.mark.parametrize("name", list(ROLES))
def test_the_navigation_offers_what_may_be_opened(staff: dict[str, Person], name: str) -> None:
    paths = fronts(ROLES[name])
    assert opened(staff[name].browser(), paths) == paths


@pytest.mark.parametrize("name", in_turn("rita", "quentin", "olga"))
def test_before_anything_is_there(visit: Visit, axe: Axe, staff: dict[str, Person], name: str) -> None:
    paths = fronts(ROLES[name])
    assert found(visit(staff[name], width=PHONE), axe, paths) == []


@pytest.mark.parametrize(
    ("name", "width", "dark"),
    [
        *in_turn(("rita", PHONE, True), ("quentin", PHONE, True), ("rita", DESKTOP, False)),
        pytest.param("olga", DESKTOP, False, marks=its_turn(1)),
    ],
)
def test_with_everything(
    visit: Visit, axe: Axe, played: Any, staff: dict[str, Person], name: str, width: int, dark: bool
) -> None:
    single = opened(staff[name].browser(), states.pages().values())
    assert len(single) >= {"rita": 12, "quentin": 5, "olga": 5}[name]
    pages = [*fronts(ROLES[name]), *single]
    assert found(visit(staff[name], width=width, dark=dark), axe, pages) == []


@pytest.mark.parametrize("language", in_turn("de", "fr", of=2))
def test_in_the_other_languages(visit: Visit, axe: Axe, played: Any, staff: dict[str, Person], language: str) -> None:
    rita = staff["rita"]
    rita.account.language = language
    rita.account.save(update_fields=["language"])
    page = visit(rita, width=PHONE, language=language)
    paths = fronts(roles.IRM)
    assert (found(page, axe, paths) if exhaustive() else too_wide(page, paths)) == []
    assert page.locator("html").get_attribute("lang") == language


@pytest.mark.parametrize(("width", "dark"), in_turn((DESKTOP, True), (PHONE, False), of=2))
def test_answers_of_the_quality_desk(
    visit: Visit, axe: Axe, played: states.Cast, staff: dict[str, Person], width: int, dark: bool
) -> None:
    page = visit(staff["quentin"], width=width, dark=dark)
    query = "application=shop&purpose=newsletter&answer=withdrawn&sharing=on&recipient=acme"
    wrong = found(page, axe, [f"{reverse('admin:qa_simulator')}?{query}", reverse("admin:qa_time_machine")])
    assert wrong == []
    ask_the_past(page, str(staff_subject(played)), datetime.now(UTC))
    assert page.locator(".past-chart").count() == 1
    assert wrong_here(page, axe) == []


def staff_subject(played: states.Cast) -> Any:
    """The id by which the shop knows alice."""
    from vault.services import pairwise_id

    return pairwise_id(played.shop.id, played.alice.id)


def ask_the_past(page: Page, person: str, at: datetime) -> None:
    """The question of the time machine, typed in."""
    page.goto(reverse("admin:qa_time_machine"))
    page.locator("[name=application]").select_option("shop")
    page.locator("[name=person]").fill(person)
    page.locator("[name=purpose]").select_option("newsletter")
    page.locator("[name=at]").fill(at.strftime("%Y-%m-%d %H:%M:%S+00:00"))
    page.locator("[name=reason]").select_option("complaint")
    with page.expect_navigation(wait_until="load"):
        page.locator("#content-main form button[type=submit]").first.click()


def test_a_verification_from_asked_to_found(visit: Visit, axe: Axe, catalogue: None, staff: dict[str, Person]) -> None:
    from audit import verifications

    page = visit(staff["rita"], width=PHONE)
    page.goto(reverse("admin:audit_desk"))
    visitors.press(page, "Verify now")
    assert wrong_here(page, axe) == []
    verifications.run(Verification.objects.get().pk)
    page.reload()
    assert wrong_here(page, axe) == []
    assert found(page, axe, [reverse("admin:audit_desk"), "/admin/"]) == []


def test_on_a_phone_no_cell_runs_into_its_neighbour(
    visit: Visit, players: states.Cast, staff: dict[str, Person]
) -> None:
    states.sharing(players)
    page = visit(staff["quentin"], width=PHONE)
    page.goto(reverse("admin:qa_findings"))
    cells = page.locator(".table-stack td:has(.nowrap)")
    assert cells.count() > 1
    assert cells.evaluate_all("cells => cells.filter(each => each.scrollWidth > each.clientWidth).length") == 0


def test_forms_that_were_refused(visit: Visit, axe: Axe, staff: dict[str, Person]) -> None:
    page = visit(staff["rita"], width=PHONE)
    page.goto(reverse("admin:audit_desk"))
    page.locator("section[aria-labelledby=compare] textarea").first.fill("no checkpoint")
    page.locator("section[aria-labelledby=compare] textarea").last.fill("none either")
    visitors.press(page, "Compare")
    assert page.locator(".errorlist, .errornote, [role=status]").count() >= 1
    assert wrong_here(page, axe) == []


def test_from_desk_to_desk_by_keyboard(visit: Visit, catalogue: None, staff: dict[str, Person]) -> None:
    page = visit(staff["rita"])
    page.goto("/admin/")
    for words in ("Governance", "Notices"):
        reach(page, words)
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
        with page.expect_navigation(wait_until="load"):
            page.keyboard.press("Enter")
    assert page.url.endswith("/admin/consent/notice/")
    assert page.locator("nav:not(.list-filter) [aria-current]").all_inner_texts() == ["Governance", "Notices"]


def test_the_filters_of_a_list_are_passed_by_one_key(
    visit: Visit, players: states.Cast, staff: dict[str, Person]
) -> None:
    states.requests(players)
    page = visit(staff["rita"], script=False)
    page.goto(reverse("admin:erasure_rightsrequest_changelist"))
    assert page.locator(".list-filter a").count() > MUCH / 2
    reach(page, "Skip the filters")
    assert page.locator(".skip-filter").bounding_box()["height"] >= 24  # type: ignore[index]
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('#changelist-form') !== null")


def test_a_request_is_filed_anew_with_what_its_right_needs(
    visit: Visit, players: states.Cast, staff: dict[str, Person]
) -> None:
    states.requests(players)
    row = RightsRequest.objects.filter(state="in_progress").first()
    assert row is not None
    page = visit(staff["rita"], script=False)
    page.goto(reverse("admin:erasure_rightsrequest_change", args=[row.pk]))
    form = page.locator("form.narrows")
    assert not form.locator("[name=ground]").is_visible() and not form.locator("[name=purpose]").is_visible()
    form.locator("[name=right]").select_option("restriction")
    assert form.locator("[name=ground]").is_visible() and not form.locator("[name=purpose]").is_visible()


@pytest.mark.parametrize("name", in_turn("rita", "quentin", "olga"))
def test_no_link_of_a_desk_leads_to_a_refusal(played: Any, staff: dict[str, Person], name: str) -> None:
    browser = staff[name].browser()
    seen: set[str] = set()
    closed: set[str] = set()
    paths = opened(browser, [*fronts(ROLES[name]), *states.pages().values()])
    for path in paths:
        links = {each.partition("?")[0] for each in LINK.findall(browser.get(path).content.decode())}
        closed |= {each for each in links - seen if browser.get(unescape(each)).status_code == 403}
        seen |= links
    assert len(paths) > 10 and closed == set()


@pytest.mark.parametrize("language", in_turn("en", "de", "fr"))
def test_on_a_phone_the_head_of_the_desk_is_one_row(visit: Visit, staff: dict[str, Person], language: str) -> None:
    staff["rita"].account.language = language
    staff["rita"].account.save(update_fields=["language"])
    page = visit(staff["rita"], width=PHONE, language=language)
    page.goto("/admin/")
    ways = [each.bounding_box() for each in page.locator("#user-tools :is(a, button)").all()]
    assert len(ways) == 3 and len({box["y"] for box in ways}) == 1  # type: ignore[index]
    assert max(box["x"] + box["width"] for box in ways) <= PHONE  # type: ignore[index]


@pytest.mark.parametrize("language", in_turn("en", "de", "fr"))
def test_on_a_wide_screen_the_pages_of_a_desk_stand_in_one_row(
    visit: Visit, staff: dict[str, Person], language: str
) -> None:
    rita = staff["rita"]
    rita.account.language = language
    rita.account.save(update_fields=["language"])
    page = visit(rita, width=DESKTOP, language=language)
    for desk in DESKS:
        page.goto(next(place.url() for place in desk.places if roles.IRM in place.allowed))
        for bar in ("desk-bar", "desk-nav"):
            boxes = [each.bounding_box() for each in page.locator(f".{bar} a").all()]
            assert len({box["y"] for box in boxes if box}) <= 1, (bar, str(desk.label))


def test_a_cell_of_the_matrix_opens_by_keyboard(visit: Visit, catalogue: None, staff: dict[str, Person]) -> None:
    page = visit(staff["quentin"], width=PHONE)
    page.goto(reverse("admin:qa_matrix"))
    cell = page.locator("summary", has_text="Allowed").first
    cell.focus()
    page.keyboard.press("Enter")
    assert page.get_by_text("A live data contract names it").first.is_visible()


def reach(page: Page, words: str) -> None:
    """Tab by tab to the first thing with these words."""
    for _press in range(MUCH):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == words:
            return
    raise AssertionError(f"{words} is not reached by {MUCH} presses of Tab")
