"""The crowd of the demo goes through the services: made once, it gives the desks something to show."""

from typing import Any

from audit.models import AuditEvent
from consent.models import ConsentEvent
from erasure.models import RightsRequest
from gdpr_portal.demo_crowd import build_crowd
from subjects.models import Subject


def test_a_crowd_is_made_once_and_shows_at_the_desk(
    catalogue: None, shop: Any, acme: Any, rita: Any, frozen: Any
) -> None:
    assert (build_crowd(24), build_crowd(25)) == (24, 1)
    assert Subject.objects.filter(account=None).count() == 25
    filed = RightsRequest.objects.order_by("received_at")
    assert len(filed) == 7 and len({each.right for each in filed}) >= 4 and len({each.state for each in filed}) >= 3
    assert (filed[6].received_at - filed[0].received_at).days >= 7
    assert {"give", "refuse", "withdraw"} <= set(ConsentEvent.objects.values_list("action", flat=True))
    assert AuditEvent.objects.filter(action="data.read").exists()
    page = rita.browser().get("/admin/").content.decode()
    assert "Due next" in page and "Nobody has answered" not in page
