"""A folder of many modules says in its docstring where to look: each of them, once."""

import re
from importlib import import_module
from pathlib import Path

import pytest

NAMES = re.compile(r"    (?:\w+, )*\w+(?=\s{2,}|$)")


PACKAGES = (
    "access",
    "audit",
    "consent",
    "consent.services",
    "erasure",
    "erasure.services",
    "gdpr_portal",
    "subjects",
    "vault",
)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_stands_once_in_the_list(package: str) -> None:
    module = import_module(package)
    there = {path.stem for path in Path(str(module.__file__)).parent.glob("*.py")} - {"__init__"}
    lines = [NAMES.match(line) for line in (module.__doc__ or "").splitlines()]
    named = [name for line in lines if line for name in line[0].strip().split(", ")]
    assert sorted(named) == sorted(there)
