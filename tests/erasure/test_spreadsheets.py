"""No cell of an archive's tables is one that a spreadsheet would run, its head included (T29, OWASP ASVS 1.2.10)."""

import csv
import io
from typing import Any

import pytest

from consent.records import TRIGGERS, safe_cell
from erasure.archives.files import _csv


@pytest.mark.parametrize("trigger", TRIGGERS)
def test_names_of_columns_are_cells_too(trigger: str) -> None:
    """An application chooses them in what it answers to a notice."""
    rows: Any = [{f"{trigger}cmd()": f"{trigger}cmd()", "name": "plain"}]
    read = list(csv.reader(io.StringIO("".join(_csv(rows)), newline="")))
    assert read == [[f"'{trigger}cmd()", "name"], [f"'{trigger}cmd()", "plain"]]


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r", "\0"])
def test_every_sign_that_asvs_names_is_one(sign: str) -> None:
    assert safe_cell(f"{sign}1+1") == f"'{sign}1+1"
    assert safe_cell(f"1{sign}1") == f"1{sign}1"
