"""The desk: revising by a form, moments, comments, whom it waits for, absence, history, the printable record."""

import re

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from consent.models import Component, Delegation, Notice, Purpose, ReviewComment, Revision
from consent.services import review
from tests.conftest import make_staff
from tests.consent.test_review_desk import act
from tests.consent.test_revisions import approved, drafted

pytestmark = pytest.mark.usefixtures("catalogue")
NEWSLETTER = {
    "title_en": "Newsletter", "title_de": "Newsletter", "title_fr": "Lettre", "necessity": "To write.",
    "fields": ["email", "given_name"], "retention_days": "365", "retention_law": "", "validity_days": "730",
    "sources": ["subject"], "data_subjects": "customers", "reason": "Kept for less long.", "is_editorial": "on",
}  # fmt: skip


def page_of(person, item):
    name = f"admin:consent_{item._meta.model_name}_change"
    return person.browser().get(reverse(name, args=[item.pk]))


@pytest.fixture
def newsletter():
    return Purpose.objects.get(slug="newsletter")


def test_what_is_live_is_revised_by_its_own_form_and_goes_live(newsletter, olga, rita):
    answer = act(olga.browser(), newsletter, "revise")
    revision = Revision.objects.get()
    assert answer.redirect_chain[-1][0] == reverse("admin:consent_revision_change", args=[revision.pk])
    form = answer.context["adminform"].form
    assert "lawful_basis" not in form.fields and "slug" not in form.fields and "is_marketing" not in form.fields
    url = reverse("admin:consent_revision_change", args=[revision.pk])
    saved = olga.browser().post(url, NEWSLETTER)
    assert saved.status_code == 302, saved.context["errors"]
    revision.refresh_from_db()
    assert (revision.values["retention_days"], revision.values["lawful_basis"]) == (365, "consent")
    assert revision.values["titles"]["fr"] == "Lettre"
    act(olga.browser(), revision, "submit")
    shown = page_of(rita, revision).content.decode()
    assert "What is changed" in shown and "Kept for less long." in shown
    for name in ("approve", "publish"):
        act(rita.browser(), revision, name)
    newsletter.refresh_from_db()
    assert (newsletter.retention_days, newsletter.state) == (365, "live")


@pytest.mark.parametrize("wrong", [{"retention_days": "x"}, {"fields": []}, {"title_fr": ""}, {"reason": ""}])
def test_the_form_finds_what_the_things_own_form_finds(wrong, newsletter, olga):
    act(olga.browser(), newsletter, "revise")
    revision = Revision.objects.get()
    url = reverse("admin:consent_revision_change", args=[revision.pk])
    answer = olga.browser().post(url, NEWSLETTER | wrong)
    assert answer.status_code == 200 and answer.context["errors"]
    revision.refresh_from_db()
    assert revision.values == revision.before


def test_a_recipient_and_a_component_have_their_forms_too(olga):
    from consent.models import Recipient

    for item in (Recipient.objects.get(slug="acme"), Component.objects.get(slug="email")):
        answer = act(olga.browser(), item, "revise")
        assert answer.status_code == 200 and answer.context["adminform"].form.fields["reason"].required


def test_its_fields_are_called_as_on_the_form_of_the_thing(newsletter, olga):
    form = act(olga.browser(), newsletter, "revise").context["adminform"].form
    labels = {name: str(field.label) for name, field in form.fields.items()}
    assert labels["retention_days"] == "Kept for (days)" and labels["necessity"] == "Why it is needed"
    assert labels["title_de"] == "Name in German"


def test_nobody_else_changes_the_draft_and_it_reads_for_all(newsletter, olga, quentin):
    act(olga.browser(), newsletter, "revise")
    revision = Revision.objects.get()
    url = reverse("admin:consent_revision_change", args=[revision.pk])
    assert quentin.browser().get(url).status_code == 200
    assert quentin.browser().post(url, NEWSLETTER).status_code == 403


# --- a fresh second factor --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["approve", "publish", "schedule", "unschedule", "retire", "send_back", "assign"])
def test_every_act_of_a_reviewer_asks_for_a_fresh_second_factor(name, newsletter, olga, rita):
    revision = review.submit(item=drafted(olga, retention_days=365), actor=olga.account)
    if name not in {"approve", "send_back", "assign"}:
        revision = review.approve(item=revision, approver=rita.account, digest=review.digest_of(revision))
    before = Revision.objects.values().get()
    stale = act(rita.browser(fresh=False), revision, name, note="Why?", when="2026-12-24T10:00")
    assert stale.status_code == 403
    assert Revision.objects.values().get() == before


def test_six_minutes_after_the_factor_it_is_asked_for_again(olga, rita, frozen):
    revision = review.submit(item=drafted(olga, retention_days=365), actor=olga.account)
    browser = rita.browser()
    frozen.shift(301)
    assert act(browser, revision, "approve").status_code == 403
    revision.refresh_from_db()
    assert revision.state == "in_review"


# --- moments ----------------------------------------------------------------------------------------------------------


def test_a_moment_is_set_and_taken_back_on_the_page(olga, rita, frozen):
    revision = approved(drafted(olga, retention_days=365), olga, rita)
    act(rita.browser(), revision, "schedule", when="2026-12-24T10:00")
    revision.refresh_from_db()
    assert revision.state == "scheduled"
    assert "Goes live by itself" in page_of(olga, revision).content.decode()
    assert "2026" in rita.browser().get(reverse("admin:review_desk")).content.decode()
    act(rita.browser(), revision, "schedule", when="never")
    act(rita.browser(), revision, "unschedule")
    revision.refresh_from_db()
    assert (revision.state, revision.publish_at) == ("approved", None)


# --- what is said -----------------------------------------------------------------------------------------------------


def test_what_is_said_stands_on_the_page_and_in_the_history(newsletter, olga, quentin, audit_log):
    revision = drafted(olga, retention_days=365)
    act(quentin.browser(fresh=False), revision, "comment", text="Is a year not enough?")
    page = page_of(olga, revision)
    assert page.content.decode().count("Is a year not enough?") == 2, "the thread, and the history"
    said = ReviewComment.objects.get()
    assert (said.author, said.digest) == (quentin.account, review.digest_of(revision))
    [event] = audit_log("revision.commented")
    assert "enough" not in str(event.details) and event.details["comment"] == str(said.pk)


@pytest.mark.parametrize("text", ["Ask ada@example.org", "Call +49 30 1234567", "Look at 123456789", " ", "x" * 4001])
def test_nothing_of_a_person_is_said(text, olga):
    revision = drafted(olga, retention_days=365)
    act(olga.browser(), revision, "comment", text=text)
    assert not ReviewComment.objects.exists()
    act(olga.browser(), revision, "comment", text="Since 2026-11-24 it is 365 days.")
    assert ReviewComment.objects.count() == 1


def test_what_was_said_is_not_changed(olga):
    act(olga.browser(), drafted(olga, retention_days=365), "comment", text="So it is.")
    for change in (lambda: ReviewComment.objects.update(text="No."), ReviewComment.objects.all().delete):
        with pytest.raises(IntegrityError, match="what was said stays"), transaction.atomic():
            change()


# --- whom it waits for, and who stands in -----------------------------------------------------------------------------


def test_the_queue_says_whom_it_waits_for_and_who_stands_in(olga, rita):
    irene = make_staff("irene", "irm")
    revision = review.submit(item=drafted(olga, retention_days=365), actor=olga.account)
    desk = reverse("admin:review_desk")
    assert "any reviewer" in olga.browser().get(desk).content.decode()
    act(rita.browser(), revision, "assign", to=str(irene.account.pk))
    revision.refresh_from_db()
    assert revision.assigned_to == irene.account
    assert str(irene.account) in olga.browser().get(desk).content.decode()
    until = {"deputy": str(rita.account.pk), "until": "2027-01-10T09:00"}
    irene.browser().post(reverse("admin:review_absence"), until)
    assert Delegation.objects.get().deputy == rita.account
    queue = olga.browser().get(desk).content.decode()
    assert re.search(rf"{irene.account} is absent until .*{rita.account} stands in\.", queue, re.DOTALL)
    act(rita.browser(), revision, "approve")
    revision.refresh_from_db()
    assert (revision.approver, revision.approved_for) == (rita.account, irene.account)
    assert "standing in for" in page_of(olga, revision).content.decode()


def test_the_deputy_of_the_author_has_no_button_and_is_told_why(rita):
    irene = make_staff("irene", "irm")
    revision = review.submit(item=drafted(rita, retention_days=365), actor=rita.account)
    page = page_of(irene, revision).content.decode()
    assert 'value="approve"' in page
    rita.browser().post(reverse("admin:review_absence"), {"deputy": str(irene.account.pk), "until": "2027-01-10T09:00"})
    page = page_of(irene, revision).content.decode()
    assert 'value="approve"' not in page and "You stand in for whoever wrote this" in page
    act(irene.browser(), revision, "approve")
    revision.refresh_from_db()
    assert revision.state == "in_review"


def test_absence_asks_for_a_fresh_factor_and_can_be_ended(rita, quentin):
    irene = make_staff("irene", "irm")
    url, given = reverse("admin:review_absence"), {"deputy": str(irene.account.pk), "until": "2027-01-10T09:00"}
    assert rita.browser(fresh=False).post(url, given).status_code == 403
    assert not Delegation.objects.exists()
    rita.browser().post(url, given)
    made = Delegation.objects.get()
    quentin.browser().post(url, {"end": str(made.pk)})
    made.refresh_from_db()
    assert made.revoked_at is None
    rita.browser().post(url, {"end": str(made.pk)})
    made.refresh_from_db()
    assert made.revoked_at is not None
    assert "I am absent" not in quentin.browser().get(url).content.decode()


# --- history and the record -------------------------------------------------------------------------------------------


def test_the_history_tells_who_when_and_the_digest_of_what_was_approved(newsletter, olga, rita):
    revision = approved(drafted(olga, retention_days=365), olga, rita)
    review.publish(item=revision, actor=rita.account)
    page = page_of(rita, newsletter).content.decode()
    history = page[page.index('id="review-history"') :]
    for said in (revision.digest, newsletter.digest, "approved", "live", str(olga.account), str(rita.account)):
        assert said in history, said
    assert "version 2:" in history
    notice = Notice.objects.get(purpose=newsletter, state="live")
    assert notice.digest in page_of(rita, notice).content.decode()


def test_the_record_of_processing_is_a_page_that_prints(newsletter, olga, rita, quentin, alice, settings):
    page = quentin.browser().get(reverse("admin:review_record")).content.decode()
    for said in (
        settings.CONTROLLER["name"].split()[0], "Art. 30(1)(a)", "Data protection officer", "Acme Mailings GmbH",
        "customers", "user.contact.email", "(b)", "(c)", "(d)", "(e)", "(f)", "(g)", "730 days", "record.css",
    ):  # fmt: skip
        assert said in page, said
    assert "profiling" not in page
    review.publish(item=approved(drafted(olga, retention_days=365), olga, rita), actor=rita.account)
    revised = quentin.browser().get(reverse("admin:review_record")).content.decode()
    assert revised.count("365 days") == page.count("365 days") + 1
    assert alice.browser().get(reverse("admin:review_record")).status_code in {302, 403}
    assert reverse("admin:review_record") in rita.browser().get(reverse("admin:review_desk")).content.decode()
