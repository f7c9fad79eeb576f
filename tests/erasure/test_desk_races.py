"""Four eyes and marks of the clock hold when everybody acts in the same moment."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from access import roles
from audit.models import AuditEvent
from erasure.models import ErasurePause, RightsRequest
from erasure.services import guard, opinions
from erasure.services.escalations import escalate
from gdpr_portal.errors import DomainError
from tests.conftest import make_staff
from tests.erasure.people import in_review

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("catalogue")]


def in_parallel(*acts: Callable[[], Any]) -> list[str]:
    """What each came to, all started in the same moment: `done`, or the code of the refusal."""
    outcomes: list[str] = []
    start = threading.Barrier(len(acts))

    def run(act: Callable[[], Any]) -> None:
        start.wait()
        try:
            act()
            outcomes.append("done")
        except DomainError as error:
            outcomes.append(error.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(outcomes)


def test_of_many_second_opinions_one_counts_and_never_the_proposers(alice: Any, rita: Any) -> None:
    paul = make_staff("paul", roles.PRIVACY_OFFICER)
    request = in_review(alice.subject)
    code = "A12ManifestlyExcessive"
    opinion = opinions.propose(request_id=request.id, reviewer=rita.account, kind="refusal", reason_code=code)

    def by(who: Any) -> Callable[[], Any]:
        return lambda: opinions.decide(opinion_id=opinion.id, reviewer=who.account, agreed=True)

    outcomes = in_parallel(by(rita), by(paul), by(rita), by(paul))
    assert outcomes.count("done") == 1
    opinion.refresh_from_db()
    assert opinion.decided_by_id == paul.account.id
    assert RightsRequest.objects.get().state == "refused"
    assert AuditEvent.objects.filter(action="request.refused").count() == 1


def test_one_person_clicking_twice_does_not_end_a_pause(rita: Any) -> None:
    ErasurePause.objects.create(since=timezone.now(), begun=5, limit=2)
    assert in_parallel(*[lambda: guard.agree(by=rita.account)] * 4).count("done") == 1
    assert ErasurePause.objects.get().lifted_at is None


def test_many_workers_make_each_mark_once(alice: Any) -> None:
    in_review(alice.subject, received_at=timezone.now() - timedelta(days=60))
    assert in_parallel(*[escalate] * 4) == ["done"] * 4
    assert sorted(AuditEvent.objects.filter(action="request.escalated").values_list("details__mark", flat=True)) == [
        50,
        80,
        100,
    ]
    assert AuditEvent.objects.filter(action="request.delay_told").count() == 1
