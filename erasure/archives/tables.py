"""Tables of an archive: which parts of its content are one, and the file each has of its own in `csv/`."""

import hashlib
import json
import re
from collections.abc import Mapping
from itertools import islice
from typing import Any, Final

from subjects.holdings import FEW, Rows

Table = list[dict[str, Any]] | Rows
ON_PAGE: Final = FEW
"""So many rows of a table stand on the readable page; a browser opens no page of a million."""
_NAME = re.compile(r"[a-z0-9_]+")
_PLAIN = re.compile(r"[a-z]+ [a-z0-9]+")
"""A section of an answer and the name of a table, the one right behind the other: nothing that joining them loses."""
_ANSWERS: Final = ("application ", "place ")
_LONGEST: Final = 100


def is_table(value: Any) -> bool:
    """Whether a part of the content is rows with columns, and there are any."""
    if isinstance(value, Rows):
        return True
    return isinstance(value, list) and bool(value) and all(isinstance(row, Mapping) for row in value)


def path_of(section: str, name: str) -> str:
    """The file a table has: nothing in its name can lead anywhere else, and no other table has the same.

    Those who answer (unlike connectors, whose tables operators name) choose names in any alphabet and length: what is
    cut from one comes back as a digest.
    """
    stem = "_".join(_NAME.findall(f"{section} {name}".lower()))
    if section.startswith(_ANSWERS) and not (_PLAIN.fullmatch(f"{section}{name}") and len(stem) <= _LONGEST):
        digest = hashlib.sha256(json.dumps([section, name]).encode()).hexdigest()
        stem = f"{stem[:_LONGEST]}-{digest[:16]}"
    return f"csv/{stem}.csv"


def first_of(rows: Any) -> list[Any]:
    """Its first rows, as many as a page shows."""
    return list(islice(rows, ON_PAGE))


def length_of(rows: Any) -> int:
    """How many rows it has; long tables are counted as they are written."""
    return rows.seen()[0] if isinstance(rows, Rows) else len(rows)


def columns_of(rows: Table) -> list[str]:
    """Every column of any row, in the order they are met."""
    return rows.seen()[1] if isinstance(rows, Rows) else list(dict.fromkeys(column for row in rows for column in row))
