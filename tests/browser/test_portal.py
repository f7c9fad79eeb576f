"""The main flows, with JavaScript and without: signing up, consent, sharing, a request, signing out everywhere."""

import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import translation
from playwright.sync_api import Browser, Page, expect

from access.services.accounts import set_language
from consent.models import ConsentEvent
from erasure.models import RightsRequest
from erasure.services.clock import because
from tests.browser import visitors
from tests.browser.conftest import Visit, watch
from tests.erasure.people import run_all
from tests.journey.people import Authenticator
from tests.plugins.exhaustive import in_turn

LANGUAGES = ("en", "de", "fr")
IN_TURN = pytest.mark.parametrize("language", in_turn(*LANGUAGES))
READ = (
    "E-mail address", "Password", "Sign in", "One-time code", "Your data at a glance", "Give consent",
    "Withdraw consent", "You gave consent", "You withdrew consent", "Under way", "Your copy is ready",
    "Download my data", "Erase my data", "Will be erased", "Stays, by law", "We have received your request.",
    "Withdraw this request",
)  # fmt: skip
"""What a person reads on the way."""
SCRIPT = pytest.mark.parametrize("script", in_turn(True, False, of=2), ids=["script", "no-script"])


@SCRIPT
def test_signing_up_with_a_mailed_code_and_an_authenticator(
    visit: Visit, mailed: Callable[[str], str], catalogue: None, script: bool
) -> None:
    page = visit(script=script)
    visitors.ask_for_code(page, "ada@people.example")
    visitors.prove_address(page, mailed("ada@people.example"))
    visitors.choose_password(page, visitors.PASSWORD)
    assert page.get_by_role("img", name="QR code").is_visible()
    visitors.enrol(page)
    assert page.locator(".codes li").count() == 10
    page.get_by_role("link", name="I have kept them").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your data at a glance")
    assert ConsentEvent.objects.count() == 0


@SCRIPT
def test_withdrawing_takes_no_more_clicks_than_giving(visit: Visit, catalogue: None, alice: Any, script: bool) -> None:
    """Art. 7(3); law R02: the same page, one press each, no reason asked."""
    page = visit(alice, script=script)
    page.goto("/consent")
    giving = presses(page, "Give consent: Newsletter", "You gave consent. You can withdraw it here")
    withdrawing = presses(page, "Withdraw consent: Newsletter", "You withdrew your consent")
    assert (giving, withdrawing) == (1, 1)
    assert [event.action for event in ConsentEvent.objects.order_by("at")] == ["give", "withdraw"]


def presses(page: Page, words: str, until: str) -> int:
    """How many presses it takes until the page says so; each page asks for nothing else."""
    number = 0
    while not page.get_by_text(until).count():
        assert number < 5, "the page never says so"
        assert page.locator("main :is(input:not([type=hidden]), select, textarea)").count() == 0
        visitors.press(page, words)
        number += 1
    return number


def test_special_categories_are_given_in_two_steps_and_withdrawn_in_one(
    visit: Visit, catalogue: None, alice: Any
) -> None:
    page = visit(alice)
    page.goto("/consent")
    visitors.press(page, "Give consent: Health programme")
    assert ConsentEvent.objects.count() == 0
    visitors.press(page, "Yes, I explicitly consent")
    assert presses(page, "Withdraw consent: Health programme", "You withdrew your consent") == 1


def test_the_right_to_withdraw_stands_before_the_button_that_gives(visit: Visit, catalogue: None, alice: Any) -> None:
    """Law R04, and the wording can be read as it is kept, to the byte."""
    from consent.selectors import live_notice, live_purpose

    page = visit(alice)
    page.goto("/consent")
    card = page.locator("#newsletter")
    said = card.get_by_text("you can withdraw it on this page").bounding_box()
    button = card.locator("button[value=give]").bounding_box()
    assert said and button and said["y"] + said["height"] <= button["y"]
    assert card.get_by_role("heading", name="Withdrawing your consent").is_visible()
    assert "##" not in card.locator(".wording-sections").inner_text()
    text = live_notice(live_purpose("newsletter"), "en")
    assert card.locator("pre").evaluate("pre => pre.textContent") == text.body
    assert text.digest in (card.text_content() or "")


def test_nothing_is_ticked_before_the_person_ticks_it(visit: Visit, full: Any) -> None:
    """Law R05."""
    page = visit(full)
    pages = ["/consent", "/sharing", *(f"/requests/new/{right}" for right in ("objection", "restriction", "erasure"))]
    before = ConsentEvent.objects.count()
    for path in (*pages, "/request", "/signup"):
        page.goto(path)
        assert page.locator(":checked:not(option[value=''])").count() == 0, path
        page.mouse.wheel(0, 5000)
    assert ConsentEvent.objects.count() == before


@SCRIPT
def test_sharing_is_switched_on_and_off(visit: Visit, catalogue: None, alice: Any, script: bool) -> None:
    page = visit(alice, script=script)
    page.goto("/sharing")
    assert not visitors.button(page, "Switch sharing on").count()
    page.get_by_role("link", name="Go to consent").click()
    visitors.press(page, "Give consent: Newsletter")
    page.goto("/sharing")
    visitors.press(page, "Switch sharing on: Acme")
    expect(page.get_by_text("Sharing is on", exact=True)).to_be_visible()
    expect(page.get_by_text("Germany", exact=True)).to_be_visible()
    visitors.press(page, "Switch sharing off: Acme")
    expect(page.get_by_text("Sharing is off", exact=True)).to_be_visible()


@IN_TURN
def test_the_main_flow_in_the_readers_language(visit: Visit, full: Any, language: str) -> None:
    """Signed in with two factors, consent given and withdrawn, an erasure asked for past its plan, a copy collected."""
    with translation.override(language):
        said = {words: translation.gettext(words) for words in READ}
    assert language == "en" or all(said[words] != words for words in READ), "the test reads the language it is about"
    set_language(account=full.account, language=language)
    page = visit(language=language)
    page.goto("/login")
    page.get_by_label(said["E-mail address"]).fill(full.email)
    page.get_by_label(said["Password"], exact=True).fill(full.password)
    visitors.press(page, said["Sign in"])
    page.get_by_label(said["One-time code"]).fill(Authenticator(full.totp_secret).code())
    visitors.press(page, said["Sign in"])
    expect(page.get_by_role("heading", level=1)).to_have_text(said["Your data at a glance"])
    page.goto("/consent")
    card = page.locator("#newsletter")
    for button, until in (("Withdraw consent", "You withdrew consent"), ("Give consent", "You gave consent")):
        with page.expect_navigation(wait_until="load"):
            card.get_by_role("button", name=said[button]).click()
        expect(card.get_by_text(said[until], exact=True)).to_be_visible()
    answers = ConsentEvent.objects.filter(purpose="newsletter", recipient="").order_by("seq")
    assert [answer.action for answer in answers] == ["give", "withdraw", "give"]
    collect(page, said, full.subject, language)
    page.goto("/requests")
    page.get_by_role("link", name=said["Erase my data"]).click()
    for fate in ("Will be erased", "Stays, by law"):
        expect(page.get_by_role("table")).to_contain_text(said[fate])
    visitors.press(page, said["Erase my data"])
    expect(page.get_by_text(said["We have received your request."])).to_be_visible()
    expect(page.locator("#progress")).to_contain_text(said["Under way"])
    expect(page.get_by_role("button", name=said["Withdraw this request"])).to_be_visible()
    assert page.locator("html").get_attribute("lang") == language


def collect(page: Page, said: dict[str, str], subject: Any, language: str) -> None:
    """The copy that is under way is seen to be so, finished, and downloaded; it speaks the reader's language."""
    row = RightsRequest.objects.get(subject=subject, right="access")
    page.goto(f"/requests/{row.id}")
    expect(page.locator("#progress")).to_contain_text(said["Under way"])
    run_all(row)
    page.goto(f"/requests/{row.id}")
    expect(page.get_by_role("heading", name=said["Your copy is ready"])).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name=said["Download my data"]).click()
    assert f'lang="{language}"' in zipfile.ZipFile(download.value.path()).read("index.html").decode()


def test_an_erasure_shows_its_plan_first(visit: Visit, full: Any) -> None:
    page = visit(full, script=False)
    page.goto("/requests")
    page.get_by_role("link", name="Erase my data").click()
    expect(page.get_by_role("table")).to_contain_text("Will be erased")
    expect(page.get_by_role("table")).to_contain_text("Stays, by law")
    assert page.locator(".plan-fate").all_inner_texts()[0].startswith("Will be erased"), "what goes before what stays"
    assert page.locator(".plan-fate").count() == len(page.locator(".plan tbody").all()) == 2
    assert not RightsRequest.objects.filter(right="erasure").exists()
    visitors.press(page, "Erase my data")
    expect(page.get_by_text("We have received your request.")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_text("Erase my data")
    asked = RightsRequest.objects.get(right="erasure")
    expect(page.locator("main")).to_contain_text(because(asked))  # a month, or more where its last day is a holiday


def test_one_browser_is_signed_out_and_then_all(visit: Visit, catalogue: None, alice: Any) -> None:
    third, here, there = alice.browser(), visit(alice, script=False), visit(alice)
    there.goto("/data")
    assert there.url.endswith("/data")
    here.goto("/security")
    rows = here.get_by_role("region", name="Signed in now").get_by_role("listitem")
    expect(rows).to_have_count(3)
    expect(rows.first).to_contain_text("This browser")
    with here.expect_navigation(wait_until="load"):
        rows.nth(1).get_by_role("button", name="Sign out this browser").click()  # the one used last
    expect(here.get_by_text("That browser is signed out.")).to_be_visible()
    there.goto("/data")
    assert "/login" in there.url
    assert third.get("/data").status_code == 200
    visitors.press(here, "Sign out everywhere")
    assert here.url.endswith("/login")
    assert third.get("/data").status_code == 302


def test_the_front_page_answers_at_one_look(visit: Visit, full: Any) -> None:
    page = visit(full)
    page.goto("/")
    said = {
        "held": "Orders and delivery", "shares": "Acme Mailings GmbH", "consents": "Agreed",
        "under-way": "Answer due by", "lately": "Sharing was switched on",
    }  # fmt: skip
    for section, words in said.items():
        expect(page.locator(f"section[aria-labelledby={section}]")).to_contain_text(words)


def test_the_front_page_is_light(visit: Visit, full: Any, django_assert_max_num_queries: Callable[..., Any]) -> None:
    """Under 100 kB over the wire with everything it loads, under 15 statements."""
    browser = full.browser()
    browser.get("/")
    with django_assert_max_num_queries(14):
        assert browser.get("/").status_code == 200
    page, sizes = visit(full), []
    page.on("requestfinished", lambda request: sizes.append(sum(request.sizes()[part] for part in PARTS)))
    page.goto("/", wait_until="networkidle")
    assert len(sizes) > 3
    assert sum(sizes) < 100_000, sizes


PARTS = ("responseBodySize", "responseHeadersSize")


def test_keys_alone_sign_in_and_give_consent(visit: Visit, catalogue: None, alice: Any) -> None:
    page = visit()
    page.goto("/login")
    tab_to(page, "id_email")
    page.keyboard.type(alice.email)
    tab_to(page, "id_password")
    page.keyboard.type(alice.password)
    with page.expect_navigation():
        page.keyboard.press("Enter")
    tab_to(page, "id_code")
    page.keyboard.type(Authenticator(alice.totp_secret).code())
    with page.expect_navigation():
        page.keyboard.press("Enter")
    page.goto("/consent")
    page.keyboard.press("Tab")
    assert focused(page)["text"] == "Skip to the content"
    page.keyboard.press("Enter")
    while focused(page)["tag"] != "BUTTON" or focused(page)["text"] != "Give consent: Newsletter":
        step(page)
    with page.expect_navigation():
        page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("You gave consent")


FOCUSED = """() => { const it = document.activeElement, style = getComputedStyle(it), box = it.getBoundingClientRect();
    const card = it.closest('.card-link');
    const shown = [it, card].some(e => e && getComputedStyle(e).outlineStyle !== 'none'
        && parseFloat(getComputedStyle(e).outlineWidth) >= 2);
    return {id: it.id, tag: it.tagName, text: it.textContent.trim(), shown, height: box.height}; }"""


def focused(page: Page) -> dict[str, Any]:
    """Where the keyboard is, and whether one sees it."""
    found: dict[str, Any] = page.evaluate(FOCUSED)
    return found


def step(page: Page) -> None:
    """One press of Tab; wherever it leads, one sees where that is."""
    page.keyboard.press("Tab")
    here = focused(page)
    assert here["tag"] == "BODY" or here["shown"], f"the focus cannot be seen on {here}"


def tab_to(page: Page, name: str) -> None:
    """Tab until the control with this id has the focus."""
    for _press in range(40):
        if focused(page)["id"] == name:
            return
        step(page)
    raise AssertionError(f"Tab never reaches {name}")


def test_the_focus_is_always_seen_and_targets_are_large_enough(visit: Visit, full: Any) -> None:
    page = visit(full, width=360)
    for path in ("/", "/data", "/consent", "/sharing", "/requests", "/security"):
        page.goto(path)
        seen = 0
        while seen < 60:
            step(page)
            here = focused(page)
            if here["tag"] == "BODY":
                break
            if here["tag"] == "BUTTON":
                assert here["height"] >= 24, (path, here)
            seen += 1
        assert seen > 8, path


def test_the_policy_holds_on_the_desk_and_the_api_pages(visit: Visit, catalogue: None, rita: Any) -> None:
    """`visit` fails on any report of the policy and any request to another host."""
    page = visit(rita)
    paths = ("/admin/", "/admin/consent/purpose/", "/admin/consent/purpose/desk/", "/admin/erasure/rightsrequest/")
    for path in paths:
        answer = page.goto(path)
        assert answer and answer.status == 200, path
        assert "'unsafe" not in answer.headers["content-security-policy"], path
    page.goto("/admin/consent/purpose/")
    page.get_by_role("link", name="Personal recommendations").first.click()
    expect(page.get_by_role("button", name="Approve")).to_be_visible()
    page.goto("/api/docs")
    page.wait_for_selector(".opblock")


def test_a_report_of_the_policy_would_be_heard(visit: Visit, chrome: Browser, live_server: Any) -> None:
    """The watch has teeth: an inline script is refused, and heard."""
    heard: list[str] = []
    other = chrome.new_page()
    watch(other, live_server.url, heard)
    other.goto(f"{live_server.url}/login")
    other.evaluate("() => { const it = document.createElement('script'); it.text = '1'; document.head.append(it); }")
    other.goto("data:text/html,<img src='http://127.0.0.1:9/elsewhere.png'>")
    other.close()
    assert any("Content Security Policy" in each for each in heard)
    assert any("127.0.0.1:9" in each for each in heard)


def test_what_is_printed_has_codes_and_no_buttons(visit: Visit, mailed: Callable[[str], str], catalogue: None) -> None:
    page = visit()
    visitors.ask_for_code(page, "ada@people.example")
    visitors.prove_address(page, mailed("ada@people.example"))
    visitors.choose_password(page, visitors.PASSWORD)
    visitors.enrol(page)
    page.emulate_media(media="print")
    assert page.locator(".codes").is_visible()
    assert not page.locator(".button").first.is_visible() and not page.locator(".site-nav").is_visible()


def test_from_right_to_left_nothing_leaves_the_page(visit: Visit, full: Any) -> None:
    page = visit(full, width=360)
    for path in ("/", "/consent", "/requests"):
        page.goto(path)
        page.evaluate("document.documentElement.dir = 'rtl'")
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), path
        mark = page.locator(".brand .icon").bounding_box()
        assert mark and mark["x"] > 180, "the page is not mirrored"
