"""The Terraform example is whole: it parses, names nothing that is not there, and opens nothing to the world."""

import re
from pathlib import Path
from typing import Any

import hcl2
import pytest

from gdpr_portal.env import VARIABLES

pytestmark = pytest.mark.xdist_group("terraform")  # parsing takes seconds

FOLDER = Path("deploy/terraform")
CLOSED = {"publicly_accessible": "false", "storage_encrypted": "true", "encrypted": "true"}


@pytest.fixture(scope="module")
def text() -> str:
    return "\n".join(file.read_text() for file in sorted(FOLDER.glob("*.tf")))


@pytest.fixture(scope="module")
def parsed(text: str) -> dict[str, Any]:
    return hcl2.loads(text)


def names(blocks: list[dict[str, Any]]) -> set[str]:
    return {name.strip('"') for block in blocks for name in block}


def test_every_variable_is_declared_described_and_used(text: str, parsed: dict[str, Any]) -> None:
    declared = names(parsed["variable"])
    assert declared == set(re.findall(r"\bvar\.(\w+)", text)) and declared
    assert all("description" in body for block in parsed["variable"] for body in block.values())


def test_every_resource_named_is_there(text: str, parsed: dict[str, Any]) -> None:
    there = {
        f"{kind.strip(chr(34))}.{name}"
        for block in parsed["resource"] for kind, body in block.items() for name in names([body])
    }  # fmt: skip
    named = set(re.findall(r"\b((?:aws|random)_\w+\.\w+)", text))
    assert named and named <= there
    providers = set(re.findall(r'source\s*=\s*"hashicorp/(\w+)"', text))
    assert {each.split("_")[0] for each in there} == providers
    locals_there = set(parsed["locals"][0])
    assert set(re.findall(r"\blocal\.(\w+)", text)) <= locals_there


def test_nothing_is_open_to_the_world_or_lies_in_clear(text: str) -> None:
    for name, value in CLOSED.items():
        found = re.findall(rf"^\s+{name}\s*=\s*(\S+)", text, re.MULTILINE)
        assert found and set(found) == {value}, name
    assert "0.0.0.0/0" not in text and "::/0" not in text
    assert not re.search(r'password\s*=\s*"', text)


def test_the_outputs_name_our_own_variables(parsed: dict[str, Any]) -> None:
    described = " ".join(str(body["description"]) for block in parsed["output"] for body in block.values())
    named = set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)*_URL\b", described))
    assert {"DATABASE_URL", "BROKER_URL"} <= named <= set(VARIABLES)
