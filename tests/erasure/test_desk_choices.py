"""A reason that is told to a person is one that somebody chose: none stands chosen beforehand at the desk."""

import re
from typing import Any

import pytest

from erasure.models import RightsRequest
from tests.erasure.people import in_review

pytestmark = pytest.mark.django_db


def test_no_reason_is_chosen_beforehand(catalogue: None, alice: Any, rita: Any) -> None:
    request = in_review(alice.subject)
    page = rita.browser().get(f"/admin/erasure/rightsrequest/{request.pk}/change/").content.decode()
    chosen = re.findall(r'<select id="([a-z_]+)" name="(?:reason|right)"( required)?>(<option value="">)?', page)
    assert {"reason", "extension", "opinion_reason", "hold_reason", "retype_right"} <= {name for name, *_ in chosen}
    assert all(required and empty for _name, required, empty in chosen), chosen


def test_the_clock_of_a_closed_request_runs_no_more(catalogue: None, alice: Any, rita: Any) -> None:
    request = in_review(alice.subject)
    address = f"/admin/erasure/rightsrequest/{request.pk}/"
    assert "Running" in rita.browser().get(f"{address}change/").content.decode()
    rita.browser().post(f"{address}act/", {"act": "refuse", "reason": "A12IdentityFailure"})
    page = rita.browser().get(f"{address}change/").content.decode()
    assert "Stopped: the request is closed" in page and "Running" not in page


@pytest.mark.parametrize("act", ["refuse", "extend", "place_hold", "propose_refusal", "retype"])
def test_an_act_without_a_reason_is_refused_and_changes_nothing(
    catalogue: None, alice: Any, rita: Any, act: str
) -> None:
    request = in_review(alice.subject)
    before = RightsRequest.objects.values().get(pk=request.pk)
    posted = {"act": act, "reason": "", "right": ""}
    page = rita.browser().post(f"/admin/erasure/rightsrequest/{request.pk}/act/", posted, follow=True)
    assert page.status_code == 200 and "Done." not in page.content.decode()
    assert RightsRequest.objects.values().get(pk=request.pk) == before
