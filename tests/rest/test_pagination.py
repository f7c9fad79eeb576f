"""Lists by cursor: complete, without repetition, and the cursor belongs to one list of one application."""

import pytest

from access.models import MailCode


@pytest.fixture
def rows(db) -> list[int]:
    counts = [number // 3 for number in range(25)]
    empty = {"email_index": b"", "email_sealed": b"", "digest": b"", "expires_at": "2030-01-01T00:00:00Z"}
    MailCode.objects.bulk_create(MailCode(tries=count, **empty) for count in counts)
    return counts


def walk(api, probe, limit: int) -> list[int]:
    items, cursor = [], ""
    for _ in range(100):
        answer = api.get(f"{probe}/list", {"limit": limit, **({"cursor": cursor} if cursor else {})}).json()
        items += answer["items"]
        cursor = answer["next"]
        if cursor is None:
            return items
    raise AssertionError("the list never ends")


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 24, 25, 26, 200])
def test_every_item_comes_once_and_in_order(api, probe, rows, limit):
    assert walk(api, probe, limit) == rows


def test_an_empty_list_has_no_next(api, probe):
    assert api.get(f"{probe}/list").json() == {"items": [], "next": None}


@pytest.mark.parametrize("cursor", ["", "x", "a:b:c", "é", "eyJhIjoxfQ:1abc:def", "x" * 4000, "\0"])
def test_a_cursor_of_nobody_is_400(api, probe, rows, cursor):
    answer = api.get(f"{probe}/list", {"cursor": cursor})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cursor")


def test_a_cursor_changed_or_of_another_application_is_400(api, probe, rows, eve, client_for):
    cursor = api.get(f"{probe}/list", {"limit": 2}).json()["next"]
    assert api.get(f"{probe}/list", {"cursor": cursor}).status_code == 200
    for client, given in ((api, cursor[:-1] + ("A" if cursor[-1] != "A" else "B")), (client_for(eve), cursor)):
        answer = client.get(f"{probe}/list", {"cursor": given})
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cursor")


@pytest.mark.parametrize("limit", ["0", "201", "-1", "1.5", "1.0", "+1", " 1", "1_0", "x", "", "٣", "9" * 400])
def test_limits_outside_1_to_200_are_400(api, probe, rows, limit):
    answer = api.get(f"{probe}/list", {"limit": limit})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")
