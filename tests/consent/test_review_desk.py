"""The desk in the admin: one person writes, another approves what is on the page, after a fresh second factor."""

import pytest
from django.urls import reverse

from consent.demo_texts import body
from consent.models import Component, Notice, Purpose

COMPONENT = {
    "slug": "shoe_size", "title_en": "Shoe size", "title_de": "Schuhgröße", "title_fr": "Pointure",
    "value_type": "string", "max_length": "10", "category": "user.demographic.profile", "supplied_by": ["subject"],
    "necessity": "Needed to fit.",
}  # fmt: skip
PURPOSE = {
    "slug": "fitting", "title_en": "Fitting", "title_de": "Anprobe", "title_fr": "Essayage", "lawful_basis": "consent",
    "necessity": "To fit.", "fields": ["email"], "retention_days": "30", "validity_days": "365", "sources": ["subject"],
    "data_subjects": "customers",
}  # fmt: skip


def act(browser, item, name, **more):
    page = browser.get(reverse(f"admin:consent_{item._meta.model_name}_change", args=[item.pk]))
    url = reverse(f"admin:consent_{item._meta.model_name}_review", args=[item.pk])
    digest = page.context["panel"]["digest"]
    return browser.post(url, {"act": name, "digest": digest, **more}, follow=True)


@pytest.fixture
def component(olga):
    answer = olga.browser().post("/admin/consent/component/add/", COMPONENT)
    assert answer.status_code == 302, answer.context["errors"]
    return Component.objects.get(slug="shoe_size")


def test_a_draft_is_written_by_one_and_approved_and_published_by_another(component, olga, rita, audit_log):
    assert (component.state, component.author) == ("draft", olga.account)
    act(olga.browser(), component, "submit")
    desk = rita.browser().get(reverse("admin:review_desk"))
    assert str(component) in desk.content.decode()
    for name in ("approve", "publish"):
        act(rita.browser(), component, name)
    component.refresh_from_db()
    assert (component.state, component.approver) == ("live", rita.account)
    events = ("drafted", "submitted", "approved", "published")
    assert [len(audit_log(f"component.{event}")) for event in events] == [1, 1, 1, 1]


def test_the_author_has_no_button_to_approve_and_is_told_why(component, olga):
    page = act(olga.browser(), component, "submit")
    assert "somebody else has to approve it" in page.content.decode()
    assert 'value="approve"' not in page.content.decode()
    act(olga.browser(), component, "approve")
    component.refresh_from_db()
    assert component.state == "in_review"


def test_approving_asks_for_a_fresh_second_factor(component, olga, rita):
    act(olga.browser(), component, "submit")
    assert act(rita.browser(fresh=False), component, "approve").status_code == 403
    component.refresh_from_db()
    assert component.state == "in_review"


def test_what_is_sent_back_comes_with_its_note_to_the_author(component, olga, rita):
    act(olga.browser(), component, "submit")
    act(rita.browser(), component, "send_back", note="Say why.")
    assert "Say why." in olga.browser().get(reverse("admin:review_desk")).content.decode()


def test_nobody_else_changes_a_draft_and_nobody_what_was_approved(component, olga, quentin, rita):
    url = reverse("admin:consent_component_change", args=[component.pk])
    assert quentin.browser().post(url, COMPONENT | {"necessity": "Mine."}).status_code == 403
    act(olga.browser(), component, "submit")
    act(rita.browser(), component, "approve")
    assert olga.browser().post(url, COMPONENT | {"necessity": "Mine."}).status_code == 403
    component.refresh_from_db()
    assert component.necessity == "Needed to fit."


@pytest.mark.usefixtures("catalogue")
def test_a_purpose_and_its_notice_are_drafted_approved_and_live(olga, rita, settings):
    browser = olga.browser()
    answer = browser.post("/admin/consent/purpose/add/", PURPOSE)
    assert answer.status_code == 302, answer.context["errors"]
    purpose = Purpose.objects.get(slug="fitting")
    texts = {"purpose": purpose.pk, "is_major": "on", "texts-TOTAL_FORMS": "3", "texts-INITIAL_FORMS": "0"}
    for at, language in enumerate(("en", "de", "fr")):
        wording = body(language, "newsletter", "consent", False, settings.CONTROLLER).replace("\n", "\r\n")
        texts |= {f"texts-{at}-language": language, f"texts-{at}-title": "T", f"texts-{at}-body": wording}
    answer = browser.post("/admin/consent/notice/add/", texts)
    assert answer.status_code == 302, answer.context["errors"]
    notice = Notice.objects.get(purpose=purpose)
    assert (notice.version, "\r" in notice.texts.get(language="de").body) == (1, False)
    for item in (purpose, notice):
        act(browser, item, "submit")
        act(rita.browser(), item, "approve")
    for item in (notice, purpose):
        act(rita.browser(), item, "publish")
        item.refresh_from_db()
        assert item.state == "live"


@pytest.mark.parametrize("kind", ["component", "purpose", "notice", "recipient", "datacontract"])
@pytest.mark.usefixtures("catalogue")
def test_every_list_and_page_opens_for_staff_only(kind, rita, alice):
    pages = [f"/admin/consent/{kind}/", f"/admin/consent/{kind}/add/"]
    for url in pages:
        assert rita.browser().get(url).status_code == 200
        assert alice.browser().get(url).status_code in {302, 403}


def test_a_name_is_a_link_only_for_whoever_may_look_at_the_account(component, olga, rita):
    at, account = (
        reverse("admin:consent_component_change", args=[component.pk]),
        f"/admin/access/account/{olga.account.pk}/",
    )
    assert account in olga.browser().get(at).content.decode()
    seen = rita.browser().get(at).content.decode()
    assert str(olga.account) in seen and account not in seen
    assert rita.browser().get(f"{account}change/").status_code == 403


def test_what_an_approval_is_bound_to_is_named_in_the_readers_language(component, olga, rita):
    at = reverse("admin:consent_component_change", args=[component.pk])
    assert ">Longest value</th>" in olga.browser().get(at).content.decode()
    rita.account.language = "de"
    rita.account.save(update_fields=["language"])
    page = rita.browser().get(at).content.decode()
    assert ">Längster Wert</th>" in page and ">max_length<" not in page


def test_what_is_so_or_not_is_said_in_words(component, olga, rita):
    rita.account.language = "fr"
    rita.account.save(update_fields=["language"])
    form = rita.browser().get(reverse("admin:consent_component_change", args=[component.pk])).content.decode()
    accounts = olga.browser().get("/admin/access/account/").content.decode()
    assert 'class="readonly">Non<' in form and ">Yes</td>" in accounts
    assert "icon-no.svg" not in form and "icon-yes.svg" not in accounts
