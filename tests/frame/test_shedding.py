"""Under overload the least urgent is refused first, and what a person's right depends on never."""

import time
from typing import Any

import pytest

from gdpr_portal import metrics
from gdpr_portal.shedding import LONGEST_BELIEVED_SECONDS, is_overdue, seconds_waited

NOW = 1_700_000_000.0
PERSON = "/api/v1/subjects/6e9c0d5e-2f5b-4f0e-9d5d-0c6a7f0f8a11"
KINDS = {
    "lists": ["GET /api/v1/purposes", "GET /api/v1/decisions/snapshot", "GET /api/v1/audit/events", "GET /api/docs",
              "GET /api/v1/requests", "GET /api/v1/requests/1/archive"],
    "data": [f"GET {PERSON}", f"PUT {PERSON}/data", f"GET {PERSON}/consents", "POST /api/v1/subjects",
             "GET /api/v1/requests/1"],
    "decisions": ["POST /api/v1/decisions", "POST /api/v1/decisions/batch"],
    None: [f"POST {PERSON}/consents", f"PUT {PERSON}/sharing/acme", "POST /api/v1/requests",
           "POST /api/v1/requests/1/withdraw", "POST /api/v1/deliveries/1/acknowledge", "POST /oauth/token",
           "GET /consent", "POST /consent", "GET /request", "GET /readyz", "GET /admin/", "GET /login"],
}  # fmt: skip
WAITS = {"lists": 1, "data": 2, "decisions": 4}


@pytest.mark.parametrize(
    "stamp", ["t=1699999999000", "1699999999000", "t=1699999999.000", "t=1699999999000000", " t=1699999999 "]
)
def test_the_stamp_of_any_balancer_is_read(stamp: str) -> None:
    assert seconds_waited(stamp, NOW) == pytest.approx(1.0)


@pytest.mark.parametrize(
    "stamp", ["", "t=", "nan", "t=inf", "-1", "soon", f"t={NOW + 5}", f"t={NOW - LONGEST_BELIEVED_SECONDS - 1}"]
)
def test_what_is_no_time_or_cannot_be_true_is_no_wait(stamp: str) -> None:
    assert seconds_waited(stamp, NOW) == 0.0


def overdue(asked: str, waited: float) -> str | None:
    method, path = asked.split(" ")
    stamp = f"t={int((time.time() - waited) * 1000)}"
    return is_overdue({"REQUEST_METHOD": method, "PATH_INFO": path, "HTTP_X_REQUEST_START": stamp})


def test_the_least_urgent_goes_first_and_a_persons_rights_last(settings: Any) -> None:
    settings.SHED_AFTER_SECONDS = 2.0
    for kind, many in KINDS.items():
        for asked in many:
            assert overdue(asked, 50) == kind, asked
            if kind is not None:
                assert (overdue(asked, 2 * WAITS[kind] - 0.5), overdue(asked, 2 * WAITS[kind] + 0.5)) == (None, kind)
    settings.SHED_AFTER_SECONDS = 0.0
    assert {overdue(asked, 50) for many in KINDS.values() for asked in many} == {None}


@pytest.mark.django_db
@pytest.mark.usefixtures("catalogue")
def test_it_is_a_503_that_asks_to_come_back_and_is_counted(client_for: Any, shop: Any, alice: Any) -> None:
    api, late = client_for(shop), {"HTTP_X_REQUEST_START": f"t={int((time.time() - 10) * 1000)}"}
    before = metrics.SHED.labels("lists")._value.get()
    assert api.get("/api/v1/purposes").status_code == 200
    answer = api.get("/api/v1/purposes", **late)
    assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (503, "unavailable", "2")
    assert answer["X-Content-Type-Options"] == "nosniff" and answer["X-Request-Id"]
    assert metrics.SHED.labels("lists")._value.get() == before + 1
    refusal = {"purpose": "newsletter", "action": "refuse", "channel": "web"}
    assert api.post(f"/api/v1/subjects/{alice.id_for(shop)}/consents", refusal, **late).status_code == 201
