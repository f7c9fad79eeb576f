"""Bulk acts on the list of requests: seen and confirmed first, a fresh factor once, each request by itself."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.test import Client

from access import roles
from erasure.models import Case, RightsRequest
from tests.access.conftest import code_for
from tests.conftest import make_staff
from tests.erasure.people import file, in_review, run_all

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]

LIST = "/admin/erasure/rightsrequest/"
OFFERED = ("assign", "approve", "retry_failed")


def post(client: Client, act: str, *rows: RightsRequest, **more: str) -> Any:
    given = {"action": act, ACTION_CHECKBOX_NAME: [str(row.pk) for row in rows], **more}
    return client.post(LIST, given, follow=True)


def body(response: Any) -> str:
    return str(response.content.decode())


def short(row: RightsRequest) -> str:
    return str(row.pk)[:8]


def states(*rows: RightsRequest) -> list[str]:
    return [RightsRequest.objects.get(pk=row.pk).state for row in rows]


def offered(client: Client) -> list[str]:
    page = body(client.get(LIST))
    return [act for act in OFFERED if f'<option value="{act}">' in page]


def test_several_go_on_after_one_look_and_one_factor_and_one_that_cannot_stops_no_other(
    alice: Any, bob: Any, rita: Any, audit_log: Any
) -> None:
    first, second = in_review(alice.subject), in_review(bob.subject)
    running = file(alice.subject, "access")  # no reviewer is asked: it cannot be approved
    RightsRequest.objects.filter(pk=running.pk).update(due_at=first.due_at - timedelta(days=9))  # its turn comes first
    chosen, left = (running, first, second), in_review(bob.subject, decision="loan-2")
    browser = rita.browser(fresh=False)

    shown = body(post(browser, "approve", *chosen, index="0"))
    assert "3 requests were chosen" in shown and all(short(row) in shown for row in chosen)
    assert short(left) not in shown and "loan-1" not in shown and alice.email not in shown
    assert str(first.get_right_display()) in shown
    assert states(*chosen) == ["in_progress", "in_review", "in_review"], "nothing is done before it is confirmed"

    asked = post(browser, "approve", *chosen, confirmed="yes")
    assert asked.status_code == 403 and all(str(row.pk) in body(asked) for row in chosen)
    assert states(first, second) == ["in_review", "in_review"] and not audit_log("request.completed")

    done = body(post(browser, "approve", *chosen, confirmed="yes", otp=code_for(rita.totp_secret)))
    assert f"{short(running)}: This request is not waiting for a review." in done
    assert all(f"{short(row)}: Done." in done for row in (first, second))
    assert states(*chosen, left) == ["in_progress", "completed", "completed", "in_review"]
    assert {event.details["request"] for event in audit_log("request.completed")} == {str(first.pk), str(second.pk)}

    page = body(post(browser, "assign", running, first, left, confirmed="yes"))
    assert f"{short(first)}: This request has ended." in page
    assert set(Case.objects.filter(assignee=rita.account).values_list("request", flat=True)) == {running.pk, left.pk}
    assert len(audit_log("request.assigned")) == 2

    again = body(post(browser, "approve", first, second, confirmed="yes"))
    assert "Done." not in again and len(audit_log("request.completed")) == 2, "sent twice, done once"


def test_each_role_is_offered_what_it_may_do_to_one(alice: Any, rita: Any, olga: Any, quentin: Any) -> None:
    waiting, broken = in_review(alice.subject), file(alice.subject, "access")
    broken.steps.filter(kind="archive").update(state="failed", last_error="OSError", attempts=5)
    officer = make_staff("petra", roles.PRIVACY_OFFICER)
    assert offered(rita.browser()) == offered(officer.browser()) == list(OFFERED)
    assert offered(olga.browser()) == ["retry_failed"] and offered(quentin.browser()) == []
    for staff, act in ((quentin, "approve"), (quentin, "retry_failed"), (olga, "approve"), (rita, "refuse")):
        post(staff.browser(), act, waiting, broken, confirmed="yes", reason="A12IdentityFailure")
    post(olga.browser(), "assign", waiting, confirmed="yes")
    assert states(waiting) == ["in_review"] and broken.steps.get(kind="archive").state == "failed"
    assert not Case.objects.exists()

    page = body(post(olga.browser(), "retry_failed", waiting, broken, confirmed="yes"))
    assert f"{short(waiting)}: No step of our own has failed." in page and f"{short(broken)}: Done." in page
    assert run_all(broken).state == "completed"


def test_more_than_can_be_looked_at_is_not_taken(alice: Any, rita: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("erasure.admin.bulk.MOST", 1)
    rows = in_review(alice.subject), in_review(alice.subject, decision="loan-2")
    assert "At most 1 requests at a time." in body(post(rita.browser(), "approve", *rows, confirmed="yes"))
    assert states(*rows) == ["in_review", "in_review"]
