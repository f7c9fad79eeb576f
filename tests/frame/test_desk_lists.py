"""A list at the desk with nothing in it says so and what to do next; a choice that fits nothing leads back."""

from typing import Any

import pytest

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
