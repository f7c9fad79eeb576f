"""The pages people answer on: nothing ticked, the exact text, taking back as easy as giving (Art. 7(3), 25(2))."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from consent.digests import body_digest
from consent.models import ConsentEvent, Notice
from consent.selectors import live_notice, live_purpose
from consent.services import review
from consent.services.next_versions import begin_next
from consent.services.standing import state_of
from tests.consent.people import answer
from tests.consent.test_review import approved

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]


class Forms(HTMLParser):
    """The forms of a page: fields, buttons, and what is ticked."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.forms: list[dict[str, Any]] = []
        self.ticked = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.ticked += "checked" in given or "selected" in given
        if tag == "form":
            self.forms.append({"action": given.get("action"), "fields": {}, "buttons": []})
        elif tag == "input" and self.forms:
            self.forms[-1]["fields"][given.get("name")] = given.get("value")
        elif tag == "button" and given.get("name"):
            self.forms[-1]["buttons"].append(given.get("value"))

    def of(self, **wanted: str) -> dict[str, Any]:
        return next(form for form in self.forms if wanted.items() <= form["fields"].items())


def submit(browser: Any, form: dict[str, Any], button: str | None = None) -> Any:
    fields = {name: value for name, value in form["fields"].items() if name != "csrfmiddlewaretoken"}
    return browser.post(form["action"], fields | ({"action": button} if button else {}), follow=True)


def test_the_page_shows_the_exact_text_and_ticks_nothing(alice: Any) -> None:
    browser = alice.browser()
    page = browser.get("/consent").content.decode()
    text = live_notice(live_purpose("newsletter"), "en")
    words = re.sub(r"<[^>]+>", " ", page)
    for line in filter(None, (line.strip() for line in text.body.splitlines())):
        assert " ".join(line.split())[:60] in " ".join(words.replace("&#x27;", "'").replace("&quot;", '"').split())
    forms = Forms(page)
    assert forms.ticked == 0
    assert forms.of(purpose="newsletter")["fields"]["digest"] == text.digest
    assert forms.of(purpose="newsletter")["buttons"] == ["give", "refuse"]
    assert page.index("you can withdraw it on this page") < page.index('value="give"')
    assert not ConsentEvent.objects.exists()


def test_one_click_gives_and_one_click_takes_back_without_a_fresh_factor(alice: Any) -> None:
    browser = alice.browser(fresh=False)
    form = Forms(browser.get("/consent").content.decode()).of(purpose="newsletter")
    given = submit(browser, form, "give")
    assert "You gave consent" in given.content.decode()
    event = ConsentEvent.objects.get()
    assert (event.actor, event.channel, event.notice_digest) == ("subject", "portal", form["fields"]["digest"])

    back = Forms(given.content.decode()).of(purpose="newsletter")
    assert back["buttons"] == ["withdraw"]
    assert set(back["fields"]) <= set(form["fields"])
    submit(browser, back, "withdraw")

    assert state_of(alice.subject, "newsletter") == "withdrawn"


def test_special_categories_take_a_second_step_to_give_and_one_to_take_back(alice: Any) -> None:
    browser = alice.browser()
    form = Forms(browser.get("/consent").content.decode()).of(purpose="health_programme")
    asked = submit(browser, form, "give")
    assert not ConsentEvent.objects.exists()
    assert "I explicitly consent" in asked.content.decode()

    submit(browser, Forms(asked.content.decode()).of(purpose="health_programme", explicit="yes"), "give")

    assert ConsentEvent.objects.get().explicit
    form = Forms(browser.get("/consent").content.decode()).of(purpose="health_programme")
    submit(browser, form, "withdraw")
    assert state_of(alice.subject, "health_programme") == "withdrawn"


def test_an_outdated_form_says_so_and_changes_nothing(alice: Any) -> None:
    browser = alice.browser()
    form = Forms(browser.get("/consent").content.decode()).of(purpose="newsletter")
    form["fields"]["digest"] = "sha256:" + "0" * 64
    assert "wording has changed" in submit(browser, form, "give").content.decode()
    assert not ConsentEvent.objects.exists()
    assert browser.post("/consent", {"action": "expire", "purpose": "newsletter"}).status_code == 400


def test_sharing_is_off_says_why_and_is_one_switch(alice: Any) -> None:
    browser = alice.browser()
    assert "needs your consent first" in browser.get("/sharing").content.decode()
    answer(alice.subject, "give")

    page = browser.get("/sharing").content.decode()
    assert "Sharing is off" in page
    on = submit(browser, Forms(page).of(recipient="acme", shared="on"))
    assert "Sharing is on" in on.content.decode()
    assert "Waiting to be told" in on.content.decode()
    submit(browser, Forms(on.content.decode()).of(recipient="acme", shared="off"))

    assert state_of(alice.subject, "newsletter", "acme") == "withdrawn"


def test_staff_who_are_nobodys_data_subject_see_an_empty_page(rita: Any) -> None:
    for path in ("/consent", "/sharing"):
        assert "Nothing about you is held here" in rita.browser().get(path).content.decode()


def test_who_agreed_to_other_words_reads_what_has_changed_and_that_it_means_no(
    alice: Any, olga: Any, rita: Any
) -> None:
    answer(alice.subject, "give")
    page = alice.browser().get("/consent").content.decode()
    assert "What has changed since" not in page
    draft = begin_next(item=Notice.objects.get(purpose__slug="newsletter", state="live"), author=olga.account)
    for text in draft.texts.all():
        for once, twice in (("once a", "twice a"), ("einmal im", "zweimal im"), ("une fois par", "deux fois par")):
            text.body = text.body.replace(once, twice)
        text.digest = body_digest(text.body)
        text.save()
    review.publish(item=approved(draft, olga, rita), actor=rita.account)
    page = alice.browser().get("/consent").content.decode()
    assert "Until you answer again, this means no." in page
    told = page.partition("What has changed since")[2].partition("The whole wording")[0]
    changed = re.sub(r"<[^>]+>", "", told)
    assert "newsletter once a month" in changed and "newsletter twice a month" in changed
    assert "Data protection officer" not in changed, "what stays is not told as a change"
