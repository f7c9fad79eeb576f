"""docs/asvs.md is true: every requirement of OWASP ASVS 5.0.0 has one line, its tests are there, its counts add up."""

import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.laws.test_articles import is_test

LEVELS = {
    "1.1": "22", "1.2": "1111122223", "1.3": "112222222223", "1.4": "222", "1.5": "123",
    "2.1": "122", "2.2": "112", "2.3": "12223", "2.4": "23",
    "3.1": "3", "3.2": "113", "3.3": "12223", "3.4": "11222233", "3.5": "11122333", "3.6": "3", "3.7": "22333",
    "4.1": "12233", "4.2": "23333", "4.3": "22", "4.4": "1222",
    "5.1": "2", "5.2": "112333", "5.3": "113", "5.4": "222",
    "6.1": "122", "6.2": "111111112222", "6.3": "11223333", "6.4": "112233", "6.5": "22222333", "6.6": "2223",
    "6.7": "33", "6.8": "2222",
    "7.1": "222", "7.2": "1111", "7.3": "22", "7.4": "11222", "7.5": "223", "7.6": "22",
    "8.1": "1233", "8.2": "1123", "8.3": "133", "8.4": "23",
    "9.1": "111", "9.2": "1222",
    "10.1": "22", "10.2": "223", "10.3": "22223", "10.4": "1111122222233333", "10.5": "22222", "10.6": "22",
    "10.7": "222",
    "11.1": "2233", "11.2": "22233", "11.3": "11233", "11.4": "1222", "11.5": "23", "11.6": "23", "11.7": "33",
    "12.1": "12233", "12.2": "11", "12.3": "22223",
    "13.1": "2333", "13.2": "222223", "13.3": "2233", "13.4": "1222233",
    "14.1": "22", "14.2": "12223333", "14.3": "122",
    "15.1": "12233", "15.2": "12233", "15.3": "1222222", "15.4": "3333",
    "16.1": "2", "16.2": "22222", "16.3": "2222", "16.4": "222", "16.5": "2223",
    "17.1": "23", "17.2": "22223333", "17.3": "22",
}  # fmt: skip
"""Section -> the level of each of its requirements, in order (version 5.0.0: 70, 183 and 92 of them)."""
KEPT, ELSEWHERE, NOT_KEPT = "kept", "no such thing", "not kept"


class Row(NamedTuple):
    """A line of a table: which requirement, at which level, how it stands, by what or why not, and the proof."""

    number: str
    level: str
    state: str
    words: str
    proof: str

    def tests(self) -> list[str]:
        return re.findall(r"`(tests/\S+::\w+)`", self.proof)


def rows(text: str) -> list[Row]:
    """The lines of all tables of requirements."""
    cells = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in text.splitlines()]
    return [Row(*line) for line in cells if re.fullmatch(r"\d+\.\d+\.\d+", line[0]) and len(line) == 5]


def asked() -> dict[str, str]:
    """Every number of the standard with its level."""
    return {f"{section}.{n}": level for section, levels in LEVELS.items() for n, level in enumerate(levels, 1)}


@pytest.fixture
def page(repository: Path) -> str:
    return (repository / "docs/asvs.md").read_text()


def test_the_standard_is_whole() -> None:
    assert Counter(asked().values()) == {"1": 70, "2": 183, "3": 92}


def test_every_number_has_exactly_one_line_at_its_level(page: str) -> None:
    found = rows(page)
    assert [number for number, count in Counter(row.number for row in found).items() if count != 1] == []
    assert {row.number: row.level for row in found} == asked()


def test_every_line_is_one_of_three_and_says_why(page: str) -> None:
    assert {row.state for row in rows(page)} <= {KEPT, ELSEWHERE, NOT_KEPT}
    assert [row.number for row in rows(page) if len(row.words) < 5] == []


def test_what_is_kept_has_its_test_and_every_test_named_is_there(page: str, repository: Path) -> None:
    found = rows(page)
    assert [row.number for row in found if row.state == KEPT and not row.tests()] == []
    assert sorted({name for row in found for name in row.tests() if not is_test(name, repository)}) == []


def test_the_counts_at_the_top_are_those_of_the_tables(page: str) -> None:
    counted = Counter((row.level, row.state) for row in rows(page))
    said = re.findall(r"^\| L([123]) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$", page, re.MULTILINE)
    assert len(said) == 3
    for level, whole, *states in said:
        assert [counted[level, state] for state in (KEPT, ELSEWHERE, NOT_KEPT)] == list(map(int, states)), level
        assert sum(map(int, states)) == int(whole)


def test_what_is_not_kept_stands_at_the_top_too(page: str) -> None:
    top = page.partition("## Not kept")[2].partition("\n## ")[0]
    named = set(re.findall(r"\b\d+\.\d+\.\d+\b", top))
    assert named == {row.number for row in rows(page) if row.state == NOT_KEPT}


def test_a_line_left_out_or_twice_is_noticed(page: str) -> None:
    [line] = [line for line in page.splitlines() if line.startswith("| 6.2.1 |")]
    assert "6.2.1" not in {row.number for row in rows(page.replace(line, ""))}
    assert Counter(row.number for row in rows(f"{page}\n{line}"))["6.2.1"] == 2
