"""docs/articles.md is true: every requirement has its place, every service and test it names is there."""

import ast
import importlib
import re
from pathlib import Path
from typing import NamedTuple

import pytest

FIRST_RELEASE = {f"R{number:02}" for number in range(1, 67)}
ISSUES = {"consent and governance", "vault and audit log", "rights requests", "faces", "scale and operations"}
ARTICLE = re.compile(r"\d{1,2}\(\d{1,2}\)(\([a-h]\))?|\d{1,2}")


class Row(NamedTuple):
    """A line of a table."""

    article: str
    requirement: str
    third: str
    fourth: str


def rows(text: str) -> list[Row]:
    """The lines of all tables, heads left out."""
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| ")
    ]
    return [Row(*line) for line in cells if re.fullmatch(r"R\d\d", line[1])]


@pytest.fixture(scope="module")
def page() -> tuple[list[Row], list[Row]]:
    kept, missing = (Path(__file__).resolve().parents[2] / "docs/articles.md").read_text().split("## Not yet")
    return rows(kept), rows(missing)


def exists(service: str) -> bool:
    """Whether the dotted name leads to something."""
    module, _dot, name = service.rpartition(".")
    return hasattr(importlib.import_module(module), name)


def is_test(reference: str, root: Path) -> bool:
    """Whether `file::name` is a test there."""
    file, _colons, name = reference.partition("::")
    if not (root / file).is_file():
        return False
    tree = ast.parse((root / file).read_text())
    return any(isinstance(node, ast.FunctionDef) and node.name == name for node in tree.body)


def test_every_requirement_of_the_first_release_has_its_place(page: tuple[list[Row], list[Row]]) -> None:
    named = {row.requirement for table in page for row in table}
    assert named == FIRST_RELEASE


def test_every_article_is_one(page: tuple[list[Row], list[Row]]) -> None:
    for row in [*page[0], *page[1]]:
        assert all(ARTICLE.fullmatch(each) for each in row.article.split(", ")), row


def test_every_service_and_test_named_is_there(page: tuple[list[Row], list[Row]], repository: Path) -> None:
    assert [row.third for row in page[0] if not exists(row.third.strip("`"))] == []
    assert [row.fourth for row in page[0] if not is_test(row.fourth.strip("`"), repository)] == []


def test_what_is_missing_names_the_issue_that_brings_it(page: tuple[list[Row], list[Row]]) -> None:
    assert {row.third for row in page[1]} <= ISSUES
    assert all(row.fourth for row in page[1])


def test_a_wrong_name_is_noticed(repository: Path) -> None:
    assert not exists("consent.services.consents.record_consents")
    assert not is_test("tests/laws/test_articles.py::test_that_is_not_here", repository)
    assert not is_test("tests/laws/nowhere.py::test_a_wrong_name_is_noticed", repository)
