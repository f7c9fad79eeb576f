"""One key, one effect, one answer (invariant I7): in sequence, in parallel, after a crash and after 24 hours."""

import threading
from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from access.models import IdempotencyKey
from access.rest.idempotency import purge_idempotency_keys
from tests.conftest import BearerClient, make_application
from tests.rest.probe import EFFECTS

KEY = {"HTTP_IDEMPOTENCY_KEY": "order-1"}


def test_without_a_key_every_call_has_its_effect(api, probe):
    for _ in range(2):
        assert api.post(f"{probe}/body", {"name": "x"}).status_code == 201
    assert EFFECTS.count() == 2 and not IdempotencyKey.objects.exists()


def test_the_same_key_and_body_give_the_same_answer_and_one_effect(api, probe):
    first = api.post(f"{probe}/body", {"name": "x"}, **KEY)
    again = api.post(f"{probe}/body", {"name": "x"}, **KEY)
    assert (first.status_code, first.content, first["Content-Type"]) == (
        again.status_code,
        again.content,
        again["Content-Type"],
    )
    assert "Idempotency-Replayed" not in first and again["Idempotency-Replayed"] == "true"
    assert first["X-Request-Id"] != again["X-Request-Id"]
    assert EFFECTS.count() == 1


def test_another_body_is_422_and_has_no_effect(api, probe):
    api.post(f"{probe}/body", {"name": "x"}, **KEY)
    answer = api.post(f"{probe}/body", {"name": "y"}, **KEY)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_mismatch")
    assert EFFECTS.count() == 1


def test_refusals_are_kept_like_answers(api, probe):
    first = api.post(f"{probe}/fail/conflict", {}, **KEY)
    again = api.post(f"{probe}/fail/conflict", {}, **KEY)
    assert first.status_code == again.status_code == 409
    assert first.content == again.content and again["Content-Type"] == "application/problem+json"
    assert again["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize("how", ["down", "bug", "overflow"])
def test_what_failed_on_our_side_is_not_kept_and_left_no_effect(api, probe, how):
    api.raise_request_exception = False
    for _ in range(2):
        answer = api.post(f"{probe}/fail/{how}", {}, **KEY)
        assert answer.status_code in {500, 503, 422} and "Idempotency-Replayed" not in answer
    assert not IdempotencyKey.objects.exists() and EFFECTS.count() == 0


def test_an_effect_before_a_fault_is_rolled_back_so_that_the_retry_starts_afresh(api, probe):
    api.raise_request_exception = False
    assert api.post(f"{probe}/half", {}, **KEY).status_code == 500
    assert EFFECTS.count() == 0 and not IdempotencyKey.objects.exists()


def test_401_403_for_scope_and_429_are_never_kept(api, probe, eve, client_for):
    stranger = client_for(eve)
    assert stranger.post(f"{probe}/body", {"name": "x"}, **KEY).status_code == 403
    assert (
        BearerClient().generic("POST", f"{probe}/body", b"{}", HTTP_AUTHORIZATION="Bearer x", **KEY).status_code == 401
    )
    assert not IdempotencyKey.objects.exists()


def test_keys_belong_to_application_method_and_path(api, probe, client_for):
    other = client_for(make_application("other", ["subjects:write"]))
    assert api.post(f"{probe}/body", {"name": "x"}, **KEY).status_code == 201
    assert other.post(f"{probe}/body", {"name": "y"}, **KEY).status_code == 201
    assert api.post(f"{probe}/slow", {}, **KEY).status_code == 201
    assert EFFECTS.count() == 3


@pytest.mark.parametrize("key", ["", "x" * 256, "a b", "é", "a\x7f"])
def test_a_key_that_is_none_is_400(api, probe, key):
    answer = api.post(f"{probe}/body", {"name": "x"}, HTTP_IDEMPOTENCY_KEY=key)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_idempotency_key")
    assert EFFECTS.count() == 0


def test_a_key_of_255_visible_characters_is_taken(api, probe):
    assert api.post(f"{probe}/body", {"name": "x"}, HTTP_IDEMPOTENCY_KEY="~" * 255).status_code == 201


def test_a_post_that_only_asks_is_always_answered_afresh(api, probe):
    first, again = (api.post(f"{probe}/ask", {}, **KEY).json() for _ in range(2))
    assert first != again and not IdempotencyKey.objects.exists()


def test_after_24_hours_the_key_is_new(api, probe):
    api.post(f"{probe}/body", {"name": "x"}, **KEY)
    IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(hours=24))
    assert api.post(f"{probe}/body", {"name": "y"}, **KEY).status_code == 201
    assert EFFECTS.count() == 2


def test_old_answers_are_purged_and_young_ones_stay(api, probe):
    api.post(f"{probe}/body", {"name": "x"}, **KEY)
    assert purge_idempotency_keys() == 0
    IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert purge_idempotency_keys() == 1


def test_the_answer_lies_sealed(api, probe):
    made = api.post(f"{probe}/body", {"name": "Canary"}, **KEY).json()
    row = IdempotencyKey.objects.get()
    assert made["name"] == "Canary" and b"Canary" not in bytes(row.body_sealed) + bytes(row.fingerprint)


def together(count: int, act) -> list:
    """What `act` gave in so many threads let go at once, each with a database connection of its own."""
    gate, answers = threading.Barrier(count), []

    def run() -> None:
        try:
            gate.wait()
            answers.append(act())
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@pytest.mark.django_db(transaction=True)
def test_fifty_at_once_have_one_effect(transactional_db, api, probe, client_for, shop):
    headers = {"HTTP_AUTHORIZATION": f"Bearer {api.token}", **KEY}

    def call():
        return BearerClient().generic("POST", f"{probe}/slow", b"{}", **headers)

    answers = together(50, call)
    assert EFFECTS.count() == 1
    counts = Counter(answer.status_code for answer in answers)
    assert counts.keys() <= {201, 409} and counts[201] >= 1
    made = {answer.content for answer in answers if answer.status_code == 201}
    assert len(made) == 1
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} <= {"idempotency_in_progress"}
    assert counts[409] >= 1
    replay = BearerClient().generic("POST", f"{probe}/slow", b"{}", **headers)
    assert replay.content in made and replay["Idempotency-Replayed"] == "true"


@pytest.mark.django_db(transaction=True)
def test_a_call_that_died_blocks_nobody(transactional_db, api, probe):
    """Its connection is cut in the middle, as when the process is killed: neither effect nor key is left."""
    died = threading.Event()

    def die() -> None:
        client = BearerClient(raise_request_exception=False)
        client.generic("POST", f"{probe}/slow", b"{}", HTTP_AUTHORIZATION=f"Bearer {api.token}", **KEY)
        connection.close()
        died.set()

    thread = threading.Thread(target=die)
    thread.start()
    with connection.cursor() as cursor:
        for _ in range(200):
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"
                " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            )
            if cursor.fetchall():
                break
            died.wait(0.01)
    thread.join()
    assert EFFECTS.count() == 0
    answer = api.generic("POST", f"{probe}/slow", b"{}", **KEY)
    assert answer.status_code == 201 and "Idempotency-Replayed" not in answer
    assert EFFECTS.count() == 1
