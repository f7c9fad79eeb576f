"""What is reviewed is read in words: no JSON, no slugs, no codes, in the reader's language."""

import json
import re

import pytest
from django.urls import reverse
from django.utils import translation

from consent import fitness
from consent.models import Component, Notice, Purpose, Recipient
from consent.notices import points
from consent.services import review
from tests.consent.test_review_desk import act
from tests.consent.test_revision_desk import page_of
from tests.consent.test_revisions import approved, drafted

pytestmark = pytest.mark.usefixtures("catalogue")


def in_german(person):
    person.account.language = "de"
    person.account.save(update_fields=["language"])
    return person


def part(page, start, end):
    """The words between two marks of the page."""
    html = page.content.decode()
    return html[html.index(start) : html.index(end, html.index(start))]


def test_what_a_revision_changes_stands_side_by_side_in_words(olga, rita):
    titles = {"en": "Newsletter", "de": "Rundbrief", "fr": "Lettre"}
    old = Purpose.objects.get(slug="newsletter")
    revision = drafted(olga, titles=titles, fields=["email", "vat_number"], retention_days=365)
    changed = part(page_of(in_german(rita), revision), '<table class="table-stack changed">', "</table>")
    assert "Rundbrief" in changed and old.titles["de"] in changed
    assert f"<dd>{titles['en']}" not in changed, "the English name stays and is not shown"
    vat = Component.objects.get(slug="vat_number")
    with translation.override("de"):
        assert f"<ins>{vat}</ins>" in changed
        assert f"<del>{Component.objects.get(slug='given_name')}</del>" in changed
    assert "vat_number" not in changed and "{" not in changed and "[" not in changed
    assert 'data-label="Vorher"' in changed and "730" in changed and "365" in changed


def test_what_an_approval_is_bound_to_is_in_words_and_once_as_it_is_written(olga, rita):
    revision = drafted(olga, of=Recipient.objects.get(slug="acme"), country="AT")
    page = page_of(in_german(rita), revision)
    bound = part(page, '<table class="bound">', "</table>")
    assert "Österreich" in bound and "{" not in bound and ">AT<" not in bound
    assert "&quot;country&quot;: &quot;AT&quot;" in part(page, "<pre", "</pre>")
    written = re.search(r"<pre[^>]*>(.*?)</pre>", page.content.decode(), re.DOTALL)
    assert json.loads(written[1].replace("&quot;", '"').replace("&#x27;", "'")) == revision.content()


def test_every_kind_of_thing_is_in_words(rita):
    for model in (Component, Purpose, Notice, Recipient):
        for item in model.objects.all()[:4]:
            bound = part(page_of(in_german(rita), item), '<table class="bound">', "</table>")
            assert "{&quot;" not in bound and "null" not in bound and "true" not in bound, item


def test_a_moment_in_the_history_is_written_as_others_are(olga, rita, frozen):
    revision = approved(drafted(olga, retention_days=365), olga, rita)
    act(rita.browser(), revision, "schedule", when="2026-12-24T10:00")
    assert ">24 Dec 2026, " in page_of(rita, revision).content.decode()
    assert "T10:00:00" not in page_of(rita, revision).content.decode()


# --- what is lacking --------------------------------------------------------------------------------------------------


def test_what_keeps_it_from_approval_is_said_in_the_readers_language(olga):
    purpose = Purpose(slug="x", titles={"en": "X"}, lawful_basis="consent", retention_days=0, author=olga.account)
    purpose.fields, purpose.sources, purpose.data_subjects = ["shoe_size"], [], []
    english = fitness.flaws(purpose)
    with translation.override("de"):
        german = fitness.flaws(purpose)
    assert len(german) == len(english) == 6
    assert not set(german) & set(english) and "Französisch: kein Name" in german
    assert "“Shoe size” is not approved" in english and "„Shoe size“ ist nicht freigegeben" in german


def test_a_refusal_for_what_is_lacking_is_in_the_readers_language(olga):
    revision = drafted(olga)
    answer = act(in_german(olga).browser(), revision, "submit")
    assert "Es fehlt noch: es ist nichts geändert." in answer.content.decode()


def test_the_points_of_article_13_are_called_as_in_the_notice(olga, rita):
    notice = Notice.objects.get(purpose__slug="newsletter", state="live")
    page = page_of(in_german(rita), notice).content.decode()
    assert '<th scope="row">Wie lange wir speichern</th>' in page and ">retention<" not in page
    assert '<th scope="col">Französisch</th>' in page
    with translation.override("fr"):
        assert points.heading("retention") == "Durée de conservation"


def test_the_digest_is_still_that_of_the_content(olga, rita):
    revision = review.submit(item=drafted(olga, retention_days=365), actor=olga.account)
    assert review.digest_of(revision) in page_of(rita, revision).content.decode()
    assert reverse("admin:consent_revision_change", args=[revision.pk])


# --- forms ------------------------------------------------------------------------------------------------------------


def test_the_form_of_a_new_thing_has_nothing_that_needs_a_script(olga):
    page = olga.browser().get("/admin/consent/datacontract/add/").content.decode()
    assert 'type="datetime-local"' in page and "vTimeField" not in page
    assert "related-widget-wrapper" not in page and "_addanother" not in page
    assert page.count('type="submit"') == 3, "signing out, saving, and saving to write on"
    assert "field-digest" not in page and "field-state" not in page
