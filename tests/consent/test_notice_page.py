"""The review page of a notice, as rita reads it, and what she says she has read."""

import re

import pytest
from django.urls import reverse
from django.utils.html import escape

from consent import reports
from consent.models import Notice, Purpose
from consent.notices.points import heading
from consent.services import review
from gdpr_portal.errors import Invalid
from tests.consent.notices import LANGUAGES, changed, demo, draft
from tests.consent.people import answer
from tests.consent.test_review_desk import act

pytestmark = pytest.mark.usefixtures("catalogue")
XSS = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "</td></table><svg/onload=alert(1)>", "'\"><b>x",
    "{{ 7|add:7 }}", "{% load x %}", "&lt;script&gt;alert(1)&lt;/script&gt;", "<!--", "]]>",
    "<a href='javascript:alert(1)'>",
    "</details><iframe srcdoc='<script>alert(1)</script>'>", "<ins>", "<del>",
]  # fmt: skip


REWORDED = (
    ("en", "Saying no has no disadvantage", "A no has no disadvantage"),
    ("de", "Ein Nein", "Ihr Nein"),
    ("fr", "Un refus n'a", "Votre refus n'a"),
)


@pytest.fixture
def newsletter():
    return Purpose.objects.get(slug="newsletter")


def page(person, notice):
    answer = person.browser().get(reverse("admin:consent_notice_change", args=[notice.pk]))
    assert answer.status_code == 200
    return answer


def checks(html):
    """The part of the page that the checks write."""
    return html.split('class="notice-checks"')[1].split("</section>")[0]


def text_of(html):
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_what_changed_stands_side_by_side_with_signs(newsletter, olga, rita):
    notice = draft(newsletter, olga, texts=changed(demo(), "de", "zwei Jahre", "drei Jahre"))
    html = checks(page(rita, notice).content.decode())
    assert re.search(r"<del><span[^>]*>removed:</span>\[−zwei −\]</del>", html)
    assert re.search(r"<ins><span[^>]*>added:</span>\[\+drei \+\]</ins>", html)
    assert "1 paragraph changes" in text_of(html)
    assert text_of(html).count("nothing changes") == 2


def test_with_no_live_version_it_says_that_all_is_new(rita, olga):
    notice = Notice.objects.get(purpose__slug="profiling")
    html = checks(page(rita, notice).content.decode())
    assert "No version is live: all of it is new." in html
    assert "<del>" not in html


@pytest.mark.parametrize("evil", XSS)
def test_wording_is_shown_and_never_run(newsletter, olga, rita, evil):
    texts = {
        language: wording._replace(title=f"T {evil}", body=f"{wording.body}\n## {evil}\n\nHurry {evil}, ACCEPT.\n")
        for language, wording in demo().items()
    }
    html = checks(page(rita, draft(newsletter, olga, texts=texts)).content.decode())
    for tag in ("<script", "<img", "<svg", "<iframe", "<b>", "<a ", "<!--", "onerror=alert(1)>"):
        assert tag not in html
    assert html.count("<ins>") == html.count("</ins>") and html.count("<del>") == html.count("</del>")
    assert escape(evil) in html


def test_every_point_is_ticked_language_by_language(newsletter, olga, rita):
    texts = changed(demo(), "fr", "## Réclamation", "## Autre")
    texts = changed(texts, "en", "at any time", "later")
    html = checks(page(rita, draft(newsletter, olga, texts=texts)).content.decode())
    rows = dict(re.findall(r'<th scope="row">([^<]+)</th>\s*<td>(?:Art[^<]*)</td>(.*?)</tr>', html, re.DOTALL))
    assert text_of(rows[heading("complaint")]) == "✓ made ✓ made ✗ missing"
    assert text_of(rows[heading("withdrawal")]) == "? made, says too little ✓ made ✓ made"
    assert text_of(rows[heading("retention")]) == "✓ made ✓ made ✓ made"
    assert heading("objection") not in rows


def test_it_says_how_each_language_reads(newsletter, olga, rita):
    html = text_of(checks(page(rita, draft(newsletter, olga)).content.decode()))
    for said in ("Flesch", "Amstad", "Kandel-Moles", "plain", "as easily as you gave it"):
        assert said in html


def test_it_foretells_whom_publishing_asks_again(newsletter, olga, rita, alice):
    answer(alice.subject, "give")
    html = text_of(checks(page(rita, draft(newsletter, olga)).content.decode()))
    assert "1 person holds a consent that would be outdated" in html
    assert "2 fields of applications would fall dark" in html
    assert "Shop E-mail address, Given name 1" in html
    minor = draft_minor(newsletter, olga)
    assert "0 people are asked again: this is a minor version" in checks(page(rita, minor).content.decode())


def draft_minor(purpose, olga):
    purpose.notices.filter(state="draft").delete()
    return draft(purpose, olga, is_major=False)


# --- what blocks, what warns ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "By using this site you agree to this."),
        ("de", "Das Kästchen ist vorangekreuzt."),
        ("fr", "Non merci, je préfère payer plus."),
    ],
)
def test_a_dark_pattern_keeps_a_notice_from_being_submitted(newsletter, olga, language, words):
    first = demo()[language].body.split("\n\n")[0]
    notice = draft(newsletter, olga, texts=changed(demo(), language, first, f"{first} {words}"))
    with pytest.raises(Invalid) as refused:
        review.submit(item=notice, actor=olga.account)
    assert words.rstrip(".") in refused.value.message
    assert Notice.objects.get(pk=notice.pk).state == "draft"
    fine = demo()[language]
    notice.texts.filter(language=language).update(body=fine.body)
    assert review.submit(item=notice, actor=olga.account).state == "in_review"


@pytest.fixture
def hasty(newsletter, olga):
    """In review, reworded in every language, with words that press in one: one warning."""
    first = demo()["de"].body.split("\n\n")[0]
    texts = changed(demo(), "de", first, f"{first} Nur noch heute!")
    for language, old, new in REWORDED:
        texts = changed(texts, language, old, new)
    return review.submit(item=draft(newsletter, olga, texts=texts), actor=olga.account)


def test_what_is_warned_of_is_not_approved_unread(hasty, rita, audit_log):
    digest = review.digest_of(hasty)
    for acknowledged in ("", "on", "sha256:0"):
        with pytest.raises(Invalid) as refused:
            review.approve(item=hasty, approver=rita.account, digest=digest, acknowledged=acknowledged)
        assert refused.value.code == "warnings_unread"
    assert Notice.objects.get(pk=hasty.pk).state == "in_review"
    before = len(audit_log("notice.approved"))
    report = reports.report_of(hasty)
    assert [finding.code for finding in report.warnings] == ["pressure"]
    item = review.approve(item=hasty, approver=rita.account, digest=digest, acknowledged=report.acknowledgement)
    assert (item.state, item.digest) == ("approved", digest)
    *_, event = audit_log("notice.approved")
    assert len(audit_log("notice.approved")) == before + 1
    assert event.details["warnings"] == ["de:pressure"]
    assert "heute" not in str(event.details)


def test_warnings_that_are_others_by_now_were_not_read(hasty, rita):
    read = reports.report_of(hasty).acknowledgement
    text = hasty.texts.get(language="en")
    text.body = text.body.replace("We send you", "Hurry. We send you")
    text.save()
    with pytest.raises(Invalid, match="what the checks warn of"):
        review.approve(item=hasty, approver=rita.account, digest=review.digest_of(hasty), acknowledged=read)


def test_rita_ticks_that_she_has_read_them_and_approves(hasty, rita):
    html = checks(page(rita, hasty).content.decode())
    [box] = re.findall(r"<input[^>]*name=\"acknowledged\"[^>]*>", html)
    assert 'form="act-approve"' in box
    assert "required" in box
    assert "checked" not in box
    assert "Nur noch heute!" in html
    act(rita.browser(), hasty, "approve")
    assert Notice.objects.get(pk=hasty.pk).state == "in_review"
    value = re.search(r'value="([^"]+)"', box).group(1)
    act(rita.browser(), hasty, "approve", acknowledged=value)
    assert Notice.objects.get(pk=hasty.pk).state == "approved"


def test_the_author_sees_the_warnings_and_no_box(hasty, olga):
    html = checks(page(olga, hasty).content.decode())
    assert "1 warning for the reviewer" in html
    assert 'name="acknowledged"' not in html


def test_without_warnings_nothing_is_asked_and_nothing_recorded(newsletter, olga, rita, audit_log):
    sent = review.submit(item=draft(newsletter, olga), actor=olga.account)
    assert 'name="acknowledged"' not in checks(page(rita, sent).content.decode())
    review.approve(item=sent, approver=rita.account, digest=review.digest_of(sent))
    *_, event = audit_log("notice.approved")
    assert "warnings" not in event.details


def test_the_digest_of_an_approval_covers_nothing_new(hasty):
    assert set(hasty.content()) == {"purpose", "version", "is_major", "texts"}


@pytest.mark.parametrize(("is_major", "codes"), [(True, set()), (False, {"minor_but_material"})])
def test_a_minor_version_that_changes_the_substance_is_warned_of(newsletter, olga, is_major, codes):
    texts = demo()
    for language, old, new in (
        ("en", "in Germany", "in Ireland"),
        ("de", "in Deutschland", "in Irland"),
        ("fr", "en Allemagne", "en Irlande"),
    ):
        texts = changed(texts, language, old, new)
    report = reports.report_of(draft(newsletter, olga, texts=texts, is_major=is_major))
    assert {finding.code for finding in report.findings} == codes
    assert len(report.findings) == (0 if is_major else len(LANGUAGES))


def test_a_minor_version_that_rewords_what_is_not_of_substance_is_fine(newsletter, olga):
    texts = demo()
    for language, old, new in REWORDED:
        texts = changed(texts, language, old, new)
    assert reports.report_of(draft(newsletter, olga, texts=texts, is_major=False)).findings == []


def test_languages_that_did_not_change_with_another_are_warned_of(newsletter, olga):
    texts = changed(demo(), *REWORDED[0])
    findings = reports.report_of(draft(newsletter, olga, texts=texts, is_major=False)).findings
    assert {(finding.language, finding.code) for finding in findings} == {("de", "left_behind"), ("fr", "left_behind")}
    assert "Nothing changed here, but something did in: en." in str(findings[0])


def test_a_language_that_is_gone_is_shown(newsletter, olga, rita):
    texts = demo()
    del texts["fr"]
    html = text_of(checks(page(rita, draft(newsletter, olga, texts=texts)).content.decode()))
    assert "French · this language is gone" in html
    assert "There is no text in this language." in html
