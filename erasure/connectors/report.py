"""What came out of a run: places and numbers, never a value."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from erasure.connectors.dataset import Address

Kept = Callable[[Address, tuple[Any, ...]], bool]
"""Whether the row of this key stays by a reviewer's decision."""

DETAILS = {
    "connection_failed": "The database cannot be reached or does not let us in.",
    "breaker_open": "The database did not answer several times in a row; it is asked again in a while.",
    "table_missing": "There is no such table in the database.",
    "column_missing": "The table lacks a column that the dataset names.",
    "permission_denied": "The account of this connector may not do this.",
    "read_only_connection": "The database takes no changes over this connection.",
    "no_transactions": "The engine of this table cannot undo a change: ALTER TABLE … ENGINE=InnoDB.",
    "read_only_column": "A row cannot be deleted.",
    "constraint_violated": "A rule of the database forbids the change.",
    "timeout": "The database did not answer in time.",
    "conflict": "Somebody else changed the same rows at this moment; try again.",
    "value_too_long": "The masked value does not fit the column.",
    "commit_unfinished": "The change is decided, but this database did not confirm it; the next try does.",
    "not_followed": "An identity or a reference in a member of a document, or in a list, cannot be followed.",
    "as_written": "E-mail addresses are found as given and in lower case, in no other spelling (docs/connectors.md).",
    "changes_along": "The database changes rows of a table that no dataset names when this one is masked (ON UPDATE).",
    "database_error": "The database refused the statement.",
}
REASONS = frozenset({"shared", "third_party", "key", "not_nullable", "read_only", "retained"})


@dataclass(frozen=True)
class Problem:
    """Why a run failed, and where. The detail is ours: what a driver says can hold values and passwords."""

    collection: str
    code: str
    detail: str


def problem(collection: object, code: str, more: str = "") -> Problem:
    """The problem with this code at this place."""
    return Problem(str(collection), code, " ".join(filter(None, [DETAILS.get(code, ""), more])))


class RunFailed(Exception):
    """The run cannot be, and nothing was changed."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(", ".join(sorted({problem.code for problem in self.problems})))


@dataclass
class Change:
    """How many rows of a collection change, and in which columns."""

    rows: int = 0
    columns: set[str] = field(default_factory=set)


@dataclass
class Report:
    """The outcome of one run. `withheld` counts rows by collection and reason; they are settled, not failed.

    `shared` holds the keys of those withheld rows that are the person's too, for a decision; they are never printed.
    """

    state: str = "completed"
    changes: dict[Address, Change] = field(default_factory=dict)
    withheld: dict[tuple[Address, str], int] = field(default_factory=dict)
    shared: dict[Address, list[tuple[Any, ...]]] = field(default_factory=dict, repr=False)
    statements: int = 0
    errors: list[Problem] = field(default_factory=list)

    def withhold(self, address: Address, reason: str, rows: int) -> None:
        """So many rows were left as they are, or not handed out."""
        if reason not in REASONS:
            raise ValueError(reason)
        if rows:
            self.withheld[address, reason] = self.withheld.get((address, reason), 0) + rows

    def fail(self, problems: Iterable[Problem]) -> None:
        """The run failed and changed nothing."""
        self.state = "failed"
        self.errors.extend(problems)
        self.changes.clear()
        self.withheld.clear()
        self.shared.clear()

    def members(self) -> dict[str, Any]:
        """The report as JSON values, without `rows`."""
        return {
            "state": self.state,
            "changes": {
                str(address): {"rows": change.rows, "columns": sorted(change.columns)}
                for address, change in sorted(self.changes.items())
            },
            "withheld": [
                {"collection": str(address), "reason": reason, "rows": rows}
                for (address, reason), rows in sorted(self.withheld.items())
            ],
            "statements": self.statements,
            "errors": [
                {"collection": each.collection, "code": each.code, "detail": each.detail} for each in self.errors
            ],
        }
