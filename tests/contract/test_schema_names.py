"""The OpenAPI document is generated without a warning, and its names are made for a client generated from it."""

import io
import re

import pytest
from django.core.management import call_command

NAME = re.compile(r"[A-Z][A-Za-z]+\Z")
INVENTED = re.compile(r"\d|Enum\Z|Serializer|Retrieve|Create\Z")


@pytest.fixture(scope="module")
def schema():
    from django.test import Client

    return Client().get("/api/v1/schema", headers={"accept": "application/json"}).json()


def test_the_document_is_generated_without_a_warning():
    call_command("spectacular", validate=True, fail_on_warn=True, stdout=io.StringIO())


def test_no_component_has_an_invented_name(schema):
    names = schema["components"]["schemas"].keys() - {"NullEnum"}
    assert names and not [name for name in names if not NAME.match(name) or INVENTED.search(name)]


def test_every_operation_is_a_verb_and_what_it_acts_on(schema):
    names = [operation["operationId"] for methods in schema["paths"].values() for operation in methods.values()]
    assert len(set(names)) == len(names) > 30
    assert not [name for name in names if not re.fullmatch(r"[a-z]+(_[a-z]+)*", name)]
    assert not [name for name in names if name.endswith(("_retrieve", "_create", "_update"))]


def test_ids_in_paths_are_uuids(schema):
    ids = [
        parameter["schema"]
        for methods in schema["paths"].values()
        for operation in methods.values()
        for parameter in operation.get("parameters", [])
        if parameter.get("in") == "path" and parameter["name"] not in {"slug", "recipient"}
    ]
    assert ids and all(each == {"type": "string", "format": "uuid"} for each in ids)
