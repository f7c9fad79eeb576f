"""What a draft is chosen from, and how a short name that cannot be is refused: words of the desk, no guess at codes."""

import html
import re
from typing import Any

import pytest
from django.utils import translation

from consent.admin.forms import ComponentForm, RecipientForm
from consent.models import Notice, Purpose, Recipient
from consent.notices import points

pytestmark = pytest.mark.django_db
RECIPIENT = {"slug": "mailer", "name": "Mailer", "role": "processor", "country": "US", "purposes": ["newsletter"]}


@pytest.mark.parametrize(
    ("language", "name", "first"), [("en", "Germany", "Afghanistan"), ("de", "Deutschland", "Aaland-Inseln")]
)
def test_a_country_is_chosen_by_its_name(catalogue: None, language: str, name: str, first: str) -> None:
    with translation.override(language):
        choices = RecipientForm().fields["country"].choices
    assert ("DE", name) in choices and choices[0][0] == "" and choices[1][1] == first


@pytest.mark.parametrize("typed", ["USA", "Germany", "GE rmany", "de", "Seychelles"])
def test_a_name_cut_to_two_letters_is_no_country(catalogue: None, typed: str) -> None:
    """A text field of two characters made Georgia of Germany, and the Seychelles of Switzerland (Schweiz)."""
    assert "country" in RecipientForm(data=RECIPIENT | {"country": typed}).errors
    assert RecipientForm(data=RECIPIENT).errors == {}


def test_what_a_draft_holds_stays_to_be_chosen(catalogue: None) -> None:
    held = RecipientForm(instance=Recipient(role="Data trustee", country="ZZ", purposes=[]))
    assert ("Data trustee", "Data trustee") in held.fields["role"].choices
    assert ("ZZ", "ZZ") in held.fields["country"].choices and held.fields["country"].initial == "ZZ"


@pytest.mark.parametrize("category", ["Shoe size", "user.shoe"])
def test_a_category_is_a_term_of_the_list(category: str) -> None:
    assert "category" in ComponentForm(data={"category": category}).errors
    assert "category" not in ComponentForm(data={"category": "user.contact.phone_number"}).errors


@pytest.mark.parametrize(
    ("language", "word"), [("en", "Letters from a to z"), ("de", "Buchstaben von a bis z"), ("fr", "Lettres de a")]
)
def test_a_short_name_is_refused_in_words(language: str, word: str) -> None:
    with translation.override(language):
        told: Any = ComponentForm(data={"slug": "Shoe size"}).errors["slug"]
        assert word in str(told) and "slug" not in told.as_text()


# --- the wording ------------------------------------------------------------------------------------------------------
ADD = "/admin/consent/notice/add/"


def wording(purpose: Purpose, **bodies: str) -> dict[str, str]:
    """The form of a new notice as a browser sends it, the languages not given as they stood in it."""
    given = {"purpose": str(purpose.pk), "texts-TOTAL_FORMS": "3", "texts-INITIAL_FORMS": "0"}
    for number, language in enumerate(points.LANGUAGES):
        body = bodies.get(language, points.skeleton(language)).replace("\n", "\r\n")
        given |= {f"texts-{number}-language": language, f"texts-{number}-body": body}
        given[f"texts-{number}-title"] = "Cards" if language in bodies else ""
    return given


def test_a_new_notice_begins_with_the_headings_that_are_looked_for(catalogue: None, olga: Any) -> None:
    page = html.unescape(olga.browser().get(ADD).content.decode())
    for language in points.LANGUAGES:
        assert points.skeleton(language).strip() in page
        written = re.sub(r"(?m)^(## .*)$", r"\1\n\nWords.", points.skeleton(language))
        assert points.lacking(written, language, "consent") == []
        assert len(points.lacking(points.skeleton(language), language, "consent")) == len(points.points("consent"))


def test_what_was_not_written_yet_is_not_kept(catalogue: None, olga: Any) -> None:
    purpose = Purpose.objects.get(slug="newsletter")
    body = points.skeleton("en") + "\nA card.\n"
    assert olga.browser().post(ADD, wording(purpose, en=body)).status_code == 302
    notice = Notice.objects.filter(purpose=purpose).latest("version")
    assert {text.language: text.body for text in notice.texts.all()} == {"en": body}


def test_a_heading_without_words_is_told_and_each_point_with_its_heading() -> None:
    body = "## Who is responsible\n\nWe.\n\n## Withdrawing your consent\n"
    told = points.lacking(body, "en", "contract")
    assert told[0] == 'Data protection officer (Art. 13(1)(b)), under "## Data protection officer"'
    assert told[-1] == 'nothing stands under "## Withdrawing your consent"'
    assert not [each for each in points.lacking(body, "en", "consent") if each.startswith("nothing")]
