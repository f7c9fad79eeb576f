"""`GET /api/v1/schema` is valid OpenAPI 3.1, says what the code does; the docs page works under the strict policy."""

import json
import re

import jsonschema
import pytest
from django.contrib.staticfiles import finders
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

from access import docs
from access.checks import api_views, flaws_of
from access.rest.schema import PROBLEMS
from access.scopes import SCOPES
from gdpr_portal.finders import FILES


@pytest.fixture(scope="module")
def schema() -> dict:
    from django.test import Client

    return json.loads(Client().get("/api/v1/schema", HTTP_ACCEPT="application/json").content)


def operations(schema):
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            if method in {"get", "post", "put", "patch", "delete"}:
                yield path, method, operation


def test_the_document_is_openapi_3_1_and_valid(schema):
    assert schema["openapi"].startswith("3.1")
    validate_schema(schema)


def test_every_reference_leads_somewhere(schema):
    for reference in set(re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(schema))):
        place = schema
        for step in reference.split("/"):
            assert step in place, reference
            place = place[step]


def test_every_operation_declares_a_scope_that_exists_and_a_unique_name(schema):
    names = []
    for path, method, operation in operations(schema):
        names.append(operation["operationId"])
        if path.startswith("/api/v1/") and path != "/api/v1/schema":
            [security] = operation["security"]
            assert security["oauth2"][0] in SCOPES, (path, method)
    assert len(names) == len(set(names))


def test_every_operation_tells_its_problems_and_headers(schema):
    for path, method, operation in operations(schema):
        if not path.startswith("/api/v1/") or path == "/api/v1/schema":
            continue
        assert {"400", "401", "403", "429", "503"} <= operation["responses"].keys(), path
        if method == "post" and not operation["security"][0]["oauth2"][0].endswith(":read"):
            assert {"$ref": "#/components/parameters/IdempotencyKey"} in operation["parameters"], path
        good = next(answer for status, answer in operation["responses"].items() if status.startswith("2"))
        assert "X-Request-Id" in good["headers"], path


def test_every_header_an_application_acts_on_is_told(schema):
    """A generated client gives its user only headers that the document names."""
    for path, _method, operation in operations(schema):
        answers = {status: place for status, place in operation["responses"].items() if status.startswith("2")}
        takes_key = {"$ref": "#/components/parameters/IdempotencyKey"} in operation.get("parameters", [])
        assert {("Idempotency-Replayed" in each.get("headers", {})) for each in answers.values()} == {takes_key}, path
    problems = schema["components"]["responses"]
    assert {status for status in PROBLEMS if "RateLimit" not in problems[f"Problem{status}"]["headers"]} == {"401"}
    assert "Idempotency-Replayed" in problems["Problem422"]["headers"], "refusals are replayed too"
    archive = schema["paths"]["/api/v1/requests/{request_id}/archive"]["get"]["responses"]
    assert {"ETag", "Accept-Ranges", "Content-Disposition"} <= archive["206"]["headers"].keys()
    for path in ("/oauth/token", "/oauth/revoke"):
        refused = schema["paths"][path]["post"]["responses"]
        assert "WWW-Authenticate" in refused["401"]["headers"] and "Retry-After" in refused["429"]["headers"]


def test_bodies_are_closed_and_answers_may_grow(schema):
    """Unknown members of a body are refused (api.md): a generated client has no place for them."""
    schemas = schema["components"]["schemas"]
    bodies = {name for name in schemas if name.endswith(("Input", "Lookup", "Question", "Batch", "Item"))}
    assert {"SubjectInput", "SubjectLookup", "ConsentInput", "RequestInput", "DecisionItem", "JwkInput"} <= bodies
    assert {name for name in schemas if schemas[name].get("additionalProperties") is False} == bodies
    identifiers = schemas["SubjectInput"]["properties"]["identifiers"]
    assert (identifiers["additionalProperties"], identifiers["minProperties"]) == (False, 1)
    assert set(identifiers["properties"]) == {"email", "phone", "customer_id"}


def test_the_oauth_endpoints_and_the_scopes_are_in_it(schema):
    assert {"/oauth/token", "/oauth/revoke"} <= schema["paths"].keys()
    flow = schema["components"]["securitySchemes"]["oauth2"]["flows"]["clientCredentials"]
    assert flow["scopes"].keys() == SCOPES.keys() and flow["tokenUrl"] == "/oauth/token"


def test_null_fits_where_anything_does(schema):
    values = schema["components"]["schemas"]["DataInput"]["properties"]["values"]
    jsonschema.validate({"given_name": None, "family_name": "x"}, values)
    assert "404" in schema["paths"]["/api/v1/subjects/lookup"]["post"]["responses"]


def test_yaml_by_accept(client, db):
    answer = client.get("/api/v1/schema", HTTP_ACCEPT="application/yaml")
    assert answer.status_code == 200 and answer.content.startswith(b"openapi: 3.1")


@pytest.mark.parametrize("kind", ["application/json", "application/yaml"])
def test_the_document_is_made_once_whatever_is_asked(client, db, monkeypatch, kind):
    """A seventh of a second each was the cheapest way for a stranger to keep a process busy (T46)."""
    docs._document.cache_clear()
    made = []
    make = SchemaGenerator.get_schema
    monkeypatch.setattr(SchemaGenerator, "get_schema", lambda self, **given: made.append(1) or make(self, **given))
    asked = ("", "?lang=de", "?version=2", "?lang=xx&version=%3Cb%3E")
    answers = {client.get(f"/api/v1/schema{query}", headers={"accept": kind}).content for query in asked}
    assert len(answers) == len(made) == 1


def test_schema_and_docs_are_public_and_ask_the_database_nothing(client, django_assert_num_queries, db):
    for path in ("/api/v1/schema", "/api/docs", "/api/docs/problems"):
        with django_assert_num_queries(0):
            assert client.get(path).status_code == 200


def test_the_docs_page_holds_no_inline_script_or_style_and_only_own_addresses(client, db):
    answer = client.get("/api/docs")
    page = answer.content.decode()
    assert (
        "default-src 'none'" in answer["Content-Security-Policy"] and "unsafe" not in answer["Content-Security-Policy"]
    )
    assert not re.search(r"<script(?![^>]*\bsrc=)", page) and "<style" not in page and " style=" not in page
    addresses = re.findall(r'(?:src|href|data-schema)="([^"#][^"]*)"', page)
    assert addresses and all(address.startswith("/") and not address.startswith("//") for address in addresses)
    for address in addresses:
        if address.startswith("/static/"):
            assert finders.find(address.removeprefix("/static/")), address


def test_only_the_two_files_of_swagger_ui_are_collected():
    from django.contrib.staticfiles.finders import get_finders

    collected = [(name, storage) for finder in get_finders() for name, storage in finder.list([]) if "swagger" in name]
    assert sorted(name for name, _ in collected) == sorted(FILES)
    for name, storage in collected:
        with storage.open(name) as file:
            assert b"sourceMappingURL" not in file.read()


def test_a_view_without_a_scope_stops_the_start():
    from access.rest.views import ScopedView

    class Forgotten(ScopedView):
        def get(self, request):
            raise AssertionError

    class Invented(ScopedView):
        scopes = {"GET": "everything:read", "POST": "data:write"}

        def get(self, request):
            raise AssertionError

    def stranger(request):
        raise AssertionError

    assert [flaw.id for flaw in flaws_of("x", Forgotten)] == ["access.E002"]
    assert [flaw.id for flaw in flaws_of("x", Invented)] == ["access.E003", "access.E004"]
    assert [flaw.id for flaw in flaws_of("x", stranger)] == ["access.E001"]


def test_every_real_view_declares_its_scopes():
    from django.urls import get_resolver

    views = list(api_views(get_resolver("gdpr_portal.urls")))
    assert len(views) > 3
    assert [flaw for route, view in views for flaw in flaws_of(route, view)] == []
