"""An application's list of requests costs a page, however many there are."""

import json
from typing import Any

import pytest
from django.db import connection

from audit import actors
from erasure.models import RightsRequest
from erasure.selectors import requests_of_application
from erasure.services.requests import file_request
from subjects.services import register_subject
from tests.conftest import make_application

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]
MANY, PAGE = 5000, 51


def ask(application: Any, person: Any, right: str = "access") -> RightsRequest:
    return file_request(
        subject=person.subject, right=right, details={}, verified_by="account", application=application,
        actor=actors.application(application.slug),
    )  # fmt: skip


def many(like: RightsRequest) -> None:
    """So many more of the same application, each a second older."""
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO erasure_rightsrequest SELECT (jsonb_populate_record(row, jsonb_build_object(
                'id', gen_random_uuid(), 'created_at', row.created_at - number * interval '1 second'))).*
            FROM erasure_rightsrequest row, generate_series(1, %s) number WHERE row.id = %s""",
            [MANY, like.pk],
        )
        cursor.execute("ANALYZE erasure_rightsrequest, erasure_rightsrequest_also_asked_by")


def register(application: Any, *people: Any) -> None:
    for person in people:
        register_subject(application=application, identifiers={"email": person.email})


@pytest.fixture
def api_page(client_for: Any) -> Any:
    """A page of the list, as the application gets it."""

    def read(application: Any, cursor: str) -> Any:
        answer = client_for(application, "requests:read").get(
            "/api/v1/requests", {"limit": 200} | ({"cursor": cursor} if cursor else {})
        )
        assert answer.status_code == 200, answer.content
        return answer.json()

    return read


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(found for below in plan.get("Plans", ()) for found in nodes(below))]


def test_a_page_reads_a_page_by_index(alice: Any, shop: Any, api_page: Any) -> None:
    many(ask(shop, alice))
    for rows in requests_of_application(shop):
        sql, params = rows.order_by("created_at", "id")[:PAGE].query.sql_with_params()
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", params)
            (told,) = cursor.fetchone()
        plan = nodes((json.loads(told) if isinstance(told, str) else told)[0]["Plan"])
        assert max(each["Actual Rows"] for each in plan) <= PAGE, plan
        whole = {each.get("Relation Name") for each in plan if each["Node Type"] == "Seq Scan"}
        assert "erasure_rightsrequest" not in whole
    seen, cursor_on = [], ""
    for _page in range(3):
        page = api_page(shop, cursor_on)
        seen += [row["id"] for row in page["items"]]
        cursor_on = page["next"]
    assert len(seen) == len(set(seen)) == 600


def test_what_somebody_else_asked_for_first_stands_in_its_place(alice: Any, bob: Any, shop: Any, api_page: Any) -> None:
    crm = make_application("crm", ["requests:read", "requests:write"])
    register(crm, alice, bob)
    first = ask(shop, alice, "erasure")
    own = ask(crm, bob)
    ask(crm, alice, "erasure")
    assert [row["id"] for row in api_page(crm, "")["items"]] == [str(first.pk), str(own.pk)]
    assert [row["id"] for row in api_page(shop, "")["items"]] == [str(first.pk)]
