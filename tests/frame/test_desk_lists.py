"""A list at the desk with nothing in it says so and what to do next; a choice that fits nothing leads back."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from access.models import Account, Application

pytestmark = pytest.mark.django_db
PLACES = "/admin/erasure/manualplace/"


def test_an_empty_list_says_what_to_do_next(rita: Any) -> None:
    page = rita.browser().get(PLACES).content.decode()
    assert "There is nothing here yet." in page and "Declare a paper file" in page
    assert f'href="{PLACES}add/"' in page


def test_a_choice_that_fits_nothing_leads_back(rita: Any) -> None:
    page = rita.browser().get(PLACES, {"approved_at__isempty": "1"}).content.decode()
    assert "Nothing matches what was chosen." in page and '<a href="?">' in page


def test_a_list_with_something_shows_it(catalogue: None, rita: Any) -> None:
    page = rita.browser().get("/admin/consent/purpose/").content.decode()
    assert "<h1>Purposes</h1>" in page and "<title>Purposes · GDPR Portal</title>" in page
    assert '<td data-label="State"' in page, "as a card on a phone"
    assert ">Newsletter</a>" in page and "There is nothing here yet." not in page


def test_filters_stand_above_the_list_and_say_what_is_chosen(catalogue: None, rita: Any) -> None:
    page = rita.browser().get("/admin/consent/purpose/", {"state__exact": "live"}).content.decode()
    assert page.index('class="list-filter"') < page.index('id="result_list"')
    assert page.count('id="changelist-filter"') == 0, "not beside it as well"
    assert 'aria-current="true">Live</a>' in page and "Clear all filters" in page


def test_django_marks_for_yes_and_no_become_words_whatever_the_file_is_called() -> None:
    from django.utils import translation

    from gdpr_portal.templatetags.cells import labelled

    mark = '<td class="field-x"><img src="/static/admin/img/icon-{}.svg" alt="True"></td>'
    cells = [mark.format("yes"), mark.format("no.439e821418cd"), mark.format("unknown")]
    with translation.override("de"):
        shown = [*labelled(cells, [{"text": ""}] * 3)]
    assert shown == [f'<td class="field-x">{words}</td>' for words in ("Ja", "Nein", "-")]


def test_moments_in_a_list_are_short_and_of_the_readers_language(catalogue: None, rita: Any, alice: Any) -> None:
    from erasure.models import RetentionProposal

    at = datetime(2026, 11, 24, 12, 30, 15, tzinfo=UTC)
    given = {"subject": alice.subject, "reason": "retention_ended", "fields": ["email"]}
    RetentionProposal.objects.create(proposed_at=at, **given)
    for language, said in (("en", "24 Nov 2026, 13:30 CET"), ("de", "24.11.2026, 13:30 MEZ")):
        rita.account.language = language
        rita.account.save(update_fields=["language"])
        page = rita.browser().get("/admin/erasure/retentionproposal/").content.decode()
        assert f'<time datetime="2026-11-24T13:30:15+01:00">{said}</time></td>' in page
        assert "24 November 2026" not in page and "24. November 2026" not in page


def test_a_question_about_an_access_names_the_application(catalogue: None, rita: Any, alice: Any) -> None:
    from erasure.models import AccessQuestion

    now = timezone.now()
    given = {"subject": alice.subject, "application": "shop", "asked_at": now, "due_at": now}
    AccessQuestion.objects.create(event=uuid4(), **given)
    page = rita.browser().get("/admin/erasure/accessquestion/").content.decode()
    shop = Application.objects.get(slug="shop")
    assert shop.name != "shop" and f">{shop.name}</td>" in page and ">shop</td>" not in page


def test_a_proposal_to_erase_names_the_fields_in_their_order(catalogue: None, rita: Any, alice: Any) -> None:
    from erasure.models import RetentionProposal

    given = {"subject": alice.subject, "reason": "retention_ended", "proposed_at": timezone.now()}
    RetentionProposal.objects.create(fields=["given_name", "email"], **given)
    page = rita.browser().get("/admin/erasure/retentionproposal/").content.decode()
    assert ">First name, E-mail address</td>" in page or ">Given name, E-mail address</td>" in page
    assert "given_name" not in page


@pytest.mark.parametrize(
    ("reason", "said"), [("no_answer", "No answer, although reminded"), ("Odd", "<code>Odd</code>")]
)
def test_why_a_step_failed_is_said_in_words_where_there_are_any(reason: str, said: str) -> None:
    from gdpr_portal.templatetags.desk_words import why_failed

    assert (str(why_failed(reason)), why_failed("")) == (said, "-")


def test_what_is_added_is_named_with_its_article_in_every_language(rita: Any) -> None:
    for language, words in {"en": "Add a purpose", "de": "Zweck hinzufügen", "fr": "Ajouter une finalité"}.items():
        Account.objects.update(language=language)
        browser = rita.browser()
        browser.cookies["language"] = language
        assert f">{words}</a>" in browser.get("/admin/consent/purpose/").content.decode()
        assert f"<h1>{words}</h1>" in browser.get("/admin/consent/purpose/add/").content.decode()


def test_an_error_at_the_desk_leads_back_to_the_desk(rita: Any) -> None:
    assert 'href="/admin/">Go to the desk' in rita.browser().get("/admin/nowhere/").content.decode()
    assert 'href="/">Go to the front page' in rita.browser().get("/nowhere").content.decode()
