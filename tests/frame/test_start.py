"""The start of the desk: what waits for each role, what is due, charts that say what the rows say."""

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from access import roles
from erasure.models import RightsRequest, Step
from erasure.services import opinions
from gdpr_portal import start
from gdpr_portal.charts import HEIGHT, bars, columns
from tests.conftest import make_staff
from tests.consent.people import answer
from tests.erasure.people import in_review, store

COUNTS = st.integers(0, 10**12)


# --- charts -----------------------------------------------------------------------------------------------------------
@given(st.lists(COUNTS, max_size=20))
def test_the_longest_bar_is_whole_and_what_is_there_is_seen(values: list[int]) -> None:
    drawn = bars([(str(value), value, "", "") for value in values])
    assert [bar.value for bar in drawn] == values
    assert all(0 <= bar.percent <= 100 and (bar.percent > 0) == (bar.value > 0) for bar in drawn)
    assert not any(values) or max(drawn, key=lambda bar: bar.value).percent == 100


@given(st.lists(st.tuples(COUNTS, COUNTS), min_size=1, max_size=20))
def test_every_column_stands_on_the_line_and_none_covers_another(pairs: list[tuple[int, int]]) -> None:
    labels = [str(at) for at in range(len(pairs))]
    chart = columns(labels=labels, series=[("a", [a for a, _b in pairs]), ("b", [b for _a, b in pairs])])
    assert [values for _label, values in chart.table] == [list(pair) for pair in pairs]
    assert all(each.y + each.height == HEIGHT and 0 <= each.y < HEIGHT for each in chart.rectangles)
    spans = sorted((each.x, each.x + each.width) for each in chart.rectangles)
    assert all(end <= begin for (_b, end), (begin, _e) in pairwise(spans))
    assert len(spans) == sum(value > 0 for pair in pairs for value in pair) and chart.any == bool(spans)
    assert all(end <= chart.width for _begin, end in spans)


# --- the page ---------------------------------------------------------------------------------------------------------
def sentences(person: Any) -> dict[str, int]:
    return {each.text: each.count for each in start.start(person.account)["waiting"]}


@pytest.mark.django_db
def test_each_role_is_told_what_is_its_own(catalogue: None, alice: Any, rita: Any, quentin: Any, olga: Any) -> None:
    request = in_review(alice.subject)
    assert sentences(rita)["request waits for a decision"] == 1
    assert not {"request waits for a decision"} & (sentences(quentin).keys() | sentences(olga).keys())
    RightsRequest.objects.filter(pk=request.pk).update(due_at=timezone.now() - timedelta(minutes=1))
    assert sentences(rita)["request is overdue"] == 1
    Step.objects.create(request=request, position=1, kind=Step.Kind.NOTIFY, target="acme", state="failed")
    assert sentences(olga)["step of a request failed"] == 1 and "step of a request failed" not in sentences(quentin)


@pytest.mark.django_db
def test_what_one_proposed_waits_for_another(catalogue: None, alice: Any, rita: Any) -> None:
    request, second = in_review(alice.subject), make_staff("sam", roles.IRM)
    opinions.propose(request_id=request.id, reviewer=rita.account, kind="refusal", reason_code="A12ManifestlyExcessive")
    assert "proposal needs a second reviewer" in sentences(second)
    assert "proposal needs a second reviewer" not in sentences(rita)


@pytest.mark.django_db
def test_drafts_wait_for_everybody_but_their_author(catalogue: None, rita: Any) -> None:
    assert sum(count for text, count in sentences(rita).items() if "review" in text and "draft" in text) >= 1


@pytest.mark.django_db
def test_open_requests_stand_in_the_band_of_their_date(catalogue: None, alice: Any, bob: Any) -> None:
    now = timezone.now()
    for person, days in ((alice, -1), (bob, 10)):
        RightsRequest.objects.filter(pk=in_review(person.subject).pk).update(due_at=now + timedelta(days=days))
    assert [bar.value for bar in start._requests(now)] == [1, 0, 1, 0]


@pytest.mark.django_db
def test_answers_are_counted_in_their_week_and_by_their_purpose(catalogue: None, alice: Any, bob: Any) -> None:
    for person, action in ((alice, "give"), (bob, "give"), (bob, "withdraw")):
        answer(person.subject, action)
    now = timezone.now()
    chart = start._consent(now)
    assert chart.table[-1][1] == [2, 1] and len(chart.table) == start.WEEKS
    assert start._by_purpose(now, "en") == [("Newsletter", 2, 1)]


@pytest.mark.django_db
def test_the_page_names_nobody_and_says_when_nothing_waits(catalogue: None, shop: Any, alice: Any, olga: Any) -> None:
    store(shop, alice.subject, "orders", given_name="Trostburg")
    page = olga.browser().get("/admin/").content.decode()
    assert "Nothing waits for you" in page and "<svg" in page
    assert "Trostburg" not in page and alice.email not in page and str(alice.subject.pk) not in page
    assert alice.browser().get("/admin/").status_code in {302, 403}
