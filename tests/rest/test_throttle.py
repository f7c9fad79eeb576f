"""Requests are counted per application over all processes and announced; past the limit nothing is done."""

import re

from access.models import ThrottleWindow
from tests.rest.probe import EFFECTS
from tests.rest.test_idempotency import together


def test_what_is_left_is_announced(eve, client_for, probe):
    answer = client_for(eve).get(f"{probe}/body")
    assert answer["RateLimit-Policy"] == '"default";q=60;w=60'
    assert re.fullmatch(r'"default";r=59;t=(60|59|58)', answer["RateLimit"])


def test_past_the_limit_is_429_with_retry_after_and_no_effect(client_for, probe, db):
    from tests.conftest import make_application

    small = make_application("small", ["subjects:write"], requests_per_minute=3)
    client = client_for(small)
    codes = [client.post(f"{probe}/body", {"name": "x"}).status_code for _ in range(5)]
    assert codes == [201, 201, 201, 429, 429]
    answer = client.post(f"{probe}/body", {"name": "x"}, HTTP_IDEMPOTENCY_KEY="k")
    assert answer.json()["code"] == "throttled" and answer["Content-Type"] == "application/problem+json"
    assert 1 <= int(answer["Retry-After"]) <= 60
    assert answer["RateLimit"].startswith('"default";r=0;')
    assert EFFECTS.count() == 3


def test_a_limit_a_second_bounds_bursts_and_is_announced_beside_the_other(client_for, probe, db):
    from datetime import timedelta

    from django.db.models import F

    from tests.conftest import make_application

    client = client_for(make_application("bursts", ["subjects:write"], requests_per_minute=6000, requests_per_second=2))
    first, second, third = (client.post(f"{probe}/body", {"name": "x"}) for _ in range(3))
    assert first["RateLimit-Policy"] == '"default";q=6000;w=60, "burst";q=2;w=1'
    assert second["RateLimit"].endswith(', "burst";r=0;t=1')
    assert (first.status_code, second.status_code, third.status_code, third["Retry-After"]) == (201, 201, 429, "1")
    ThrottleWindow.objects.update(second_started_at=F("second_started_at") - timedelta(seconds=1))
    assert client.post(f"{probe}/body", {"name": "x"}).status_code == 201
    assert EFFECTS.count() == 3


def test_what_lacks_the_scope_counts_too_and_fills_no_log(client_for, probe, db, audit_log):
    from tests.conftest import make_application

    application = make_application("slow", ["audit:read"], requests_per_minute=2)
    client = client_for(application)
    codes = [client.post(f"{probe}/body", {}).status_code for _ in range(4)]
    assert codes == [403, 403, 429, 429]
    assert len(audit_log("access.refused")) == 2


def test_the_count_is_of_the_application_not_of_the_token(eve, client_for, probe, shop):
    for _ in range(60):
        assert client_for(eve).get(f"{probe}/body").status_code == 200
    assert client_for(eve).get(f"{probe}/body").status_code == 429
    assert client_for(shop).get(f"{probe}/body").status_code == 200


def test_a_new_window_starts_after_a_minute(eve, client_for, probe):
    client = client_for(eve)
    client.get(f"{probe}/body")
    ThrottleWindow.objects.update(used=60)
    assert client.get(f"{probe}/body").status_code == 429
    from datetime import timedelta

    from django.db.models import F

    ThrottleWindow.objects.update(window_started_at=F("window_started_at") - timedelta(seconds=61))
    assert client.get(f"{probe}/body").status_code == 200


def test_no_request_is_lost_in_parallel(transactional_db, eve, client_for, probe):
    from tests.conftest import BearerClient

    token = client_for(eve).token
    answers = together(20, lambda: BearerClient().get(f"{probe}/body", HTTP_AUTHORIZATION=f"Bearer {token}"))
    assert {answer.status_code for answer in answers} == {200}
    assert ThrottleWindow.objects.get().used == 20
