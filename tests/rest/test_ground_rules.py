"""What holds at every endpoint: who is let in, what an error looks like, which method, which format, which id."""

import json
import uuid

import pytest

PROBLEM = "application/problem+json"


def test_no_token_is_401_with_a_challenge_and_nothing_more(client, probe, shop):
    answer = client.get(f"{probe}/body")
    assert answer.status_code == 401
    assert answer["Content-Type"] == PROBLEM
    assert answer["WWW-Authenticate"] == 'Bearer realm="api"'
    body = answer.json()
    assert body["code"] == "invalid_token" and body["status"] == 401
    assert {"type", "title", "status", "detail", "code"} == body.keys()


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer ",
        "Bearer nothing",
        "Bearer é",
        "bearer gdpr_at_x y",
        "Basic eDp5",
        "Token x",
        "Bearer " + "x" * 9000,
    ],
)
def test_anything_but_a_live_token_is_401(client, probe, shop, header):
    answer = client.get(f"{probe}/body", HTTP_AUTHORIZATION=header)
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_the_wrong_scope_is_403_and_recorded(eve, client_for, probe, audit_log):
    client = client_for(eve)
    assert client.get(f"{probe}/body").status_code == 200
    answer = client.post(f"{probe}/body", {"name": "x"})
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
    assert answer["Content-Type"] == PROBLEM
    assert answer["WWW-Authenticate"] == 'Bearer realm="api", error="insufficient_scope", scope="subjects:write"'
    [event] = audit_log("access.refused")
    assert event.details["scope"] == "subjects:write" and event.actor == "application:eve"


def test_a_token_of_fewer_scopes_than_its_application_has_only_those(shop, client_for, probe):
    assert client_for(shop, "subjects:write").post(f"{probe}/body", {"name": "x"}).status_code == 201
    assert client_for(shop, "subjects:read").post(f"{probe}/body", {"name": "x"}).status_code == 403


def test_another_method_is_405_with_allow(api, probe):
    answer = api.delete(f"{probe}/body")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert {part.strip() for part in answer["Allow"].split(",")} == {"GET", "POST", "PUT", "HEAD"}
    answer = api.delete(f"{probe}/body?limit=1")
    assert answer.json()["code"] == "method_not_allowed", "the method comes before what else does not fit"
    for method in ("OPTIONS", "TRACE", "QUERY", "READ", "DISPATCH", "X"):
        assert api.generic(method, f"{probe}/body").status_code == 405, method


def test_head_is_get_without_a_body(api, probe):
    answer = api.head(f"{probe}/body")
    assert answer.status_code == 200 and not answer.content


def test_a_format_not_on_offer_is_406_and_still_a_problem(api, probe):
    answer = api.get(f"{probe}/body", HTTP_ACCEPT="image/png")
    assert (answer.status_code, answer.json()["code"]) == (406, "not_acceptable")
    assert answer["Content-Type"] == PROBLEM
    assert api.get(f"{probe}/body", HTTP_ACCEPT="application/json;q=0.5, text/html").status_code == 200


def test_unknown_id_malformed_id_and_unknown_address_have_one_body(api, probe):
    answers = [
        api.get(f"{probe}/things/{uuid.uuid4()}"),
        api.get(f"{probe}/things/nobody@example.org"),
        api.get("/api/v1/no-such-thing"),
        api.get("/api/"),
    ]
    assert [answer.status_code for answer in answers] == [404] * 4
    assert {answer.content for answer in answers} == {answers[0].content}
    assert answers[0].json()["code"] == "not_found" and answers[1]["Content-Type"] == PROBLEM


@pytest.mark.parametrize(
    ("how", "status", "code"),
    [("refused", 403, "restricted"), ("conflict", 409, "already_closed"), ("overflow", 422, "invalid_value")],
)
def test_errors_of_the_services_are_problems(api, probe, how, status, code):
    answer = api.post(f"{probe}/fail/{how}")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer["Content-Type"] == PROBLEM


def test_a_database_that_is_down_is_503_with_retry_after_and_without_its_words(api, probe):
    answer = api.post(f"{probe}/fail/down")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert int(answer["Retry-After"]) > 0 and b"alice" not in answer.content


def test_a_fault_of_ours_is_500_without_a_word_of_it(api, probe):
    api.raise_request_exception = False
    answer = api.post(f"{probe}/fail/bug")
    assert answer.status_code == 500 and answer["Content-Type"] == PROBLEM
    assert answer.json().keys() == {"type", "title", "status", "detail", "code"} and b"alice" not in answer.content


def test_a_sealed_vault_is_503(api, probe, settings, tmp_path):
    from vault import providers

    assert api.get(f"{probe}/body").status_code == 200
    settings.VAULT_KEY_FILE = tmp_path / "gone.json"
    providers.forget()
    answer = api.get(f"{probe}/body")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert "Retry-After" in answer


@pytest.mark.parametrize("given", ["abc", "A.b_c-9", "x" * 128])
def test_a_well_formed_request_id_is_echoed_and_recorded(eve, client_for, probe, audit_log, given):
    answer = client_for(eve).post(f"{probe}/body", {"name": "x"}, HTTP_X_REQUEST_ID=given)
    assert answer["X-Request-Id"] == given
    assert audit_log("access.refused")[0].request_id == given


@pytest.mark.parametrize("given", ["", "x" * 129, "a b", "é", "a\tb", "alice@example.org", "<script>"])
def test_any_other_request_id_is_replaced(client, given, db):
    answer = client.get("/livez", HTTP_X_REQUEST_ID=given)
    assert answer["X-Request-Id"] != given and uuid.UUID(answer["X-Request-Id"])


def test_unknown_repeated_and_unfit_query_parameters_are_400(api, probe):
    for query in ("nope=1", "limit=1&limit=2", "limit=0", "limit=201", "limit=x", "explain=perhaps", "format=json"):
        answer = api.get(f"{probe}/ask?{query}")
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter"), query
    named = [api.get(f"{probe}/ask?{query}").json()["errors"][0]["pointer"] for query in ("limit=1&limit=2", "a=1&a=2")]
    assert named == ["/limit", ""]
    assert api.get(f"{probe}/ask?fields=a,b&explain=1&limit=7").json() == {
        "limit": 7, "fields": ["a", "b"], "explain": True
    }  # fmt: skip


def test_a_view_without_parameters_refuses_them_before_it_acts(api, probe):
    from tests.rest.probe import EFFECTS

    assert api.get(f"{probe}/body?x=1").json()["code"] == "invalid_parameter"
    assert api.post(f"{probe}/body?x=1", {"name": "x"}).json()["code"] == "invalid_parameter"
    assert EFFECTS.count() == 0


def test_answers_are_compact_utf_8(api, probe):
    answer = api.post(f"{probe}/body", {"name": "Zoë"})
    assert answer["Content-Type"] == "application/json"
    assert "Zoë".encode() in answer.content and json.loads(answer.content)["name"] == "Zoë"
    assert answer["Cache-Control"] == "no-store"
